//! Topics of a Kafka cluster.
//!
//! Order and durability: the producer is idempotent, and a message is delivered when all in-sync
//! replicas have it. A delivery keeps its producer alive; where the publisher and all deliveries
//! are dropped, librdkafka throws away what it has not sent.

mod delivery;
mod errors;
mod look;
mod member;
mod membership;
mod publisher;
mod queue;
mod reader;
mod subscription;
mod topic_id;
mod topics;

use std::time::Duration;

use rdkafka::ClientConfig;

use super::{BrokerError, OffsetRange, TopicId};
use crate::connect::{ConnectError, kafka::KafkaSettings};
pub use member::KafkaSubscriptionSettings;
pub use publisher::{KafkaCompression, KafkaPartitioner, KafkaPublisher, KafkaPublisherSettings};
pub use reader::KafkaReader;
pub use subscription::KafkaSubscription;
pub use topics::CreateTopic;

/// A cluster. Cheap to clone; nothing is connected until something is asked.
#[derive(Debug, Clone)]
pub struct KafkaBroker {
    pub(super) name: String,
    pub(super) config: ClientConfig,
}

impl KafkaBroker {
    /// The cluster of the connection `name`.
    ///
    /// # Errors
    /// `Settings`, as `KafkaSettings::client_config` says.
    pub fn new(name: &str, settings: &KafkaSettings) -> Result<Self, ConnectError> {
        Ok(Self {
            name: name.to_owned(),
            config: settings.client_config(name)?,
        })
    }

    /// The topic's id. Asking never makes a topic.
    ///
    /// # Errors
    /// `NoTopic` where it is not there, `Refused` where we are not let in, `Lost` where the
    /// cluster does not answer within 15 seconds.
    pub async fn topic(&self, topic: &str) -> Result<TopicId, BrokerError> {
        let described = topics::describe(&self.config, &self.name, topic).await?;
        Ok(TopicId {
            name: topic.to_owned(),
            id: described.id,
        })
    }

    /// Makes a topic where it is not there; one that is there stays as it is.
    ///
    /// # Errors
    /// `Refused` where the cluster will not make it.
    pub async fn ensure_topic(&self, topic: &str, create: CreateTopic) -> Result<(), BrokerError> {
        topics::ensure(&self.config, &self.name, topic, create).await
    }

    /// What each partition of a topic holds. Joins no group.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn offset_ranges(&self, topic: &str) -> Result<Vec<OffsetRange>, BrokerError> {
        look::offset_ranges(&self.config, &self.name, topic).await
    }

    /// Who is in `group`: the client and the host of each.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn members(&self, topic: &str, group: &str) -> Result<Vec<String>, BrokerError> {
        look::members(&self.config, &self.name, topic, group).await
    }

    /// The next offsets that `group` has committed for a topic. Joins no group.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn committed(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Vec<(i32, i64)>, BrokerError> {
        topics::committed(&self.config, &self.name, topic, group).await
    }

    /// Reads these parts of a topic.
    pub fn read(&self, topic: &str, parts: Vec<OffsetRange>) -> KafkaReader {
        KafkaReader::open(&self.config, &self.name, topic, parts)
    }

    /// Whether a topic is compacted: it refuses messages without a key. `None` where the user may not
    /// ask.
    pub async fn is_compacted(&self, topic: &str) -> Option<bool> {
        topics::is_compacted(&self.config, &self.name, topic).await
    }

    /// A publisher to a topic, which must be there.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn publisher(
        &self,
        topic: &str,
        settings: &KafkaPublisherSettings,
    ) -> Result<KafkaPublisher, BrokerError> {
        KafkaPublisher::open(self, topic, settings).await
    }

    /// Joins `group` to read a topic, which must be there.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn subscribe(
        &self,
        topic: &str,
        group: &str,
        settings: &KafkaSubscriptionSettings,
    ) -> Result<KafkaSubscription, BrokerError> {
        KafkaSubscription::open(self, topic, group, settings).await
    }
}

/// Sets what the settings' options do not.
pub(super) fn set_default(config: &mut ClientConfig, option: &str, value: impl ToString) {
    if config.get(option).is_none() {
        config.set(option, value.to_string());
    }
}

/// As librdkafka takes durations.
pub(super) fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
