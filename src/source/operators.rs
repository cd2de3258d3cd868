//! What operators ask of a source: two contracts beside the one that flows read by.
//!
//! - `InspectableSource` is for every source that a command opens: `check` and `status` are answered
//!   by a change log as well as by a table.
//! - `TableSource` is for what has rows, fields and an order: what `plan`, `migrate`, `verify` and
//!   `cursor set` ask. A source that is no table does not implement it.
//! - Every answer is true now, changes nothing at the source, and reads no more of it than it says.
//! - No method has a body here, so that nothing is answered for a source that cannot know.

use async_trait::async_trait;

use super::{Plan, Source, SourceError, SourceStatus};
use crate::model::{Finding, Position, Schema, TableIndex};

/// A source that says whether it can be read, and where a read of it stands.
#[async_trait]
pub trait InspectableSource: Source {
    /// Whether this source can be read as the settings say: rights, fields, indexes. What it
    /// cannot see is said as a note.
    ///
    /// # Errors
    /// Only where the check itself cannot be made; what it finds amiss is a finding.
    async fn check(&self) -> Result<Vec<Finding>, SourceError>;

    /// Where a read from `stored` stands beside this source now. Reads no more than the last record.
    ///
    /// # Errors
    /// `Incompatible` with the remedy where it cannot be read at all, `Position` where `stored` is not one
    /// of this source's.
    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError>;
}

/// A table or collection, read in the order of a field.
#[async_trait]
pub trait TableSource: InspectableSource {
    /// The shape of its records, as it is now. Reads none of them.
    ///
    /// # Errors
    /// `Incompatible` with the remedy where it cannot be read at all.
    async fn shape(&self) -> Result<Schema, SourceError>;

    /// The shape of its records as a table could have it. Where records name their own fields, all of
    /// them are looked at for that, once; of none, nothing can be said, and it is `shape`, as it is
    /// where fields are declared.
    ///
    /// # Errors
    /// As `shape`.
    async fn survey(&self) -> Result<Schema, SourceError>;

    /// Its indexes, that of the primary key among them: what a table that is made of it may have as
    /// well.
    ///
    /// # Errors
    /// As `shape`.
    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError>;

    /// What a read from `stored` would ask next, and how the server would find it. Reads no record.
    ///
    /// # Errors
    /// As `status`.
    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError>;

    /// The position that stands for `value` as a person writes it (`cursor set`): everything
    /// after that value of the incremental field will be read. Where the field says when, a time
    /// with a zone is understood, too.
    ///
    /// # Errors
    /// `Position` where the text is no value of the incremental field.
    async fn position_at(&self, value: &str) -> Result<Position, SourceError>;
}
