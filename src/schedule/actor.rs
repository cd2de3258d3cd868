//! The actor of one schedule: it looks at the clock, and begins a run, passes it by or lets it wait.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    CatchUp, Clock, Overlap, Schedule, Work,
    clock::beat,
    one_run::{Came, Due, OneRun},
};
use crate::cursor::history::Outcome;

/// What came of a schedule's times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs, of whatever end.
    pub runs: u64,
    /// Those that were not done.
    pub failed: u64,
    /// Times that passed without a run.
    pub skipped: u64,
}

/// A time that is looked at so much later was missed: the process was not there.
const LATE: chrono::Duration = chrono::Duration::seconds(60);

/// Time between two looks for what was missed, where the store did not answer.
const LOOK_RETRY: Duration = Duration::from_secs(10);

/// Keeps `schedule` until `stop`; a run that goes on then is stopped, and waited for.
pub async fn keep(
    schedule: Arc<Schedule>,
    work: Arc<dyn Work>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Counts {
    let now = clock.now();
    let mut actor = Actor {
        next: schedule.timetable.after(now),
        looked: now,
        running: None,
        waiting: None,
        unrecorded: 0,
        counts: Counts::default(),
        schedule,
        work,
        clock,
        stop,
    };
    actor.run().await;
    actor.counts
}

struct Actor {
    schedule: Arc<Schedule>,
    work: Arc<dyn Work>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// The time that comes.
    next: Option<DateTime<Utc>>,
    looked: DateTime<Utc>,
    running: Option<(Due, JoinHandle<Came>)>,
    /// What runs next.
    waiting: Option<Due>,
    /// Times passed by that no run has noted yet.
    unrecorded: u64,
    counts: Counts,
}

impl Actor {
    async fn run(&mut self) {
        let mut beats = self.clock.beats();
        if self.schedule.catch_up == CatchUp::Once {
            self.begin(Due::Missed, Duration::ZERO);
        }
        loop {
            let came = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                came = ended(&mut self.running) => Some(came),
                () = beat(&mut beats) => None,
            };
            match came {
                Some((due, came)) => self.has_ended(due, &came),
                None => self.look(self.clock.now()),
            }
        }
        if let Some((_, run)) = self.running.take() {
            let came = run.await.unwrap_or(Came::Ran(Outcome::Failed));
            self.count(&came);
        }
    }

    /// Whether something is due at `now`.
    fn look(&mut self, now: DateTime<Utc>) {
        let table = &self.schedule.timetable;
        if now + LATE < self.looked {
            // The clock was put back: what has had its run is known by the history.
            self.next = table.after(now);
        }
        self.looked = now;
        let Some(first) = self.next.filter(|it| *it <= now) else {
            return;
        };
        let last = table.latest(first, now).unwrap_or(first);
        let passed = table.count(first, last);
        self.next = table.after(last);
        if passed > 0 {
            self.skip(passed, "the clock was not looked at in time");
        }
        if now - last > LATE {
            match self.schedule.catch_up {
                CatchUp::Once => self.due(Due::Missed),
                CatchUp::None => self.skip(1, "it was missed"),
            }
            return;
        }
        self.due(Due::At(last));
    }

    fn due(&mut self, due: Due) {
        let Some((before, _)) = &self.running else {
            return self.begin(due, Duration::ZERO);
        };
        // What was missed may be nothing at all: a time that is due meanwhile is not lost by that.
        let may_wait = self.schedule.overlap == Overlap::Queue || *before == Due::Missed;
        match (may_wait, self.waiting.is_some()) {
            (false, _) => self.skip(1, "the run before goes on"),
            (true, false) => {
                tracing::info!(schedule = self.schedule.name, "waits for the run before");
                self.waiting = Some(due);
            }
            (true, true) => {
                self.waiting = Some(due);
                self.skip(1, "another run waits already");
            }
        }
    }

    fn begin(&mut self, due: Due, wait: Duration) {
        let (schedule, work) = (self.schedule.clone(), self.work.clone());
        let (clock, stop) = (self.clock.clone(), self.stop.clone());
        let skipped = std::mem::take(&mut self.unrecorded);
        let run = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Came::Nothing,
                () = tokio::time::sleep(wait) => (),
            }
            let run = OneRun {
                schedule: &schedule,
                work: &*work,
                clock: &*clock,
                stop: &stop,
            };
            run.run(due, skipped).await
        };
        self.running = Some((due, tokio::spawn(run)));
    }

    fn has_ended(&mut self, due: Due, came: &Came) {
        self.count(came);
        if let Some(waiting) = self.waiting.take() {
            self.begin(waiting, Duration::ZERO);
        } else if (due, came) == (Due::Missed, &Came::Unknown) {
            self.begin(due, LOOK_RETRY);
        }
    }

    fn count(&mut self, came: &Came) {
        match came {
            Came::Ran(Outcome::Done | Outcome::Stopped) => self.counts.runs += 1,
            Came::Ran(_) => {
                self.counts.runs += 1;
                self.counts.failed += 1;
            }
            Came::Leased => {
                self.counts.skipped += 1;
                self.unrecorded += 1;
            }
            Came::Unknown => self.counts.failed += 1,
            Came::Nothing => (),
        }
    }

    fn skip(&mut self, times: u64, why: &str) {
        tracing::warn!(schedule = self.schedule.name, times, "skipped: {why}");
        self.counts.skipped += times;
        self.unrecorded += times;
    }
}

/// The end of the run that goes on; never where none does.
async fn ended(running: &mut Option<(Due, JoinHandle<Came>)>) -> (Due, Came) {
    let Some((due, run)) = running else {
        return std::future::pending().await;
    };
    let due = *due;
    let came = run.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a run has ended by a defect of Highwater");
        Came::Ran(Outcome::Failed)
    });
    *running = None;
    (due, came)
}
