//! A consuming flow over memory: its parts, and what came of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use highwater::{
    broker::{
        Publisher, Subscription,
        memory::{MemoryBroker, ScriptedPublisher},
    },
    codec::json::Json,
    flow::{BatchLimits, Consume, DeadLetters, FlowError, FlowStats, Retry, Until, supervise},
    model::{Messages, RecordOrigin},
    pipeline::Routes,
};
use tokio_util::sync::CancellationToken;

use crate::scripted_sink::ScriptedSink;

pub const TOPIC: &str = "rows";
pub const DEAD_LETTERS: &str = "rows.dead-letters";
pub const FLOW: &str = "rows-sink";
pub const GROUP: &str = "highwater-rows";

/// Waits of a flow that fails for a time.
pub const RETRY: Retry = Retry {
    first: Duration::from_millis(100),
    most: Duration::from_secs(5),
    give_up_after: None,
};

/// The parts of a flow that writes rows of `id` and `text`. Cheap to clone; clones are members of
/// one group that write into one sink.
#[derive(Clone)]
pub struct Rig {
    pub broker: MemoryBroker,
    pub sink: Arc<ScriptedSink>,
    pub dead_letters: ScriptedPublisher,
    pub stats: Arc<FlowStats>,
    pub limits: BatchLimits,
    pub take_over: Option<String>,
    /// Messages that are polled at once, at most.
    pub polled: usize,
    pub stop: CancellationToken,
}

impl Rig {
    /// An empty topic; batches of 10 rows or 10 seconds.
    pub fn new(partitions: usize) -> Self {
        let broker = MemoryBroker::default();
        broker.create_topic(TOPIC, partitions);
        broker.create_topic(DEAD_LETTERS, 1);
        let dead_letters = broker.publisher(DEAD_LETTERS).expect("a topic");
        Self {
            broker,
            sink: Arc::default(),
            dead_letters: ScriptedPublisher::new(dead_letters, []),
            stats: Arc::default(),
            limits: BatchLimits {
                rows: 10,
                bytes: 1 << 20,
                wait: Duration::from_secs(10),
            },
            take_over: None,
            polled: 1000,
            stop: CancellationToken::new(),
        }
    }

    pub fn with_rows(mut self, rows: usize) -> Self {
        self.limits.rows = rows;
        self
    }

    /// Another member, stopped by itself.
    pub fn member(&self) -> Self {
        Self {
            stop: CancellationToken::new(),
            ..self.clone()
        }
    }

    /// Publishes a change of the row `id`.
    pub async fn publish(&self, id: &str, text: &str) {
        self.publish_value(id, &format!(r#"{{"id":"{id}","text":"{text}"}}"#))
            .await;
    }

    pub async fn publish_value(&self, key: &str, value: &str) {
        let mut messages = Messages::default();
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        messages.push(key, value, [], RecordOrigin::default());
        let publisher = self.broker.publisher(TOPIC).expect("a topic");
        let delivery = publisher.publish(Arc::new(messages)).await;
        delivery.expect("handed over").await.expect("durable");
    }

    /// Publishes so many changes of `ids` rows in turn; the texts count up.
    pub async fn publish_changes(&self, changes: std::ops::Range<usize>, ids: usize) {
        for change in changes {
            let id = format!("row-{}", change % ids);
            self.publish(&id, &format!("{change:06}")).await;
        }
    }

    pub fn consume(&self, until: Until) -> Consume {
        let subscription = self.broker.subscribe(TOPIC, GROUP).expect("a topic");
        self.consume_from(Box::new(subscription.at_most(self.polled)), until)
    }

    pub fn consume_from(&self, subscription: Box<dyn Subscription>, until: Until) -> Consume {
        Consume {
            flow: FLOW.into(),
            group: GROUP.into(),
            take_over: self.take_over.clone(),
            subscription,
            decoder: Arc::new(Json::PLAIN),
            pipeline: Arc::new([]),
            identity: None,
            routes: Arc::new(Routes::to_one()),
            sink: self.sink.clone(),
            dead_letters: Arc::new(self.dead_letters()),
            limits: self.limits,
            conflict_wait: std::time::Duration::from_secs(30),
            until,
            stats: self.stats.clone(),
        }
    }

    pub fn dead_letters(&self) -> DeadLetters {
        let dead_letters = Box::new(self.dead_letters.clone());
        let last_resort = self.broker.publisher(DEAD_LETTERS).expect("a topic");
        DeadLetters::new(dead_letters, Box::new(last_resort))
    }

    /// One run, until it has caught up.
    pub async fn catch_up(&self) -> Result<(), FlowError> {
        self.consume(Until::CaughtUp).run(&self.stop).await
    }

    /// One run, until it is stopped.
    pub async fn run(&self) -> Result<(), FlowError> {
        self.consume(Until::Stopped).run(&self.stop).await
    }

    /// Runs, again and again where it fails for a time.
    pub async fn supervised(&self, until: Until) -> Result<Option<()>, FlowError> {
        let attempt = || self.consume(until).run(&self.stop);
        supervise(FLOW, RETRY, &self.stats, &self.stop, attempt).await
    }

    /// The offsets after the last messages, as progress says them when all is written.
    pub fn ends(&self, partitions: i32) -> Vec<(i32, i64)> {
        let end = |it| {
            let messages = self.broker.messages(TOPIC, it);
            let last = messages.len().checked_sub(1);
            last.and_then(|last| messages.get(last))
                .map(|last| (it, last.record_origin.offset + 1))
        };
        (0..partitions).filter_map(end).collect()
    }

    /// Every message on the topic was applied exactly once, in order within its key, and the
    /// offsets stand behind the last ones.
    #[track_caller]
    pub fn assert_exactly_once(&self, partitions: i32, offsets: &[(i32, i64)]) {
        self.assert_applied_once(partitions);
        assert_eq!(offsets, self.ends(partitions), "progress (left) and topic");
    }

    /// Every message on the topic was applied exactly once, in order within its key.
    #[track_caller]
    pub fn assert_applied_once(&self, partitions: i32) {
        let mut published = BTreeMap::<String, Vec<String>>::new();
        for partition in 0..partitions {
            for it in self.broker.messages(TOPIC, partition).iter() {
                let value: serde_json::Value =
                    serde_json::from_slice(it.value.expect("a value")).expect("JSON");
                let field = |name: &str| value[name].as_str().expect("text").to_owned();
                published
                    .entry(field("id"))
                    .or_default()
                    .push(field("text"));
            }
        }
        let mut applied = BTreeMap::<String, Vec<String>>::new();
        for (id, text) in self.sink.applied() {
            applied.entry(id).or_default().push(text);
        }
        assert_eq!(applied, published, "applied (left) and published");
    }
}
