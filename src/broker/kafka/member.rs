//! Settings of a group member, and its configuration of librdkafka.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::{KafkaBroker, millis, set_default};

/// How messages are read.
#[derive(Debug, Clone)]
pub struct KafkaSubscriptionSettings {
    /// Messages that are yielded at once, at most.
    pub messages: usize,
    /// Bytes that are yielded at once, about.
    pub bytes: usize,
    /// Bytes that are read ahead, over all partitions of the topic.
    pub queue_bytes: usize,
    /// A member that is not heard of for so long has lost its partitions.
    pub session_timeout: Duration,
}

impl Default for KafkaSubscriptionSettings {
    fn default() -> Self {
        Self {
            messages: 4096,
            bytes: 1 << 20,
            queue_bytes: 16 << 20,
            session_timeout: Duration::from_secs(45),
        }
    }
}

/// What the client of a member is told, for a topic of so many partitions.
pub(super) fn member_config(
    broker: &KafkaBroker,
    group: &str,
    settings: &KafkaSubscriptionSettings,
    partitions: i32,
) -> ClientConfig {
    // Three seconds for the default of 45; a member hears of a rebalance by its heartbeat.
    let heartbeat = settings.session_timeout / 15;
    let mut config = broker.config.clone();
    config
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("session.timeout.ms", millis(settings.session_timeout))
        .set("heartbeat.interval.ms", millis(heartbeat));
    // The limits hold for each queue, and each partition has its own. What librdkafka keeps beside
    // a message is not in its count of bytes: small messages are limited by their number.
    let queues = usize::try_from(partitions).unwrap_or(1).max(1);
    let kilobytes = (settings.queue_bytes / queues / 1024).clamp(256, i32::MAX as usize / 1024);
    let messages = (settings.queue_bytes / queues / SMALL_MESSAGE).clamp(1000, 100_000);
    set_default(&mut config, "queued.max.messages.kbytes", kilobytes);
    set_default(&mut config, "queued.min.messages", messages);
    // A queue that was full is filled again at once; the default waits for a second.
    set_default(&mut config, "fetch.queue.backoff.ms", 5);
    config
}

/// Bytes that a small message takes in librdkafka's memory, about.
const SMALL_MESSAGE: usize = 512;
