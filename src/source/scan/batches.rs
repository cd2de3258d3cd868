//! Rows into batches within the limits, and each batch's place.

use std::sync::Arc;

use super::{
    Lane, Mark, Outlet, Place, ReadLimits, Stand, Table, chunks::Shared, full::Key, marks,
};
use crate::{
    model::{Batch, Records, Row},
    source::{
        SourceError,
        reread::{Early, digest},
    },
};

/// What the rows that come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum At {
    /// Of a chunk of a full read.
    Chunk,
    /// Settled: the cursor moves behind them.
    Settled(Lane),
    /// Not settled, and not read yet by this reader.
    Early(Lane),
    /// Not settled, and read before.
    Again(Lane),
    /// Rows without a value that are read by every run.
    Anew,
}

impl At {
    /// What the rows are ordered by; a chunk is in the order of the key.
    pub fn lane(self) -> Option<Lane> {
        match self {
            Self::Settled(lane) | Self::Early(lane) | Self::Again(lane) => Some(lane),
            Self::Anew => Some(Lane::Nulls),
            Self::Chunk => None,
        }
    }
}

/// Gathers rows into batches within the limits, and hands these over.
pub(in crate::source) struct Batches {
    table: Arc<Table>,
    records: Records,
    limits: ReadLimits,
    toward: Toward,
    at: At,
    /// Where an incremental read stands: behind the last batch that was handed over.
    pub(super) stand: Stand,
    /// The place of the last position that was handed over.
    handed: Stand,
    /// What was sent early, where that is done.
    pub(super) early: Option<Early>,
    /// The last row that was handed over of those that come now.
    reached: Option<Vec<Mark>>,
    /// The last row, where it is not sent.
    left: Option<Vec<Mark>>,
}

/// Where batches go.
enum Toward {
    Flow(Outlet),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<Key>>, usize),
}

impl Batches {
    /// Of an incremental read from `stand`.
    pub(super) fn incremental(
        table: Arc<Table>,
        stand: Stand,
        limits: ReadLimits,
        outlet: Outlet,
    ) -> Self {
        let at = At::Settled(Lane::Values);
        Self::new(table, stand, at, limits, Toward::Flow(outlet))
    }

    /// Of a chunk: they go out in turn with those of others.
    pub(super) fn of_chunk(
        table: Arc<Table>,
        limits: ReadLimits,
        (shared, number): (Arc<Shared<Key>>, usize),
    ) -> Self {
        let toward = Toward::Shared(shared, number);
        Self::new(table, Stand::default(), At::Chunk, limits, toward)
    }

    fn new(table: Arc<Table>, stand: Stand, at: At, limits: ReadLimits, toward: Toward) -> Self {
        Self {
            records: Records::new(table.schema.clone()),
            table,
            limits,
            toward,
            at,
            handed: stand.clone(),
            stand,
            early: None,
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
        if self.early.is_some() && self.leave_out()? {
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
        let (Some(early), Some(row)) = (&mut self.early, last(&self.records)) else {
            return Ok(false);
        };
        let (key, digest) = (key(&self.table, &row)?, digest(row.packed()));
        let leaves = match self.at {
            At::Settled(_) => early.pass_by(key, digest),
            At::Early(_) => early.is_sent(key, digest),
            At::Again(_) => early.is_sent(key, digest) || !early.has_room(),
            At::Chunk | At::Anew => false,
        };
        self.left = match leaves {
            true => Some(self.marks(&row)?),
            false => None,
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
        let reached = self.marks(&last)?;
        match self.at {
            At::Settled(lane) => self.stand.after(lane).clone_from(&reached),
            At::Anew => self.stand.nulls.clone_from(&reached),
            At::Early(_) | At::Again(_) => {
                if let Some(early) = &mut self.early {
                    for row in self.records.iter() {
                        early.remember(key(&self.table, &row)?, digest(row.packed()));
                    }
                    early.hand_over().await;
                    self.stand.sent = Some(early.sent());
                }
            }
            At::Chunk => {}
        }
        self.hand_over(&reached).await;
        self.reached = Some(reached);
        Ok(())
    }

    /// Sends what is left of a page. Answers the values of its last row, sent or not.
    pub(super) async fn end_page(&mut self) -> Result<Option<Vec<Mark>>, SourceError> {
        self.send().await?;
        if let Some(left) = self.left.take() {
            if let At::Settled(lane) = self.at {
                self.stand.after(lane).clone_from(&left);
            }
            self.reached = Some(left);
        }
        Ok(self.reached.clone())
    }

    /// A pass has read all that there is.
    pub(super) async fn end_pass(&mut self) {
        if let Some(early) = &mut self.early {
            early.end_pass().await;
            self.stand.sent = Some(early.sent());
        }
        // Samples are kept also where no row has come.
        if self.stand != self.handed {
            self.hand_over(&[]).await;
        }
    }

    /// What is left of a chunk, at its end.
    pub(super) async fn end_chunk(mut self) {
        if let Toward::Shared(shared, number) = &self.toward {
            let schema = self.table.schema.clone();
            let left = std::mem::replace(&mut self.records, Records::new(schema));
            shared.finish(*number, left).await;
        }
    }

    /// Hands over what was gathered, up to a row with the values `reached`.
    async fn hand_over(&mut self, reached: &[Mark]) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.table.schema.clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        match &self.toward {
            Toward::Flow(outlet) => {
                let position = Place::Incremental(self.stand.clone()).position(&self.table);
                self.handed.clone_from(&self.stand);
                outlet.send(Batch { records, position }).await;
            }
            Toward::Shared(shared, number) => {
                shared.send(*number, reached.to_vec(), records).await;
            }
        }
    }

    /// The values of a row by which those that come now are ordered.
    fn marks(&self, row: &Row<'_>) -> Result<Vec<Mark>, SourceError> {
        let by = match self.at.lane() {
            Some(lane) => self.table.by(lane),
            None => &self.table.key,
        };
        marks(&self.table, by, row)
    }
}

fn last(records: &Records) -> Option<Row<'_>> {
    records.len().checked_sub(1).and_then(|it| records.get(it))
}

/// What stands for a row's key.
fn key(table: &Table, row: &Row<'_>) -> Result<u128, SourceError> {
    let mut bytes = Vec::new();
    for mark in marks(table, &table.key, row)? {
        let text = mark.text();
        bytes.extend(text.len().to_le_bytes());
        bytes.extend(mark.kind().word().bytes().chain(text.bytes()));
    }
    Ok(digest(&bytes))
}
