//! A member of a group that reads a topic in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{
    MemoryBroker, State,
    group::{Change, Group},
};
use crate::broker::{BrokerError, Event, Pause, Polled, Start, Subscription, TopicId};

/// Reads one topic in memory as a member of a group.
#[derive(Debug)]
pub struct MemorySubscription {
    broker: MemoryBroker,
    topic: String,
    group: String,
    member: u64,
    partitions: BTreeMap<i32, Reading>,
    turn: i32,
    most: usize,
}

#[derive(Debug)]
struct Reading {
    next_offset: i64,
    paused: bool,
}

impl MemorySubscription {
    pub(in crate::broker) fn join(broker: MemoryBroker, topic: &str, group: &str) -> Self {
        let mut state = broker.state();
        state.members_made += 1;
        let member = state.members_made;
        let partitions = state.topic(topic).map_or(0, |it| it.partitions.len());
        let key = (topic.to_owned(), group.to_owned());
        state
            .groups
            .entry(key)
            .or_default()
            .join(member, partitions);
        drop(state);
        broker.changed.notify_waiters();
        Self {
            broker,
            topic: topic.to_owned(),
            group: group.to_owned(),
            member,
            partitions: BTreeMap::new(),
            turn: -1,
            most: 1000,
        }
    }

    /// Yields at most so many messages at once; 1000 if nothing is said.
    pub fn at_most(mut self, messages: usize) -> Self {
        self.most = messages.max(1);
        self
    }

    fn group<T>(&self, answer: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let mut state = self.broker.state();
        let key = (self.topic.clone(), self.group.clone());
        state.groups.get_mut(&key).map(answer)
    }

    fn happened(&mut self) -> Result<Option<Event>, BrokerError> {
        let member = self.member;
        match self.group(|it| it.next_change(member)).flatten() {
            Some(Change::Assigned(partitions)) => return Ok(Some(Event::Assigned(partitions))),
            Some(Change::Revoked(partitions)) => {
                self.partitions.retain(|it, _| !partitions.contains(it));
                return Ok(Some(Event::Revoked(partitions)));
            }
            None => (),
        }
        let broker = self.broker.clone();
        let mut state = broker.state();
        state.topic(&self.topic)?;
        let after = self.partitions.range(self.turn.saturating_add(1)..);
        let before = self.partitions.range(..=self.turn);
        let order: Vec<i32> = after.chain(before).map(|(it, _)| *it).collect();
        for partition in order {
            if let Some(polled) = self.read(&mut state, partition)? {
                self.turn = partition;
                return Ok(Some(Event::Messages(polled)));
            }
        }
        Ok(None)
    }

    fn read(&mut self, state: &mut State, partition: i32) -> Result<Option<Polled>, BrokerError> {
        let key = (self.topic.clone(), self.group.clone());
        let group = state.groups.get(&key);
        let ours = group.is_some_and(|it| it.is_owner(self.member, partition));
        let Some(reading) = self.partitions.get_mut(&partition) else {
            return Ok(None);
        };
        if reading.paused || !ours {
            return Ok(None);
        }
        let kept = state.partition(&self.topic, partition)?;
        let offset = reading.next_offset;
        if offset < kept.first {
            let (first, end) = (kept.first, kept.end);
            return Err(gone(&self.topic, partition, offset, first, end));
        }
        let (messages, mut next_offset) = kept.read(offset, self.most);
        if messages.len() < self.most {
            // Nothing is behind them but offsets without messages.
            next_offset = kept.end;
        }
        reading.next_offset = next_offset;
        Ok((next_offset > offset).then_some(Polled {
            partition,
            messages,
            next_offset,
        }))
    }

    fn limits(&self, partition: i32) -> Result<(i64, i64), BrokerError> {
        let mut state = self.broker.state();
        let kept = state.partition(&self.topic, partition)?;
        Ok((kept.first, kept.end))
    }
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn topic(&mut self) -> Result<TopicId, BrokerError> {
        self.broker.topic(&self.topic)
    }

    async fn next(&mut self) -> Result<Event, BrokerError> {
        let changed = self.broker.changed.clone();
        loop {
            let mut changed = std::pin::pin!(changed.notified());
            // Listen first, look then: what happens between the two must not be missed.
            changed.as_mut().enable();
            if let Some(event) = self.happened()? {
                return Ok(event);
            }
            changed.await;
        }
    }

    async fn start(&mut self, starts: &[(i32, Start)]) -> Result<(), BrokerError> {
        for (partition, start) in starts {
            let (first, end) = self.limits(*partition)?;
            let next_offset = match start {
                Start::Earliest => first,
                Start::At(offset) if (first..=end).contains(offset) => *offset,
                Start::At(offset) => {
                    return Err(gone(&self.topic, *partition, *offset, first, end));
                }
            };
            let reading = Reading {
                next_offset,
                paused: false,
            };
            self.partitions.insert(*partition, reading);
        }
        Ok(())
    }

    async fn release(&mut self, partitions: &[i32]) -> Result<(), BrokerError> {
        self.partitions.retain(|it, _| !partitions.contains(it));
        let member = self.member;
        self.group(|it| it.release(member, partitions));
        self.broker.changed.notify_waiters();
        Ok(())
    }

    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        if let Some(reading) = self.partitions.get_mut(&partition) {
            reading.paused = pause == Pause::Hold;
        }
        Ok(())
    }

    async fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), BrokerError> {
        self.group(|it| it.committed.extend(next_offsets.iter().copied()));
        Ok(())
    }

    async fn partitions(&mut self) -> Result<Vec<i32>, BrokerError> {
        let mut state = self.broker.state();
        let partitions = state.topic(&self.topic)?.partitions.len();
        Ok((0..partitions as i32).collect())
    }

    async fn bounds(&mut self, partition: i32) -> Result<(i64, i64), BrokerError> {
        self.limits(partition)
    }

    async fn committed(&mut self, group: &str) -> Result<Vec<(i32, i64)>, BrokerError> {
        let state = self.broker.state();
        let key = (self.topic.clone(), group.to_owned());
        let group = state.groups.get(&key);
        let committed = group.map(|it| it.committed.iter().map(|(p, o)| (*p, *o)));
        Ok(committed.map(Iterator::collect).unwrap_or_default())
    }

    async fn close(self: Box<Self>) {
        // Whoever drops it leaves.
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        let member = self.member;
        self.group(|it| it.leave(member));
        self.broker.changed.notify_waiters();
    }
}

fn gone(topic: &str, partition: i32, offset: i64, first: i64, end: i64) -> BrokerError {
    BrokerError::OffsetGone {
        topic: topic.to_owned(),
        partition,
        offset,
        first,
        end,
        advice: "say where to go on with `cursor set`".to_owned(),
    }
}
