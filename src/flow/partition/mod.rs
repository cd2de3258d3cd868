//! Partition worker: buffers, decodes, transforms and writes one partition in order.

mod conflicts;
pub(super) mod handle;
mod write;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{BatchLimits, DeadLetters, FlowError, FlowStats, Identity};
use crate::{
    broker::{Polled, TopicId},
    codec::Decoder,
    model::{Messages, Records, Schema},
    pipeline::{self, Routes, Step},
    sink::Sink,
};
use conflicts::Written;
use write::BatchOrigin;

/// What all lanes of a flow share.
pub(super) struct WorkerContext {
    pub flow: String,
    pub decoder: Arc<dyn Decoder>,
    pub pipeline: Arc<[Box<dyn Step>]>,
    pub identity: Option<Identity>,
    pub routes: Arc<Routes>,
    pub sink: Arc<dyn Sink>,
    pub dead_letters: Arc<DeadLetters>,
    pub limits: BatchLimits,
    pub conflict_wait: Duration,
    pub stats: Arc<FlowStats>,
}

/// The lane of one partition.
pub(super) struct PartitionWorker {
    parts: Arc<WorkerContext>,
    topic: TopicId,
    partition: i32,
    /// What is stored now, as far as this lane knows.
    stored: Option<i64>,
    schema: Arc<Schema>,
    written: watch::Sender<i64>,
    /// Flush as soon as this offset is buffered, without waiting for more.
    flush_at: Option<i64>,
    /// The partition goes to another: nothing is waited for then.
    closing: CancellationToken,
}

/// Polled messages, of which those before `from` are buffered already.
struct Rest {
    polled: Polled,
    from: usize,
}

/// Messages that are to be written together.
struct Batch {
    messages: Messages,
    records: Records,
    dead_letters: Vec<(u32, &'static str, String)>,
    next_offset: i64,
    first_at: Instant,
}

impl PartitionWorker {
    pub fn new(
        parts: Arc<WorkerContext>,
        topic: TopicId,
        partition: i32,
        stored: Option<i64>,
        flush_at: Option<i64>,
        closing: CancellationToken,
    ) -> (Self, watch::Receiver<i64>) {
        let (written, watch) = watch::channel(stored.unwrap_or(0));
        let schema = Arc::new(Schema::document(&topic.name, [] as [&str; 0]));
        let worker = Self {
            parts,
            topic,
            partition,
            stored,
            schema,
            written,
            flush_at,
            closing,
        };
        (worker, watch)
    }

    /// Writes what comes in until `incoming` is closed, then what is buffered. Decoding goes on
    /// while a batch is being written.
    pub async fn run(mut self, mut incoming: mpsc::Receiver<Polled>) -> Result<(), FlowError> {
        let mut buffer: Option<Batch> = None;
        let mut waiting: Option<Rest> = None;
        let mut writing: Option<BoxFuture<'static, Result<Option<i64>, FlowError>>> = None;
        let mut open = true;
        while open || waiting.is_some() || buffer.is_some() || writing.is_some() {
            if let Some(rest) = waiting.take() {
                waiting = self.decode(rest, &mut buffer);
            }
            let due = buffer
                .as_ref()
                .and_then(|it| self.due(it, open, waiting.is_some()));
            let now_due = due.is_some_and(|it| it <= Instant::now());
            if writing.is_none()
                && now_due
                && let Some(batch) = buffer.take()
            {
                writing = Some(self.write(batch).boxed());
                continue;
            }
            tokio::select! {
                biased;
                outcome = async { writing.as_mut().expect("checked").await }, if writing.is_some() => {
                    writing = None;
                    let Some(next_offset) = outcome? else {
                        return Ok(());
                    };
                    self.stored = Some(next_offset);
                    self.written.send_replace(next_offset);
                }
                polled = incoming.recv(), if open && waiting.is_none() && !now_due => match polled {
                    Some(polled) => waiting = Some(Rest { polled, from: 0 }),
                    None => open = false,
                },
                () = sleep_until(due), if writing.is_none() && due.is_some() && !now_due => (),
            }
        }
        Ok(())
    }

    /// When the buffer has to be written.
    fn due(&self, buffer: &Batch, open: bool, more_waits: bool) -> Option<Instant> {
        let full = self.parts.limits.reached_by(&buffer.messages);
        let asked = self.flush_at.is_some_and(|it| buffer.next_offset >= it);
        if full || asked || more_waits || !open {
            return Some(buffer.first_at);
        }
        Some(buffer.first_at + self.parts.limits.wait)
    }

    /// Moves messages into the buffer until it is full; answers what is left.
    fn decode(&self, rest: Rest, buffer: &mut Option<Batch>) -> Option<Rest> {
        let limits = &self.parts.limits;
        let batch = buffer.get_or_insert_with(|| Batch {
            messages: Messages::default(),
            records: Records::new(self.schema.clone()),
            dead_letters: Vec::new(),
            next_offset: 0,
            first_at: Instant::now(),
        });
        let mut full_at = None;
        for (index, message) in rest.polled.messages.iter().enumerate().skip(rest.from) {
            if limits.reached_by(&batch.messages) {
                full_at = Some(index);
                break;
            }
            let origin = batch.messages.len() as u32;
            batch.messages.push(
                message.key,
                message.value,
                message.headers,
                message.record_origin,
            );
            batch.next_offset = message.record_origin.offset + 1;
            let decoded = self
                .parts
                .decoder
                .decode(&message, origin, &mut batch.records);
            if let Err(error) = decoded {
                batch
                    .dead_letters
                    .push((origin, "decode", error.to_string()));
            }
        }
        if let Some(from) = full_at {
            return Some(Rest { from, ..rest });
        }
        batch.next_offset = rest.polled.next_offset;
        None
    }

    /// Steps, dead letters, rows and progress; answers where the partition stands then, or nothing
    /// where it was given up while another row was waited for.
    fn write(
        &self,
        mut batch: Batch,
    ) -> impl Future<Output = Result<Option<i64>, FlowError>> + use<> {
        let parts = self.parts.clone();
        let batch_origin = BatchOrigin {
            topic: self.topic.clone(),
            partition: self.partition,
            stored: self.stored,
        };
        let closing = self.closing.clone();
        async move {
            pipeline::prepare(&parts.pipeline).await?;
            parts.routes.prepare().await?;
            let (records, mut failed) = pipeline::run(&parts.pipeline, batch.records)?;
            let message = |origin| batch.messages.get(origin as usize);
            let (mut records, astray) = parts.routes.apply(records, message)?;
            failed.extend(astray);
            if let Some(identity) = &parts.identity {
                let topic = (&*batch_origin.topic.name, &*batch_origin.topic.id);
                identity.stamp_all(&mut records, topic, message);
            }
            for it in failed {
                parts
                    .set_aside(
                        &batch_origin,
                        &batch.messages,
                        it.origin,
                        &it.step,
                        it.reason,
                    )
                    .await?;
            }
            for (origin, step, reason) in std::mem::take(&mut batch.dead_letters) {
                parts
                    .set_aside(&batch_origin, &batch.messages, origin, step, reason)
                    .await?;
            }
            let written = parts.write_patiently(
                batch_origin,
                &batch.messages,
                records,
                batch.next_offset,
                &closing,
            );
            if written.await? == Written::GivenUp {
                return Ok(None);
            }
            parts
                .stats
                .add_done(batch.messages.len(), batch.messages.bytes());
            Ok(Some(batch.next_offset))
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
