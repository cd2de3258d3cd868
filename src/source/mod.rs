//! ① Where records come from: a `Source` that settings describe, and a `SourceReader` opened at
//! a position.
//!
//! A flow needs no more than these two: whatever has an order and a place in it can be read, a
//! table, a change log or a file. What operators ask besides is in contracts of their own
//! (`InspectableSource` and `TableSource`, in `operators`), which a source implements as far as it
//! can answer.
//!
//! Contract, run as a suite against every source (`tests/contracts`):
//!
//! - A reader opened at a position yields every record after it, and none at or before it.
//! - `Batch::position` is the place behind the batch's last record; opening there goes on with
//!   the next one. A batch is never larger than the limits it was asked for, but for one record
//!   that is larger by itself.
//! - A bounded read ends with `None`. A following one never does: it answers within `max_wait`
//!   with an empty batch, whose position may have moved.
//! - A position that is damaged, or made for another field, is refused with its remedy; it is
//!   never read as "from the start".
//! - A full read may be shared out among workers: batches then come in no order of the key, each
//!   row once, and each position is behind all that was handed over before it, and only that.
//! - Nothing is stored here: the flow stores positions, after durability.

mod deduplication;
mod lateness;
#[cfg(any(test, feature = "doubles"))]
pub mod memory;
#[cfg(any(test, feature = "doubles"))]
pub mod memory_table;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
mod operators;
mod plan;
mod rules;
mod samples;
mod scan;
pub mod sqlite;
mod status;

use async_trait::async_trait;

pub use lateness::{HoldBack, Late};
pub use operators::{InspectableSource, TableSource};
pub use plan::{Access, Blocker, Counted, LowWatermark, Plan};
pub use rules::{DeduplicationSettings, MAX_REMEMBERED, Nulls, Rules};
pub use scan::chunks::Sharing;
pub use status::SourceStatus;

use crate::{
    fault::{Cause, Fault, Faulty},
    model::{Batch, Position},
};

/// A place that records can be read from: all that a flow knows of it.
#[async_trait]
pub trait Source: Send + Sync {
    /// The connection and what is read of it: `crawler.raw_list`. Part of the cursor key.
    fn name(&self) -> &str;

    /// The position to open at for `scope`, given the stored one: an incremental read goes on
    /// from it (or starts at the first record), a full one starts over, unless `stored` is itself
    /// within an unfinished full read.
    ///
    /// # Errors
    /// `Position` where `stored` is not one of this source's.
    async fn begin(&self, scope: Scope, stored: Option<&Position>)
    -> Result<Position, SourceError>;

    /// Reads on from `position`, which `begin` or a reader of this source has made.
    ///
    /// # Errors
    /// As `SourceError` says.
    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError>;

    /// How far the read at `position` is, where its end is known: the full read of a table, a file.
    /// `None` where it has no end, or there is no telling. The whole is what the server thinks: nothing
    /// is counted.
    ///
    /// # Errors
    /// As `SourceError` says.
    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError>;
}

/// Reads batches, front to back. Dropping it between two batches loses nothing.
#[async_trait]
pub trait SourceReader: Send {
    /// The next records; `None` when a bounded read is complete. Safe to drop while it waits:
    /// nothing that was read is lost, the next call yields it.
    ///
    /// # Errors
    /// As `SourceError` says; the reader is of no further use then.
    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError>;
}

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What is past the cursor.
    Incremental,
    /// Everything, and then onwards from where the source stood before.
    Full,
}

/// How far a full read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows that have been read.
    pub rows: u64,
    /// Rows in all, about.
    pub of: u64,
}

/// When a read is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// When all that there is has been read.
    Bounded,
    /// Never: it waits for more.
    Follow,
}

/// Limits of one batch and of one wait.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Records in a batch, at most.
    pub rows: usize,
    /// Bytes in a batch, at most.
    pub bytes: usize,
    /// How long a following reader waits before it answers with an empty batch.
    pub max_wait: std::time::Duration,
}

/// What can go wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The connection broke, or the server cannot answer now.
    #[error("source {0} cannot be reached")]
    Lost(String, #[source] Cause),
    /// The server refused for good: rights, a missing table.
    #[error("source {name} refused: {advice}")]
    Refused {
        /// The source's name.
        name: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The table or collection cannot be read as the settings say.
    #[error("source {name} cannot be read this way: {advice}")]
    Incompatible {
        /// The source's name.
        name: String,
        /// What is wrong and what to do.
        advice: String,
    },
    /// The position is not one of this source's.
    #[error("position {position} is of no use to source {name}: {advice}")]
    Position {
        /// The source's name.
        name: String,
        /// The position's text.
        position: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

impl Faulty for SourceError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost(..) => Fault::Transient,
            Self::Refused { .. } | Self::Incompatible { .. } | Self::Position { .. } => {
                Fault::Permanent
            }
        }
    }
}
