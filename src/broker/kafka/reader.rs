//! Reader of a Kafka topic with assigned partitions, outside any group.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers, Message},
};
use tokio::sync::mpsc;

use super::{errors::broker_error, set_default};
use crate::{
    broker::{BrokerError, OffsetRange, Polled, Reader},
    connect::kafka_log::KafkaLog,
    model::{Messages, RecordOrigin},
};

/// Messages handed over at once, at most.
const MESSAGES: usize = 500;
/// Bytes handed over at once, about.
const BYTES: usize = 1 << 20;
/// Batches that wait to be taken.
const AHEAD: usize = 1;
/// How long one look lasts.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a cluster may be silent while something is still to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads parts of a topic, on a thread of its own.
pub struct KafkaReader {
    batches: mpsc::Receiver<Result<Polled, BrokerError>>,
}

impl KafkaReader {
    pub(in crate::broker) fn open(
        config: &ClientConfig,
        name: &str,
        topic: &str,
        parts: Vec<OffsetRange>,
    ) -> Self {
        let (out, batches) = mpsc::channel(AHEAD);
        let mut config = config.clone();
        // Without a name the client assigns nothing; it is never joined, and nothing is committed.
        config
            .set("group.id", "highwater.reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        set_default(&mut config, "queued.max.messages.kbytes", 4096);
        let (log, topic) = (KafkaLog::new(name), topic.to_owned());
        tokio::task::spawn_blocking(move || {
            let left = parts.into_iter().filter(|it| it.first < it.end);
            let reading = Reading {
                left: left.map(|it| (it.partition, it)).collect(),
                gathered: None,
                out: &out,
            };
            if let Err(error) = reading.run(&config, log, &topic) {
                // Nobody waits for it where this fails.
                let _ = out.blocking_send(Err(error));
            }
        });
        Self { batches }
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next(&mut self) -> Result<Option<Polled>, BrokerError> {
        self.batches.recv().await.transpose()
    }
}

struct Reading<'o> {
    /// Parts that are not read to their end.
    left: BTreeMap<i32, OffsetRange>,
    gathered: Option<Polled>,
    out: &'o mpsc::Sender<Result<Polled, BrokerError>>,
}

impl Reading<'_> {
    fn run(mut self, config: &ClientConfig, log: KafkaLog, topic: &str) -> Result<(), BrokerError> {
        let failed = |error| broker_error(topic, error, &KafkaLog::new(""));
        let consumer: BaseConsumer<KafkaLog> = config.create_with_context(log).map_err(failed)?;
        let failed = |error| broker_error(topic, error, consumer.context());
        let mut list = TopicPartitionList::new();
        for part in self.left.values() {
            list.add_partition_offset(topic, part.partition, Offset::Offset(part.first))
                .map_err(failed)?;
        }
        consumer.assign(&list).map_err(failed)?;
        let mut heard = Instant::now();
        while !self.left.is_empty() && !self.out.is_closed() {
            match consumer.poll(GLANCE) {
                None if heard.elapsed() > PATIENCE => {
                    let silence = KafkaError::MessageConsumption(
                        rdkafka::error::RDKafkaErrorCode::OperationTimedOut,
                    );
                    return Err(failed(silence));
                }
                None => self.hand_over(),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.left.remove(&partition);
                }
                Some(Err(error)) if heard.elapsed() > PATIENCE => return Err(failed(error)),
                // It passes, or the silence tells.
                Some(Err(error)) => match failed(error) {
                    BrokerError::Lost(_) => (),
                    refused => return Err(refused),
                },
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.take(&message);
                    // Time that the receiver takes is not the cluster's.
                    heard = heard.max(Instant::now());
                }
            }
        }
        self.hand_over();
        // Closing waits for the cluster; there is nothing to tell it.
        Ok(())
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let (partition, offset) = (message.partition(), message.offset());
        let Some(part) = self.left.get(&partition) else {
            return;
        };
        let end = part.end;
        if offset < end {
            let record_origin = RecordOrigin {
                partition,
                offset,
                timestamp: message.timestamp().to_millis().unwrap_or(0),
            };
            let full = |it: &Polled| {
                let (messages, bytes) = (it.messages.len(), it.messages.bytes());
                it.partition != partition || messages >= MESSAGES || bytes >= BYTES
            };
            if self.gathered.as_ref().is_some_and(full) {
                self.hand_over();
            }
            let gathered = self.gathered.get_or_insert_with(|| Polled {
                partition,
                messages: Messages::default(),
                next_offset: offset,
            });
            let headers = message.headers().into_iter().flat_map(|it| it.iter());
            let headers = headers.map(|it| (it.key, it.value));
            let (key, value) = (message.key(), message.payload());
            gathered.messages.push(key, value, headers, record_origin);
            gathered.next_offset = offset + 1;
        }
        if offset + 1 >= end {
            self.left.remove(&partition);
        }
    }

    fn hand_over(&mut self) {
        if let Some(polled) = self.gathered.take() {
            // Nobody waits for it where this fails; the loop sees that.
            let _ = self.out.blocking_send(Ok(polled));
        }
    }
}
