//! Topics kept in a SQLite file: the whole of Highwater without a server.
//!
//! A delivery resolves when its messages are on the disk. Any process may publish; of the members
//! of a group one reads all partitions, and another takes over when it is gone.

pub(super) mod murmur2;
mod publisher;
mod reader;
mod store;
mod subscription;

use std::{path::Path, sync::Arc};

use tokio::sync::{Notify, mpsc};

use super::{BrokerError, OffsetRange, TopicId};
use crate::connect::{
    ConnectError,
    sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
};
pub use publisher::EmbeddedPublisher;
use publisher::{Publish, write_all};
pub use reader::EmbeddedReader;
use store::Topic;
pub use subscription::EmbeddedSubscription;

/// Topics in one file. Cheap to clone; the file is written for as long as a clone or a publisher
/// is there.
#[derive(Debug, Clone)]
pub struct EmbeddedBroker {
    pub(super) connection: SqliteConnection,
    /// Told after every commit, so that readers of this process need not wait for their next look.
    pub(super) written: Arc<Notify>,
    queue: mpsc::Sender<Publish>,
}

/// Publishes that wait for the writer; more of them wait in `publish`.
const QUEUE: usize = 16;

impl EmbeddedBroker {
    /// Opens the file of the connection `name`, which is made where it is not there.
    ///
    /// # Errors
    /// `Refused` where the file cannot be opened or is no database.
    pub async fn open(name: &str, path: &Path) -> Result<Self, ConnectError> {
        let settings = SqliteSettings {
            path: path.to_owned(),
        };
        let connection = sqlite::open(name, &settings, Absent::Create, Durability::Full).await?;
        let refused = |error: sqlx::Error| ConnectError::Refused {
            name: name.to_owned(),
            advice: format!("{} cannot hold topics", path.display()),
            cause: error.into(),
        };
        store::make_tables(&connection).await.map_err(refused)?;
        let (queue, publishes) = mpsc::channel(QUEUE);
        let written = Arc::new(Notify::new());
        tokio::spawn(write_all(connection.clone(), written.clone(), publishes));
        Ok(Self {
            connection,
            written,
            queue,
        })
    }

    /// The topic's id.
    ///
    /// # Errors
    /// `NoTopic` where it is not there.
    pub async fn topic(&self, topic: &str) -> Result<TopicId, BrokerError> {
        Ok(self.find(topic).await?.id)
    }

    /// Makes a topic where it is not there; one that is there stays as it is.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn ensure_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        store::make_topic(&self.connection, topic, partitions.max(1))
            .await
            .map_err(store::error)
    }

    /// Removes a topic and its messages; one that is made anew has another id.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn remove_topic(&self, topic: &str) -> Result<(), BrokerError> {
        store::remove_topic(&self.connection, topic)
            .await
            .map_err(store::error)
    }

    /// Removes the messages of a partition before `offset`, as Kafka's retention does.
    ///
    /// # Errors
    /// `NoTopic` where the topic is not there.
    pub async fn forget_before(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), BrokerError> {
        let found = self.find(topic).await?;
        store::forget_before(&self.connection, found.key, partition, offset)
            .await
            .map_err(store::error)
    }

    /// What each partition of a topic holds. Joins no group.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn offset_ranges(&self, topic: &str) -> Result<Vec<OffsetRange>, BrokerError> {
        let found = self.find(topic).await?;
        let mut offset_ranges = Vec::new();
        for partition in 0..found.partitions {
            let bounds = store::bounds(&self.connection, found.key, partition).await;
            let bounds = bounds.map_err(store::error)?;
            let (first, end) = bounds.ok_or_else(|| BrokerError::NoTopic(topic.to_owned()))?;
            offset_ranges.push(OffsetRange {
                partition,
                first,
                end,
            });
        }
        Ok(offset_ranges)
    }

    /// Who reads a topic for `group`.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn members(&self, topic: &str, group: &str) -> Result<Vec<String>, BrokerError> {
        let is_read = self.subscribe(topic, group).await?.is_read()?;
        Ok(is_read
            .then(|| "a process of this machine".to_owned())
            .into_iter()
            .collect())
    }

    /// The next offsets that `group` has committed for a topic.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn committed(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<Vec<(i32, i64)>, BrokerError> {
        let found = self.find(topic).await?;
        store::committed(&self.connection, group, found.key)
            .await
            .map_err(store::error)
    }

    /// A publisher to a topic, which must be there.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn publisher(&self, topic: &str) -> Result<EmbeddedPublisher, BrokerError> {
        let found = self.find(topic).await?;
        Ok(EmbeddedPublisher::new(found, self.queue.clone()))
    }

    /// Joins `group` to read a topic, which must be there.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn subscribe(
        &self,
        topic: &str,
        group: &str,
    ) -> Result<EmbeddedSubscription, BrokerError> {
        let found = self.find(topic).await?;
        Ok(EmbeddedSubscription::new(self.clone(), found, group))
    }

    /// Reads these parts of a topic.
    ///
    /// # Errors
    /// As `topic` says.
    pub async fn read(
        &self,
        topic: &str,
        parts: Vec<OffsetRange>,
    ) -> Result<EmbeddedReader, BrokerError> {
        let found = self.find(topic).await?;
        Ok(EmbeddedReader::new(self.clone(), found, parts))
    }

    async fn find(&self, topic: &str) -> Result<Topic, BrokerError> {
        store::topic(&self.connection, topic)
            .await
            .map_err(store::error)?
            .ok_or_else(|| BrokerError::NoTopic(topic.to_owned()))
    }
}
