//! Producing flow: source ──► pipeline ──► encode ──► publish ──► cursor.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    DeadLetter, DeadLetters, FlowError, FlowStats, Window,
    dead_letters::publish,
    identity::Said,
    window::{Acknowledged, Blocked},
};
use crate::{
    broker::Publisher,
    codec::{Encoder, TypeTag},
    cursor::{CursorError, CursorLease},
    model::{Batch, FlowName, Messages, Position, Records, Row, write_key},
    pipeline::{self, Step},
    source::{ReadMode, Scope, Source},
};

/// What a message's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// The record's primary key: changes of one row stay in order.
    Primary,
    /// None: the broker spreads messages as it likes.
    None,
}

/// One producing flow, opened and ready.
pub struct Produce<'a> {
    /// Its name, which is its cursor key.
    pub flow: &'a FlowName,
    /// Where records come from.
    pub source: &'a dyn Source,
    /// What happens to records before that.
    pub pipeline: &'a [Box<dyn Step>],
    /// How a record becomes a value.
    pub encoder: &'a dyn Encoder,
    /// How a record that has no value of its own becomes a dead letter.
    pub describer: &'a dyn Encoder,
    /// Where messages go.
    pub publisher: &'a dyn Publisher,
    /// Where else they go.
    pub dead_letters: &'a DeadLetters,
    /// The cursor, held by this process.
    pub cursor: &'a mut dyn CursorLease,
    /// What a message's key is.
    pub key: KeyRule,
    /// The fields that tell one state of a record from another: the first that has a value.
    pub version: &'a [String],
    /// Publishes in flight at most.
    pub in_flight: usize,
    /// Time between two saves of the cursor, at least.
    pub save_every: Duration,
    /// Counted as it goes.
    pub stats: &'a FlowStats,
}

