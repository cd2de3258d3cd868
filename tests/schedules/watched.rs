//! A publisher and a cursor that are watched: what was acknowledged, what of it is saved.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use highwater::{
    broker::{BrokerError, Delivery, Publisher, memory::MemoryPublisher},
    cursor::{CursorError, CursorLease},
    model::{Messages, Position},
};
use tokio::sync::Notify;

/// What a run has got to.
#[derive(Debug, Default)]
pub struct Watch {
    acknowledged: AtomicU64,
    saved: AtomicU64,
    /// The saves left until the one that is not made.
    left: AtomicU32,
    /// A save is about to be made that never will be.
    pub before_save: Notify,
}

impl Watch {
    /// The save of that number is not made; none where it is 0.
    pub fn stopping_before(save: u32) -> Arc<Self> {
        Arc::new(Self {
            left: save.into(),
            ..Self::default()
        })
    }

    /// Whether messages are acknowledged whose position is not saved.
    pub fn is_ahead(&self) -> bool {
        self.acknowledged.load(Ordering::SeqCst) > self.saved.load(Ordering::SeqCst)
    }
}

pub struct WatchedPublisher {
    pub publisher: MemoryPublisher,
    pub watch: Arc<Watch>,
    /// How long each acknowledgement takes.
    pub delay: Duration,
}

#[async_trait]
impl Publisher for WatchedPublisher {
    fn topic(&self) -> &str {
        self.publisher.topic()
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let delivery = self.publisher.publish(messages).await?;
        let (watch, delay) = (self.watch.clone(), self.delay);
        Ok(Box::pin(async move {
            tokio::time::sleep(delay).await;
            delivery.await?;
            watch.acknowledged.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }))
    }
}

pub struct WatchedCursor {
    pub cursor: Box<dyn CursorLease>,
    pub watch: Arc<Watch>,
}

#[async_trait]
impl CursorLease for WatchedCursor {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        self.cursor.load().await
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        let acknowledged = self.watch.acknowledged.load(Ordering::SeqCst);
        let is_ahead = self.watch.is_ahead();
        if is_ahead && self.watch.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.watch.before_save.notify_one();
            pending::<()>().await;
        }
        self.cursor.save(position).await?;
        self.watch.saved.store(acknowledged, Ordering::SeqCst);
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.cursor.remove().await
    }

    async fn lost(&self) {
        self.cursor.lost().await;
    }

    async fn release(self: Box<Self>) {
        self.cursor.release().await;
    }
}
