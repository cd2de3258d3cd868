//! What the contract of topics is checked with: a reader, and waiting that ends.

use std::{collections::BTreeMap, panic::Location, sync::Arc, time::Duration};

use highwater::{
    broker::{DeliveryError, Event, NotTaken, Start, Subscription},
    model::{Messages, RecordOrigin},
};

use super::brokers::Brokers;

/// A subscription, and where it stands.
pub struct Reader {
    pub subscription: Box<dyn Subscription>,
    pub next_offsets: BTreeMap<i32, i64>,
}

impl Reader {
    pub async fn join(brokers: &dyn Brokers, topic: &str, group: &str) -> Self {
        let subscription = within(brokers.subscribe(topic, group)).await;
        Self {
            subscription: subscription.expect("subscribed"),
            next_offsets: BTreeMap::new(),
        }
    }

    #[track_caller]
    pub fn wait_assigned(&mut self) -> impl Future<Output = Vec<i32>> {
        let next = within(self.subscription.next());
        async {
            match next.await.expect("read") {
                Event::Assigned(partitions) => partitions,
                other => panic!("{other:?}"),
            }
        }
    }

    #[track_caller]
    pub fn wait_revoked(&mut self) -> impl Future<Output = Vec<i32>> {
        let next = within(self.subscription.next());
        async {
            match next.await.expect("read") {
                Event::Revoked(partitions) => partitions,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for partitions, and starts all of them.
    pub async fn assigned(&mut self, start: Start) {
        let partitions = self.wait_assigned().await;
        let starts: Vec<_> = partitions.iter().map(|it| (*it, start)).collect();
        self.subscription.start(&starts).await.expect("started");
    }

    pub async fn read(&mut self, count: usize) -> Messages {
        let mut read = Messages::default();
        while read.len() < count {
            match within(self.subscription.next()).await.expect("read") {
                Event::Messages(polled) => {
                    self.next_offsets
                        .insert(polled.partition, polled.next_offset);
                    read.append(&polled.messages);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(read.len(), count);
        read
    }

    /// Half a second in which nothing may come is all that can be said of "never".
    pub async fn expect_quiet(&mut self) {
        let waited = tokio::time::timeout(Duration::from_millis(500), self.subscription.next());
        if let Ok(event) = waited.await {
            panic!("{event:?}");
        }
    }

    pub async fn close(self, brokers: &dyn Brokers, topic: &str) {
        within(self.subscription.close()).await;
        brokers.clean_up(topic).await;
    }
}

pub async fn publish(brokers: &dyn Brokers, topic: &str, messages: &Messages) {
    let publisher = brokers.publisher(topic).await.expect("a publisher");
    let delivery = publisher.publish(Arc::new(messages.clone())).await;
    within(delivery.expect("handed over"))
        .await
        .expect("delivered");
}

/// Messages with keys of their own, which spread over partitions.
pub fn numbered(count: u32) -> Messages {
    let mut messages = Messages::default();
    for number in 0..count {
        let key = number.to_le_bytes();
        messages.push(Some(&key), Some(b"value"), [], RecordOrigin::default());
    }
    messages
}

/// Bytes without a pattern, which no compression makes small.
pub fn noise(count: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(count)
    .collect()
}

#[track_caller]
pub fn not_taken(delivered: Result<(), DeliveryError>) -> Vec<NotTaken> {
    match delivered {
        Err(DeliveryError::NotTaken(not_taken)) => not_taken,
        other => panic!("{other:?}"),
    }
}

/// Ends a test that waits for what never comes, and says where.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let location = Location::caller();
    async move {
        let limit = Duration::from_secs(30);
        match tokio::time::timeout(limit, future).await {
            Ok(value) => value,
            Err(_) => panic!("waited for nothing at {location}"),
        }
    }
}

#[track_caller]
pub fn until(mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    within(async move {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}