impl Produce<'_> {
    /// Runs until the source is read (or for ever, in `Follow`), or until `stop`: then what is in
    /// flight is settled and saved. Answers where the cursor stands.
    ///
    /// # Errors
    /// As `FlowError` says. The cursor is saved as far as records are durable.
    pub async fn run(
        mut self,
        scope: Scope,
        mode: ReadMode,
        stop: &CancellationToken,
    ) -> Result<Position, FlowError> {
        let stored = self.cursor.load().await?;
        let begin = self.source.begin(scope, stored.as_ref()).await?;
        let mut saved = stored;
        if scope == Scope::Full && saved.as_ref() != Some(&begin) {
            // From here on every attempt goes on with this full read instead of starting another.
            self.cursor.save(&begin).await?;
            saved = None;
        }
        if let Some(progress) = self.source.progress(&begin).await? {
            self.stats.expect(progress.rows, progress.of);
        }
        let mut saver = Saver {
            saved: saved.unwrap_or_else(|| begin.clone()),
            durable: begin.clone(),
            due: Instant::now() + self.save_every,
        };
        let mut window = Window::new(self.in_flight);
        let moved = self.read(&begin, mode, stop, &mut window, &mut saver).await;
        if moved.is_err() {
            // What became durable before the error is not read again.
            if let Ok(acknowledged) = window.drain().await {
                self.record(acknowledged, &mut saver);
            }
        }
        let saved = if saver.durable == saver.saved {
            Ok(())
        } else {
            self.cursor.save(&saver.durable).await
        };
        // Why the run ended comes before that its end could not be stored.
        moved?;
        saved?;
        Ok(saver.durable)
    }

    async fn read(
        &mut self,
        begin: &Position,
        mode: ReadMode,
        stop: &CancellationToken,
        window: &mut Window,
        saver: &mut Saver,
    ) -> Result<(), FlowError> {
        let mut reader = self.source.open(begin, mode).await?;
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.cursor.lost() => return Err(CursorError::Fenced(self.flow.text()).into()),
                acknowledged = window.acknowledge_one(), if !window.is_empty() => {
                    self.acknowledged(acknowledged, window, saver).await?;
                    continue;
                }
                batch = reader.next_batch() => batch?,
            };
            let Some(batch) = batch else { break };
            self.publish(batch, window).await?;
            let acknowledged = window.acknowledge().await;
            self.acknowledged(acknowledged, window, saver).await?;
        }
        while !window.is_empty() {
            // One by one, so that a kill while the last ones are waited for repeats only those.
            let acknowledged = window.acknowledge_one().await;
            self.acknowledged(acknowledged, window, saver).await?;
        }
        Ok(())
    }

    async fn publish(&self, batch: Batch, window: &mut Window) -> Result<(), FlowError> {
        let (records, read) = self.stepped(batch.records).await?;
        let messages = Arc::new(self.encode(&records, read.as_ref()).await?);
        let delivery = if messages.is_empty() {
            Box::pin(std::future::ready(Ok(())))
        } else {
            self.publisher.publish(messages.clone()).await?
        };
        window.push(batch.position, messages, delivery);
        Ok(())
    }

    /// The records behind the steps, and as they were read, where that is another thing; one that
    /// fails in the steps becomes a dead letter, as it was read.
    async fn stepped(&self, records: Records) -> Result<(Records, Option<Records>), FlowError> {
        if self.pipeline.is_empty() {
            return Ok((records, None));
        }
        pipeline::prepare(self.pipeline).await?;
        let read = records.numbered();
        let (records, failed) = pipeline::run(self.pipeline, read.clone())?;
        for it in failed {
            let Some(row) = read.get(it.origin as usize) else {
                return Err(FlowError::NoRecord(it.step));
            };
            self.set_row_aside(&row, &it.step, it.reason).await?;
        }
        Ok((records, Some(read)))
    }

    /// The records as messages; one that has no value becomes a dead letter first.
    async fn encode(
        &self,
        records: &Records,
        read: Option<&Records>,
    ) -> Result<Messages, FlowError> {
        let topic = self.publisher.topic();
        // A little more than the records: names are repeated in each value.
        let room = records.bytes() * 3 / 2;
        let mut messages = Messages::with_capacity(records.len(), room);
        let (mut identity, mut said) = (Vec::new(), Said::default());
        for row in records.iter() {
            identity.clear();
            let identified = write_key(&row, &mut identity);
            let type_tag = self.encoder.type_tag(&row);
            let (key, typed) = match type_tag {
                Some(TypeTag::Key(word)) => (Some(word.as_bytes()), None),
                Some(TypeTag::Header(name, word)) => (None, Some((name, Some(word.as_bytes())))),
                None => (None, None),
            };
            let own = identified && self.key == KeyRule::Primary;
            let key = key.or_else(|| own.then_some(&identity[..]));
            let named = identified.then_some(&identity[..]);
            let headers = said.headers(&self.flow.source, named, &row, (read, self.version));
            let written = messages.write(
                |out| {
                    out.extend_from_slice(key.unwrap_or_default());
                    key.is_some()
                },
                |out| self.encoder.encode(&row, topic, out),
                headers.chain(typed),
            );
            let Err(error) = written else { continue };
            self.set_row_aside(&row, "encode", error.to_string())
                .await?;
        }
        Ok(messages)
    }

    /// A record that has no bytes yet: its letter has its fields as JSON.
    async fn set_row_aside(
        &self,
        row: &Row<'_>,
        step: &str,
        reason: String,
    ) -> Result<(), FlowError> {
        let flow = self.flow.text();
        let named = (flow.as_str(), self.publisher.topic(), step);
        self.dead_letters
            .set_row_aside(named, self.describer, row, reason)
            .await?;
        self.stats.set_aside(1);
        Ok(())
    }

    async fn acknowledged(
        &mut self,
        acknowledged: Result<Acknowledged, Blocked>,
        window: &mut Window,
        saver: &mut Saver,
    ) -> Result<(), FlowError> {
        match acknowledged {
            Ok(acknowledged) => {
                if acknowledged.rows > 0 {
                    self.dead_letters.landed();
                }
                self.record(acknowledged, saver);
            }
            Err(Blocked::Broker(error)) => return Err(error.into()),
            Err(Blocked::NotTaken(_)) => {
                let acknowledged = self.send_one_by_one(window).await?;
                self.record(acknowledged, saver);
            }
        }
        if saver.due <= Instant::now() && saver.durable != saver.saved {
            self.cursor.save(&saver.durable).await?;
            saver.saved = saver.durable.clone();
            saver.due = Instant::now() + self.save_every;
        }
        Ok(())
    }

    fn record(&self, acknowledged: Acknowledged, saver: &mut Saver) {
        if let Some(position) = acknowledged.position {
            self.stats.add_done(acknowledged.rows, acknowledged.bytes);
            saver.durable = position;
        }
    }

    /// One message that the broker refuses spoils the request that it travels in. Each one that
    /// was spoiled is sent alone, so that only those go to the dead letters that are refused
    /// alone; later messages of the same keys follow them again, so that the last one stands.
    async fn send_one_by_one(&self, window: &mut Window) -> Result<Acknowledged, FlowError> {
        let (acknowledged, loose) = window.take_apart().await?;
        for it in loose {
            let Some(message) = it.messages.get(it.index) else {
                continue;
            };
            let refused = match it.not_taken {
                Some(not_taken) if not_taken.rejection == crate::broker::Rejection::Refused => {
                    Err(not_taken.reason)
                }
                _ => {
                    let mut alone = Messages::with_capacity(1, 0);
                    alone.push(
                        message.key,
                        message.value,
                        message.headers,
                        message.record_origin,
                    );
                    publish(self.publisher, Arc::new(alone)).await?
                }
            };
            if refused.is_ok() {
                self.dead_letters.landed();
            }
            if let Err(reason) = refused {
                self.set_aside(DeadLetter {
                    flow: &self.flow.text(),
                    step: "publish",
                    reason: reason.into(),
                    topic: self.publisher.topic(),
                    topic_id: None,
                    key: message.key,
                    value: message.value,
                    headers: message.headers,
                    record_origin: None,
                })
                .await?;
            }
        }
        Ok(acknowledged)
    }

    async fn set_aside(&self, dead_letter: DeadLetter<'_>) -> Result<(), FlowError> {
        self.dead_letters.set_aside(&[dead_letter]).await?;
        self.stats.set_aside(1);
        Ok(())
    }
}

/// Where the cursor stands, and where it may be moved to.
struct Saver {
    saved: Position,
    durable: Position,
    due: Instant,
}
