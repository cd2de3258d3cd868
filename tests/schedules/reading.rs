//! The readers of a schedule, and what must have come of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use highwater::{
    broker::memory::MemoryBroker,
    codec::json::Json,
    cursor::{CursorError, CursorLease, CursorStore},
    fault::{Fault, Faulty, chain},
    flow::{DeadLetters, FlowError, FlowStats, KeyRule, Produce},
    model::{FlowName, Position},
    source::{ReadMode, Scope, Source},
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Outcome, Schedule,
    schedule::{End, Run},
    watched::{Watch, WatchedCursor, WatchedPublisher},
    writing::{Server, write},
};

const TOPIC: &str = "rows";

/// Writes and reads as the schedule says, then reads the rest, which has to have come within
/// `limit` when nothing is written any more.
pub async fn perform(
    server: &dyn Server,
    cursors: &dyn CursorStore,
    schedule: &Schedule,
    limit: Duration,
) -> Outcome {
    let mut flow = Flow::new(server, cursors, schedule);
    let read = async {
        for run in &schedule.runs {
            sleep(run.after).await;
            flow.run(*run).await;
        }
    };
    tokio::join!(write(server, schedule), read);
    let rows = server.rows().await;
    let ended = Instant::now();
    let last = Run {
        after: Duration::ZERO,
        scope: Scope::Incremental,
        mode: ReadMode::Bounded,
        end: End::Stopped(limit),
    };
    loop {
        flow.run(last).await;
        // Transactions of others hold back as well.
        if flow.missing(&rows).is_empty() || ended.elapsed() > limit {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    flow.outcome(&rows)
}

struct Flow<'a> {
    source: Box<dyn Source>,
    reads_above_watermark: bool,
    cursors: &'a dyn CursorStore,
    schedule: &'a Schedule,
    name: FlowName,
    broker: MemoryBroker,
    outcome: Outcome,
    has_failed: bool,
}

/// A message as it was published.
struct Published {
    id: i64,
    stamp: i64,
    at: String,
}

impl<'a> Flow<'a> {
    fn new(server: &dyn Server, cursors: &'a dyn CursorStore, schedule: &'a Schedule) -> Self {
        let source = server.source();
        let broker = MemoryBroker::default();
        broker.create_topic(TOPIC, 1);
        let name = FlowName {
            data_type: "rows".into(),
            topic: TOPIC.into(),
            source: source.name().into(),
        };
        Self {
            source,
            reads_above_watermark: server.reads_above_watermark(),
            cursors,
            schedule,
            name,
            broker,
            outcome: Outcome {
                schedules: 1,
                ..Outcome::default()
            },
            has_failed: false,
        }
    }

    async fn run(&mut self, run: Run) {
        self.outcome.runs += 1;
        let watch = Watch::stopping_before(match run.end {
            End::KilledBeforeSave(save, _) => save,
            _ => 0,
        });
        let publisher = WatchedPublisher {
            publisher: self.broker.publisher(TOPIC).expect("a topic"),
            watch: watch.clone(),
            delay: self.schedule.acknowledged_in,
        };
        let mut cursor = WatchedCursor {
            cursor: self.lease().await,
            watch: watch.clone(),
        };
        let stop = CancellationToken::new();
        let ended = {
            let mut running = Box::pin(self.produce(&publisher, &mut cursor, run, &stop));
            let (time, kills) = match run.end {
                End::Stopped(time) => (time, false),
                End::Killed(time) | End::KilledBeforeSave(_, time) => (time, true),
            };
            tokio::select! {
                            ended = &mut running => Some(ended),
                            () = watch.before_save.notified() => None,
                            () = sleep(time) => if kills {
            None
            } else {

                                    stop.cancel();
                                    Some(running.await)

            },
                        }
        };
        match ended {
            None => {
                self.outcome.kills += 1;
                self.outcome.before_save += usize::from(watch.is_ahead());
            }
            Some(Ok(_)) => Box::new(cursor).release().await,
            // A lost connection, say; `supervise` would run it again.
            Some(Err(error)) if error.fault() == Fault::Transient => self.has_failed = true,
            Some(Err(error)) => panic!("schedule {}: {}", self.schedule.seed, chain(&error)),
        }
    }

    async fn lease(&self) -> Box<dyn CursorLease> {
        loop {
            match self.cursors.lease(&self.name).await {
                Ok(cursor) => return cursor,
                // What was killed in a save ends that first.
                Err(CursorError::Leased { .. }) => sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{}", chain(&error)),
            }
        }
    }

    async fn produce(
        &self,
        publisher: &WatchedPublisher,
        cursor: &mut WatchedCursor,
        run: Run,
        stop: &CancellationToken,
    ) -> Result<Position, FlowError> {
        let dead_letters = || Box::new(self.broker.publisher(TOPIC).expect("a topic"));
        let produce = Produce {
            flow: &self.name,
            source: &*self.source,
            pipeline: &[],
            encoder: &Json::PLAIN,
            describer: &Json::PLAIN,
            publisher,
            dead_letters: &DeadLetters::new(dead_letters(), dead_letters()),
            cursor,
            key: KeyRule::Primary,
            version: &[],
            in_flight: self.schedule.in_flight,
            save_every: self.schedule.save_every,
            stats: &FlowStats::default(),
        };
        produce.run(run.scope, run.mode, stop).await
    }

    fn published(&self) -> Vec<Published> {
        let messages = self.broker.messages(TOPIC, 0);
        let read = |value: &[u8]| {
            let row: serde_json::Value = serde_json::from_slice(value).expect("JSON");
            Published {
                id: row["id"].as_i64().expect("an id"),
                stamp: row["stamp"].as_i64().expect("a stamp"),
                at: row["at"].to_string(),
            }
        };
        let read = |it: highwater::model::Message<'_>| read(it.value.expect("a value"));
        messages.iter().map(read).collect()
    }

    /// Rows whose last write has not come, or not as the last.
    fn missing(&self, rows: &[(i64, i64)]) -> Vec<String> {
        let published = self.published();
        let last: BTreeMap<i64, i64> = published.iter().map(|it| (it.id, it.stamp)).collect();
        let of = |(id, stamp): &(i64, i64)| {
            let found = last.get(id).copied();
            (found != Some(*stamp)).then(|| match found {
                None => format!("row {id} never came"),
                Some(found) => format!("row {id} came last as of write {found}, not {stamp}"),
            })
        };
        rows.iter().filter_map(of).collect()
    }

    fn outcome(mut self, rows: &[(i64, i64)]) -> Outcome {
        let published = self.published();
        let mut seen = BTreeSet::new();
        // Rows without a value are read by every run.
        let valued = published.iter().filter(|it| it.at != "null");
        let write = |it: &Published| {
            if self.reads_above_watermark {
                it.stamp
            } else {
                0
            }
        };
        let again = valued.filter(|it| !seen.insert((it.id, &it.at, write(it))));
        let again: Vec<_> = again
            .map(|it| format!("row {} at {}", it.id, it.at))
            .collect();
        let seed = self.schedule.seed;
        let mut wrong: Vec<_> = self.missing(rows);
        if !self.schedule.may_repeat() && !self.has_failed {
            wrong.extend(
                again
                    .iter()
                    .map(|it| format!("{it} came twice without a kill")),
            );
        } else {
            self.outcome.repeated = again.len();
        }
        self.outcome.rows = rows.len();
        self.outcome.messages = published.len();
        let source = self.source.name();
        let wrong = wrong.iter();
        self.outcome.wrong = wrong
            .map(|it| format!("{source}, HIGHWATER_SCHEDULE={seed}: {it}"))
            .collect();
        self.outcome
    }
}
