//! Adapters that pause before and after whatever they do, so that a run can be killed at each step.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use highwater::{
    broker::{BrokerError, Delivery, Publisher},
    cursor::{CursorError, CursorLease},
    model::{Batch, Messages, Position},
    source::{Progress, ReadMode, Scope, Source, SourceError, SourceReader},
};
use tokio::task::yield_now;

use crate::waiting::pass;

/// Polls `future` so many times and drops it then, as if the process were killed; `None` then.
pub async fn killed_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// An adapter in steps.
pub struct Stepping<T>(pub T);

#[async_trait]
impl<P: Publisher> Publisher for Stepping<P> {
    fn topic(&self) -> &str {
        self.0.topic()
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        yield_now().await;
        let delivery = self.0.publish(messages).await?;
        yield_now().await;
        Ok(Box::pin(async move {
            yield_now().await;
            delivery.await
        }))
    }
}

/// A publisher whose answers take so long.
pub struct Delayed<P>(pub P, pub Duration);

#[async_trait]
impl<P: Publisher> Publisher for Delayed<P> {
    fn topic(&self) -> &str {
        self.0.topic()
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let delivery = self.0.publish(messages).await?;
        let delay = self.1;
        Ok(Box::pin(async move {
            pass(delay).await;
            delivery.await
        }))
    }
}

#[async_trait]
impl CursorLease for Stepping<Box<dyn CursorLease>> {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        yield_now().await;
        self.0.load().await
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        yield_now().await;
        self.0.save(position).await?;
        yield_now().await;
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.0.remove().await
    }

    async fn lost(&self) {
        self.0.lost().await;
    }

    async fn release(self: Box<Self>) {
        self.0.release().await;
    }
}

#[async_trait]
impl<S: Source> Source for Stepping<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        yield_now().await;
        self.0.begin(scope, stored).await
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        yield_now().await;
        Ok(Box::new(SteppingReader {
            reader: self.0.open(position, mode).await?,
            paused: false,
        }))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        self.0.progress(position).await
    }
}

struct SteppingReader {
    reader: Box<dyn SourceReader>,
    /// The flow drops a read that waits, and asks again: then it has waited already.
    paused: bool,
}

#[async_trait]
impl SourceReader for SteppingReader {
    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        if !self.paused {
            self.paused = true;
            yield_now().await;
        }
        let batch = self.reader.next_batch().await;
        self.paused = false;
        batch
    }
}
