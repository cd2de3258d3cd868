//! Messages to a Kafka topic, in order, each answered for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
    statistics::Statistics,
};
use tokio::sync::{Notify, oneshot};

use super::{
    KafkaBroker,
    delivery::{Handed, Pending},
    errors::broker_error,
    millis, set_default, topics,
};
use crate::{
    broker::{BrokerError, Delivery, Publisher},
    connect::kafka_log::KafkaLog,
    model::{Headers, Message, Messages},
};

/// Publishes to one topic of a Kafka cluster.
///
/// Where the idempotent producer has lost its place (a fatal error), every further publish is
/// `Lost`: open another publisher.
pub struct KafkaPublisher {
    topic: String,
    producer: Arc<Producing>,
}

/// How messages are sent.
#[derive(Debug, Clone)]
pub struct KafkaPublisherSettings {
    /// How batches are compressed.
    pub compression: KafkaCompression,
    /// How a key is given its partition. All producers to a topic must agree.
    pub partitioner: KafkaPartitioner,
    /// How long a batch waits for more.
    pub linger: Duration,
    /// Bytes that wait to be sent, at most; `publish` waits where they are reached.
    pub queue_bytes: usize,
    /// How long a message is tried for; then its delivery is `Lost`.
    pub delivery_timeout: Duration,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaCompression {
    /// Not at all.
    None,
    /// lz4: cheap, and well worth it for JSON.
    Lz4,
    /// zstd: smaller, at some cost.
    Zstd,
    /// snappy.
    Snappy,
    /// gzip: dear.
    Gzip,
}

/// How a key is given its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaPartitioner {
    /// As Java's clients do; null keys anywhere.
    Murmur2,
    /// As librdkafka's clients do by default (CRC32); null keys anywhere.
    Consistent,
    /// As Sarama's clients do; null keys anywhere.
    Fnv1a,
}

impl Default for KafkaPublisherSettings {
    fn default() -> Self {
        Self {
            compression: KafkaCompression::Lz4,
            partitioner: KafkaPartitioner::Murmur2,
            linger: Duration::from_millis(5),
            queue_bytes: 64 << 20,
            delivery_timeout: Duration::from_secs(120),
        }
    }
}

impl KafkaPublisher {
    /// Opens a producer to a topic that is there.
    pub(in crate::broker) async fn open(
        broker: &KafkaBroker,
        topic: &str,
        settings: &KafkaPublisherSettings,
    ) -> Result<Self, BrokerError> {
        let (base, name) = (&broker.config, broker.name.as_str());
        // A producer that asks for its topic could make it; this question cannot.
        topics::describe(base, name, topic).await?;
        // librdkafka does not split a batch that is too large for the topic.
        let largest = topics::largest_batch(base, name, topic).await;
        let batch = largest.map_or(BATCH_BYTES, |it| it.clamp(1, BATCH_BYTES));
        let mut config = base.clone();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", settings.partitioner.name())
            .set("compression.type", settings.compression.name())
            // The topic's own limit decides what is too large, not a guess made here.
            .set("message.max.bytes", LARGEST_MESSAGE);
        for (option, alias, duration) in [
            ("linger.ms", "queue.buffering.max.ms", settings.linger),
            (
                "message.timeout.ms",
                "delivery.timeout.ms",
                settings.delivery_timeout,
            ),
        ] {
            if config.get(alias).is_none() {
                set_default(&mut config, option, millis(duration));
            }
        }
        let kilobytes = (settings.queue_bytes >> 10).clamp(1, i32::MAX as usize);
        set_default(&mut config, "queue.buffering.max.kbytes", kilobytes);
        set_default(&mut config, "queue.buffering.max.messages", 1_000_000);
        set_default(&mut config, "batch.size", batch);
        set_default(&mut config, "batch.num.messages", 100_000);
        let context = Acks::new(KafkaLog::new(name));
        let producer = config
            .create_with_context(context)
            .map_err(|error| broker_error(topic, error, &KafkaLog::new(name)))?;
        let producer = Arc::new(Producing(producer));
        Producing::serve(&producer).map_err(|error| BrokerError::Lost(error.into()))?;
        let topic = topic.to_owned();
        Ok(Self { topic, producer })
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    fn topic(&self) -> &str {
        &self.topic
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let acks = self.producer.acks();
        let (pending, answer) = Pending::new(&self.topic, messages.len(), &acks.in_flight);
        let mut unsent = Unsent {
            in_flight: &acks.in_flight,
            messages: messages.len(),
        };
        for (index, message) in messages.iter().enumerate() {
            let handed = Box::new(Handed {
                pending: pending.clone(),
                index,
            });
            let mut record = record(&self.topic, &message, handed);
            loop {
                let (error, back) = match self.producer.0.send(record) {
                    Ok(()) => break,
                    Err(refused) => refused,
                };
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => {
                        let Some(back) = self.when_there_is_room(back).await? else {
                            break;
                        };
                        record = back;
                    }
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                        // Larger than any topic takes: it was never in a request.
                        pending.refuse(index, RDKafkaErrorCode::MessageSizeTooLarge);
                        pending.complete_message(&acks.in_flight);
                        break;
                    }
                    _ => return Err(broker_error(&self.topic, error, &acks.log)),
                }
            }
            unsent.messages -= 1;
        }
        // The hand-over itself was counted as one more, so that none of its deliveries ended it.
        pending.complete_one();
        Ok(delivery(self.producer.clone(), answer))
    }
}

