//! Migrations over memory: everything lands once, whatever happens between.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use highwater::{
    broker::{BrokerError, Delivery, Publisher, memory::MemoryBroker},
    codec::json::Json,
    flow::{DeadLetters, FlowError, FlowStats, LoadLimits, Migrate, MigrateScope},
    model::{Messages, Op, Packed, Position, Records, Value},
    pipeline::{Routes, Step, StepError, Stepped},
    sink::{PositionAdvance, Sink, SinkError},
    source::{Source, memory::MemorySource},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    scripted_sink::{ScriptedSink, SinkFault},
    stepping::{Stepping, killed_after},
};

const FLOW: &str = "task/to:memory.rows/memory.rows";
const DEAD_LETTERS: &str = "task.dead-letters";

struct Rig {
    source: MemorySource,
    sink: ScriptedSink,
    broker: MemoryBroker,
    pipeline: Vec<Box<dyn Step>>,
    routes: Routes,
    stats: FlowStats,
    limits: LoadLimits,
    writers: usize,
    stop: CancellationToken,
}

impl Rig {
    /// Rows 1 to `rows`, read in batches of `batch`.
    fn new(rows: i64, batch: usize) -> Self {
        let source = MemorySource::new(batch);
        for id in 1..=rows {
            source.insert(id, format!("row {id}"));
        }
        let broker = MemoryBroker::default();
        broker.create_topic(DEAD_LETTERS, 1);
        Self {
            source,
            sink: ScriptedSink::default(),
            broker,
            pipeline: Vec::new(),
            routes: Routes::to_one(),
            stats: FlowStats::default(),
            limits: LoadLimits {
                rows: 2 * batch,
                bytes: 1 << 20,
            },
            writers: 1,
            stop: CancellationToken::new(),
        }
    }

    async fn run(&self, scope: MigrateScope) -> Result<Position, FlowError> {
        self.run_from(&self.source, scope).await
    }

    async fn run_from(
        &self,
        source: &dyn Source,
        scope: MigrateScope,
    ) -> Result<Position, FlowError> {
        let dead_letters = Box::new(self.broker.publisher(DEAD_LETTERS).expect("a topic"));
        self.run_with(source, dead_letters, scope).await
    }

    async fn run_with(
        &self,
        source: &dyn Source,
        dead_letters: Box<dyn Publisher>,
        scope: MigrateScope,
    ) -> Result<Position, FlowError> {
        let last_resort = self.broker.publisher(DEAD_LETTERS).expect("a topic");
        let dead_letters = DeadLetters::new(dead_letters, Box::new(last_resort));
        let migrate = Migrate {
            flow: FLOW,
            dead_letters_of: "task",
            source,
            pipeline: &self.pipeline,
            routes: &self.routes,
            sink: &self.sink,
            describer: &Json::PLAIN,
            dead_letters: &dead_letters,
            limits: self.limits,
            writers: self.writers,
            stats: &self.stats,
            begun: &AtomicBool::new(false),
        };
        migrate.run(scope, &self.stop).await
    }

    /// The values and reasons of the dead letters.
    fn dead_letters(&self) -> Vec<(String, String)> {
        let messages = self.broker.messages(DEAD_LETTERS, 0);
        let text = |it: Option<&[u8]>| String::from_utf8_lossy(it.unwrap_or(b"")).into_owned();
        let dead_letters = messages.iter().map(|it| {
            let reason = it.headers.get("highwater-dead-reason").flatten();
            (text(it.value), text(reason))
        });
        dead_letters.collect()
    }

    fn holds(&self, ids: impl Iterator<Item = i64>) {
        let mut expected: Vec<String> = ids.map(|it| it.to_string()).collect();
        expected.sort();
        let rows = self.sink.memory.rows();
        let id = |row: &Vec<(String, String)>| row[0].1.clone();
        let mut found: Vec<String> = rows.iter().map(id).collect();
        found.sort();
        assert_eq!(found, expected);
    }
}

/// Refuses the text `bad`; makes the text `unsupported` a value that no sink holds.
struct Picky;

