//! Dead letters: messages that can never be encoded, published, decoded or written.

use std::{
    borrow::Cow,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use super::FlowError;
use crate::{
    broker::{BrokerError, DeliveryError, Publisher},
    codec::Encoder,
    model::{Headers, Messages, RecordOrigin, Row, write_key},
};
use log_throttle::LogThrottle;

/// The topic or table of dead letters, and the last resort for what even that does not take.
pub struct DeadLetters {
    topic: Box<dyn Publisher>,
    last_resort: Box<dyn Publisher>,
    stop_after: Option<NonZeroU64>,
    /// Letters since something landed.
    in_a_row: AtomicU64,
    shown_by: Option<&'static str>,
    logged: Mutex<LogThrottle>,
    /// Of those that the topic refuses.
    refused: Mutex<LogThrottle>,
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
    /// That topic's id, where it was read from it: one that is made anew has other messages.
    pub topic_id: Option<&'a str>,
    /// Its original key.
    pub key: Option<&'a [u8]>,
    /// Its original value; for a record that has no bytes yet, its fields as JSON.
    pub value: Option<&'a [u8]>,
    /// Its original headers.
    pub headers: Headers<'a>,
    /// Where it stood; `None` for what was never published.
    pub record_origin: Option<RecordOrigin>,
}

impl DeadLetters {
    /// Letters go to `topic`; those that it refuses, to `last_resort`.
    pub fn new(topic: Box<dyn Publisher>, last_resort: Box<dyn Publisher>) -> Self {
        Self {
            topic,
            last_resort,
            stop_after: None,
            in_a_row: AtomicU64::new(0),
            shown_by: None,
            logged: Mutex::new(LogThrottle::new()),
            refused: Mutex::new(LogThrottle::new()),
        }
    }

    /// Stops the flow instead of the letter after `dead_letters` of them between which nothing landed:
    /// then it is not the messages that are bad.
    pub fn stopping_after(mut self, dead_letters: Option<NonZeroU64>) -> Self {
        self.stop_after = dead_letters;
        self
    }

    /// The command that shows the letters: the log names it where it does not tell them one by one.
    pub fn shown_by(mut self, command: &'static str) -> Self {
        self.shown_by = Some(command);
        self
    }

    /// Something was written or published: not everything is bad.
    pub(super) fn landed(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    fn one_more(&self) -> Result<(), FlowError> {
        let before = self.in_a_row.fetch_add(1, Ordering::Relaxed);
        match self.stop_after {
            Some(most) if before >= most.get() => Err(FlowError::AllBad(most.get())),
            _ => Ok(()),
        }
    }

    /// Sets letters aside; returns when they are durable.
    ///
    /// # Errors
    /// Where neither place takes them now: the flow must not pass them. `AllBad` where it is to stop
    /// instead.
    pub async fn set_aside(&self, dead_letters: &[DeadLetter<'_>]) -> Result<(), FlowError> {
        for dead_letter in dead_letters {
            self.one_more()?;
            self.log(dead_letter);
            let message = Arc::new(dead_letter.message());
            if let Err(refused) = publish(&*self.topic, message.clone()).await? {
                self.set_aside_elsewhere(dead_letter, message, &refused)
                    .await?;
            }
        }
        Ok(())
    }

    /// The last resort takes a letter that the topic has refused.
    async fn set_aside_elsewhere(
        &self,
        dead_letter: &DeadLetter<'_>,
        message: Arc<Messages>,
        refused: &str,
    ) -> Result<(), FlowError> {
        let (is_logged, suppressed) = one_more(&self.refused);
        self.log_refused(suppressed);
        let topic = self.topic.topic();
        if is_logged {
            tracing::warn!(
                flow = dead_letter.flow,
                refused,
                "{topic} rejects this dead letter: it is written to {}",
                self.last_resort.topic()
            );
        }
        publish(&*self.last_resort, message)
            .await?
            .map_err(|reason| BrokerError::Refused {
                advice: "neither its topic or table nor its folder accepts a dead letter".into(),
                cause: reason.into(),
            })?;
        // A small message in the topic says where the letter is: who reads the topic alone must not
        // miss it. The letter is durable by now, so a topic that refuses this too loses nothing.
        let pointer = Arc::new(dead_letter.pointer(self.last_resort.topic()));
        if let Err(refused) = publish(&*self.topic, pointer).await?
            && is_logged
        {
            tracing::warn!(
                flow = dead_letter.flow,
                refused,
                "{topic} rejects the pointer to the dead letter, too"
            );
        }
        Ok(())
    }

    fn log(&self, dead_letter: &DeadLetter<'_>) {
        let (is_logged, suppressed) = one_more(&self.logged);
        self.log_number(suppressed);
        if is_logged {
            tracing::warn!(
                flow = dead_letter.flow,
                step = dead_letter.step,
                topic = dead_letter.topic,
                partition = dead_letter.record_origin.map(|it| it.partition),
                offset = dead_letter.record_origin.map(|it| it.offset),
                reason = %dead_letter.reason,
                "dead letter"
            );
        }
    }

    /// For those that were not told one by one.
    fn log_number(&self, suppressed: Option<u64>) {
        let topic = self.topic.topic();
        match (suppressed, self.shown_by) {
            (None, _) => (),
            (Some(dead_letters), None) => {
                tracing::warn!(dead_letters, "more dead letters, in {topic}")
            }
            (Some(dead_letters), Some(command)) => {
                tracing::warn!(
                    dead_letters,
                    "more dead letters, in {topic}: see `{command}`"
                );
            }
        }
    }

    fn log_refused(&self, suppressed: Option<u64>) {
        if let Some(dead_letters) = suppressed {
            tracing::warn!(
                dead_letters,
                "more dead letters that {} rejects: they are in {}",
                self.topic.topic(),
                self.last_resort.topic()
            );
        }
    }

    /// Sets a record aside that has no bytes yet: its letter has its fields as JSON, by `describer`.
    /// `named` is the flow, the topic that the record was meant for, and the step that it failed in.
    ///
    /// # Errors
    /// As `set_aside`.
    pub(super) async fn set_row_aside(
        &self,
        (flow, topic, step): (&str, &str, &str),
        describer: &dyn Encoder,
        row: &Row<'_>,
        reason: String,
    ) -> Result<(), FlowError> {
        let (mut identity, mut described) = (Vec::new(), Vec::new());
        let identified = write_key(row, &mut identity);
        let value = describer.encode(row, topic, &mut described);
        let dead_letter = DeadLetter {
            flow,
            step,
            reason: reason.into(),
            topic,
            topic_id: None,
            key: identified.then_some(&identity[..]),
            value: value.is_ok().then_some(&described[..]),
            headers: Headers::default(),
            record_origin: None,
        };
        self.set_aside(&[dead_letter]).await
    }
}

impl Drop for DeadLetters {
    fn drop(&mut self) {
        let suppressed = |logged: &mut Mutex<LogThrottle>| {
            let logged = logged.get_mut();
            logged.unwrap_or_else(PoisonError::into_inner).suppressed()
        };
        let (dead_letters, refused) = (suppressed(&mut self.logged), suppressed(&mut self.refused));
        self.log_number(dead_letters);
        self.log_refused(refused);
    }
}

fn one_more(logged: &Mutex<LogThrottle>) -> (bool, Option<u64>) {
    let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
    logged.one_more()
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
        self.with_headers(None)
    }

    /// The message that stands for a letter that is in `file`.
    fn pointer(&self, file: &str) -> Messages {
        self.with_headers(Some(file))
    }

    fn with_headers(&self, file: Option<&str>) -> Messages {
        /// What of a letter in a file is enough to find it by.
        const SHORT: usize = 200;
        let (partition, offset, timestamp) =
            self.record_origin.map_or_else(Default::default, |it| {
                let (partition, offset) = (it.partition.to_string(), it.offset.to_string());
                (partition, offset, it.timestamp.to_string())
            });
        let reason: Cow<'_, str> = match file {
            None => Cow::Borrowed(&self.reason),
            Some(_) => self.reason.chars().take(SHORT).collect(),
        };
        let now = now().to_string();
        let mut headers = vec![
            (dead_letter::FLOW, Some(self.flow.as_bytes())),
            (dead_letter::STEP, Some(self.step.as_bytes())),
            (dead_letter::REASON, Some(reason.as_bytes())),
            (dead_letter::TOPIC, Some(self.topic.as_bytes())),
            (dead_letter::AT, Some(now.as_bytes())),
        ];
        if let Some(id) = self.topic_id {
            headers.push((dead_letter::TOPIC_ID, Some(id.as_bytes())));
        }
        if self.record_origin.is_some() {
            headers.push((dead_letter::PARTITION, Some(partition.as_bytes())));
            headers.push((dead_letter::OFFSET, Some(offset.as_bytes())));
            headers.push((dead_letter::TIMESTAMP, Some(timestamp.as_bytes())));
        }
        let mut messages = Messages::default();
        match file {
            None => {
                headers.extend(self.headers);
                messages.push(self.key, self.value, headers, RecordOrigin::default());
            }
            Some(file) => {
                headers.push((dead_letter::FILE, Some(file.as_bytes())));
                let key = self.key.filter(|it| it.len() <= SHORT);
                messages.push(key, None, headers, RecordOrigin::default());
            }
        }
        messages
    }
}

/// Milliseconds since the epoch.
fn now() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |it| it.as_millis())
}

pub(super) mod dead_letter;
mod log_throttle;
pub(super) mod replay;
#[cfg(test)]
mod tests;
