//! What only operators ask of a sink: when it was written, and to forget or set its progress.

use async_trait::async_trait;

use super::{Progress, Sink, SinkError};

/// A sink whose progress can be looked at and changed by a person.
#[async_trait]
pub trait OperatedSink: Sink {
    /// When progress of `flow` was stored last: seconds since the epoch; `None` where there is none.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn saved_at(&self, flow: &str) -> Result<Option<i64>, SinkError>;

    /// Forgets the offsets and the position of `flow`; or, where `to` is given, sets the offset of
    /// that one partition, of whichever topic id it was. Answers how many were changed.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError>;
}
