//! In-flight window: published batches without acknowledgement, oldest first.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use futures_util::FutureExt;

use crate::{
    broker::{BrokerError, Delivery, DeliveryError, NotTaken, Rejection},
    model::{Messages, Position},
};

/// Keeps up to `room` publishes in flight and yields positions in source order only, so that a
/// cursor never passes what is not durable.
pub struct Window {
    room: usize,
    pending: VecDeque<Flight>,
}

struct Flight {
    position: Position,
    messages: Arc<Messages>,
    delivery: Delivery,
}

/// What came out at the front of a window.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// The newest position with nothing undelivered before it.
    pub position: Option<Position>,
    /// Messages delivered.
    pub rows: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// Why nothing comes out at the front.
#[derive(Debug)]
pub enum Blocked {
    /// The broker did not take some of the front's messages: `take_apart` tells which.
    NotTaken(Vec<NotTaken>),
    /// The broker or the way to it failed.
    Broker(BrokerError),
}

/// One message that has to be dealt with before the window can go on.
#[derive(Debug)]
pub struct Loose {
    /// The publish that it was part of.
    pub messages: Arc<Messages>,
    /// Its index there.
    pub index: usize,
    /// What the broker said; `None` for one that was taken, but has to be sent again behind an
    /// earlier one of the same key.
    pub not_taken: Option<NotTaken>,
}

impl Window {
    /// An empty window with `room` for that many publishes (at least one).
    pub fn new(room: usize) -> Self {
        Self {
            room: room.max(1),
            pending: VecDeque::new(),
        }
    }

