//! Staged writes: rows of several transactions at a time, committed in the order of their positions.

use async_trait::async_trait;

use super::{Advance, Sink, SinkError};
use crate::model::{Position, Records};

/// A sink that writes rows now and commits them later.
///
/// Nobody sees staged rows before their commit, and the order of the positions is that of the
/// commits.
#[async_trait]
pub trait StagingSink: Sink {
    /// Applies `records` in a transaction that stays open; `None`, and nothing is done, where the
    /// rows of one transaction could hinder those of another.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then. Records that wait for those of a transaction
    /// behind them end in `Lost`.
    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError>;
}

/// A transaction with its rows, which waits for those before it. Dropped, it is undone.
#[async_trait]
pub trait StagedWrite: Send {
    /// Moves the position, and commits both.
    ///
    /// # Errors
    /// As `SinkError` says, `Fenced` where the position is not where `advance` begins; nothing is
    /// written then.
    async fn commit(self: Box<Self>, advance: &Advance<Position>) -> Result<(), SinkError>;
}
