//! Consumer of an embedded topic: the member that has the group's lock.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::PathBuf,
    time::Duration,
};

use async_trait::async_trait;

use super::{
    EmbeddedBroker,
    store::{self as store, Topic},
};
use crate::broker::{BrokerError, Event, Pause, Polled, Start, Subscription, TopicId};

/// Reads one topic of a file as a member of a group.
pub struct EmbeddedSubscription {
    broker: EmbeddedBroker,
    topic: Topic,
    group: String,
    lock_path: PathBuf,
    /// Held by the member that reads.
    lock: Option<File>,
    partitions: BTreeMap<i32, Reading>,
    /// The partition after which the next look goes on, so that each has its turn.
    turn: i32,
}

#[derive(Debug)]
struct Reading {
    next_offset: i64,
    paused: bool,
}

/// How often a look is taken for what other processes did.
const POLL: Duration = Duration::from_millis(150);
/// Messages that are yielded at once, at most.
const MESSAGES: usize = 2048;
/// Bytes that are yielded at once, at most but for one message.
const BYTES: usize = 1 << 20;

impl EmbeddedSubscription {
    pub(in crate::broker) fn new(broker: EmbeddedBroker, topic: Topic, group: &str) -> Self {
        let mut lock_path = broker.connection.path().as_os_str().to_owned();
        lock_path.push(format!(
            ".{}@{}.lock",
            file_name(&topic.id.name),
            file_name(group)
        ));
        Self {
            broker,
            topic,
            group: group.to_owned(),
            lock_path: lock_path.into(),
            lock: None,
            partitions: BTreeMap::new(),
            turn: -1,
        }
    }

    /// Whether this member reads, from now on or already.
    fn holds_lock(&mut self) -> Result<bool, BrokerError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let refused = |error: io::Error| BrokerError::Refused {
            advice: format!("see to {}", self.lock_path.display()),
            cause: error.into(),
        };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&self.lock_path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    /// Whether any member reads. This one does not become it.
    pub(super) fn is_read(&self) -> Result<bool, BrokerError> {
        let refused = |error: io::Error| BrokerError::Refused {
            advice: format!("see to {}", self.lock_path.display()),
            cause: error.into(),
        };
        let file = match File::open(&self.lock_path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(refused(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    /// Messages of the partition whose turn it is.
    async fn messages(&mut self) -> Result<Option<Polled>, BrokerError> {
        let readable = |(partition, it): (&i32, &Reading)| {
            (!it.paused).then_some((*partition, it.next_offset))
        };
        let after = self.partitions.range(self.turn.saturating_add(1)..);
        let before = self.partitions.range(..=self.turn);
        let order: Vec<_> = after.chain(before).filter_map(readable).collect();
        for (partition, offset) in order {
            let (first, end) = self.limits(partition).await?;
            if offset < first {
                return Err(self.offset_gone(partition, offset, first, end));
            }
            if offset >= end {
                continue;
            }
            let (connection, topic) = (&self.broker.connection, self.topic.key);
            let messages = store::page(connection, topic, partition, offset, MESSAGES, BYTES)
                .await
                .map_err(store::error)?;
            let ends = (messages.get(0), messages.len().checked_sub(1));
            let (Some(head), Some(last)) = ends else {
                continue;
            };
            if head.record_origin.offset > offset {
                // Forgotten between the two looks.
                return Err(self.offset_gone(partition, offset, head.record_origin.offset, end));
            }
            let last = messages
                .get(last)
                .map_or(offset, |it| it.record_origin.offset);
            self.turn = partition;
            if let Some(reading) = self.partitions.get_mut(&partition) {
                reading.next_offset = last + 1;
            }
            return Ok(Some(Polled {
                partition,
                messages,
                next_offset: last + 1,
            }));
        }
        Ok(None)
    }

    async fn limits(&self, partition: i32) -> Result<(i64, i64), BrokerError> {
        store::bounds(&self.broker.connection, self.topic.key, partition)
            .await
            .map_err(store::error)?
            .ok_or_else(|| BrokerError::NoTopic(self.topic.id.name.clone()))
    }

    fn offset_gone(&self, partition: i32, offset: i64, first: i64, end: i64) -> BrokerError {
        BrokerError::OffsetGone {
            topic: self.topic.id.name.clone(),
            partition,
            offset,
            first,
            end,
            advice: "make sure that it is the right file, and say where to go on with `cursor set`"
                .to_owned(),
        }
    }
}

#[async_trait]
impl Subscription for EmbeddedSubscription {
    async fn topic(&mut self) -> Result<TopicId, BrokerError> {
        self.broker.topic(&self.topic.id.name).await
    }

    async fn next(&mut self) -> Result<Event, BrokerError> {
        if self.lock.is_none() {
            while !self.holds_lock()? {
                tokio::time::sleep(POLL).await;
            }
            return Ok(Event::Assigned((0..self.topic.partitions).collect()));
        }
        let written = self.broker.written.clone();
        loop {
            let mut written = std::pin::pin!(written.notified());
            // Listen first, look then: what is written between the two must not be missed.
            written.as_mut().enable();
            if let Some(polled) = self.messages().await? {
                return Ok(Event::Messages(polled));
            }
            // Other processes tell nobody.
            let _ = tokio::time::timeout(POLL, written).await;
        }
    }

    async fn start(&mut self, starts: &[(i32, Start)]) -> Result<(), BrokerError> {
        let mut readings = Vec::with_capacity(starts.len());
        for (partition, start) in starts {
            let (first, end) = self.limits(*partition).await?;
            let next_offset = match start {
                Start::Earliest => first,
                Start::At(offset) if (first..=end).contains(offset) => *offset,
                Start::At(offset) => {
                    return Err(self.offset_gone(*partition, *offset, first, end));
                }
            };
            let reading = Reading {
                next_offset,
                paused: false,
            };
            readings.push((*partition, reading));
        }
        self.partitions.extend(readings);
        Ok(())
    }

    async fn release(&mut self, partitions: &[i32]) -> Result<(), BrokerError> {
        self.partitions.retain(|it, _| !partitions.contains(it));
        Ok(())
    }

    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        if let Some(reading) = self.partitions.get_mut(&partition) {
            reading.paused = pause == Pause::Hold;
        }
        Ok(())
    }

    async fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), BrokerError> {
        let connection = &self.broker.connection;
        store::commit(connection, &self.group, self.topic.key, next_offsets)
            .await
            .map_err(store::error)
    }

    async fn partitions(&mut self) -> Result<Vec<i32>, BrokerError> {
        Ok((0..self.topic.partitions).collect())
    }

    async fn bounds(&mut self, partition: i32) -> Result<(i64, i64), BrokerError> {
        self.limits(partition).await
    }

    async fn committed(&mut self, group: &str) -> Result<Vec<(i32, i64)>, BrokerError> {
        store::committed(&self.broker.connection, group, self.topic.key)
            .await
            .map_err(store::error)
    }

    async fn close(self: Box<Self>) {
        // The lock goes with the file's handle.
    }
}

/// A name as part of a file's: what is not plain is written by its bytes.
fn file_name(name: &str) -> String {
    let plain = |it: &u8| it.is_ascii_alphanumeric() || b"-_.".contains(it);
    name.bytes()
        .map(|it| {
            if plain(&it) {
                char::from(it).to_string()
            } else {
                format!("%{it:02x}")
            }
        })
        .collect()
}
