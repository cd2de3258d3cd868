//! Batches of rows within the limits, each with its position.

use std::sync::Arc;

use super::{
    BatchSender,
    chunks::Shared,
    full::Key,
    table::{CursorValue, ScanPhase, ScanPosition, ScanState, Table, cursor_values},
};
use crate::{
    model::{Batch, Records, Row},
    source::{
        ReadLimits, SourceError,
        deduplication::{DeduplicationWindow, digest},
    },
};

/// What the rows that come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum At {
    /// Of a chunk of a full read.
    Chunk,
    /// Settled: the cursor moves behind them.
    BelowWatermark(ScanPhase),
    /// Not settled, and not read yet by this reader.
    AboveWatermark(ScanPhase),
    /// Not settled, and read before.
    Reread(ScanPhase),
    /// Rows without a value that are read by every run.
    NullRows,
}

impl At {
    /// What the rows are ordered by; a chunk is in the order of the key.
    pub fn phase(self) -> Option<ScanPhase> {
        match self {
            Self::BelowWatermark(phase) | Self::AboveWatermark(phase) | Self::Reread(phase) => {
                Some(phase)
            }
            Self::NullRows => Some(ScanPhase::Nulls),
            Self::Chunk => None,
        }
    }
}

/// Gathers rows into batches within the limits, and hands these over.
pub(in crate::source) struct Batches {
    table: Arc<Table>,
    records: Records,
    limits: ReadLimits,
    target: Target,
    at: At,
    /// Where an incremental read stands: behind the last batch that was handed over.
    pub(super) state: ScanState,
    /// The place of the last position that was handed over.
    handed: ScanState,
    /// What was sent early, where that is done.
    pub(super) deduplication: Option<DeduplicationWindow>,
    /// The last row that was handed over of those that come now.
    reached: Option<Vec<CursorValue>>,
    /// The last row, where it is not sent.
    left: Option<Vec<CursorValue>>,
}

/// Where batches go.
enum Target {
    Flow(BatchSender),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<Key>>, usize),
}

impl Batches {
    /// Of an incremental read from `state`.
    pub(super) fn incremental(
        table: Arc<Table>,
        state: ScanState,
        limits: ReadLimits,
        sender: BatchSender,
    ) -> Self {
        let at = At::BelowWatermark(ScanPhase::Values);
        Self::new(table, state, at, limits, Target::Flow(sender))
    }

    /// Of a chunk: they go out in turn with those of others.
    pub(super) fn of_chunk(
        table: Arc<Table>,
        limits: ReadLimits,
        (shared, number): (Arc<Shared<Key>>, usize),
    ) -> Self {
        let target = Target::Shared(shared, number);
        Self::new(table, ScanState::default(), At::Chunk, limits, target)
    }

    fn new(
        table: Arc<Table>,
        state: ScanState,
        at: At,
        limits: ReadLimits,
        target: Target,
    ) -> Self {
        Self {
            records: Records::new(table.schema.clone()),
            table,
            limits,
            target,
            at,
            handed: state.clone(),
            state,
            deduplication: None,
            reached: None,
            left: None,
        }
    }

    /// The records to push the next row to; `pushed` must follow.
    pub fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Hands over what has reached the limits.
    pub async fn pushed(&mut self) -> Result<(), SourceError> {
        if self.deduplication.is_some() && self.leave_out()? {
            return Ok(());
        }
        if self.records.bytes() > self.limits.bytes
            && self.records.len() > 1
            && let Some(last) = self.records.split_last()
        {
            self.send().await?;
            self.records.append(&last, 0);
        }
        if self.records.len() >= self.limits.rows || self.records.bytes() >= self.limits.bytes {
            self.send().await?;
        }
        Ok(())
    }

    /// Rows that come from here on are of another kind.
    pub(super) fn turn_to(&mut self, at: At) {
        (self.at, self.reached, self.left) = (at, None, None);
    }

