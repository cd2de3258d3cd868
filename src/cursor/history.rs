//! The history of a schedule's runs, in the store of cursors: the position of a flow of its own.
//!
//! So every store has it, it is written under the lease that keeps two processes from one run, and a
//! process that has lost that lease cannot write it.

use serde::{Deserialize, Serialize};

use super::{CursorError, CursorLease, CursorStore, StoredCursor};
use crate::model::{FlowName, Position};

/// Runs that are kept of each schedule.
pub const MOST_RUNS: usize = 100;

const ADVICE: &str = "it is the history of a schedule's runs: remove it there, and it begins anew";

/// The longest text of an error that is kept, in letters.
const LONGEST_ERROR: usize = 1_000;

/// What is known of a schedule's runs. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// When the schedule was first seen: what was due before is not missed.
    pub since: i64,
    /// The last runs, the newest last.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The time that the schedule names.
    pub due: i64,
    /// When it began.
    pub started: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows that it has moved.
    pub rows: u64,
    /// Times that were due since the run before, and passed without one.
    pub skipped: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// The process, and its machine.
    pub by: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// All was done.
    Done,
    /// Something failed.
    Failed,
    /// It was ended by its time limit.
    TimedOut,
    /// Another process had the flow.
    Skipped,
    /// Its process was stopped before it was done.
    Stopped,
    /// Its process ended without a word.
    Interrupted,
}

impl Outcome {
    /// The word for it, as it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the time that was due needs no other run.
    fn is_final(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::TimedOut | Self::Skipped => true,
            Self::Running | Self::Stopped | Self::Interrupted => false,
        }
    }
}

impl History {
    /// The last time that had a run to its end.
    pub fn done_up_to(&self) -> i64 {
        let runs = self.runs.iter().filter(|it| it.outcome.is_final());
        runs.map(|it| it.due).max().unwrap_or(self.since)
    }

    /// Whether the time `due` has had its run.
    pub fn has_done(&self, due: i64) -> bool {
        let mut runs = self.runs.iter();
        runs.any(|it| it.due == due && it.outcome.is_final())
    }
}

/// A schedule's history, held by this process: nobody else runs it meanwhile.
pub struct RunHistory {
    lease: Box<dyn CursorLease>,
    history: History,
    location: String,
}

impl RunHistory {
    /// Takes the history of `schedule`; one that is new begins at `now`, and is stored at once. A run that
    /// has no end was interrupted, as its process would hold the lease.
    ///
    /// # Errors
    /// `Leased` where another process runs it; `Damaged` where it cannot be read.
    pub async fn take(
        store: &dyn CursorStore,
        schedule: &str,
        now: i64,
    ) -> Result<Self, CursorError> {
        let flow = flow(schedule);
        let mut lease = store.lease(&flow).await?;
        let location = store.location(&flow);
        let stored = match lease.load().await {
            Ok(stored) => stored,
            Err(CursorError::Damaged { reason, .. }) => return Err(damaged(&location, reason)),
            Err(error) => return Err(error),
        };
        let is_new = stored.is_none();
        let mut history = match stored {
            None => History {
                since: now,
                runs: Vec::new(),
            },
            Some(position) => read(&position).map_err(|reason| damaged(&location, reason))?,
        };
        for run in &mut history.runs {
            if run.outcome == Outcome::Running {
                run.outcome = Outcome::Interrupted;
            }
        }
        let mut taken = Self {
            lease,
            history,
            location,
        };
        if is_new {
            taken.save().await?;
        }
        Ok(taken)
    }

    /// What is known.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Notes a run that begins.
    ///
    /// # Errors
    /// `Fenced` where the lease was lost; as `CursorError` says.
    pub async fn begin(&mut self, run: Run) -> Result<(), CursorError> {
        self.history.runs.push(run);
        let over = self.history.runs.len().saturating_sub(MOST_RUNS);
        self.history.runs.drain(..over);
        self.save().await
    }

    /// Notes how the run that began last has ended.
    ///
    /// # Errors
    /// As `begin`.
    pub async fn end(
        &mut self,
        at: i64,
        outcome: Outcome,
        rows: u64,
        error: Option<String>,
    ) -> Result<(), CursorError> {
        if let Some(run) = self.history.runs.last_mut() {
            run.ended = Some(at);
            run.outcome = outcome;
            run.rows = rows;
            run.error = error.map(|it| it.chars().take(LONGEST_ERROR).collect());
        }
        self.save().await
    }

    /// Gives it back.
    pub async fn release(self) {
        self.lease.release().await;
    }

    async fn save(&mut self) -> Result<(), CursorError> {
        let text = serde_json::to_string(&self.history).map_err(|cause| CursorError::Refused {
            location: self.location.clone(),
            advice: "this is a defect of Highwater".to_owned(),
            cause: cause.into(),
        })?;
        self.lease.save(&Position::new(text)).await
    }
}

/// The history of one schedule among what is stored; takes no lease.
///
/// # Errors
/// Why it cannot be read.
pub async fn read_history(
    store: &dyn CursorStore,
    stored: &[StoredCursor],
    schedule: &str,
) -> Result<Option<History>, String> {
    let flow = flow(schedule);
    let name = flow.text();
    let Some(found) = stored.iter().find(|it| it.flow == name) else {
        return Ok(None);
    };
    let read = found.position.as_ref().ok().map(read);
    let Some(Ok(mut history)) = read else {
        // What the store advises of a damaged cursor is for flows.
        let location = store.location(&flow);
        return Err(format!("what is kept at {location} is damaged: {ADVICE}"));
    };
    let last = history.runs.last_mut();
    if let Some(run) = last.filter(|it| it.outcome == Outcome::Running) {
        let leased = store.leased(&flow).await.map_err(|it| it.to_string())?;
        if leased.is_none() {
            run.outcome = Outcome::Interrupted;
        }
    }
    Ok(Some(history))
}

/// Whether a stored cursor is the history of a schedule.
pub fn is_history(flow: &str) -> bool {
    flow.starts_with("schedule/") && flow.ends_with("/runs")
}

/// No flow has this name: a source's has a dot in it.
fn flow(schedule: &str) -> FlowName {
    FlowName {
        data_type: "schedule".to_owned(),
        topic: schedule.to_owned(),
        source: "runs".to_owned(),
    }
}

fn read(position: &Position) -> Result<History, String> {
    serde_json::from_str(position.as_str()).map_err(|error| error.to_string())
}

fn damaged(location: &str, reason: String) -> CursorError {
    CursorError::Damaged {
        location: location.to_owned(),
        reason,
        advice: ADVICE.to_owned(),
    }
}
