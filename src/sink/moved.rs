//! What a transaction moves beside its rows.

use super::{Advance, Passage};
use crate::model::Records;

/// The progress of a partition, or the place of a migration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moved<'m> {
    /// Of a partition.
    Offset(&'m Advance),
    /// Of a migration.
    Place(&'m Passage),
}

impl Moved<'_> {
    /// The batches of each table: one each beside a progress; all are of the only table beside a
    /// place.
    pub fn parts<'r>(&self, records: &'r [Records]) -> Vec<&'r [Records]> {
        match self {
            Self::Offset(_) => one_each(records),
            Self::Place(_) if records.is_empty() => Vec::new(),
            Self::Place(_) => vec![records],
        }
    }
}

/// A batch for each table.
pub(super) fn one_each(records: &[Records]) -> Vec<&[Records]> {
    records.chunks(1).collect()
}
