//! Topics, and bare clients of Kafka that are set up as ours are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use rdkafka::{
    ClientConfig, ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};

pub const PARTITIONS: i32 = 3;

const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two tries while a queue is full or empties.
const PAUSE: Duration = Duration::from_millis(1);

pub async fn create(brokers: &str, topic: &str) -> Result<()> {
    let topic = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let created = admin(brokers)?
        .create_topics([&topic], &AdminOptions::new())
        .await?;
    for outcome in created {
        outcome.map_err(|(topic, code)| anyhow!("topic {topic} cannot be made: {code}"))?;
    }
    Ok(())
}

/// Deletes every topic that begins with `name`.
pub async fn delete(brokers: &str, name: &str) -> Result<()> {
    let admin = admin(brokers)?;
    let metadata = admin.inner().fetch_metadata(None, PATIENCE)?;
    let topics = metadata.topics().iter().map(|it| it.name());
    let topics: Vec<_> = topics.filter(|it| it.starts_with(name)).collect();
    if topics.is_empty() {
        return Ok(());
    }
    for outcome in admin.delete_topics(&topics, &AdminOptions::new()).await? {
        outcome.map_err(|(topic, code)| anyhow!("topic {topic} cannot be deleted: {code}"))?;
    }
    Ok(())
}

/// How many messages a topic holds, where nothing was deleted from it.
pub fn count(brokers: &str, topic: &str) -> Result<u64> {
    let consumer = consumer(brokers)?;
    let mut count = 0;
    for partition in 0..PARTITIONS {
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        count += (high - low) as u64;
    }
    Ok(count)
}

pub fn consumer(brokers: &str) -> Result<BaseConsumer> {
    let mut config = config(brokers);
    config
        .set("group.id", "highwater-bench-bare")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    Ok(config.create()?)
}

/// A producer that does nothing but produce.
pub struct BareProducer {
    producer: ThreadedProducer<Answers>,
    topic: String,
    sent: u64,
}

/// Counts what the broker answers.
#[derive(Clone, Default)]
struct Answers {
    taken: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl BareProducer {
    /// With the settings of our own producer.
    pub fn open(brokers: &str, topic: &str) -> Result<Self> {
        let producer = config(brokers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("queue.buffering.max.kbytes", "65536")
            .set("queue.buffering.max.messages", "1000000")
            .set("batch.size", "1000000")
            .set("batch.num.messages", "100000")
            .create_with_context(Answers::default())?;
        Ok(Self {
            producer,
            topic: topic.to_owned(),
            sent: 0,
        })
    }

    pub fn send(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let record = BaseRecord::to(&self.topic).key(key).payload(value);
        self.hand_over(record)?;
        self.sent += 1;
        Ok(())
    }

    /// To a partition that the key does not choose.
    pub fn send_to(&mut self, partition: i32, key: &[u8], value: &[u8]) -> Result<()> {
        let record = BaseRecord::to(&self.topic).key(key).payload(value);
        self.hand_over(record.partition(partition))?;
        self.sent += 1;
        Ok(())
    }

    fn hand_over(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
        while let Err((error, back)) = self.producer.send(record) {
            ensure!(
                error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull),
                error
            );
            record = back;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits until every message is answered.
    pub fn finish(self) -> Result<()> {
        let answers = self.producer.context();
        let patience = Instant::now() + PATIENCE;
        while answers.taken.load(Ordering::Acquire) < self.sent {
            let refused = answers.refused.load(Ordering::Acquire);
            ensure!(refused == 0, "the broker refused {refused} messages");
            ensure!(Instant::now() < patience, "the broker does not answer");
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(_) => &self.taken,
            Err(_) => &self.refused,
        };
        counter.fetch_add(1, Ordering::AcqRel);
    }
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>> {
    Ok(config(brokers).create()?)
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}