    /// Leaves the last row out where it was sent before, or may have been. Answers whether it did.
    fn leave_out(&mut self) -> Result<bool, SourceError> {
        let (Some(deduplication), Some(row)) = (&mut self.deduplication, last(&self.records))
        else {
            return Ok(false);
        };
        let (key, digest) = (key(&self.table, &row)?, digest(row.packed()));
        let leaves = match self.at {
            At::BelowWatermark(_) => deduplication.pass_by(key, digest),
            At::AboveWatermark(_) => deduplication.is_sent(key, digest),
            At::Reread(_) => deduplication.is_sent(key, digest) || !deduplication.has_room(),
            At::Chunk | At::NullRows => false,
        };
        self.left = if leaves {
            Some(self.cursor_values(&row)?)
        } else {
            None
        };
        if leaves {
            self.records.drop_last();
        }
        Ok(leaves)
    }

    async fn send(&mut self) -> Result<(), SourceError> {
        let Some(last) = last(&self.records) else {
            return Ok(());
        };
        let reached = self.cursor_values(&last)?;
        match self.at {
            At::BelowWatermark(phase) => self.state.after(phase).clone_from(&reached),
            At::NullRows => self.state.nulls.clone_from(&reached),
            At::AboveWatermark(_) | At::Reread(_) => {
                if let Some(deduplication) = &mut self.deduplication {
                    for row in self.records.iter() {
                        deduplication.remember(key(&self.table, &row)?, digest(row.packed()));
                    }
                    deduplication.hand_over().await;
                    self.state.sent = Some(deduplication.sent());
                }
            }
            At::Chunk => {}
        }
        self.hand_over(&reached).await;
        self.reached = Some(reached);
        Ok(())
    }

    /// Sends what is left of a page. Answers the values of its last row, sent or not.
    pub(super) async fn end_page(&mut self) -> Result<Option<Vec<CursorValue>>, SourceError> {
        self.send().await?;
        if let Some(left) = self.left.take() {
            if let At::BelowWatermark(phase) = self.at {
                self.state.after(phase).clone_from(&left);
            }
            self.reached = Some(left);
        }
        Ok(self.reached.clone())
    }

    /// A pass has read all that there is.
    pub(super) async fn end_pass(&mut self) {
        if let Some(deduplication) = &mut self.deduplication {
            deduplication.end_pass().await;
            self.state.sent = Some(deduplication.sent());
        }
        // Samples are kept also where no row has come.
        if self.state != self.handed {
            self.hand_over(&[]).await;
        }
    }

    /// What is left of a chunk, at its end.
    pub(super) async fn end_chunk(mut self) {
        if let Target::Shared(shared, number) = &self.target {
            let schema = self.table.schema.clone();
            let left = std::mem::replace(&mut self.records, Records::new(schema));
            shared.finish(*number, left).await;
        }
    }

    /// Hands over what was gathered, up to a row with the values `reached`.
    async fn hand_over(&mut self, reached: &[CursorValue]) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.table.schema.clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        match &self.target {
            Target::Flow(sender) => {
                let position = ScanPosition::Incremental(self.state.clone()).position(&self.table);
                self.handed.clone_from(&self.state);
                sender.send(Batch { records, position }).await;
            }
            Target::Shared(shared, number) => {
                shared.send(*number, reached.to_vec(), records).await;
            }
        }
    }

    /// The values of a row by which those that come now are ordered.
    fn cursor_values(&self, row: &Row<'_>) -> Result<Vec<CursorValue>, SourceError> {
        let by = match self.at.phase() {
            Some(phase) => self.table.by(phase),
            None => &self.table.key,
        };
        cursor_values(&self.table, by, row)
    }
}

fn last(records: &Records) -> Option<Row<'_>> {
    records.len().checked_sub(1).and_then(|it| records.get(it))
}

/// What stands for a row's key.
fn key(table: &Table, row: &Row<'_>) -> Result<u128, SourceError> {
    let mut bytes = Vec::new();
    for cursor_value in cursor_values(table, &table.key, row)? {
        let text = cursor_value.text();
        bytes.extend(text.len().to_le_bytes());
        bytes.extend(cursor_value.kind().word().bytes().chain(text.bytes()));
    }
    Ok(digest(&bytes))
}
