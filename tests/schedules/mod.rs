//! Writers that commit in any order, readers that are killed anywhere: what a cursor must not skip.
//! The same over a table in memory (`tests/flows`) and on real servers
//! (`tests/alone/schedules_on_servers`).
//!
//! A schedule is made from its seed alone; `HIGHWATER_SCHEDULE=seed` repeats it.

pub mod reading;
pub mod schedule;
pub mod watched;
pub mod writing;

use std::{
    env,
    fmt::{self, Display},
    hash::{BuildHasher, RandomState},
    ops::AddAssign,
};

pub use schedule::{Begin, Schedule, Size, Statement, TableLock};

/// What came of a schedule, or of several.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    pub schedules: usize,
    pub rows: usize,
    pub messages: usize,
    pub runs: usize,
    pub kills: usize,
    /// Kills when something was acknowledged and its position not saved.
    pub before_save: usize,
    /// Messages that came before, in schedules with kills.
    pub repeated: usize,
    /// What is wrong, with its seed.
    pub wrong: Vec<String>,
}

/// Seeds of so many schedules, or the one that is asked for.
pub fn seeds(count: u64) -> Vec<u64> {
    match env::var("HIGHWATER_SCHEDULE") {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => {
            let first = RandomState::new().hash_one(0) % 1_000_000_000;
            (first..first + count).collect()
        }
    }
}

impl Outcome {
    /// Everything arrived, and nothing twice that should not.
    #[track_caller]
    pub fn prove(&self) {
        println!("{self}");
        let wrong = self.wrong.join("\n");
        assert!(wrong.is_empty(), "{wrong}\n{self}");
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.rows += other.rows;
        self.messages += other.messages;
        self.runs += other.runs;
        self.kills += other.kills;
        self.before_save += other.before_save;
        self.repeated += other.repeated;
        self.wrong.extend(other.wrong);
    }
}

impl Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} schedules: {} rows, {} messages, {} runs, {} kills, {} of them between acknowledgement \
             and save; {} messages repeated after kills; {} wrong",
            self.schedules,
            self.rows,
            self.messages,
            self.runs,
            self.kills,
            self.before_save,
            self.repeated,
            self.wrong.len()
        )
    }
}
