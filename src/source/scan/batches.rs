//! Batches of rows within the limits, each with its position.
//!
//! How a row comes is the system's: it asks whether the row was sent before, packs it into `records`,
//! and says which values the read is behind when a batch goes out.

use std::sync::Arc;

use super::{
    At, BatchSender, Key, Ordered, ScanCursor, ScanPhase, ScanPosition, ScanState, chunks::Shared,
};
use crate::{
    model::{Batch, Records},
    source::{DeduplicationSettings, ReadLimits, deduplication::DeduplicationWindow},
};

/// Gathers rows into batches within the limits, and hands these over.
pub(in crate::source) struct Batches<O: Ordered> {
    pub of: Arc<O>,
    pub records: Records,
    limits: ReadLimits,
    target: Target<Key<O::Cursor>>,
    /// What the rows that come are.
    pub at: At,
    /// How far an incremental read is.
    pub state: ScanState<O::Cursor>,
    /// The same in the last position that was handed over.
    handed: ScanState<O::Cursor>,
    /// What was sent above the watermark, where that is done.
    window: Option<DeduplicationWindow>,
    /// The last row of those that come now, sent or not.
    reached: Option<Key<O::Cursor>>,
    /// The last row, where it was left out behind those that were gathered.
    pub left_out: Option<Key<O::Cursor>>,
}

/// Where batches go.
enum Target<K> {
    Flow(BatchSender),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<K>>, usize),
}

impl<O: Ordered> Batches<O> {
    /// Of an incremental read from `state`.
    pub(super) fn incremental(
        of: Arc<O>,
        state: ScanState<O::Cursor>,
        limits: ReadLimits,
        sender: BatchSender,
    ) -> Self {
        let at = At::BelowWatermark(ScanPhase::Values);
        Self::new(of, state, at, limits, Target::Flow(sender))
    }

    /// Of a chunk: they go out in turn with those of others.
    pub(super) fn of_chunk(
        of: Arc<O>,
        limits: ReadLimits,
        (shared, number): (Arc<Shared<Key<O::Cursor>>>, usize),
    ) -> Self {
        let target = Target::Shared(shared, number);
        Self::new(of, ScanState::default(), At::Chunk, limits, target)
    }

    fn new(
        of: Arc<O>,
        state: ScanState<O::Cursor>,
        at: At,
        limits: ReadLimits,
        target: Target<Key<O::Cursor>>,
    ) -> Self {
        Self {
            records: Records::new(of.schema().clone()),
            of,
            limits,
            target,
            at,
            handed: state.clone(),
            state,
            window: None,
            reached: None,
            left_out: None,
        }
    }

    /// What an incremental read remembers as sent above the watermark from here on.
    pub(super) async fn open_window(&mut self, settings: Option<&DeduplicationSettings>) {
        self.window = match settings {
            Some(settings) => {
                Some(DeduplicationWindow::open(self.of.name(), settings, self.state.sent).await)
            }
            None => None,
        };
        self.state.sent = self.window.as_ref().map(DeduplicationWindow::sent);
    }

    pub fn reads_above_watermark(&self) -> bool {
        self.window.is_some()
    }

    /// Rows that come from here on are of another kind, or in another order.
    pub(super) async fn turn_to(&mut self, at: At) {
        if self.at != at {
            self.send().await;
            self.at = at;
        }
        (self.reached, self.left_out) = (None, None);
    }

    /// Whether a row was sent before, or may have been: it is left out.
    pub fn was_sent(&mut self, key: u128, digest: u128) -> bool {
        let Some(window) = &mut self.window else {
            return false;
        };
        match self.at {
            At::BelowWatermark(_) => window.pass_by(key, digest),
            At::AboveWatermark(_) => window.is_sent(key, digest),
            At::Reread(_) => window.is_sent(key, digest) || !window.has_room(),
            At::Chunk | At::NullRows => false,
        }
    }

    /// A row of the batch that is gathered: it is remembered where it is above the watermark.
    pub fn remember(&mut self, key: u128, digest: u128) {
        if let (true, Some(window)) = (self.at.is_above_watermark(), &mut self.window) {
            window.remember(key, digest);
        }
    }

    /// The last row, where it does not fit to those before it: they have to go out first.
    pub fn split_last(&mut self) -> Option<Records> {
        let is_over = self.records.bytes() > self.limits.bytes && self.records.len() > 1;
        is_over.then(|| self.records.split_last()).flatten()
    }

    /// Whether what was gathered has to go out.
    pub fn is_full(&self) -> bool {
        self.records.len() >= self.limits.rows || self.records.bytes() >= self.limits.bytes
    }

    /// The read is behind a row with these values, sent or not.
    pub fn move_behind(&mut self, values: Key<O::Cursor>) {
        match self.at {
            At::BelowWatermark(phase) => self.state.of_mut(phase).put(values.clone()),
            At::NullRows => self.state.nulls.put(values.clone()),
            At::AboveWatermark(_) | At::Reread(_) | At::Chunk => {}
        }
        self.reached = Some(values);
    }

    /// The values of the last row of those that come now, sent or not.
    pub fn reached(&self) -> Option<&[<O::Cursor as ScanCursor>::Value]> {
        self.reached.as_deref()
    }

    /// Hands over what was gathered.
    pub async fn send(&mut self) {
        if self.records.is_empty() {
            return;
        }
        if let (true, Some(window)) = (self.at.is_above_watermark(), &mut self.window) {
            window.hand_over().await;
            self.state.sent = Some(window.sent());
        }
        self.hand_over().await;
    }

    /// A pass has read all that there is.
    pub(super) async fn end_pass(&mut self) {
        self.send().await;
        if let Some(window) = &mut self.window {
            window.end_pass().await;
            self.state.sent = Some(window.sent());
        }
        self.state.forget_read();
        // Samples are kept also where no row has come.
        if self.state != self.handed {
            self.hand_over().await;
        }
    }

    /// What is left of a chunk, at its end.
    pub(super) async fn end_chunk(self) {
        if let Target::Shared(shared, number) = &self.target {
            shared.finish(*number, self.records).await;
        }
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.of.schema().clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        match (&self.target, &self.reached) {
            (Target::Flow(sender), _) => {
                self.state.forget_read();
                self.handed.clone_from(&self.state);
                let scan_position = ScanPosition::Incremental(self.state.clone());
                let position = self.of.position(&scan_position);
                sender.send(Batch { records, position }).await;
            }
            (Target::Shared(shared, number), Some(key)) => {
                shared.send(*number, key.clone(), records).await;
            }
            (Target::Shared(..), None) => {}
        }
    }
}
