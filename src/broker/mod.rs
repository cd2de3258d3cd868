//! ③ Brokers: a `Publisher` that sends in order, and a `Subscription` that yields by partition.
//!
//! Contract, run as a suite against every broker (`tests/contracts`):
//!
//! - `publish` hands over in order and waits only while the client's queue is full. A delivery
//!   resolves when every message is durable; a delivery that is dropped promises nothing.
//! - Messages with equal keys go to one partition, in order.
//! - `Refused` names each message that the broker never accepts, `BatchRejected` each one that
//!   failed with its batch: the caller sends these again, one by one. A message that is published
//!   with nothing else in flight is accepted or `Refused`, never `BatchRejected`.
//! - `next` is waited on at least every few minutes, or the group takes the partitions away. A
//!   paused partition costs nothing, and its messages that were read ahead are kept.
//! - A subscription yields `Assigned` before any message of those partitions, and no message of
//!   them until `start` has said where each begins. `Revoked` comes before another member gets
//!   them.
//! - `commit` is a hint for lag tools; nothing here starts from it by itself.
//! - Offsets grow within a partition, not always by one. Where the last ones hold no message, a
//!   poll without messages says so by its `next_offset`.

pub mod dead_letters;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(any(test, feature = "doubles"))]
pub mod memory;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    fault::{Cause, Fault, Faulty},
    model::Messages,
};

/// Hands messages to one topic.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// The topic.
    fn topic(&self) -> &str;

    /// Hands `messages` over in order; waits while the client's queue is full.
    ///
    /// # Errors
    /// Where nothing can be handed over at all; what was handed over before is in doubt.
    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError>;
}

/// Resolves when every message of one `publish` is durable at the broker, or says which are not.
pub type Delivery = BoxFuture<'static, Result<(), DeliveryError>>;

/// Why a delivery is not complete.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Some messages were not taken; all others of the same `publish` are durable.
    #[error("messages rejected: {}, the first because {}", .0.len(), .0.first().map_or("", |it| it.reason.as_str()))]
    NotTaken(Vec<NotTaken>),
    /// The broker or the way to it failed; which messages are durable is in doubt.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// A message that the broker did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// Its index in what was published.
    pub index: usize,
    /// Why, in the broker's words.
    pub reason: String,
    /// Whether it was refused by itself, or may be taken when it is sent alone.
    pub rejection: Rejection,
}

/// Why a message was not accepted: by itself, or with its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The broker will never take it.
    Refused,
    /// It was part of a request that failed as a whole.
    BatchRejected,
}

/// Reads one topic as a member of a group.
#[async_trait]
pub trait Subscription: Send {
    /// The topic's name and id, as the sink's progress is kept by them.
    ///
    /// # Errors
    /// Where the topic does not exist or the broker cannot be asked.
    async fn topic(&mut self) -> Result<TopicId, BrokerError>;

    /// What happens next; waits until something does. Safe to drop while it waits.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn next(&mut self) -> Result<Event, BrokerError>;

    /// Answers `Assigned`: where each of those partitions starts.
    ///
    /// # Errors
    /// `OffsetGone` where a start is no longer in the topic.
    async fn start(&mut self, starts: &[(i32, Start)]) -> Result<(), BrokerError>;

    /// Answers `Revoked`: what was in flight for those partitions is written or dropped.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn release(&mut self, partitions: &[i32]) -> Result<(), BrokerError>;

    /// Pauses or resumes a partition.
    ///
    /// # Errors
    /// As `BrokerError` says.
    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError>;

    /// Commits the next offset of each partition to the group. A hint for lag tools only.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), BrokerError>;

    /// All partitions of the topic, whoever reads them.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn partitions(&mut self) -> Result<Vec<i32>, BrokerError>;

    /// Per partition the first offset that is there and the offset after the last one.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn bounds(&mut self, partition: i32) -> Result<(i64, i64), BrokerError>;

    /// The next offsets that a group has committed for this topic; empty where it has none.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn committed(&mut self, group: &str) -> Result<Vec<(i32, i64)>, BrokerError>;

    /// Leaves the group, within a few seconds.
    async fn close(self: Box<Self>);
}

/// Reads what a topic held when it was opened. Joins no group.
#[async_trait]
pub trait Reader: Send {
    /// The next messages of one partition; `None` when all is read.
    ///
    /// # Errors
    /// As `BrokerError` says.
    async fn next(&mut self) -> Result<Option<Polled>, BrokerError>;
}

/// What a subscription yields.
#[derive(Debug)]
pub enum Event {
    /// These partitions are ours; nothing of them comes until `start`.
    Assigned(Vec<i32>),
    /// These partitions go to another member, which waits for `release`.
    Revoked(Vec<i32>),
    /// Messages of one partition, in order.
    Messages(Polled),
}

/// Messages of one partition.
#[derive(Debug)]
pub struct Polled {
    /// The partition.
    pub partition: i32,
    /// The messages; each says its offset.
    pub messages: Messages,
    /// The offset to go on from when all of them are written.
    pub next_offset: i64,
}

/// Where a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first message there is.
    Earliest,
    /// At this offset, which must still be there.
    At(i64),
}

/// Pause or resume a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Yield no messages.
    Hold,
    /// Yield messages again.
    Resume,
}

/// A topic's name and id. A topic that is deleted and created again has another id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicId {
    /// Its name.
    pub name: String,
    /// Its id, as text.
    pub id: String,
}

/// Offset range of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetRange {
    /// The partition.
    pub partition: i32,
    /// The first offset that is there.
    pub first: i64,
    /// The offset after the last one.
    pub end: i64,
}

/// What can go wrong with a broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It cannot be reached, or cannot answer now.
    #[error("broker cannot be reached")]
    Lost(#[source] Cause),
    /// It refused for good: rights, wrong credentials.
    #[error("broker refused: {advice}")]
    Refused {
        /// What to do about it.
        advice: String,
        /// What it said.
        #[source]
        cause: Cause,
    },
    /// There is no such topic.
    #[error(
        "topic `{0}` does not exist: create it, or let Highwater do so with `create-topic = {{ partitions = 3, replication = 1 }}`"
    )]
    NoTopic(String),
    /// The stored offset is no longer in the topic.
    #[error(
        "topic `{topic}`, partition {partition}: offset {offset} is stored, but the topic holds {first} to {end}: {advice}"
    )]
    OffsetGone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset to start at.
        offset: i64,
        /// The first offset there is.
        first: i64,
        /// The offset after the last.
        end: i64,
        /// What to do about it.
        advice: String,
    },
    /// The table of dead letters cannot be reached, or cannot answer now.
    #[error("table of dead letters {0} cannot be reached")]
    TableLost(String, #[source] Cause),
    /// The table of dead letters refused for good: a missing column or right, a wrong name.
    #[error("table of dead letters {table} refused: {advice}")]
    TableRefused {
        /// Its connection and its name.
        table: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
}

impl Faulty for BrokerError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost(_) | Self::TableLost(..) => Fault::Transient,
            Self::Refused { .. }
            | Self::NoTopic(_)
            | Self::OffsetGone { .. }
            | Self::TableRefused { .. } => Fault::Permanent,
        }
    }
}
