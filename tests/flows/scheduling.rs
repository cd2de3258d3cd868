//! The actor of a schedule over a scripted work, while time is paused.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use highwater::{
    cursor::{
        CursorError, CursorStore,
        history::{History, Outcome, Run, RunHistory, read_history},
        memory::MemoryCursors,
    },
    flow::FlowError,
    schedule::{CatchUp, Clock, Counts, Ended, Overlap, Schedule, Timetable, Work, keep},
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::waiting::{pass, within};

const BEGIN: &str = "2025-06-01T00:00:00.5Z";

/// A clock whose time is the paused one.
struct PausedClock {
    begun: Instant,
    at: DateTime<Utc>,
    beats: watch::Receiver<()>,
}

impl PausedClock {
    fn start() -> Arc<Self> {
        let (sender, beats) = watch::channel(());
        tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_secs(1));
            loop {
                every.tick().await;
                sender.send_replace(());
            }
        });
        Arc::new(Self {
            begun: Instant::now(),
            at: BEGIN.parse().expect("a moment"),
            beats,
        })
    }
}

impl Clock for PausedClock {
    fn now(&self) -> DateTime<Utc> {
        self.at + self.begun.elapsed()
    }

    fn beats(&self) -> watch::Receiver<()> {
        self.beats.clone()
    }
}

/// Work that takes as long as the script says, and ends as it says.
#[derive(Default)]
struct Scripted {
    store: MemoryCursors,
    /// How long each time takes, and whether it fails; after the last one, a second and no failure.
    script: Mutex<VecDeque<(u64, Option<&'static str>)>>,
    /// Seconds from the beginning: of each begin and end.
    times: Mutex<Vec<(u64, u64)>>,
    begun: Mutex<Option<Instant>>,
    /// Looks at the store that fail, before it answers.
    lost: Mutex<u32>,
}

#[async_trait]
impl Work for Scripted {
    async fn run(&self, stop: &CancellationToken) -> Ended {
        let first = *self
            .begun
            .lock()
            .expect("not poisoned")
            .get_or_insert_with(Instant::now);
        let step = self.script.lock().expect("not poisoned").pop_front();
        let (seconds, error) = step.unwrap_or((1, None));
        let began = first.elapsed().as_secs();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => (),
            () = stop.cancelled() => (),
        }
        let mut times = self.times.lock().expect("not poisoned");
        times.push((began, first.elapsed().as_secs()));
        Ended {
            rows: 10,
            error: error.map(str::to_owned),
            is_leased: error == Some("held"),
        }
    }

    async fn store(&self) -> Result<Arc<dyn CursorStore>, FlowError> {
        let mut lost = self.lost.lock().expect("not poisoned");
        if *lost > 0 {
            *lost -= 1;
            let (location, cause) = ("memory".to_owned(), "away".into());
            return Err(CursorError::Lost { location, cause }.into());
        }
        Ok(Arc::new(self.store.clone()))
    }

    fn by(&self) -> String {
        "this process".to_owned()
    }
}

impl Scripted {
    fn new(script: &[(u64, Option<&'static str>)]) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.iter().copied().collect()),
            begun: Mutex::new(Some(Instant::now())),
            ..Self::default()
        })
    }

    fn times(&self) -> Vec<(u64, u64)> {
        self.times.lock().expect("not poisoned").clone()
    }

    async fn history(&self) -> History {
        let stored = self.store.list().await.expect("listed");
        let read = read_history(&self.store, &stored, "s").await;
        read.expect("not damaged").expect("it is stored")
    }

    async fn outcomes(&self) -> Vec<(Outcome, u64)> {
        let runs = self.history().await.runs;
        runs.iter().map(|it| (it.outcome, it.skipped)).collect()
    }
}

fn schedule(cron: &str) -> Schedule {
    Schedule {
        name: "s".to_owned(),
        timetable: Timetable::parse(cron, chrono_tz::UTC).expect("a line"),
        overlap: Overlap::Skip,
        catch_up: CatchUp::None,
        jitter: None,
        time_limit: None,
        retries: 0,
        retry_wait: Duration::from_secs(5),
    }
}

struct Kept {
    stop: CancellationToken,
    task: JoinHandle<Counts>,
}

fn start(schedule: Schedule, work: &Arc<Scripted>) -> Kept {
    let stop = CancellationToken::new();
    let kept = keep(
        Arc::new(schedule),
        work.clone(),
        PausedClock::start(),
        stop.clone(),
    );
    let task = tokio::spawn(kept);
    Kept { stop, task }
}

