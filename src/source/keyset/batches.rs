//! Rows into batches within the limits, and each batch's place.

use std::sync::Arc;

use super::{KeyColumn, Lane, Mark, Outlet, Place, ReadLimits, Stand, Table, marks};
use crate::{
    model::{Batch, Records, Row},
    source::{
        SourceError,
        early::{Early, digest},
    },
};

/// What the rows that come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Of a full read.
    Full,
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
    pub fn lane(self) -> Lane {
        match self {
            Self::Settled(lane) | Self::Early(lane) | Self::Again(lane) => lane,
            Self::Anew => Lane::Nulls,
            Self::Full => Lane::Values,
        }
    }
}

/// Gathers rows into batches, and hands these over.
pub(in crate::source) struct Batches {
    table: Arc<Table>,
    records: Records,
    /// Behind the last batch that was handed over.
    pub(super) place: Place,
    /// The place of the last position that was handed over.
    handed: Place,
    limits: ReadLimits,
    outlet: Outlet,
    at: At,
    /// What was sent early, where that is done.
    pub(super) early: Option<Early>,
    /// The last row that was handed over of those that come now.
    reached: Option<Vec<Mark>>,
    /// The last row, where it is not sent.
    left: Option<Vec<Mark>>,
}

impl Batches {
    pub(super) fn new(table: Arc<Table>, place: Place, limits: ReadLimits, outlet: Outlet) -> Self {
        let records = Records::new(table.schema.clone());
        Self {
            table,
            records,
            handed: place.clone(),
            place,
            limits,
            outlet,
            at: At::Full,
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

    /// Where the incremental read stands, or will go on.
    pub(super) fn stand(&mut self) -> &mut Stand {
        match &mut self.place {
            Place::Incremental(stand) | Place::Full { then: stand, .. } => stand,
        }
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
            At::Full | At::Anew => false,
        };
        self.left = match leaves {
            true => Some(marks(&self.table, self.table.by(self.at.lane()), &row)?),
            false => None,
        };
        if leaves {
            self.records.drop_last();
        }
        Ok(leaves)
    }

    pub(super) async fn send(&mut self) -> Result<(), SourceError> {
        let Some(last) = last(&self.records) else {
            return Ok(());
        };
        let by: &[KeyColumn] = match self.at {
            At::Full => &self.table.key,
            other => self.table.by(other.lane()),
        };
        let reached = marks(&self.table, by, &last)?;
        match (&mut self.place, self.at) {
            (Place::Full { after, .. }, _) => after.clone_from(&reached),
            (Place::Incremental(stand), At::Settled(lane)) => {
                stand.after(lane).clone_from(&reached)
            }
            (Place::Incremental(stand), At::Anew) => stand.nulls.clone_from(&reached),
            (Place::Incremental(stand), At::Early(_) | At::Again(_)) => {
                if let Some(early) = &mut self.early {
                    for row in self.records.iter() {
                        early.remember(key(&self.table, &row)?, digest(row.packed()));
                    }
                    early.hand_over().await;
                    stand.sent = Some(early.sent());
                }
            }
            (Place::Incremental(_), At::Full) => {}
        }
        self.reached = Some(reached);
        self.hand_over().await;
        Ok(())
    }

    /// Sends what is left of a page. Answers the values of its last row, sent or not.
    pub(super) async fn end_page(&mut self) -> Result<Option<Vec<Mark>>, SourceError> {
        self.send().await?;
        if let Some(left) = self.left.take() {
            if let At::Settled(lane) = self.at {
                self.stand().after(lane).clone_from(&left);
            }
            self.reached = Some(left);
        }
        Ok(self.reached.clone())
    }

    /// A pass has read all that there is.
    pub(super) async fn end_pass(&mut self) {
        if let Some(early) = &mut self.early {
            early.end_pass().await;
            let sent = early.sent();
            self.stand().sent = Some(sent);
        }
        // Samples are kept also where no row has come.
        if self.place != self.handed {
            self.hand_over().await;
        }
    }

    /// What is left, at the end of a full read.
    pub(super) async fn end_full(&mut self) {
        if let Place::Full { then, .. } = &mut self.place {
            self.place = Place::Incremental(std::mem::take(then));
            self.hand_over().await;
        }
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.table.schema.clone(), rows, bytes);
        let batch = Batch {
            records: std::mem::replace(&mut self.records, next),
            position: self.place.position(&self.table),
        };
        self.handed.clone_from(&self.place);
        self.outlet.send(batch).await;
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
