//! Reader of an embedded topic outside any group, page by page.

use async_trait::async_trait;

use super::{
    EmbeddedBroker,
    store::{self as store, Topic},
};
use crate::broker::{BrokerError, OffsetRange, Polled, Reader};

/// Messages of one page, at most.
const MESSAGES: usize = 500;
/// Bytes of one page, about.
const BYTES: usize = 1 << 20;

/// Reads parts of an embedded topic.
pub struct EmbeddedReader {
    broker: EmbeddedBroker,
    topic: Topic,
    /// What is still to be read; the last one first.
    parts: Vec<OffsetRange>,
}

impl EmbeddedReader {
    pub(in crate::broker) fn new(
        broker: EmbeddedBroker,
        topic: Topic,
        mut parts: Vec<OffsetRange>,
    ) -> Self {
        parts.reverse();
        Self {
            broker,
            topic,
            parts,
        }
    }
}

#[async_trait]
impl Reader for EmbeddedReader {
    async fn next(&mut self) -> Result<Option<Polled>, BrokerError> {
        while let Some(part) = self.parts.last_mut() {
            let left = usize::try_from(part.end - part.first).unwrap_or(0);
            let (key, partition) = (self.topic.key, part.partition);
            let most = left.min(MESSAGES);
            let connection = &self.broker.connection;
            let page = store::page(connection, key, partition, part.first, most, BYTES).await;
            let messages = page.map_err(store::error)?;
            let last = messages.len().checked_sub(1);
            let Some(last) = last.and_then(|it| messages.get(it)) else {
                self.parts.pop();
                continue;
            };
            let next_offset = last.record_origin.offset + 1;
            part.first = next_offset;
            return Ok(Some(Polled {
                partition,
                messages,
                next_offset,
            }));
        }
        Ok(None)
    }
}