#[async_trait]
impl Step for Picky {
    fn name(&self) -> &str {
        "picky"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        let mut stepped = Stepped {
            records: Records::new(records.schema().clone()),
            failed: Vec::new(),
        };
        for row in records.iter() {
            let text = row.get("text");
            if text == Some(Value::String("bad")) {
                stepped.failed.push((row.origin(), "it is bad".into()));
                continue;
            }
            let unsupported = text == Some(Value::String("unheld"));
            let Ok(()) = stepped.records.push(Op::Upsert, row.origin(), |packer| {
                for (name, value) in row.packed_fields() {
                    let value: Packed<'_> = value;
                    packer.name(name);
                    if unsupported && name == "text" {
                        packer.value(Value::MinKey)
                    } else {
                        packer.packed(value)
                    }
                }
                Ok::<(), std::convert::Infallible>(())
            });
        }
        Ok(stepped)
    }
}

#[tokio::test]
async fn everything_lands_and_the_next_run_goes_on() {
    let rig = Rig::new(10, 3);
    let position = rig.run(MigrateScope::Incremental).await.expect("done");
    assert_eq!(position, Position::new("10"));
    rig.holds(1..=10);
    rig.source.insert(11, "new");
    rig.run(MigrateScope::Incremental).await.expect("done");
    rig.holds(1..=11);
    assert_eq!(rig.sink.memory.applied(), 11, "each row once");
    rig.run(MigrateScope::Full).await.expect("done");
    assert_eq!(rig.sink.memory.applied(), 22, "each row again");
}

#[tokio::test]
async fn killed_anywhere_nothing_is_lost_and_nothing_is_written_twice() {
    killed_anywhere(1).await;
}

#[tokio::test]
async fn the_same_holds_for_several_writers() {
    killed_anywhere(3).await;
}

async fn killed_anywhere(writers: usize) {
    let mut killed = 0;
    for polls in 1.. {
        let rig = Rig {
            writers,
            ..Rig::new(60, 2)
        };
        let source = Stepping(rig.source.clone());
        let first = killed_after(polls, rig.run_from(&source, MigrateScope::Incremental)).await;
        if let Some(done) = first {
            done.expect("done");
            rig.holds(1..=60);
            break;
        }
        killed += 1;
        rig.run(MigrateScope::Incremental).await.expect("done");
        rig.holds(1..=60);
        assert_eq!(rig.sink.memory.applied(), 60, "killed after {polls} polls");
    }
    assert!(killed > 10, "only {killed} kills");
}

#[tokio::test]
async fn an_answer_that_is_lost_repeats_nothing() {
    for (at, writers) in (0..4).flat_map(|at| [(at, 1), (at, 3)]) {
        let rig = Rig {
            writers,
            ..Rig::new(20, 2)
        };
        rig.sink.then(vec![SinkFault::None; at]);
        rig.sink.then([SinkFault::LoseAnswer]);
        let lost = rig.run(MigrateScope::Incremental).await;
        assert!(matches!(lost, Err(FlowError::Sink(SinkError::Lost(..)))));
        rig.run(MigrateScope::Incremental).await.expect("done");
        rig.holds(1..=20);
        assert_eq!(rig.sink.memory.applied(), 20, "lost at {at}");
    }
}

#[tokio::test]
async fn bad_rows_are_dead_letters_and_the_others_land() {
    bad_rows(1).await;
}

#[tokio::test]
async fn bad_rows_of_one_writer_do_not_touch_those_of_another() {
    bad_rows(3).await;
}