impl Kept {
    /// Lets seconds pass, and then stops it.
    async fn after(self, seconds: u64) -> Counts {
        pass(Duration::from_secs(seconds)).await;
        self.stop.cancel();
        within(self.task).await.expect("it ends")
    }
}

#[tokio::test(start_paused = true)]
async fn it_runs_when_it_is_due() {
    let work = Scripted::new(&[]);
    let counts = start(schedule("*/10 * * * * *"), &work).after(35).await;
    assert_eq!(work.times(), [(10, 11), (20, 21), (30, 31)]);
    assert_eq!((counts.runs, counts.failed, counts.skipped), (3, 0, 0));
    let runs = work.history().await.runs;
    assert_eq!(runs[0].due % 10_000, 0);
    assert_eq!((runs[0].rows, runs[0].by.as_str()), (10, "this process"));
    assert!(runs[0].ended.expect("it has ended") > runs[0].started);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_while_a_run_goes_on_is_skipped_and_counted() {
    let work = Scripted::new(&[(35, None)]);
    let counts = start(schedule("*/10 * * * * *"), &work).after(55).await;
    assert_eq!(work.times(), [(10, 45), (50, 51)]);
    assert_eq!((counts.runs, counts.skipped), (2, 3));
    let outcomes = work.outcomes().await;
    assert_eq!(outcomes, [(Outcome::Done, 0), (Outcome::Done, 3)]);
}

#[tokio::test(start_paused = true)]
async fn one_run_waits_in_the_queue_however_many_are_due() {
    let work = Scripted::new(&[(35, None)]);
    let mut schedule = schedule("*/10 * * * * *");
    schedule.overlap = Overlap::Queue;
    let counts = start(schedule, &work).after(48).await;
    assert_eq!(work.times(), [(10, 45), (45, 46)]);
    assert_eq!((counts.runs, counts.skipped), (2, 2));
    // The one that ran is the last that was due.
    let runs = work.history().await.runs;
    assert_eq!(runs[1].due - runs[0].due, 30_000);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_ended_by_its_time_limit_and_waited_for() {
    let work = Scripted::new(&[(1_000, None)]);
    let mut schedule = schedule("0 * * * * *");
    schedule.time_limit = Some(Duration::from_secs(20));
    let counts = start(schedule, &work).after(125).await;
    assert_eq!(work.times()[0], (60, 80));
    assert_eq!((counts.runs, counts.failed), (2, 1));
    let first = work.history().await.runs[0].clone();
    assert_eq!(first.outcome, Outcome::TimedOut);
    assert_eq!(first.error.as_deref(), Some("it took longer than 20 s"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_tried_again_so_many_times() {
    let failed = (1, Some("no"));
    let work = Scripted::new(&[failed, failed, (1, None), failed, failed, failed]);
    let mut schedule = schedule("0 * * * * *");
    schedule.retries = 2;
    let counts = start(schedule, &work).after(170).await;
    let begins: Vec<u64> = work.times().iter().map(|it| it.0).collect();
    assert_eq!(begins, [60, 66, 72, 120, 126, 132]);
    assert_eq!((counts.runs, counts.failed), (2, 1));
    let runs = work.history().await.runs;
    assert_eq!((runs[0].outcome, runs[0].rows), (Outcome::Done, 30));
    assert_eq!(runs[0].error, None);
    assert_eq!(runs[1].outcome, Outcome::Failed);
    assert_eq!(runs[1].error.as_deref(), Some("no"));
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_held_counts_as_skipped_and_is_not_tried_again() {
    let work = Scripted::new(&[(1, Some("held"))]);
    let mut schedule = schedule("0 * * * * *");
    schedule.retries = 3;
    let counts = start(schedule, &work).after(130).await;
    assert_eq!(work.times().len(), 2);
    assert_eq!((counts.runs, counts.failed, counts.skipped), (1, 0, 1));
    let outcomes = work.outcomes().await;
    assert_eq!(outcomes, [(Outcome::Skipped, 0), (Outcome::Done, 1)]);
}

#[tokio::test(start_paused = true)]
async fn jitter_is_within_its_bounds() {
    let work = Scripted::new(&[]);
    let mut schedule = schedule("0 * * * * *");
    schedule.jitter = Some(Duration::from_secs(30));
    start(schedule, &work).after(60 * 40).await;
    let late: Vec<u64> = work.times().iter().map(|it| it.0 % 60).collect();
    assert!(late.len() >= 39, "{late:?}");
    assert!(late.iter().all(|it| *it <= 31), "{late:?}");
    assert!(late.iter().any(|it| *it != late[0]), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_stops_the_run_waits_for_it_and_notes_it() {
    let work = Scripted::new(&[(1_000, None)]);
    let counts = start(schedule("0 * * * * *"), &work).after(75).await;
    assert_eq!(work.times(), [(60, 75)]);
    assert_eq!((counts.runs, counts.failed), (1, 0));
    assert_eq!(work.outcomes().await[0].0, Outcome::Stopped);
}

fn missed(outcome: Outcome) -> Run {
    // An hour before the beginning.
    let due = "2025-05-31T23:00:00Z".parse::<DateTime<Utc>>();
    let due = due.expect("a moment").timestamp_millis();
    Run {
        due,
        started: due,
        ended: Some(due),
        outcome,
        rows: 0,
        skipped: 0,
        error: None,
        by: String::new(),
    }
}

/// A schedule of every hour on the hour, but for the first one after the beginning; runs so far.
async fn begun_after(run: Option<Run>, catch_up: CatchUp, lost: u32) -> Arc<Scripted> {
    let work = Scripted::new(&[]);
    *work.lost.lock().expect("not poisoned") = lost;
    if let Some(run) = run {
        let history = RunHistory::take(&work.store, "s", run.due - 1).await;
        let mut history = history.expect("free");
        history.begin(run).await.expect("kept");
        history.release().await;
    }
    let mut schedule = schedule("0 0 23 * * *");
    schedule.catch_up = catch_up;
    start(schedule, &work).after(100).await;
    work
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_runs_once_at_the_beginning() {
    let day = 24 * 3_600_000;
    for days in [1, 3] {
        let mut before = missed(Outcome::Done);
        before.due -= days * day;
        let work = begun_after(Some(before), CatchUp::Once, 0).await;
        assert_eq!(work.times(), [(0, 1)]);
        let runs = work.history().await.runs;
        assert_eq!(runs[1].due, missed(Outcome::Done).due);
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_not_come_to_its_end_is_missed_as_well() {
    for (outcome, runs) in [
        (Outcome::Running, 1),
        (Outcome::Stopped, 1),
        (Outcome::Done, 0),
        (Outcome::Failed, 0),
        (Outcome::TimedOut, 0),
    ] {
        let work = begun_after(Some(missed(outcome)), CatchUp::Once, 0).await;
        assert_eq!(work.times().len(), runs, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_by_a_schedule_that_is_new_or_does_not_catch_up() {
    let work = begun_after(None, CatchUp::Once, 0).await;
    assert!(work.times().is_empty() && work.history().await.runs.is_empty());
    let mut before = missed(Outcome::Done);
    before.due -= 24 * 3_600_000;
    let work = begun_after(Some(before), CatchUp::None, 0).await;
    assert!(work.times().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_looked_for_until_the_store_answers() {
    let mut before = missed(Outcome::Done);
    before.due -= 24 * 3_600_000;
    let work = begun_after(Some(before), CatchUp::Once, 2).await;
    assert_eq!(work.times(), [(20, 21)]);
}

#[tokio::test(start_paused = true)]
async fn two_that_keep_one_schedule_run_each_time_once() {
    let one = Scripted::new(&[(5, None)]);
    let other = Arc::new(Scripted {
        store: one.store.clone(),
        begun: Mutex::new(Some(Instant::now())),
        ..Scripted::default()
    });
    // Chance makes now the one the first, now the other, and their runs follow each other closely.
    let mut schedule = schedule("*/10 * * * * *");
    schedule.jitter = Some(Duration::from_secs(3));
    let (first, second) = (start(schedule.clone(), &one), start(schedule, &other));
    let (counts, others) = tokio::join!(first.after(2_005), second.after(2_005));
    let all = one.times().len() + other.times().len();
    assert_eq!(all, 200);
    assert_eq!(counts.runs + others.runs, 200);
    let dues: Vec<i64> = one.history().await.runs.iter().map(|it| it.due).collect();
    assert!(dues.windows(2).all(|it| it[0] < it[1]), "{dues:?}");
    assert!(!one.times().is_empty() && !other.times().is_empty());
}
