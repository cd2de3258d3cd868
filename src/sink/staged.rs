//! Staged writes of a migration: several open transactions at a time, committed in order.

use async_trait::async_trait;

use super::{PositionAdvance, SinkError};

/// A transaction with its rows, which waits for those before it. Dropped, it is undone.
#[async_trait]
pub trait StagedWrite: Send {
    /// Moves the place, and commits both.
    ///
    /// # Errors
    /// As `SinkError` says, `Fenced` where the place is not where `advance` begins; nothing is
    /// written then.
    async fn commit(self: Box<Self>, advance: &PositionAdvance) -> Result<(), SinkError>;
}
