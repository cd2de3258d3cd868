//! A data type's topics: made, published to, subscribed to and checked, on whichever broker.

use super::{Open, no_role};
use crate::{
    broker::{
        BrokerError, OffsetRange, Publisher, Reader, Subscription, TopicId,
        embedded::EmbeddedBroker,
    },
    flow::FlowError,
    model::{Finding, Role, Severity, System},
    settings::{Chosen, DeadLettersTo, MessageKey, WriteInto},
};
#[cfg(feature = "kafka")]
use {super::kafka, crate::broker::kafka::KafkaBroker};

impl Open {
    /// Makes the topics of a data type, where the settings say with what.
    pub(in crate::app) async fn ensure_topics(&self, chosen: &Chosen<'_>) -> Result<(), FlowError> {
        let Some(create) = chosen.data_type.create_topic else {
            return Ok(());
        };
        let dead_letters_to = chosen.data_type.dead_letters_to(&chosen.topic);
        let dead_letters = match &dead_letters_to {
            DeadLettersTo::Topic(topic) => Some(topic),
            DeadLettersTo::Table(_) => None,
        };
        for topic in [Some(&chosen.topic), dead_letters].into_iter().flatten() {
            match self.topics(chosen).await? {
                #[cfg(feature = "kafka")]
                Topics::Kafka(kafka) => {
                    kafka.ensure_topic(topic, kafka::create(create)).await?;
                }
                Topics::Embedded(embedded) => {
                    let partitions = i32::try_from(create.partitions).unwrap_or(i32::MAX);
                    embedded.ensure_topic(topic, partitions).await?;
                }
            }
        }
        Ok(())
    }

    /// A publisher to one of a data type's topics.
    pub(in crate::app) async fn publisher(
        &self,
        chosen: &Chosen<'_>,
        topic: &str,
    ) -> Result<Box<dyn Publisher>, FlowError> {
        Ok(match self.topics(chosen).await? {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => {
                let settings = kafka::publishing(chosen.data_type);
                Box::new(kafka.publisher(topic, &settings).await?)
            }
            Topics::Embedded(embedded) => Box::new(embedded.publisher(topic).await?),
        })
    }

    /// A member of a data type's group.
    pub(in crate::app) async fn subscription(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Box<dyn Subscription>, FlowError> {
        Ok(match self.topics(chosen).await? {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => {
                let settings = kafka::subscribing(into);
                let subscription = kafka.subscribe(&chosen.topic, &into.group, &settings);
                Box::new(subscription.await?)
            }
            Topics::Embedded(embedded) => {
                Box::new(embedded.subscribe(&chosen.topic, &into.group).await?)
            }
        })
    }

    /// A data type's topic and what each of its partitions holds, without joining its group; `None`
    /// where it is not there yet.
    pub(in crate::app) async fn offset_ranges(
        &self,
        chosen: &Chosen<'_>,
    ) -> Result<Option<(TopicId, Vec<OffsetRange>)>, FlowError> {
        let topics = self.topics(chosen).await?;
        let id = match (
            topics.id(&chosen.topic).await,
            chosen.data_type.create_topic,
        ) {
            (Err(BrokerError::NoTopic(_)), Some(_)) => return Ok(None),
            (id, _) => id?,
        };
        let offset_ranges = match &topics {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => kafka.offset_ranges(&chosen.topic).await?,
            Topics::Embedded(embedded) => embedded.offset_ranges(&chosen.topic).await?,
        };
        Ok(Some((id, offset_ranges)))
    }

    /// A data type's topic, which must be there.
    pub(in crate::app) async fn topic(&self, chosen: &Chosen<'_>) -> Result<TopicId, FlowError> {
        Ok(self.topics(chosen).await?.id(&chosen.topic).await?)
    }

    /// The next offsets that a data type's group has committed, without joining it.
    pub(in crate::app) async fn committed(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Vec<(i32, i64)>, FlowError> {
        let committed = match self.topics(chosen).await? {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => kafka.committed(&chosen.topic, &into.group).await,
            Topics::Embedded(embedded) => embedded.committed(&chosen.topic, &into.group).await,
        };
        Ok(committed?)
    }

    /// A reader of parts of one of a data type's topics.
    pub(in crate::app) async fn reader(
        &self,
        chosen: &Chosen<'_>,
        topic: &str,
        parts: Vec<OffsetRange>,
    ) -> Result<Box<dyn Reader>, FlowError> {
        Ok(match self.topics(chosen).await? {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => Box::new(kafka.read(topic, parts)),
            Topics::Embedded(embedded) => Box::new(embedded.read(topic, parts).await?),
        })
    }

    /// Who consumes a data type's topic now.
    pub(in crate::app) async fn members(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Vec<String>, FlowError> {
        let members = match self.topics(chosen).await? {
            #[cfg(feature = "kafka")]
            Topics::Kafka(kafka) => kafka.members(&chosen.topic, &into.group).await,
            Topics::Embedded(embedded) => embedded.members(&chosen.topic, &into.group).await,
        };
        Ok(members?)
    }

    /// Whether a topic is there, or would be made.
    pub(in crate::app) async fn check_topic(
        &self,
        chosen: &Chosen<'_>,
        topic: &str,
    ) -> Result<Vec<Finding>, FlowError> {
        let found = self.topics(chosen).await?.id(topic).await;
        let (severity, text) = match (found, chosen.data_type.create_topic) {
            (Ok(it), _) => (Severity::Good, format!("it is there, its id is {}", it.id)),
            (Err(BrokerError::NoTopic(_)), Some(create)) => {
                let partitions = create.partitions;
                let text = format!("it is made with {partitions} partitions when it is first used");
                (Severity::Good, text)
            }
            (Err(error), _) => return Err(error.into()),
        };
        let mut findings = vec![Finding { severity, text }];
        let keyless = chosen.data_type.from.is_some() && chosen.data_type.key == MessageKey::None;
        if keyless && topic == chosen.topic {
            findings.extend(self.topics(chosen).await?.refuses_keyless(topic).await);
        }
        Ok(findings)
    }

    async fn topics(&self, chosen: &Chosen<'_>) -> Result<Topics, FlowError> {
        let name = &chosen.data_type.broker;
        match self.system(name)? {
            #[cfg(not(feature = "kafka"))]
            system @ System::Kafka => Err(super::not_built(name, system)),
            #[cfg(feature = "kafka")]
            System::Kafka => Ok(Topics::Kafka(self.kafka(name)?)),
            System::Embedded => Ok(Topics::Embedded(self.embedded(name).await?)),
            system @ (System::Mongodb | System::Mysql | System::Mariadb | System::Sqlite) => {
                Err(no_role(name, system, Role::Topics))
            }
        }
    }
}

enum Topics {
    #[cfg(feature = "kafka")]
    Kafka(KafkaBroker),
    Embedded(EmbeddedBroker),
}

impl Topics {
    /// Why messages without a key would be refused; nothing where they would not, or nobody knows.
    async fn refuses_keyless(&self, topic: &str) -> Option<Finding> {
        let compacted = match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.is_compacted(topic).await,
            Self::Embedded(_) => None,
        };
        (compacted == Some(true)).then(|| Finding {
            severity: Severity::Problem,
            text: format!(
                "topic {topic} is compacted and takes no messages without a key: set key = \"primary\", or give the topic cleanup.policy=delete"
            ),
        })
    }

    async fn id(&self, topic: &str) -> Result<TopicId, BrokerError> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.topic(topic).await,
            Self::Embedded(embedded) => embedded.topic(topic).await,
        }
    }
}
