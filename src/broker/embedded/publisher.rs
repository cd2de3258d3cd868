//! Publisher to an embedded topic; waiting messages are written in one transaction.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc, oneshot};

use super::store::{self as store, Topic};
use crate::{
    broker::{BrokerError, Delivery, Publisher},
    connect::sqlite::SqliteConnection,
    model::Messages,
};

/// Publishes to one topic of a file.
pub struct EmbeddedPublisher {
    topic: Arc<Topic>,
    queue: mpsc::Sender<Publish>,
    turn: AtomicU32,
}

/// One publish on its way to the writer.
#[derive(Debug)]
pub(super) struct Publish {
    topic: Arc<Topic>,
    messages: Arc<Messages>,
    /// Where messages without a key go on going round.
    turn: u32,
    answer: oneshot::Sender<Result<(), BrokerError>>,
}

impl EmbeddedPublisher {
    pub(super) fn new(topic: Topic, queue: mpsc::Sender<Publish>) -> Self {
        Self {
            topic: Arc::new(topic),
            queue,
            turn: AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl Publisher for EmbeddedPublisher {
    fn topic(&self) -> &str {
        &self.topic.id.name
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let (answer, answered) = oneshot::channel();
        let count = messages.len() as u32;
        let publish = Publish {
            topic: self.topic.clone(),
            turn: self.turn.fetch_add(count, Ordering::Relaxed),
            messages,
            answer,
        };
        let lost = |error| BrokerError::Lost(error);
        self.queue
            .send(publish)
            .await
            .map_err(|_| lost("the writer of embedded topics has ended".into()))?;
        Ok(Box::pin(async move {
            let answer = answered.await;
            Ok(answer.map_err(|error| lost(error.into()))??)
        }))
    }
}

/// Writes what is published until nobody can publish any more. What waits when a transaction
/// begins shares it, and with it the one wait for the disk.
pub(in crate::broker) async fn write_all(
    connection: SqliteConnection,
    written: Arc<Notify>,
    mut publishes: mpsc::Receiver<Publish>,
) {
    let mut group = Vec::new();
    while publishes.recv_many(&mut group, usize::MAX).await > 0 {
        let outcome = write(&connection, &group).await.map_err(Arc::new);
        written.notify_waiters();
        for (index, publish) in group.drain(..).enumerate() {
            let answer = match &outcome {
                Err(error) => Err(store::error(error.clone())),
                Ok(gone) if gone.contains(&index) => {
                    Err(BrokerError::NoTopic(publish.topic.id.name.clone()))
                }
                Ok(_) => Ok(()),
            };
            // Nobody waits for a delivery that was dropped.
            let _ = publish.answer.send(answer);
        }
    }
}

/// Writes all of them or none; answers which have lost their topic.
async fn write(
    connection: &SqliteConnection,
    group: &[Publish],
) -> Result<Vec<usize>, sqlx::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let timestamp = now.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
    let mut gone = Vec::new();
    let mut transaction = connection.begin().await?;
    for (index, publish) in group.iter().enumerate() {
        let (topic, messages) = (&publish.topic, &publish.messages);
        if !store::append(&mut transaction, topic, publish.turn, messages, timestamp).await? {
            gone.push(index);
        }
    }
    transaction.commit().await?;
    Ok(gone)
}
