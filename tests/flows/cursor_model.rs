//! The model of the cursor: a thousand schedules of writers and killed readers over a table in memory.

use std::time::Duration;

use async_trait::async_trait;
use highwater::{
    cursor::memory::MemoryCursors,
    source::{
        DeduplicationSettings, HoldBack, Late, Nulls, ReadLimits, Rules, Source,
        memory_table::{Column, MemoryScan, MemoryTable, Sight, Writer},
    },
};
use tokio::{runtime::Builder, time::sleep};

use crate::schedules::{
    Begin, Outcome, Schedule, Size, Statement, TableLock,
    reading::perform,
    schedule::HOT,
    seeds,
    writing::{Server, Session},
};

const SIZE: Size = Size {
    writers: 5,
    transactions: 5,
    nulls: true,
};

/// Nothing in a schedule is open for as long.
const LIMIT: Duration = Duration::from_secs(30);

const HOLD: HoldBack = HoldBack {
    max_commit_delay: None,
    clock_skew: Duration::ZERO,
};

const HOLD_BACK: Late = Late::HoldBack(HOLD);

const RE_READ: Late = Late::ReRead(HOLD);

const COLUMNS: [Column; 5] = [
    Column::Clock(1),
    Column::Clock(1_000),
    Column::Clock(1_000_000),
    Column::Sequence,
    Column::Seconds,
];

#[test]
fn no_schedule_of_writers_and_kills_loses_a_row_or_repeats_one_without_a_kill() {
    let outcome = all(&seeds(1000), Sight::All, HOLD_BACK);
    outcome.prove();
}

#[test]
fn what_is_read_before_it_is_settled_is_neither_lost_nor_repeated_without_a_kill() {
    let outcome = all(&seeds(300), Sight::All, RE_READ);
    outcome.prove();
}

/// The model has teeth: each of these mistakes loses rows in some schedules.
#[test]
fn a_reader_that_sees_less_of_the_writers_loses_rows() {
    let seeds: Vec<u64> = (0..150).collect();
    for sight in [
        Sight::Nothing,
        Sight::Statements,
        Sight::Transactions,
        Sight::Touches,
    ] {
        let lost = |it: &Outcome| it.wrong.iter().any(|it| it.contains("never came"));
        let caught = seeds
            .iter()
            .position(|seed| lost(&one(*seed, sight, HOLD_BACK)));
        println!("{sight:?}: caught by schedule {caught:?}");
        assert!(caught.is_some(), "{sight:?} goes unnoticed");
    }
}

fn all(seeds: &[u64], sight: Sight, late: Late) -> Outcome {
    let mut outcome = Outcome::default();
    for seed in seeds {
        outcome += one(*seed, sight, late);
    }
    outcome
}

/// In a runtime of its own: what is left of it ends with it.
fn one(seed: u64, sight: Sight, late: Late) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let schedule = Schedule::random(seed, SIZE);
        let table = MemoryTable::new(COLUMNS[(seed % 5) as usize]);
        let mut first = table.writer();
        let rows: Vec<_> = (1..=HOT).map(|id| (id, id)).collect();
        first
            .write(&rows, false, Duration::ZERO)
            .await
            .expect("alone");
        first.commit();
        let limits = ReadLimits {
            rows: schedule.batch,
            bytes: 1 << 20,
            max_wait: Duration::from_millis(50),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let rules = Rules {
            nulls: Nulls::EveryRun,
            deduplication: DeduplicationSettings {
                file: Some(folder.path().join("rows.early")),
                ..DeduplicationSettings::default()
            },
            ..Rules::default()
        };
        let server = Memory {
            table,
            sight,
            limits,
            rules,
            late,
        };
        let outcome = perform(&server, &MemoryCursors::default(), &schedule, LIMIT).await;
        server.close().await;
        outcome
    })
}

struct Memory {
    table: MemoryTable,
    sight: Sight,
    limits: ReadLimits,
    rules: Rules,
    late: Late,
}

#[async_trait]
impl Server for Memory {
    fn source(&self) -> Box<dyn Source> {
        let (table, limits) = (self.table.clone(), self.limits);
        Box::new(MemoryScan::new(
            table,
            self.sight,
            limits,
            &self.rules,
            self.late,
        ))
    }

    fn reads_above_watermark(&self) -> bool {
        matches!(self.late, Late::ReRead(_))
    }

    async fn session(&self) -> Box<dyn Session> {
        Box::new(MemorySession {
            writer: self.table.writer(),
            is_alone: false,
        })
    }

    async fn lock_table(&self, lock: TableLock) {
        let hold_back = self.table.lock_table().await;
        if !lock.alters {
            sleep(lock.hold_back).await;
        }
        drop(hold_back);
    }

    async fn rows(&self) -> Vec<(i64, i64)> {
        let rows = self.table.rows();
        rows.iter().map(|it| (it.id, it.stamp)).collect()
    }

    async fn close(&self) {}
}

struct MemorySession {
    writer: Writer,
    /// Each statement is a transaction.
    is_alone: bool,
}

#[async_trait]
impl Session for MemorySession {
    async fn begin(&mut self, begin: Begin) {
        self.is_alone = begin == Begin::Autocommit;
    }

    async fn write(&mut self, statement: &Statement) -> bool {
        let (is_null, slow) = (statement.is_null, statement.slow);
        let written = self.writer.write(&statement.rows, is_null, slow).await;
        if self.is_alone && written.is_ok() {
            self.writer.commit();
        }
        written.is_ok()
    }

    async fn commit(&mut self) {
        self.writer.commit();
    }

    async fn roll_back(&mut self) {
        self.writer.roll_back();
    }
}
