//! The stored position of a flow without a broker, kept beside the rows.

use crate::model::Position;

/// A step forward of a migration, with the place that the writer believes it starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionAdvance {
    /// The flow.
    pub flow: String,
    /// The place that must be stored now; `None` where there must be none yet.
    pub from: Option<Position>,
    /// What is stored with the records; it may be the same, where a part of a batch is written.
    pub to: Position,
}

/// The usual name of the table that keeps the places of migrations.
pub const POSITION_TABLE: &str = "highwater_positions";
