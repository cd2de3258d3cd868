//! ⑥ Where records end: a `Sink` that writes rows and progress in one transaction.
//!
//! Every sink is a `Sink`. What it can do besides is said in one place, `Sink::capabilities`: the
//! parts of a database (`DatabaseSink`), of operators (`OperatedSink`), of replays (`ReplaySink`,
//! which dead letters and `repair` need), and staged writes (`StagingSink`).
//!
//! Contract, run as a suite against every sink (`tests/contracts`):
//!
//! - `write` applies all of its records and its progress, or nothing.
//! - Its first statement moves the progress from where the writer believes it to be; where it is
//!   somewhere else, another writer owns it: `Fenced`, and nothing is written.
//! - Progress is the offset of a partition, or the position of a flow in its source: `Advance` says
//!   which, and `AnyAdvance` is either.
//! - Records of equal keys are applied in order: the last one stands.
//! - A sink has one table or several. `write` has a part for each of them, in the order of the
//!   settings, which is that of writing; all parts and the progress are one transaction.
//! - In a table whose rows are replaced by a parent, a deletion names the parent and removes all of
//!   its rows; those behind it are the new ones.
//! - A row is found by its key alone: another unique index never redirects a write. Where a value
//!   of one is held by a row of another key, `Rows` names the records, which may be written later.
//! - An error of the `Data` kind means that one record can never be written; all others of the
//!   written list (a missing table or column, rights, read-only, a full disk) are permanent, and
//!   what may pass (deadlock, lock wait, lost connection) is transient.
//! - After any error the transaction is rolled back and its connection is not used again.

#[cfg(any(test, feature = "doubles"))]
pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod sqlite;

mod advance;
mod database;
mod error;
mod operated;
mod replay;
mod rules;
mod sql;
mod staged;
mod value_text;

pub use advance::{Advance, AnyAdvance, POSITION_TABLE, PROGRESS_TABLE, Progress, ProgressKind};
pub use database::DatabaseSink;
pub use error::{Fence, RowFault, SinkError};
pub use operated::OperatedSink;
pub use replay::{Landing, Onto, ReplaySink};
pub use rules::{KeyMatch, OnDelete, OnKnown, RowRules};
pub use sql::create::CreateTable;
pub use sql::index::MissingIndex;
pub use staged::{StagedWrite, StagingSink};
pub use value_text::{write_json, write_text};

pub use crate::model::{BytesText, JsonText, Texts};

use async_trait::async_trait;

use crate::model::{Position, Records};

/// Where records can be written. Shared by the writers of a flow.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The connection and the table, or the tables: `warehouse.info`.
    fn name(&self) -> &str;

    /// The stored offsets of `flow`, for every topic and partition that it has.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError>;

    /// The stored position of `flow`; `None` where it has never stored one.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError>;

    /// Applies `records` (a part for each table, or no part at all) and moves the progress, all in
    /// one transaction.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then.
    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError>;

    /// What it can do besides: `Capabilities::default()` where that is nothing.
    fn capabilities(&self) -> Capabilities<'_>;
}

/// What some sinks can do and others cannot.
#[derive(Clone, Copy, Default)]
pub struct Capabilities<'s> {
    /// Its records end in tables.
    pub database: Option<&'s dyn DatabaseSink>,
    /// Operators may change its progress.
    pub operated: Option<&'s dyn OperatedSink>,
    /// Dead letters can be replayed into it.
    pub replay: Option<&'s dyn ReplaySink>,
    /// It writes several transactions of a flow at a time.
    pub staging: Option<&'s dyn StagingSink>,
}

impl dyn Sink + '_ {
    /// What only operators use.
    ///
    /// # Errors
    /// `Unsupported` where it has no such thing.
    pub fn operated(&self) -> Result<&dyn OperatedSink, SinkError> {
        let operated = self.capabilities().operated;
        operated.ok_or_else(|| self.unsupported("progress that a person can set"))
    }

    /// What replays need.
    ///
    /// # Errors
    /// `Unsupported` where it has no such thing.
    pub fn replays(&self) -> Result<&dyn ReplaySink, SinkError> {
        let replay = self.capabilities().replay;
        replay.ok_or_else(|| self.unsupported("way to tell whether a row is there"))
    }

    fn unsupported(&self, capability: &'static str) -> SinkError {
        let name = self.name().to_owned();
        SinkError::Unsupported { name, capability }
    }
}

/// How a sink of these tables is called: `warehouse.info`, `warehouse.(users, blogs)`.
fn name_of<'t>(connection: &str, tables: impl IntoIterator<Item = &'t str>) -> String {
    match &tables.into_iter().collect::<Vec<_>>()[..] {
        [table] => format!("{connection}.{table}"),
        tables => format!("{connection}.({})", tables.join(", ")),
    }
}

/// There is a part for each table, or none at all: what is left over would be lost unseen.
fn fitting(name: &str, records: &[Records], tables: usize) -> Result<(), SinkError> {
    match records.len() {
        0 => Ok(()),
        parts if parts == tables => Ok(()),
        parts => Err(SinkError::Incompatible {
            name: name.to_owned(),
            advice: format!("it has {tables} tables and was given records for {parts}"),
        }),
    }
}