    /// Puts a publish in flight; `position` is the place behind its last record.
    pub fn push(&mut self, position: Position, messages: Arc<Messages>, delivery: Delivery) {
        self.pending.push_back(Flight {
            position,
            messages,
            delivery,
        });
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes out what is durable. Waits only where the window is full.
    ///
    /// # Errors
    /// As `Blocked` says; what had come out before is in the next answer.
    pub async fn acknowledge(&mut self) -> Result<Acknowledged, Blocked> {
        self.acknowledge_down_to(self.room - 1).await
    }

    /// Waits until everything in flight is durable.
    ///
    /// # Errors
    /// As `Blocked` says.
    pub async fn drain(&mut self) -> Result<Acknowledged, Blocked> {
        self.acknowledge_down_to(0).await
    }

    /// Waits until the front is durable, and takes out what else is. Safe to drop while it waits.
    ///
    /// # Errors
    /// As `Blocked` says.
    pub async fn acknowledge_one(&mut self) -> Result<Acknowledged, Blocked> {
        self.acknowledge_down_to(self.pending.len().saturating_sub(1))
            .await
    }

    async fn acknowledge_down_to(&mut self, left: usize) -> Result<Acknowledged, Blocked> {
        let mut acknowledged = Acknowledged::default();
        while let Some(front) = self.pending.front_mut() {
            let outcome = match (&mut front.delivery).now_or_never() {
                Some(outcome) => outcome,
                None if self.pending.len() <= left => break,
                None => (&mut self.pending[0].delivery).await,
            };
            let Some(flight) = self.pending.pop_front() else {
                break;
            };
            match outcome {
                Ok(()) => acknowledged.take(flight),
                // What was settled before it is told first.
                Err(error) if acknowledged.position.is_some() => {
                    self.pending.push_front(flight.answered(error));
                    break;
                }
                Err(error) => {
                    let (known, blocked) = blocked(error);
                    // The front stays until its messages are dealt with.
                    self.pending.push_front(flight.answered(known));
                    return Err(blocked);
                }
            }
        }
        Ok(acknowledged)
    }

    /// Waits for every delivery and empties the window: what was not taken, and what was taken
    /// but shares a key with an earlier message that must be sent again, in source order.
    ///
    /// # Errors
    /// Where the broker failed; the window is empty then, and nothing more comes out of it.
    pub async fn take_apart(&mut self) -> Result<(Acknowledged, Vec<Loose>), BrokerError> {
        let mut acknowledged = Acknowledged::default();
        let mut loose = Vec::new();
        let mut late_keys: HashSet<Vec<u8>> = HashSet::new();
        while let Some(mut flight) = self.pending.pop_front() {
            let mut not_taken = match (&mut flight.delivery).await {
                Ok(()) => Vec::new(),
                Err(DeliveryError::NotTaken(not_taken)) => not_taken,
                Err(DeliveryError::Broker(error)) => {
                    // Nothing behind it may settle any more: its messages are not durable.
                    self.pending.clear();
                    return Err(error);
                }
            };
            not_taken.sort_by_key(|it| it.index);
            let mut not_taken = not_taken.into_iter().peekable();
            for (index, message) in flight.messages.iter().enumerate() {
                let rejection = not_taken.next_if(|it| it.index == index);
                let batch_rejected = rejection
                    .as_ref()
                    .is_some_and(|it| it.rejection == Rejection::BatchRejected);
                let behind = message.key.is_some_and(|key| late_keys.contains(key));
                if batch_rejected {
                    late_keys.extend(message.key.map(<[u8]>::to_vec));
                }
                if rejection.is_some() || behind {
                    loose.push(Loose {
                        messages: flight.messages.clone(),
                        index,
                        not_taken: rejection,
                    });
                }
            }
            acknowledged.take(flight);
        }
        Ok((acknowledged, loose))
    }
}

impl Flight {
    /// The same messages, with an answer that is known.
    fn answered(self, error: DeliveryError) -> Self {
        let delivery = Box::pin(std::future::ready(Err(error)));
        Self { delivery, ..self }
    }
}

impl Acknowledged {
    fn take(&mut self, flight: Flight) {
        self.rows += flight.messages.len();
        self.bytes += flight.messages.bytes();
        self.position = Some(flight.position);
    }
}

/// The outcome to keep at the front, and what to tell the flow now.
fn blocked(error: DeliveryError) -> (DeliveryError, Blocked) {
    match error {
        DeliveryError::NotTaken(not_taken) => (
            DeliveryError::NotTaken(not_taken.clone()),
            Blocked::NotTaken(not_taken),
        ),
        DeliveryError::Broker(error) => {
            let known = BrokerError::Lost("an earlier delivery failed".into());
            (known.into(), Blocked::Broker(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{pending, ready};

    use super::*;
    use crate::model::RecordOrigin;

    fn one(key: &str) -> Arc<Messages> {
        let mut messages = Messages::default();
        messages.push(
            Some(key.as_bytes()),
            Some(b"v"),
            [],
            RecordOrigin::default(),
        );
        Arc::new(messages)
    }

    fn at(text: &str) -> Position {
        Position::new(text)
    }

    #[tokio::test]
    async fn a_delivered_batch_waits_for_those_before_it() {
        let mut window = Window::new(3);
        window.push(at("1"), one("a"), Box::pin(pending()));
        window.push(at("2"), one("b"), Box::pin(ready(Ok(()))));
        let acknowledged = window.acknowledge().await.expect("nothing failed");
        assert_eq!((acknowledged.position, acknowledged.rows), (None, 0));
    }

    #[tokio::test]
    async fn what_is_durable_from_the_front_settles_at_once() {
        let mut window = Window::new(3);
        window.push(at("1"), one("a"), Box::pin(ready(Ok(()))));
        window.push(at("2"), one("b"), Box::pin(ready(Ok(()))));
        window.push(at("3"), one("c"), Box::pin(pending()));
        let acknowledged = window.acknowledge().await.expect("nothing failed");
        assert_eq!(
            (acknowledged.position, acknowledged.rows),
            (Some(at("2")), 2)
        );
        assert!(!window.is_empty());
    }

    #[tokio::test]
    async fn a_full_window_waits() {
        let mut window = Window::new(1);
        window.push(at("1"), one("a"), Box::pin(pending()));
        assert!(window.acknowledge().now_or_never().is_none());
    }

    #[tokio::test]
    async fn what_settled_before_a_failure_is_not_forgotten() {
        let mut window = Window::new(2);
        let lost = BrokerError::Lost("gone".into());
        window.push(at("1"), one("a"), Box::pin(ready(Ok(()))));
        window.push(at("2"), one("b"), Box::pin(ready(Err(lost.into()))));
        let acknowledged = window.drain().await.expect("the first one is durable");
        assert_eq!(acknowledged.position, Some(at("1")));
        assert!(matches!(window.drain().await, Err(Blocked::Broker(_))));
    }

    #[tokio::test]
    async fn taking_apart_finds_later_messages_of_a_spoiled_key() {
        let mut window = Window::new(4);
        let batch_rejected = DeliveryError::NotTaken(vec![NotTaken {
            index: 0,
            reason: "too large beside another".into(),
            rejection: Rejection::BatchRejected,
        }]);
        window.push(at("1"), one("a"), Box::pin(ready(Err(batch_rejected))));
        window.push(at("2"), one("b"), Box::pin(ready(Ok(()))));
        window.push(at("3"), one("a"), Box::pin(ready(Ok(()))));
        let (acknowledged, loose) = window.take_apart().await.expect("the broker answers");
        let keys: Vec<_> = loose
            .iter()
            .map(|it| {
                (
                    it.messages.get(it.index).and_then(|it| it.key),
                    it.not_taken.is_some(),
                )
            })
            .collect();
        assert_eq!(keys, [(Some(&b"a"[..]), true), (Some(&b"a"[..]), false)]);
        assert_eq!(acknowledged.position, Some(at("3")));
    }

    #[tokio::test]
    async fn a_permanent_failure_behind_a_settled_batch_is_told_as_it_is() {
        let mut window = Window::new(2);
        let refused = BrokerError::NoTopic("t".into());
        window.push(at("1"), one("a"), Box::pin(ready(Ok(()))));
        window.push(at("2"), one("b"), Box::pin(ready(Err(refused.into()))));
        window.drain().await.expect("the first one is durable");
        let blocked = window.drain().await;
        assert!(matches!(
            blocked,
            Err(Blocked::Broker(BrokerError::NoTopic(_)))
        ));
    }

    #[tokio::test]
    async fn nothing_settles_behind_a_failure_that_came_while_taking_apart() {
        let mut window = Window::new(4);
        let batch_rejected = DeliveryError::NotTaken(vec![NotTaken {
            index: 0,
            reason: "too large beside another".into(),
            rejection: Rejection::BatchRejected,
        }]);
        let lost = BrokerError::Lost("gone".into());
        window.push(at("1"), one("a"), Box::pin(ready(Err(batch_rejected))));
        window.push(at("2"), one("b"), Box::pin(ready(Err(lost.into()))));
        window.push(at("3"), one("c"), Box::pin(ready(Ok(()))));
        assert!(window.take_apart().await.is_err());
        let acknowledged = window.drain().await.expect("nothing is left");
        assert_eq!(acknowledged.position, None);
    }
}
