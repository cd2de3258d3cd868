//! Subscriptions that behave like those of a broker far away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use highwater::broker::{BrokerError, Event, Pause, Start, Subscription, TopicId};
use tokio::time::Instant;

/// A subscription that counts the messages it has yielded.
pub struct Counting(pub Box<dyn Subscription>, pub Arc<AtomicUsize>);

/// A subscription that takes its time between giving partitions back and getting them.
pub struct Dawdling(pub Box<dyn Subscription>, pub Option<Instant>);

/// A subscription that has so many polls on their way when a partition is held back.
pub struct Ahead {
    pub inner: Box<dyn Subscription>,
    pub polls: usize,
    pub held_back: Vec<(i32, usize)>,
}

macro_rules! wrap {
    ($wrapper:ident, $inner:tt, $next:item, $pause:item) => {
        #[async_trait]
        impl Subscription for $wrapper {
            $next

            $pause

            async fn topic(&mut self) -> Result<TopicId, BrokerError> {
                self.$inner.topic().await
            }

            async fn start(&mut self, starts: &[(i32, Start)]) -> Result<(), BrokerError> {
                self.$inner.start(starts).await
            }

            async fn release(&mut self, partitions: &[i32]) -> Result<(), BrokerError> {
                self.$inner.release(partitions).await
            }

            async fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), BrokerError> {
                self.$inner.commit(next_offsets).await
            }

            async fn partitions(&mut self) -> Result<Vec<i32>, BrokerError> {
                self.$inner.partitions().await
            }

            async fn bounds(&mut self, partition: i32) -> Result<(i64, i64), BrokerError> {
                self.$inner.bounds(partition).await
            }

            async fn committed(&mut self, group: &str) -> Result<Vec<(i32, i64)>, BrokerError> {
                self.$inner.committed(group).await
            }

            async fn close(self: Box<Self>) {
                self.$inner.close().await;
            }
        }
    };
}

wrap!(
    Counting,
    0,
    async fn next(&mut self) -> Result<Event, BrokerError> {
        let event = self.0.next().await?;
        if let Event::Messages(polled) = &event {
            self.1.fetch_add(polled.messages.len(), Ordering::Relaxed);
        }
        Ok(event)
    },
    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        self.0.pause(partition, pause)
    }
);

wrap!(
    Dawdling,
    0,
    async fn next(&mut self) -> Result<Event, BrokerError> {
        // The flow looks after its lanes in between and drops this wait: it is until a moment.
        if let Some(end) = self.1 {
            tokio::time::sleep_until(end).await;
            self.1 = None;
        }
        let event = self.0.next().await?;
        if matches!(event, Event::Revoked(_)) {
            self.1 = Some(Instant::now() + Duration::from_secs(2));
        }
        Ok(event)
    },
    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        self.0.pause(partition, pause)
    }
);

wrap!(
    Ahead,
    inner,
    async fn next(&mut self) -> Result<Event, BrokerError> {
        let event = self.inner.next().await?;
        if let Event::Messages(polled) = &event {
            let partition = polled.partition;
            let mut held = self.held_back.iter_mut().filter(|it| it.0 == partition);
            if let Some((_, left)) = held.next() {
                *left -= 1;
                if *left == 0 {
                    self.held_back.retain(|it| it.0 != partition);
                    self.inner.pause(partition, Pause::Hold)?;
                }
            }
        }
        Ok(event)
    },
    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        self.held_back.retain(|it| it.0 != partition);
        match pause {
            Pause::Hold => self.held_back.push((partition, self.polls)),
            Pause::Resume => self.inner.pause(partition, pause)?,
        }
        Ok(())
    }
);
