//! Backoff of failed units of `run`: each is retried after longer and longer waits.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::units::Unit;
use crate::{
    app::{context::App, open::holder},
    cursor::failure::{Failure, Half, forget_failure},
    fault::chain,
    flow::FlowError,
};

/// The first wait; each following one is twice as long.
const FIRST: Duration = Duration::from_secs(5);
/// The longest.
const MOST: Duration = Duration::from_secs(300);
/// One that has gone on for so long goes on.
const STEADY: Duration = Duration::from_secs(10);

/// What is due for a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    /// To be tried again.
    Begin,
    /// What is noted of its failures is over.
    Forget,
}

/// Units that have failed, and when something is due for them.
#[derive(Default)]
pub(super) struct FailedUnits {
    /// Since when, and how often.
    units: BTreeMap<Unit, (i64, u32)>,
    due: BTreeMap<Unit, (Instant, Later)>,
}

impl FailedUnits {
    /// Whether a unit waits to be tried again.
    pub fn is_waiting(&self) -> bool {
        self.due.values().any(|it| it.1 == Later::Begin)
    }

    /// A unit has begun.
    pub fn begun(&mut self, unit: &Unit) {
        let steady = (Instant::now() + STEADY, Later::Forget);
        self.due.insert(unit.clone(), steady);
    }

    /// A unit has ended, and not by a failure; or by another's wish.
    pub fn is_over(&mut self, unit: &Unit) {
        self.units.remove(unit);
        self.due.remove(unit);
    }

    /// A unit has failed at `now` (milliseconds since the epoch); it is tried again after the wait that
    /// is answered, where it may be.
    pub fn failed(
        &mut self,
        unit: &Unit,
        now: i64,
        is_transient: bool,
    ) -> (Failure, Option<Duration>) {
        let (since, times) = self.units.entry(unit.clone()).or_insert((now, 0));
        *times += 1;
        let wait = is_transient.then(|| wait(*times));
        let failure = Failure {
            since: *since,
            times: *times,
            next: wait.map(|it| now + i64::try_from(it.as_millis()).unwrap_or(0)),
            error: String::new(),
            by: holder(),
        };
        match wait {
            Some(wait) => {
                let due = (Instant::now() + wait, Later::Begin);
                self.due.insert(unit.clone(), due);
            }
            None => {
                self.due.remove(unit);
            }
        }
        (failure, wait)
    }

    /// Waits for what is due next, and takes it out.
    pub async fn next(&mut self) -> (Unit, Later) {
        let first = self.due.iter().min_by_key(|it| it.1.0);
        let Some((unit, (at, later))) = first.map(|(unit, it)| (unit.clone(), *it)) else {
            return std::future::pending().await;
        };
        sleep_until(at).await;
        self.due.remove(&unit);
        if later == Later::Forget {
            self.units.remove(&unit);
        }
        (unit, later)
    }
}

/// After so many failures.
fn wait(times: u32) -> Duration {
    FIRST
        .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
        .min(MOST)
}

/// Which half of a data type a unit is; a schedule is none, and keeps its own history.
pub(in crate::app) fn half(unit: &Unit) -> Option<(&str, Half)> {
    match unit {
        Unit::Follow(name) => Some((name, Half::Follow)),
        Unit::Write(name) => Some((name, Half::Write)),
        Unit::Keep(_) => None,
    }
}

/// Keeps `failure` where `status` finds it, or forgets what was kept. That it cannot is said, and no more.
pub(in crate::app) async fn record(app: &App, unit: &Unit, failure: Option<&Failure>) {
    let Some(of) = half(unit) else {
        return;
    };
    let noted = async {
        let store = app.open.cursors().await?;
        match failure {
            Some(failure) => failure.record(&*store, of).await?,
            None => forget_failure(&*store, of).await?,
        }
        Ok::<(), FlowError>(())
    };
    if let Err(error) = noted.await {
        let (unit, error) = (unit.to_string(), chain(&error));
        tracing::debug!(unit, error, "its failure cannot be stored for `status`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        Unit::Follow("orders".to_owned())
    }

    #[test]
    fn waits_grow_up_to_five_minutes() {
        let waits = [1, 2, 3, 6, 7, 8, 100].map(|times| wait(times).as_secs());
        assert_eq!(waits, [5, 10, 20, 160, 300, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_again_waits_longer_and_one_that_went_on_begins_with_the_first_wait() {
        let mut failed_units = FailedUnits::default();
        let waits = |it: (Failure, Option<Duration>)| (it.0.times, it.1.map(|it| it.as_secs()));
        assert_eq!(waits(failed_units.failed(&unit(), 0, true)), (1, Some(5)));
        let began = Instant::now();
        assert_eq!(failed_units.next().await, (unit(), Later::Begin));
        assert_eq!(began.elapsed(), FIRST);
        failed_units.begun(&unit());
        assert_eq!(waits(failed_units.failed(&unit(), 0, true)), (2, Some(10)));
        assert!(failed_units.is_waiting());
        assert_eq!(failed_units.next().await.1, Later::Begin);
        failed_units.begun(&unit());
        assert!(!failed_units.is_waiting());
        assert_eq!(failed_units.next().await.1, Later::Forget);
        assert_eq!(waits(failed_units.failed(&unit(), 0, true)), (1, Some(5)));
        // One that a person has to begin anew waits for nothing.
        assert_eq!(waits(failed_units.failed(&unit(), 0, false)), (2, None));
        assert!(!failed_units.is_waiting());
    }
}
