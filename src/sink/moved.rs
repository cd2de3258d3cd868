//! What a transaction moves beside its rows.

use super::{Advance, Passage};

/// The progress of a partition, or the place of a migration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moved<'m> {
    /// Of a partition.
    Offset(&'m Advance),
    /// Of a migration.
    Place(&'m Passage),
}
