//! The brokers that the contract is run against, each with its own way to make and break topics.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use highwater::{
    broker::{
        BrokerError, Publisher, Subscription,
        embedded::EmbeddedBroker,
        kafka::{CreateTopic, KafkaBroker, KafkaPublisherSettings, KafkaSubscriptionSettings},
        memory::MemoryBroker,
    },
    connect::kafka::KafkaSettings,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

/// A broker under test.
#[async_trait]
pub trait Brokers: Send + Sync {
    /// A topic of its own, with so many partitions.
    async fn make_topic(&self, partitions: i32) -> String;
    /// Removes the topic and makes one of the same name.
    async fn make_anew(&self, topic: &str);
    /// Deletes messages as retention does.
    async fn forget_before(&self, topic: &str, partition: i32, offset: i64);
    /// Sets the largest message of a topic, about.
    async fn limit_messages(&self, topic: &str, bytes: usize);
    async fn publisher(&self, topic: &str) -> Result<Box<dyn Publisher>, BrokerError>;
    async fn subscribe(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Box<dyn Subscription>, BrokerError>;
    /// Removes what the test has made.
    async fn clean_up(&self, topic: &str);
}

#[derive(Default)]
pub struct Memory(pub MemoryBroker);

pub struct Embedded {
    broker: EmbeddedBroker,
    _folder: tempfile::TempDir,
}

pub struct Kafka {
    pub broker: KafkaBroker,
    base: ClientConfig,
}

/// A name that no other test has.
pub fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "contract-{}-{}-{count}",
        std::process::id(),
        since.expect("after 1970").as_micros()
    )
}

impl Embedded {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("topics.db");
        let broker = EmbeddedBroker::open("local", &path).await;
        Self {
            broker: broker.expect("opened"),
            _folder: folder,
        }
    }
}

impl Kafka {
    pub fn open() -> Self {
        let brokers = std::env::var("HIGHWATER_TEST_KAFKA_BROKERS").expect(
            "HIGHWATER_TEST_KAFKA_BROKERS is not set: `cargo xtask services up` starts a Kafka and \
             `cargo xtask services status --env` names it",
        );
        let settings = KafkaSettings {
            brokers: brokers.clone(),
            ..KafkaSettings::default()
        };
        let mut base = ClientConfig::new();
        base.set("bootstrap.servers", brokers)
            .set("allow.auto.create.topics", "false");
        Self {
            broker: KafkaBroker::new("test", &settings).expect("settings"),
            base,
        }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.base.create().expect("an admin client")
    }

    async fn make(&self, topic: &str, partitions: i32, options: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let new = options
            .iter()
            .fold(new, |new, (key, value)| new.set(key, value));
        // The client has to live until the answer is there: it is the one that hears it.
        let admin = self.admin();
        let made = admin.create_topics([&new], &AdminOptions::new()).await;
        made.expect("asked").remove(0).expect("made");
        let create = CreateTopic {
            partitions,
            replication: 1,
        };
        let known = self.broker.ensure_topic(topic, create).await;
        known.expect("known");
    }

    async fn remove(&self, topic: &str) {
        let admin = self.admin();
        let removed = admin.delete_topics(&[topic], &AdminOptions::new()).await;
        removed.expect("asked").remove(0).expect("removed");
        while self.broker.topic(topic).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every topic of the cluster, as a client sees them that makes none.
    pub fn topics(&self) -> Vec<String> {
        let consumer: BaseConsumer = self.base.create().expect("a client");
        let all = consumer.fetch_metadata(None, Duration::from_secs(10));
        let all = all.expect("metadata");
        all.topics().iter().map(|it| it.name().to_owned()).collect()
    }
}

#[async_trait]
impl Brokers for Memory {
    async fn make_topic(&self, partitions: i32) -> String {
        let topic = name();
        self.0.create_topic(&topic, partitions as usize);
        topic
    }

    async fn make_anew(&self, topic: &str) {
        self.0.remove_topic(topic);
        self.0.create_topic(topic, 1);
    }

    async fn forget_before(&self, topic: &str, partition: i32, offset: i64) {
        self.0.forget_before(topic, partition, offset);
    }

    async fn limit_messages(&self, topic: &str, bytes: usize) {
        self.0.limit_messages(topic, bytes);
    }

    async fn publisher(&self, topic: &str) -> Result<Box<dyn Publisher>, BrokerError> {
        Ok(Box::new(self.0.publisher(topic)?))
    }

    async fn subscribe(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Box<dyn Subscription>, BrokerError> {
        Ok(Box::new(self.0.subscribe(topic, group)?.at_most(7)))
    }

    async fn clean_up(&self, _: &str) {}
}

#[async_trait]
impl Brokers for Embedded {
    async fn make_topic(&self, partitions: i32) -> String {
        let topic = name();
        let made = self.broker.ensure_topic(&topic, partitions).await;
        made.expect("made");
        topic
    }

    async fn make_anew(&self, topic: &str) {
        self.broker.remove_topic(topic).await.expect("removed");
        self.broker.ensure_topic(topic, 1).await.expect("made");
    }

    async fn forget_before(&self, topic: &str, partition: i32, offset: i64) {
        let forgotten = self.broker.forget_before(topic, partition, offset).await;
        forgotten.expect("forgotten");
    }

    async fn limit_messages(&self, _: &str, _: usize) {
        unimplemented!("embedded messages have no limit");
    }

    async fn publisher(&self, topic: &str) -> Result<Box<dyn Publisher>, BrokerError> {
        Ok(Box::new(self.broker.publisher(topic).await?))
    }

    async fn subscribe(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Box<dyn Subscription>, BrokerError> {
        Ok(Box::new(self.broker.subscribe(topic, group).await?))
    }

    async fn clean_up(&self, _: &str) {}
}

#[async_trait]
impl Brokers for Kafka {
    async fn make_topic(&self, partitions: i32) -> String {
        let topic = name();
        self.make(&topic, partitions, &[]).await;
        topic
    }

    async fn make_anew(&self, topic: &str) {
        self.remove(topic).await;
        self.make(topic, 1, &[]).await;
    }

    async fn forget_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("an offset");
        let admin = self.admin();
        let deleted = admin.delete_records(&list, &AdminOptions::new()).await;
        deleted.expect("deleted");
    }

    async fn limit_messages(&self, topic: &str, bytes: usize) {
        self.remove(topic).await;
        self.make(topic, 1, &[("max.message.bytes", &bytes.to_string())])
            .await;
    }

    async fn publisher(&self, topic: &str) -> Result<Box<dyn Publisher>, BrokerError> {
        let settings = KafkaPublisherSettings::default();
        Ok(Box::new(self.broker.publisher(topic, &settings).await?))
    }

    async fn subscribe(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Box<dyn Subscription>, BrokerError> {
        let settings = KafkaSubscriptionSettings {
            session_timeout: Duration::from_secs(6),
            ..KafkaSubscriptionSettings::default()
        };
        let subscribed = self.broker.subscribe(topic, group, &settings).await?;
        Ok(Box::new(subscribed))
    }

    async fn clean_up(&self, topic: &str) {
        let admin = self.admin();
        let removed = admin.delete_topics(&[topic], &AdminOptions::new()).await;
        removed.expect("asked");
    }
}
