//! One run of a schedule: under the lease of its history, within its limits, and noted there.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Clock, Ended, Schedule, Work};
use crate::{
    cursor::{
        CursorError,
        history::{Outcome, Run, RunHistory},
    },
    fault::chain,
};

/// What came of a time that was due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A run, and how it ended.
    Ran(Outcome),
    /// Another process runs it, or its flow.
    Leased,
    /// It has had its run, or nothing was missed.
    Nothing,
    /// The store of the history did not answer.
    Unknown,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// This time.
    At(DateTime<Utc>),
    /// The last time that was missed, if any was.
    Missed,
}

/// Everything that a run needs.
pub(super) struct OneRun<'a> {
    pub schedule: &'a Schedule,
    pub work: &'a dyn Work,
    pub clock: &'a dyn Clock,
    pub stop: &'a CancellationToken,
}

/// How often the end of a run is tried to be noted.
const RECORD_ATTEMPTS: u32 = 3;
const RECORD_RETRY: Duration = Duration::from_secs(1);

impl OneRun<'_> {
    /// Runs for what is due, where it has not had its run. `skipped` times are noted with it.
    pub async fn run(&self, due: Due, skipped: u64) -> Came {
        let name = &self.schedule.name;
        if !self.waited_by_chance(due).await {
            return Came::Nothing;
        }
        match self.claimed(due, skipped).await {
            Ok(came) => came,
            Err(error @ CursorError::Leased { .. }) => {
                let error = chain(&error);
                tracing::info!(schedule = name, error, "skipped: another process runs it");
                Came::Leased
            }
            Err(error) => {
                let error = chain(&error);
                tracing::error!(schedule = name, error, "the run's history cannot be kept");
                Came::Unknown
            }
        }
    }

    async fn claimed(&self, due: Due, skipped: u64) -> Result<Came, CursorError> {
        let name = &self.schedule.name;
        let store = match self.work.store().await {
            Ok(store) => store,
            Err(error) => {
                let error = chain(&error);
                tracing::error!(schedule = name, error, "the store of the runs' history");
                return Ok(Came::Unknown);
            }
        };
        let now = self.clock.now();
        let mut run_history = RunHistory::take(&*store, name, now.timestamp_millis()).await?;
        let came = match self.still_due(due, &run_history) {
            None => Ok(Came::Nothing),
            Some(due) => self.recorded(due, skipped, &mut run_history).await,
        };
        run_history.release().await;
        came
    }

    /// The time that has had no run yet.
    fn still_due(&self, due: Due, run_history: &RunHistory) -> Option<DateTime<Utc>> {
        let history = run_history.history();
        match due {
            Due::At(due) => (!history.has_done(due.timestamp_millis())).then_some(due),
            Due::Missed => {
                let since = DateTime::from_timestamp_millis(history.done_up_to())?;
                let missed = self.schedule.timetable.latest(since, self.clock.now())?;
                tracing::info!(
                    schedule = self.schedule.name,
                    due = missed.to_rfc3339(),
                    "was missed: it runs now"
                );
                Some(missed)
            }
        }
    }

    async fn recorded(
        &self,
        due: DateTime<Utc>,
        skipped: u64,
        run_history: &mut RunHistory,
    ) -> Result<Came, CursorError> {
        let name = &self.schedule.name;
        tracing::debug!(schedule = name, due = due.to_rfc3339(), "begins");
        run_history
            .begin(Run {
                due: due.timestamp_millis(),
                started: self.clock.now().timestamp_millis(),
                ended: None,
                outcome: Outcome::Running,
                rows: 0,
                skipped,
                error: None,
                by: self.work.by(),
            })
            .await?;
        let (outcome, ended) = self.tried().await;
        let rows = ended.rows;
        match &ended.error {
            None => tracing::info!(schedule = name, rows, "{}", outcome.word()),
            Some(error) if outcome == Outcome::Skipped => {
                tracing::warn!(schedule = name, rows, error, "skipped");
            }
            Some(error) => tracing::error!(schedule = name, rows, error, "{}", outcome.word()),
        }
        let mut left = RECORD_ATTEMPTS;
        loop {
            left -= 1;
            let at = self.clock.now().timestamp_millis();
            match run_history
                .end(at, outcome, rows, ended.error.clone())
                .await
            {
                Ok(()) => break,
                Err(error @ CursorError::Lost { .. }) if left > 0 => {
                    let error = chain(&error);
                    tracing::warn!(schedule = name, error, "the run's end is not noted yet");
                    sleep(RECORD_RETRY).await;
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(schedule = name, error, "the run's end was not noted");
                    break;
                }
            }
        }
        Ok(match outcome {
            Outcome::Skipped => Came::Leased,
            outcome => Came::Ran(outcome),
        })
    }

    /// Runs the work, and once more where it failed and may be tried again.
    async fn tried(&self) -> (Outcome, Ended) {
        let deadline = self.schedule.time_limit.map(|it| (it, Instant::now() + it));
        let mut rows = 0;
        let mut left = self.schedule.retries;
        loop {
            let (mut ended, is_late) = self.within(deadline).await;
            rows += ended.rows;
            ended.rows = rows;
            if let (true, Some((limit, _))) = (is_late, deadline) {
                let over = format!("it took longer than {} s", limit.as_secs_f64());
                ended.error = Some(match ended.error {
                    None => over,
                    Some(error) => format!("{over}: {error}"),
                });
                return (Outcome::TimedOut, ended);
            }
            if self.stop.is_cancelled() {
                return (Outcome::Stopped, ended);
            }
            let Some(error) = &ended.error else {
                return (Outcome::Done, ended);
            };
            if ended.is_leased {
                return (Outcome::Skipped, ended);
            }
            if left == 0 {
                return (Outcome::Failed, ended);
            }
            left -= 1;
            let wait = self.schedule.retry_wait;
            let name = &self.schedule.name;
            tracing::warn!(
                schedule = name,
                error,
                "failed: once more in {} s, {left} times left after that",
                wait.as_secs_f64()
            );
            let is_over = tokio::select! {
                () = self.stop.cancelled() => Some(Outcome::Stopped),
                () = at(deadline.map(|it| it.1)) => Some(Outcome::TimedOut),
                () = sleep(wait) => None,
            };
            if let Some(outcome) = is_over {
                return (outcome, ended);
            }
        }
    }

    /// The work, asked to end at the deadline; whether it was.
    async fn within(&self, deadline: Option<(Duration, Instant)>) -> (Ended, bool) {
        let token = self.stop.child_token();
        let work = self.work.run(&token);
        tokio::pin!(work);
        tokio::select! {
            ended = &mut work => (ended, false),
            () = at(deadline.map(|it| it.1)) => {
                let name = &self.schedule.name;
                tracing::warn!(schedule = name, "its time is over: what is in flight is finished and saved");
                token.cancel();
                (work.await, true)
            }
        }
    }

    /// Waits up to `jitter`; whether nothing has stopped it.
    async fn waited_by_chance(&self, due: Due) -> bool {
        let (Some(jitter), Due::At(_)) = (self.schedule.jitter, due) else {
            return !self.stop.is_cancelled();
        };
        // The standard library's own source of randomness.
        let chance = RandomState::new().build_hasher().finish();
        let part = chance as f64 / u64::MAX as f64;
        tokio::select! {
            () = sleep(jitter.mul_f64(part)) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
