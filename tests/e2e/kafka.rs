//! Kafka, as the tests speak to it.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    message::{Headers, OwnedMessage},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
    types::RDKafkaErrorCode,
};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// The brokers.
pub struct Kafka {
    brokers: String,
}

/// One message to produce.
pub struct Outgoing<'a> {
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

impl Kafka {
    pub fn new(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
        }
    }

    /// Makes a topic with settings of its own.
    ///
    /// # Errors
    /// The brokers refuse.
    pub async fn create(
        &self,
        topic: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let outcomes = self.admin()?.create_topics([&new], &options()).await?;
        for outcome in outcomes {
            outcome.map_err(|(topic, code)| anyhow!("topic {topic} cannot be made: {code}"))?;
        }
        Ok(())
    }

    /// Takes away what stands before an offset.
    ///
    /// # Errors
    /// The brokers refuse.
    pub async fn truncate(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        self.admin()?.delete_records(&offsets, &options()).await?;
        Ok(())
    }

    /// Whether a topic is there. Asking does not make it.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub fn exists(&self, topic: &str) -> Result<bool> {
        Ok(self.topics()?.iter().any(|it| it == topic))
    }

    /// Removes every topic whose name begins so, and the groups.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub async fn remove(&self, prefix: &str) -> Result<()> {
        let topics = self.topics()?;
        let ours: Vec<_> = topics.iter().filter(|it| it.starts_with(prefix)).collect();
        let ours: Vec<_> = ours.into_iter().map(String::as_str).collect();
        let admin = self.admin()?;
        if !ours.is_empty() {
            admin.delete_topics(&ours, &options()).await?;
        }
        let groups = self.consumer(None)?.fetch_group_list(None, PATIENCE)?;
        let ours = groups.groups().iter().map(|it| it.name());
        let ours: Vec<_> = ours.filter(|it| it.starts_with(prefix)).collect();
        if !ours.is_empty() {
            admin.delete_groups(&ours, &options()).await?;
        }
        Ok(())
    }

    /// Publishes messages; returns when all of them are acknowledged.
    ///
    /// # Errors
    /// One was not taken.
    pub fn produce<'a>(
        &self,
        topic: &str,
        messages: impl IntoIterator<Item = Outgoing<'a>>,
    ) -> Result<()> {
        let mut config = self.config();
        config.set("enable.idempotence", "true");
        config.set("message.timeout.ms", "20000");
        // What is too large for a topic is the broker's to say.
        config.set("message.max.bytes", "67108864");
        let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
        for message in messages {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            record.partition = message.partition;
            record.key = message.key;
            record.payload = message.value;
            while let Err((error, same)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                producer.flush(Duration::from_millis(100)).ok();
                record = same;
            }
        }
        producer.flush(PATIENCE)?;
        Ok(())
    }

    /// Messages in all partitions together.
    ///
    /// # Errors
    /// There is no such topic, or the brokers do not answer.
    pub fn count(&self, topic: &str) -> Result<u64> {
        let consumer = self.consumer(None)?;
        let mut count = 0;
        for partition in self.partitions(&consumer, topic)? {
            let (first, end) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            count += u64::try_from(end - first)?;
        }
        Ok(count)
    }

    /// The whole topic: partition by partition, in order of offsets.
    ///
    /// # Errors
    /// There is no such topic, or it cannot be read to its end.
    pub fn read(&self, topic: &str) -> Result<Vec<OwnedMessage>> {
        let consumer = self.consumer(None)?;
        let mut messages = Vec::new();
        for partition in self.partitions(&consumer, topic)? {
            let (first, end) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            let mut offsets = TopicPartitionList::new();
            offsets.add_partition_offset(topic, partition, Offset::Offset(first))?;
            consumer.assign(&offsets)?;
            let mut next = first;
            while next < end {
                let message = consumer.poll(PATIENCE);
                let message = message.with_context(|| format!("{topic} ended before {end}"))??;
                next = message.offset() + 1;
                messages.push(message.detach());
            }
        }
        Ok(messages)
    }

    /// Commits where a group goes on.
    ///
    /// # Errors
    /// The brokers refuse.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let consumer = self.consumer(Some(group))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match consumer.commit(&offsets, CommitMode::Sync) {
                // The first group of all is a while in coming.
                Err(KafkaError::ConsumerCommit(
                    RDKafkaErrorCode::CoordinatorLoadInProgress
                    | RDKafkaErrorCode::CoordinatorNotAvailable
                    | RDKafkaErrorCode::NotCoordinator,
                )) if Instant::now() < until => thread::sleep(LOOK),
                committed => return Ok(committed?),
            }
        }
    }

    /// Each broker's address as the brokers tell it to clients.
    ///
    /// # Errors
    /// They do not answer.
    pub fn advertised(&self) -> Result<Vec<(String, i32)>> {
        let known = self.consumer(None)?.fetch_metadata(None, PATIENCE)?;
        let brokers = known.brokers().iter();
        Ok(brokers
            .map(|it| (it.host().to_owned(), it.port()))
            .collect())
    }

    fn topics(&self) -> Result<Vec<String>> {
        let known = self.consumer(None)?.fetch_metadata(None, PATIENCE)?;
        Ok(known
            .topics()
            .iter()
            .map(|it| it.name().to_owned())
            .collect())
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
        // Asking for one topic by name could make it.
        let known = consumer.fetch_metadata(None, PATIENCE)?;
        let Some(topic) = known.topics().iter().find(|it| it.name() == topic) else {
            bail!("there is no topic {topic}");
        };
        let mut partitions: Vec<_> = topic.partitions().iter().map(|it| it.id()).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    fn consumer(&self, group: Option<&str>) -> Result<BaseConsumer> {
        let mut config = self.config();
        config.set("enable.auto.commit", "false");
        config.set("group.id", group.unwrap_or("e2e-reader"));
        config.set("fetch.wait.max.ms", "10");
        Ok(config.create()?)
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.config().create()?)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config.set("allow.auto.create.topics", "false");
        config
    }
}

/// A header's value as text.
pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|it| it.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}
