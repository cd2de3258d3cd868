//! A producing flow over memory: its parts, and what came of them.

use std::time::Duration;

use highwater::{
    broker::{
        Publisher,
        memory::{MemoryBroker, PublishFault, ScriptedPublisher},
    },
    codec::{CodecError, Encoder, TypeTag, json::Json},
    cursor::{CursorLease, CursorStore, memory::MemoryCursors},
    flow::{DeadLetters, FlowError, FlowStats, KeyRule, Produce},
    model::{FlowName, Messages, Position, Row, Value},
    pipeline::Step,
    source::{ReadMode, Scope, Source, memory::MemorySource},
};
use tokio_util::sync::CancellationToken;

use crate::stepping::Delayed;

pub const TOPIC: &str = "rows";
pub const DEAD_LETTERS: &str = "rows.dead-letters";
pub const LAST_RESORT: &str = "last-resort";

/// The parts of a flow of rows `id`, `text`.
pub struct Rig {
    pub broker: MemoryBroker,
    pub source: MemorySource,
    pub cursors: MemoryCursors,
    pub flow: FlowName,
    pub publisher: ScriptedPublisher,
    pub dead_letters: ScriptedPublisher,
    pub stats: FlowStats,
    pub pipeline: Vec<Box<dyn Step>>,
    /// The fields that tell one state of a row from another.
    pub version: Vec<String>,
    pub in_flight: usize,
    pub save_every: Duration,
    /// How long each answer of the broker takes.
    pub delay: Duration,
    pub stop: CancellationToken,
}

/// JSON, but for the text `bad`.
pub struct Picky;

impl Encoder for Picky {
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if row.get("text") == Some(Value::String("bad")) {
            return Err(CodecError::Unencodable {
                field: "text".into(),
                reason: "it is bad".into(),
            });
        }
        Json::PLAIN.encode(row, topic, out)
    }

    fn type_tag<'m>(&'m self, _row: &Row<'_>) -> Option<TypeTag<'m>> {
        None
    }
}

impl Rig {
    /// Rows 1 to `rows`, read in batches of `batch`; the cursor is saved whenever it may be.
    pub fn new(rows: i64, batch: usize) -> Self {
        let broker = MemoryBroker::default();
        for topic in [TOPIC, DEAD_LETTERS, LAST_RESORT] {
            broker.create_topic(topic, 1);
        }
        let source = MemorySource::new(batch);
        for id in 1..=rows {
            source.insert(id, format!("row {id}"));
        }
        let scripted = |topic| {
            let publisher = broker.publisher(topic).expect("a topic");
            ScriptedPublisher::new(publisher, [])
        };
        Self {
            publisher: scripted(TOPIC),
            dead_letters: scripted(DEAD_LETTERS),
            broker,
            source,
            cursors: MemoryCursors::default(),
            flow: FlowName {
                data_type: "rows".into(),
                topic: TOPIC.into(),
                source: "memory.rows".into(),
            },
            stats: FlowStats::default(),
            pipeline: Vec::new(),
            version: vec!["id".to_owned()],
            in_flight: 4,
            save_every: Duration::ZERO,
            delay: Duration::ZERO,
            stop: CancellationToken::new(),
        }
    }

    /// The next publishes go wrong so.
    pub fn script(self, faults: impl IntoIterator<Item = PublishFault>) -> Self {
        self.publisher.then(faults);
        self
    }

    /// One run from what is stored to the end of the source.
    pub async fn run(&self) -> Result<Position, FlowError> {
        self.run_as(Scope::Incremental, ReadMode::Bounded).await
    }

    pub async fn run_as(&self, scope: Scope, mode: ReadMode) -> Result<Position, FlowError> {
        let mut cursor = self.cursors.lease(&self.flow).await?;
        let publisher = Delayed(self.publisher.clone(), self.delay);
        self.run_with(&self.source, &publisher, &mut *cursor, scope, mode)
            .await
    }

    pub async fn run_with(
        &self,
        source: &dyn Source,
        publisher: &dyn Publisher,
        cursor: &mut dyn CursorLease,
        scope: Scope,
        mode: ReadMode,
    ) -> Result<Position, FlowError> {
        let last_resort = self.broker.publisher(LAST_RESORT)?;
        let dead_letters = Box::new(self.dead_letters.clone());
        let dead_letters = DeadLetters::new(dead_letters, Box::new(last_resort));
        let produce = Produce {
            flow: &self.flow,
            source,
            pipeline: &self.pipeline,
            encoder: &Picky,
            describer: &Json::PLAIN,
            publisher,
            dead_letters: &dead_letters,
            cursor,
            key: KeyRule::Primary,
            version: &self.version,
            in_flight: self.in_flight,
            save_every: self.save_every,
            stats: &self.stats,
        };
        produce.run(scope, mode, &self.stop).await
    }

    /// The stored cursor, as the number of the last row before it.
    pub fn stored(&self) -> Option<i64> {
        let position = self.cursors.stored(&self.flow)?;
        position.as_str().parse().ok()
    }

    /// The ids on the topic, in order.
    pub fn published(&self) -> Vec<i64> {
        ids(&self.broker.messages(TOPIC, 0))
    }

    /// The ids on the topic but for repetitions, in order of their first.
    pub fn first_published(&self) -> Vec<i64> {
        let mut seen = Vec::new();
        for id in self.published() {
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        seen
    }

    /// The keys and reasons on a topic of dead letters.
    pub fn dead_letters(&self, topic: &str) -> Vec<(String, String)> {
        let messages = self.broker.messages(topic, 0);
        let dead_letter = |it: highwater::model::Message<'_>| {
            let reason = it.headers.get("highwater-dead-reason").flatten();
            let text = |it: Option<&[u8]>| String::from_utf8_lossy(it.unwrap_or(b"")).into_owned();
            (text(it.key), text(reason))
        };
        messages.iter().map(dead_letter).collect()
    }
}

/// The ids of messages, by their keys.
pub fn ids(messages: &Messages) -> Vec<i64> {
    let id = |key: &[u8]| String::from_utf8_lossy(key).parse().expect("a number");
    messages
        .iter()
        .map(|it| id(it.key.expect("keyed")))
        .collect()
}

/// So many publishes that all go wrong in one way.
pub fn times(count: usize, fault: PublishFault) -> Vec<PublishFault> {
    vec![fault; count]
}
