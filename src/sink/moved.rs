//! Progress that a transaction stores beside its rows.

use super::{Advance, PositionAdvance};

/// The progress of a partition, or the place of a migration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moved<'m> {
    /// Of a partition.
    Offset(&'m Advance),
    /// Of a migration.
    Position(&'m PositionAdvance),
}
