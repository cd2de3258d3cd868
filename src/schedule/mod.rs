//! When a flow runs: timetables, the clock, and one actor for each schedule.
//!
//! - A time that is due has one run, in one process: under the lease of the schedule's history, which
//!   tells whether it has had its run. Who finds the lease held passes that time by.
//! - Runs of one schedule never overlap. What is due meanwhile is skipped, or one run follows.
//! - A time that passed while nobody was there is due once more, or never (`CatchUp`).
//! - A run is never dropped half-way: its end, at a limit or a stop, is asked for and waited for.

mod actor;
mod clock;
mod one_run;
mod timetable;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use actor::{Counts, keep};
pub use clock::{Clock, CronClock};
pub use timetable::Timetable;

use crate::{cursor::CursorStore, flow::FlowError};

/// When something runs, and what is done about the times at which it cannot.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When it is due.
    pub timetable: Timetable,
    /// What is done about a time at which the run before goes on.
    pub overlap: Overlap,
    /// What is done about times that passed while nobody was there.
    pub catch_up: CatchUp,
    /// A run begins up to so much later, by chance.
    pub jitter: Option<Duration>,
    /// A run is ended after so long.
    pub time_limit: Option<Duration>,
    /// A run that failed is tried so many times more.
    pub retries: u32,
    /// The time before each of these.
    pub retry_wait: Duration,
}

/// What is done about a time at which the run before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It is passed by.
    Skip,
    /// One run follows at once, for however many times.
    Queue,
}

/// What is done about times that passed while nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// One run for the last of them.
    Once,
    /// Nothing.
    None,
}

/// What a schedule runs.
#[async_trait]
pub trait Work: Send + Sync {
    /// Does it once, or as far as it comes until `stop`.
    async fn run(&self, stop: &CancellationToken) -> Ended;

    /// Where its history is kept.
    ///
    /// # Errors
    /// It cannot be opened.
    async fn store(&self) -> Result<Arc<dyn CursorStore>, FlowError>;

    /// This process, as others are told.
    fn by(&self) -> String;
}

/// What became of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Rows that it has moved.
    pub rows: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether nothing went wrong but that another process runs the flow.
    pub is_leased: bool,
}
