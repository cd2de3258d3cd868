//! What writers and readers do, and when, all from one number.

use std::{ops::Range, time::Duration};

use highwater::source::{ReadMode, Scope};

/// Who does what.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub seed: u64,
    /// Each a session's transactions, one after the other.
    pub writers: Vec<Vec<Transaction>>,
    pub locks: Vec<TableLock>,
    pub runs: Vec<Run>,
    pub batch: usize,
    pub in_flight: usize,
    pub save_every: Duration,
    /// How long the broker takes to acknowledge.
    pub acknowledged_in: Duration,
}

/// A transaction, and how long its session waits before it.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub after: Duration,
    pub begin: Begin,
    pub statements: Vec<Statement>,
    /// Between the last statement and the end.
    pub idle: Duration,
    pub commits: bool,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// `BEGIN`.
    Said,
    /// With its first statement, autocommit being off.
    AutocommitOff,
    /// Each statement is one.
    Autocommit,
}

/// One statement of a writer.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `id` and `stamp`: which row is written, and which write it is. All of them are new, or all
    /// are there from the beginning.
    pub rows: Vec<(i64, i64)>,
    /// Over each row.
    pub slow: Duration,
    /// The incremental value is NULL.
    pub is_null: bool,
    /// In the transaction, behind this statement.
    pub idle: Duration,
}

/// Another session keeps all others from the table, when it has it.
#[derive(Debug, Clone, Copy)]
pub struct TableLock {
    pub after: Duration,
    pub hold_back: Duration,
    /// By ALTER TABLE, which waits for its lock and is over at once.
    pub alters: bool,
}

/// A run of the flow.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub after: Duration,
    pub scope: Scope,
    pub mode: ReadMode,
    pub end: End,
}

/// How a run ends, where it does not end by itself before.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Stopped(Duration),
    Killed(Duration),
    /// When it is about to save for that time, or at the latest after so long.
    KilledBeforeSave(u32, Duration),
}

/// How large a schedule is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub writers: u64,
    pub transactions: u64,
    /// NULLs are written.
    pub nulls: bool,
}

/// Rows that are there from the beginning, for writers to contend for: `1..=HOT`.
pub const HOT: i64 = 6;

impl Schedule {
    pub fn random(seed: u64, size: Size) -> Self {
        let mut dice = Dice(seed);
        let mut stamp = HOT;
        let writers = 2 + dice.below(size.writers.max(2) - 1);
        let mut writer = |number: u64| {
            let mut id = 1000 * (number as i64 + 1);
            let count = 1 + dice.below(size.transactions);
            let transaction = |_| transaction(&mut dice, size, &mut id, &mut stamp);
            (0..count).map(transaction).collect()
        };
        let writers = (0..writers).map(&mut writer).collect();
        let is_killed = dice.chance(70);
        let is_full = dice.chance(20);
        let lock = |dice: &mut Dice| TableLock {
            after: dice.millis(0..4000),
            hold_back: dice.millis(200..2500),
            alters: dice.chance(40),
        };
        Self {
            seed,
            writers,
            locks: (0..dice.below(3)).map(|_| lock(&mut dice)).collect(),
            runs: (0..2 + dice.below(5))
                .map(|number| run(&mut dice, is_killed, is_full && number == 0))
                .collect(),
            batch: 1 + dice.below(5) as usize,
            in_flight: 1 + dice.below(4) as usize,
            save_every: if dice.chance(50) {
                Duration::ZERO
            } else {
                dice.millis(10..1000)
            },
            acknowledged_in: dice.millis(0..60),
        }
    }

    /// Whether a run is killed, or reads everything again.
    pub fn may_repeat(&self) -> bool {
        self.runs
            .iter()
            .any(|it| it.scope == Scope::Full || !matches!(it.end, End::Stopped(_)))
    }
}

fn transaction(dice: &mut Dice, size: Size, id: &mut i64, stamp: &mut i64) -> Transaction {
    let begin = match dice.below(3) {
        0 => Begin::Said,
        1 => Begin::AutocommitOff,
        _ => Begin::Autocommit,
    };
    let count = 1 + dice.below(3);
    let mut next = || {
        let is_new = dice.chance(65);
        let rows = 1 + dice.below(3);
        let mut row = |_| {
            *stamp += 1;
            *id += 1;
            let hot = 1 + dice.below(HOT as u64) as i64;
            (if is_new { *id } else { hot }, *stamp)
        };
        let mut rows: Vec<_> = (0..rows).map(&mut row).collect();
        // The last write of a row is what stands.
        rows.sort_unstable();
        rows.dedup_by(|later, kept| {
            later.0 == kept.0 && {
                kept.1 = later.1;
                true
            }
        });
        Statement {
            is_null: size.nulls && dice.chance(15),
            slow: if dice.chance(30) {
                dice.millis(100..1500)
            } else {
                Duration::ZERO
            },
            idle: if dice.chance(30) {
                dice.millis(0..1500)
            } else {
                Duration::ZERO
            },
            rows,
        }
    };
    let statements = (0..count).map(|_| next()).collect();
    Transaction {
        after: dice.millis(0..1200),
        begin,
        statements,
        idle: if dice.chance(50) {
            dice.millis(0..3000)
        } else {
            Duration::ZERO
        },
        commits: dice.chance(85),
    }
}

fn run(dice: &mut Dice, is_killed: bool, is_full: bool) -> Run {
    Run {
        after: dice.millis(0..800),
        scope: if is_full {
            Scope::Full
        } else {
            Scope::Incremental
        },
        mode: if dice.chance(50) {
            ReadMode::Bounded
        } else {
            ReadMode::Follow
        },
        end: match (is_killed, dice.below(3)) {
            (true, 0) => End::Killed(dice.millis(1..5000)),
            (true, 1) => End::KilledBeforeSave(1 + dice.below(3) as u32, dice.millis(2000..6000)),
            _ => End::Stopped(dice.millis(500..5000)),
        },
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to just below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }
}
