//! Where messages go that can never be encoded, published, decoded or written.

use std::{borrow::Cow, sync::Arc};

use crate::{
    broker::{BrokerError, DeliveryError, Publisher},
    model::{Headers, Messages, Place},
};

/// The dead-letter topic, and the last resort for what even that does not take.
pub struct DeadLetters {
    topic: Box<dyn Publisher>,
    last_resort: Box<dyn Publisher>,
}

/// One message set aside: its original bytes, where it came from, and why it is here.
#[derive(Debug, Clone)]
pub struct DeadLetter<'a> {
    /// The flow that set it aside.
    pub flow: &'a str,
    /// Where in the flow: `encode`, `publish`, `decode`, a step's name, `write`.
    pub step: &'a str,
    /// Why.
    pub reason: Cow<'a, str>,
    /// The topic that it was meant for or read from.
    pub topic: &'a str,
    /// Its original key.
    pub key: Option<&'a [u8]>,
    /// Its original value; for a record that has no bytes yet, its fields as JSON.
    pub value: Option<&'a [u8]>,
    /// Its original headers.
    pub headers: Headers<'a>,
    /// Where it stood; `None` for what was never published.
    pub place: Option<Place>,
}

impl DeadLetters {
    /// Letters go to `topic`; those that it refuses, to `last_resort`.
    pub fn new(topic: Box<dyn Publisher>, last_resort: Box<dyn Publisher>) -> Self {
        Self { topic, last_resort }
    }

    /// Sets letters aside; returns when they are durable.
    ///
    /// # Errors
    /// Where neither place takes them now: the flow must not pass them.
    pub async fn set_aside(&self, letters: &[DeadLetter<'_>]) -> Result<(), BrokerError> {
        for letter in letters {
            tracing::warn!(
                flow = letter.flow,
                step = letter.step,
                topic = letter.topic,
                partition = letter.place.map(|it| it.partition),
                offset = letter.place.map(|it| it.offset),
                reason = %letter.reason,
                "dead letter"
            );
            let message = Arc::new(letter.message());
            match publish(&*self.topic, message.clone()).await? {
                Ok(()) => (),
                Err(refused) => {
                    tracing::warn!(
                        flow = letter.flow,
                        topic = self.topic.topic(),
                        refused,
                        "the dead-letter topic does not take this letter: it goes to {}",
                        self.last_resort.topic()
                    );
                    publish(&*self.last_resort, message)
                        .await?
                        .map_err(|reason| BrokerError::Refused {
                            advice: "a dead letter fits neither its topic nor its folder".into(),
                            cause: reason.into(),
                        })?;
                }
            }
        }
        Ok(())
    }
}

/// Publishes one message; the inner error is the broker's reason for not taking it.
pub(super) async fn publish(
    publisher: &dyn Publisher,
    message: Arc<Messages>,
) -> Result<Result<(), String>, BrokerError> {
    match publisher.publish(message).await?.await {
        Ok(()) => Ok(Ok(())),
        Err(DeliveryError::NotTaken(mut not_taken)) => Ok(Err(not_taken
            .pop()
            .map_or_else(String::new, |it| it.reason))),
        Err(DeliveryError::Broker(error)) => Err(error),
    }
}

impl DeadLetter<'_> {
    /// The message on the dead-letter topic: the original with headers that say what happened.
    fn message(&self) -> Messages {
        let (partition, offset) = self.place.map_or_else(Default::default, |it| {
            (it.partition.to_string(), it.offset.to_string())
        });
        let mut headers = vec![
            ("highwater-dead-flow", Some(self.flow.as_bytes())),
            ("highwater-dead-step", Some(self.step.as_bytes())),
            ("highwater-dead-reason", Some(self.reason.as_bytes())),
            ("highwater-dead-topic", Some(self.topic.as_bytes())),
        ];
        if self.place.is_some() {
            headers.push(("highwater-dead-partition", Some(partition.as_bytes())));
            headers.push(("highwater-dead-offset", Some(offset.as_bytes())));
        }
        headers.extend(self.headers);
        let mut messages = Messages::default();
        messages.push(self.key, self.value, headers, Place::default());
        messages
    }
}
