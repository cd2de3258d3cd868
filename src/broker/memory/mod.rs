//! Topics in memory, for tests of flows: members that really share partitions, rebalances at
//! will, and a script of faults around any publisher.
//!
//! Nothing here waits for a clock, so that tests may pause it.

mod faults;
mod group;
mod publisher;
mod subscription;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{BrokerError, TopicId};
use crate::model::{Message, Messages, RecordOrigin};
pub use faults::{PublishFault, ScriptedPublisher};
use group::Group;
pub use publisher::MemoryPublisher;
pub use subscription::MemorySubscription;

/// Topics of one test. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryBroker {
    state: Arc<Mutex<State>>,
    /// Told after every change.
    pub(super) changed: Arc<Notify>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    topics: BTreeMap<String, Topic>,
    /// By topic and group.
    groups: BTreeMap<(String, String), Group>,
    topics_made: u64,
    pub members_made: u64,
}

#[derive(Debug)]
pub(super) struct Topic {
    id: TopicId,
    pub partitions: Vec<Partition>,
    /// Bytes that a message may have in key and value.
    pub message_limit: usize,
}

/// The messages of one partition.
#[derive(Debug, Default)]
pub(super) struct Partition {
    kept: Messages,
    pub first: i64,
    pub end: i64,
}

impl MemoryBroker {
    /// Makes a topic where it is not there.
    pub fn create_topic(&self, topic: &str, partitions: usize) {
        let mut state = self.state();
        state.topics_made += 1;
        let made = state.topics_made;
        state.topics.entry(topic.to_owned()).or_insert_with(|| {
            let mut all = Vec::new();
            all.resize_with(partitions.max(1), Partition::default);
            Topic {
                id: TopicId {
                    name: topic.to_owned(),
                    id: format!("memory-{made}"),
                },
                partitions: all,
                message_limit: usize::MAX,
            }
        });
    }

    /// Removes a topic with its messages and what its groups have committed.
    pub fn remove_topic(&self, topic: &str) {
        let mut state = self.state();
        state.topics.remove(topic);
        state.groups.retain(|(name, _), _| name != topic);
        drop(state);
        self.changed.notify_waiters();
    }

    /// From now on the topic refuses a message of more bytes, and with it whatever is published
    /// together with it.
    pub fn limit_messages(&self, topic: &str, bytes: usize) {
        if let Some(topic) = self.state().topics.get_mut(topic) {
            topic.message_limit = bytes;
        }
    }

    /// Forgets the messages of a partition before `offset`, as retention does.
    pub fn forget_before(&self, topic: &str, partition: i32, offset: i64) {
        self.with(topic, partition, |it| {
            it.first = offset.clamp(it.first, it.end)
        });
    }

    /// Leaves out some offsets, as an aborted transaction does.
    pub fn skip_offsets(&self, topic: &str, partition: i32, count: i64) {
        self.with(topic, partition, |it| it.end += count.max(0));
    }

    /// The messages of a partition that are there.
    pub fn messages(&self, topic: &str, partition: i32) -> Messages {
        let mut messages = Messages::default();
        self.with(topic, partition, |it| {
            messages = it.read(it.first, usize::MAX).0;
        });
        messages
    }

    /// Takes every partition of the group from its member; each goes to the next member, or back
    /// to the only one, once it is released.
    pub fn rebalance(&self, topic: &str, group: &str) {
        let key = (topic.to_owned(), group.to_owned());
        if let Some(group) = self.state().groups.get_mut(&key) {
            group.rotate();
        }
        self.changed.notify_waiters();
    }

    /// A publisher to a topic.
    ///
    /// # Errors
    /// `NoTopic` where it is not there.
    pub fn publisher(&self, topic: &str) -> Result<MemoryPublisher, BrokerError> {
        self.topic(topic)?;
        Ok(MemoryPublisher::new(self.clone(), topic))
    }

    /// Joins `group` to read a topic.
    ///
    /// # Errors
    /// `NoTopic` where it is not there.
    pub fn subscribe(&self, topic: &str, group: &str) -> Result<MemorySubscription, BrokerError> {
        self.topic(topic)?;
        Ok(MemorySubscription::join(self.clone(), topic, group))
    }

    /// The topic's id.
    ///
    /// # Errors
    /// `NoTopic` where it is not there.
    pub fn topic(&self, topic: &str) -> Result<TopicId, BrokerError> {
        self.state().topic(topic).map(|it| it.id.clone())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, topic: &str, partition: i32, change: impl FnOnce(&mut Partition)) {
        if let Ok(found) = self.state().partition(topic, partition) {
            change(found);
        }
        self.changed.notify_waiters();
    }
}

impl State {
    pub fn topic(&mut self, topic: &str) -> Result<&mut Topic, BrokerError> {
        let gone = || BrokerError::NoTopic(topic.to_owned());
        self.topics.get_mut(topic).ok_or_else(gone)
    }

    pub fn partition(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Result<&mut Partition, BrokerError> {
        let gone = || BrokerError::NoTopic(topic.to_owned());
        let index = usize::try_from(partition).map_err(|_| gone())?;
        self.topic(topic)?
            .partitions
            .get_mut(index)
            .ok_or_else(gone)
    }
}

impl Partition {
    pub fn append(&mut self, partition: i32, message: &Message<'_>) {
        let record_origin = RecordOrigin {
            partition,
            offset: self.end,
            timestamp: self.end,
        };
        self.end += 1;
        let Message { key, value, .. } = *message;
        self.kept.push(key, value, message.headers, record_origin);
    }

    /// Messages from `offset` on, at most so many, and the offset to go on from.
    pub fn read(&self, offset: i64, most: usize) -> (Messages, i64) {
        let mut found = Messages::default();
        let offset = offset.max(self.first);
        let (mut low, mut high) = (0, self.kept.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.kept.get(middle) {
                Some(it) if it.record_origin.offset < offset => low = middle + 1,
                _ => high = middle,
            }
        }
        let mut next = offset;
        for it in self.kept.iter().skip(low).take(most) {
            found.push(it.key, it.value, it.headers, it.record_origin);
            next = it.record_origin.offset + 1;
        }
        (found, next)
    }
}
