//! Messages to a topic in memory.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;

use super::MemoryBroker;
use crate::{
    broker::{
        BrokerError, Delivery, DeliveryError, NotTaken, Publisher, Rejection, embedded::murmur2,
    },
    model::{Message, Messages},
};

/// Publishes to one topic in memory.
#[derive(Debug)]
pub struct MemoryPublisher {
    broker: MemoryBroker,
    topic: String,
    turn: AtomicU32,
}

impl MemoryPublisher {
    pub(in crate::broker) fn new(broker: MemoryBroker, topic: &str) -> Self {
        Self {
            broker,
            topic: topic.to_owned(),
            turn: AtomicU32::new(0),
        }
    }

    fn append(&self, messages: &Messages) -> Result<(), DeliveryError> {
        let mut state = self.broker.state();
        let topic = state.topic(&self.topic)?;
        let large = |it: &Message<'_>| {
            let bytes = |it: Option<&[u8]>| it.map_or(0, <[u8]>::len);
            bytes(it.key) + bytes(it.value) > topic.message_limit
        };
        if messages.iter().any(|it| large(&it)) {
            let rejection = match messages.len() {
                1 => Rejection::Refused,
                _ => Rejection::BatchRejected,
            };
            let all = (0..messages.len()).map(|index| NotTaken {
                index,
                reason: "message too large".to_owned(),
                rejection,
            });
            return Err(DeliveryError::NotTaken(all.collect()));
        }
        let partitions = topic.partitions.len() as i32;
        for message in messages.iter() {
            let partition = match message.key {
                Some(key) => murmur2::partition(key, partitions),
                None => (self.turn.fetch_add(1, Ordering::Relaxed) % partitions as u32) as i32,
            };
            topic.partitions[partition as usize].append(partition, &message);
        }
        Ok(())
    }
}

#[async_trait]
impl Publisher for MemoryPublisher {
    fn topic(&self) -> &str {
        &self.topic
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let outcome = self.append(&messages);
        self.broker.changed.notify_waiters();
        Ok(Box::pin(std::future::ready(outcome)))
    }
}
