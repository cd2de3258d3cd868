//! Progress: what a sink stores with its rows, in their transaction, and moves by compare-and-set.
//!
//! There are two kinds, and their keys differ, so that a database has a table for each:
//!
//! - the offset of a partition (`PROGRESS_TABLE`), by flow, topic, topic id and partition;
//! - the position of a flow that reads a source itself (`POSITION_TABLE`), by flow.

use crate::model::Position;

/// The usual name of the table that keeps offsets. Its key columns: `flow`, `topic`, `topic_id`,
/// `partition`.
pub const PROGRESS_TABLE: &str = "highwater_progress";

/// The name of the table that keeps positions. Its key column: `flow`.
pub const POSITION_TABLE: &str = "highwater_positions";

/// The name that an older version gave that table.
pub(super) const OLDER_POSITION_TABLE: &str = "highwater_passages";

/// The name that an older version gave the column, or the field, of a position.
pub(super) const OLDER_POSITION: &str = "place";

/// How far one partition of one topic is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The topic's name.
    pub topic: String,
    /// The topic's id: another one means that the topic was made anew.
    pub topic_id: String,
    /// The partition.
    pub partition: i32,
    /// The offset to go on from.
    pub next_offset: i64,
}

/// What can be stored as the progress of a flow.
pub trait ProgressKind {
    /// What is compared and replaced under the key.
    type Stored;
}

impl ProgressKind for Progress {
    type Stored = i64;
}

impl ProgressKind for Position {
    type Stored = Self;
}

/// A step forward, from the progress that the writer believes is stored now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance<P: ProgressKind> {
    /// The flow.
    pub flow: String,
    /// What must be stored now; `None` where there must be nothing yet.
    pub from: Option<P::Stored>,
    /// What is stored with the records; a position may stay where it is, where a part of a batch
    /// is written.
    pub to: P,
}

/// A step forward of either kind.
#[derive(Debug, Clone, Copy)]
pub enum AnyAdvance<'a> {
    /// Of the offset of a partition.
    Offset(&'a Advance<Progress>),
    /// Of the position of a flow.
    Position(&'a Advance<Position>),
}

impl<'a> From<&'a Advance<Progress>> for AnyAdvance<'a> {
    fn from(advance: &'a Advance<Progress>) -> Self {
        Self::Offset(advance)
    }
}

impl<'a> From<&'a Advance<Position>> for AnyAdvance<'a> {
    fn from(advance: &'a Advance<Position>) -> Self {
        Self::Position(advance)
    }
}