async fn bad_rows(writers: usize) {
    let mut rig = Rig {
        writers,
        ..Rig::new(0, 4)
    };
    rig.pipeline = vec![Box::new(Picky)];
    for id in 1..=20 {
        let text = match id {
            3 | 17 => "bad",
            4 | 9 | 10 => "unheld",
            _ => "good",
        };
        rig.source.insert(id, text);
    }
    let position = rig.run(MigrateScope::Incremental).await.expect("done");
    assert_eq!(position, Position::new("20"));
    rig.holds((1..=20).filter(|it| ![3, 17, 4, 9, 10].contains(it)));
    let mut dead_letters = rig.dead_letters();
    dead_letters.sort();
    let values: Vec<&str> = dead_letters
        .iter()
        .map(|(value, _)| value.as_str())
        .collect();
    assert_eq!(
        values,
        [
            r#"{"id":10,"text":"unheld"}"#,
            r#"{"id":17,"text":"bad"}"#,
            r#"{"id":3,"text":"bad"}"#,
            r#"{"id":4,"text":"unheld"}"#,
            r#"{"id":9,"text":"unheld"}"#,
        ],
        "as they were read"
    );
    assert_eq!(dead_letters[2].1, "it is bad");
    assert!(dead_letters[3].1.contains("`text`"), "{dead_letters:?}");
    assert_eq!(rig.stats.snapshot().dead_letters, 5);
}

/// A table of letters that lies where the rows go: no letter is taken while rows are being written.
struct Behind<P> {
    topic: P,
    loads_written: watch::Receiver<usize>,
    loads: usize,
}

#[async_trait]
impl<P: Publisher> Publisher for Behind<P> {
    fn topic(&self) -> &str {
        self.topic.topic()
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let mut loads_written = self.loads_written.clone();
        let written = loads_written.wait_for(|it| *it >= self.loads).await;
        written.expect("the sink is there");
        self.topic.publish(messages).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_waits_for_rows_to_be_written_does_not_hold_them_up() {
    let mut rig = Rig::new(0, 2);
    rig.pipeline = vec![Box::new(Picky)];
    for (id, text) in [(1, "good"), (2, "good"), (3, "bad"), (4, "good")] {
        rig.source.insert(id, text);
    }
    // The place to stand at, and the first batch: the letter of the second one waits for that.
    rig.sink
        .then([SinkFault::None, SinkFault::Slow(Duration::from_secs(1))]);
    let dead_letters = Behind {
        topic: rig.broker.publisher(DEAD_LETTERS).expect("a topic"),
        loads_written: rig.sink.loads_written.subscribe(),
        loads: 2,
    };
    let run = rig.run_with(
        &rig.source,
        Box::new(dead_letters),
        MigrateScope::Incremental,
    );
    let done = timeout(Duration::from_secs(60), run).await;
    done.expect("the letter and the rows wait for each other")
        .expect("done");
    rig.holds([1, 2, 4].into_iter());
    assert_eq!(rig.dead_letters().len(), 1);
}

#[tokio::test]
async fn another_writer_that_has_moved_the_place_ends_the_run() {
    let rig = Rig::new(6, 2);
    rig.run(MigrateScope::Incremental).await.expect("done");
    rig.source.insert(7, "new");
    let sink = Arc::new(&rig.sink);
    let moves = Stepping(rig.source.clone());
    let run = rig.run_from(&moves, MigrateScope::Incremental);
    let other = async {
        let advance = PositionAdvance {
            flow: FLOW.into(),
            from: Some(Position::new("6")),
            to: Position::new("5"),
        };
        sink.write_positioned(&[], &advance).await.expect("moved");
    };
    // The other one comes in between: the run has read its place, and has written nothing yet.
    let (ended, ()) = tokio::join!(biased; run, other);
    assert!(
        matches!(ended, Err(FlowError::Sink(SinkError::Fenced(_)))),
        "{ended:?}"
    );
    rig.holds(1..=6);
}

#[tokio::test]
async fn a_stop_writes_what_is_in_hand_and_ends() {
    let rig = Rig::new(10, 2);
    rig.stop.cancel();
    let position = rig.run(MigrateScope::Incremental).await.expect("stopped");
    assert_eq!(position, Position::new("0"));
    assert_eq!(rig.sink.memory.applied(), 0);
    let going_on = Rig {
        stop: CancellationToken::new(),
        ..rig
    };
    going_on.run(MigrateScope::Incremental).await.expect("done");
    going_on.holds(1..=10);
}