impl KafkaPublisher {
    /// Tries again once there may be room; gives back what does not fit even then.
    async fn when_there_is_room<'a>(
        &self,
        record: Record<'a>,
    ) -> Result<Option<Record<'a>>, BrokerError> {
        let acks = self.producer.acks();
        let mut room = std::pin::pin!(acks.room.notified());
        // Listen first, look then: a delivery between the two must not be missed.
        room.as_mut().enable();
        match self.producer.0.send(record) {
            Ok(()) => Ok(None),
            Err((error, back)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => {
                    room.await;
                    Ok(Some(back))
                }
                _ => Err(broker_error(&self.topic, error, &acks.log)),
            },
        }
    }
}

type Record<'a> = BaseRecord<'a, [u8], [u8], Box<Handed>>;

fn record<'a>(topic: &'a str, message: &Message<'a>, handed: Box<Handed>) -> Record<'a> {
    BaseRecord {
        topic,
        partition: None,
        payload: message.value,
        key: message.key,
        timestamp: None,
        headers: headers(message.headers),
        delivery_opaque: handed,
    }
}

fn headers(headers: Headers<'_>) -> Option<OwnedHeaders> {
    let count = headers.count();
    (count > 0).then(|| {
        headers.fold(
            OwnedHeaders::new_with_capacity(count),
            |all, (key, value)| all.insert(Header { key, value }),
        )
    })
}

/// Holds the producer until the answer is there: a producer that is dropped throws away what it
/// has not sent.
fn delivery(
    producer: Arc<Producing>,
    answer: oneshot::Receiver<Result<(), crate::broker::DeliveryError>>,
) -> Delivery {
    Box::pin(async move {
        let answered = answer.await;
        drop(producer);
        answered.unwrap_or_else(|error| Err(BrokerError::Lost(error.into()).into()))
    })
}

/// A producer and the thread that serves it.
struct Producing(BaseProducer<Acks>);

impl Producing {
    fn acks(&self) -> &Acks {
        self.0.context()
    }

    /// Serves deliveries for as long as anybody holds the producer.
    fn serve(producer: &Arc<Self>) -> std::io::Result<()> {
        let producer = Arc::downgrade(producer);
        thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn(move || {
                while let Some(producer) = producer.upgrade() {
                    producer.0.poll(POLL);
                }
            })
            .map(drop)
    }
}

/// Hears of every message that was sent, and of the producer's troubles.
struct Acks {
    log: KafkaLog,
    /// Told with every delivery: there may be room in the queue.
    room: Notify,
    in_flight: InFlight,
}

/// How many messages were ever handed over, and how many of them are answered.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub handed: AtomicU64,
    pub completed: AtomicU64,
}

/// Messages of a publish that are not handed over yet, and never will be where it ends early.
struct Unsent<'a> {
    in_flight: &'a InFlight,
    messages: usize,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        let messages = self.messages as u64;
        self.in_flight
            .completed
            .fetch_add(messages, Ordering::AcqRel);
    }
}

impl Acks {
    fn new(log: KafkaLog) -> Self {
        Self {
            log,
            room: Notify::new(),
            in_flight: InFlight::default(),
        }
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<Handed>;

    fn delivery(&self, result: &DeliveryResult<'_>, handed: Box<Handed>) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            let refused = (handed.index, code, rdkafka::Message::key(message).is_none());
            handed.pending.fail(refused, &self.in_flight, &self.log);
        }
        handed.pending.complete_message(&self.in_flight);
        self.room.notify_waiters();
    }
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl InFlight {
    /// Whether everything that was ever handed over is answered.
    pub fn none(&self) -> bool {
        self.handed.load(Ordering::Acquire) == self.completed.load(Ordering::Acquire)
    }
}

impl KafkaCompression {
    /// Its name as Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
        }
    }
}

impl KafkaPartitioner {
    /// Its name as librdkafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2_random",
            Self::Consistent => "consistent_random",
            Self::Fnv1a => "fnv1a_random",
        }
    }
}

/// The thread looks this often whether its producer is still wanted.
const POLL: Duration = Duration::from_millis(100);
/// librdkafka's own default, below which topics may be.
const BATCH_BYTES: u64 = 1_000_000;
/// The most that librdkafka can be told.
const LARGEST_MESSAGE: &str = "1000000000";
