//! Batches that a migration writes together, each with the place behind it.

use super::CarryLimits;
use crate::model::{Position, Records};

/// What was read and stepped, and is not yet written.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// As they were read, each record numbered within its batch.
    read: Vec<Records>,
    /// Behind the steps.
    records: Vec<Records>,
    positions: Vec<Position>,
    rows: usize,
    bytes: usize,
}

impl Load {
    pub fn push(&mut self, read: Records, records: Records, position: Position) {
        self.rows += read.len();
        self.bytes += records.bytes();
        self.read.push(read);
        self.records.push(records);
        self.positions.push(position);
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub fn has_room(&self, limits: CarryLimits) -> bool {
        self.rows < limits.rows && self.bytes < limits.bytes
    }

    /// Rows that were read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn records(&self) -> &[Records] {
        &self.records
    }

    /// The place behind all of it.
    pub fn ends(&self) -> Option<&Position> {
        self.positions.last()
    }

    /// The batches by themselves.
    pub fn into_parts(self) -> impl Iterator<Item = (Records, Records, Position)> {
        let records = self.read.into_iter().zip(self.records);
        let parts = records.zip(self.positions);
        parts.map(|((read, records), position)| (read, records, position))
    }
}
