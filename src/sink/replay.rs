//! Replays: rows that come again, each of which must land once and over nothing that is newer.

use async_trait::async_trait;

use super::{Advance, Progress, Sink, SinkError};
use crate::model::Records;

/// A sink that knows whether a row is there: dead letters are replayed into it, and `repair`
/// writes through it.
#[async_trait]
pub trait ReplaySink: Sink {
    /// Applies `records`, in parts as `write`, and keeps a mark for each dead letter (a progress of
    /// its own, which begins nowhere), all in one transaction. Nothing where one of the marks is kept
    /// already, or where `onto` is `Absent` and the key of one of the records has a row, or its
    /// parent.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then.
    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance<Progress>],
        onto: Onto,
    ) -> Result<Landing, SinkError>;
}

/// Which rows a replay may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    /// None that is there.
    Absent,
    /// Any: the sink itself tells what is newer, or a person has said so.
    Any,
}

/// What became of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// All is written.
    Written,
    /// The mark of this index was kept already.
    Before(usize),
    /// A row is there already.
    Superseded,
}
