//! A publisher that fails by a script: what tests of flows wrap around another.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::{
    broker::{BrokerError, Delivery, DeliveryError, NotTaken, Publisher, Rejection},
    model::Messages,
};

/// What happens to one publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishFault {
    /// Nothing: it is passed on.
    None,
    /// `publish` itself fails as `Lost`; nothing is handed over.
    Reject,
    /// The message at this index is refused for good; all others are published.
    Refuse(usize),
    /// One of the messages spoils all: none is published.
    Spoil,
    /// All is published, but the delivery fails as `Lost`: which are durable is in doubt.
    LoseAnswer,
    /// All is published; the delivery waits for `release`.
    Hold,
    /// All is published; the delivery comes so much later.
    Late(Duration),
}

/// Does to each publish what the script says next; after its end all is passed on.
#[derive(Clone)]
pub struct ScriptedPublisher {
    inner: Arc<dyn Publisher>,
    script: Arc<Mutex<VecDeque<PublishFault>>>,
    released: Arc<Semaphore>,
}

impl ScriptedPublisher {
    /// Wraps a publisher. A clone shares the script.
    pub fn new(
        inner: impl Publisher + 'static,
        script: impl IntoIterator<Item = PublishFault>,
    ) -> Self {
        Self {
            inner: Arc::new(inner),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            released: Arc::new(Semaphore::new(0)),
        }
    }

    /// Lets so many deliveries go that are held, or will be, in the order in which they are
    /// waited for.
    pub fn release(&self, deliveries: usize) {
        self.released.add_permits(deliveries);
    }

    /// Adds to the script.
    pub fn then(&self, faults: impl IntoIterator<Item = PublishFault>) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.extend(faults);
    }

    fn next_fault(&self) -> PublishFault {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.pop_front().unwrap_or(PublishFault::None)
    }
}

#[async_trait]
impl Publisher for ScriptedPublisher {
    fn topic(&self) -> &str {
        self.inner.topic()
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let lost = || BrokerError::Lost("as the script says".into());
        match self.next_fault() {
            PublishFault::None => self.inner.publish(messages).await,
            PublishFault::Reject => Err(lost()),
            PublishFault::Refuse(index) => {
                let rest = without(&messages, index);
                let delivery = self.inner.publish(Arc::new(rest)).await?;
                Ok(Box::pin(async move {
                    delivery.await?;
                    Err(not_taken([index], Rejection::Refused))
                }))
            }
            PublishFault::Spoil => {
                let all = not_taken(0..messages.len(), Rejection::BatchRejected);
                Ok(Box::pin(std::future::ready(Err(all))))
            }
            PublishFault::LoseAnswer => {
                let delivery = self.inner.publish(messages).await?;
                Ok(Box::pin(async move {
                    delivery.await?;
                    Err(lost().into())
                }))
            }
            PublishFault::Hold => {
                let delivery = self.inner.publish(messages).await?;
                let released = self.released.clone();
                Ok(Box::pin(async move {
                    let permit = released.acquire_owned().await;
                    permit
                        .map_err(|error| BrokerError::Lost(error.into()))?
                        .forget();
                    delivery.await
                }))
            }
            PublishFault::Late(wait) => {
                let delivery = self.inner.publish(messages).await?;
                Ok(Box::pin(async move {
                    tokio::time::sleep(wait).await;
                    delivery.await
                }))
            }
        }
    }
}

fn without(messages: &Messages, index: usize) -> Messages {
    let mut rest = Messages::with_capacity(messages.len(), messages.bytes());
    for (_, it) in messages.iter().enumerate().filter(|(at, _)| *at != index) {
        rest.push(it.key, it.value, it.headers, it.record_origin);
    }
    rest
}

fn not_taken(indexes: impl IntoIterator<Item = usize>, rejection: Rejection) -> DeliveryError {
    let not_taken = indexes.into_iter().map(|index| NotTaken {
        index,
        reason: "as the script says".to_owned(),
        rejection,
    });
    DeliveryError::NotTaken(not_taken.collect())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{broker::memory::MemoryBroker, model::RecordOrigin};

    #[tokio::test]
    async fn each_publish_meets_the_next_fault_of_the_script() {
        let broker = MemoryBroker::default();
        broker.create_topic("t", 1);
        let script = [
            PublishFault::Reject,
            PublishFault::Refuse(1),
            PublishFault::Spoil,
            PublishFault::LoseAnswer,
            PublishFault::Hold,
        ];
        let publisher = ScriptedPublisher::new(broker.publisher("t").expect("there"), script);
        let mut messages = Messages::default();
        for value in [b"a", b"b"] {
            messages.push(None, Some(value), [], RecordOrigin::default());
        }
        let messages = Arc::new(messages);
        let publish = || publisher.publish(messages.clone());
        let count = || broker.messages("t", 0).len();
        assert!(publish().await.is_err());
        assert_eq!(count(), 0);
        for (rejection, not_taken, kept) in
            [(Rejection::Refused, 1, 1), (Rejection::BatchRejected, 2, 1)]
        {
            match publish().await.expect("handed over").await {
                Err(DeliveryError::NotTaken(all)) => {
                    assert_eq!((all.len(), all[0].rejection), (not_taken, rejection));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(count(), kept);
        }
        let lost = publish().await.expect("handed over").await;
        assert!(matches!(lost, Err(DeliveryError::Broker(_))));
        assert_eq!(count(), 3);
        let mut delivery = publish().await.expect("handed over");
        assert!((&mut delivery).now_or_never().is_none());
        publisher.release(1);
        delivery.await.expect("delivered");
        publish()
            .await
            .expect("handed over")
            .await
            .expect("delivered");
        assert_eq!(count(), 7);
    }
}
