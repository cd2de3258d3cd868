//! Rows of a migration that are written and not committed: several transactions at a time, ended in order.

use async_trait::async_trait;

use super::{Passage, SinkError};

/// A transaction with its rows, which waits for those before it. Dropped, it is undone.
#[async_trait]
pub trait Laid: Send {
    /// Moves the place, and commits both.
    ///
    /// # Errors
    /// As `SinkError` says, `Fenced` where the place is not where `passage` begins; nothing is
    /// written then.
    async fn settle(self: Box<Self>, passage: &Passage) -> Result<(), SinkError>;
}
