//! ⑥ Where records end: a `Sink` that writes rows and progress in one transaction.
//!
//! Contract, run as a suite against every sink (`tests/contracts`):
//!
//! - `write` applies all of its records and its progress, or nothing.
//! - Its first statement moves the progress from where the writer believes it to be; where it is
//!   somewhere else, another writer owns it: `Fenced`, and nothing is written.
//! - `write_positioned` is the same with a place in a source instead of an offset.
//! - `stage` is `write_positioned` in two halves: the rows, and later the place with the end of the transaction.
//!   Nobody sees rows before that, and the order of the places is that of the ends.
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
pub mod mongodb;
pub mod mysql;
pub mod sqlite;

mod moved;
mod rules;
mod sql;
mod staged;
mod stored_position;
mod texts;
mod value_text;

pub use rules::{OnDelete, OnKnown, RowRules};
pub use sql::create::{CreateTable, PROGRESS_TABLE};
pub use sql::index::MissingIndex;
pub use staged::StagedWrite;
pub use stored_position::{POSITION_TABLE, PositionAdvance};
pub use texts::{BytesText, JsonText, Texts, from_base64, from_hex};
pub use value_text::{write_json, write_text};

use async_trait::async_trait;

use crate::{
    fault::{Cause, Fault, Faulty},
    model::{Finding, Kind, Position, Records},
};

/// A place that records can be written to. Shared by the lanes of a flow.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The connection and the table, or the tables: `warehouse.info`.
    fn name(&self) -> &str;

    /// Whether this sink can be written as the settings say. `fields` are those of the records,
    /// where they are known before the first one; a sink of several tables has those of each table
    /// from its settings.
    ///
    /// # Errors
    /// Only where the check itself cannot be made.
    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError>;

    /// The statement by which `prepare` would make the missing table (of several, all of them, with
    /// `;` between); `None` where none is missing. Changes nothing.
    ///
    /// # Errors
    /// `Incompatible` where the table is missing and cannot be made.
    async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError>;

    /// Makes what is missing and may be made (the progress table; the target table, where the
    /// settings allow it and `fields` are known), and learns the target's columns.
    ///
    /// # Errors
    /// `Incompatible` where records of these fields cannot be written there.
    async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError>;

    /// Those of the source's indexes, as the settings name them, that the table lacks or would lack when
    /// it is made. Changes nothing.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError>;

    /// Makes one of those that the table lacks.
    ///
    /// # Errors
    /// `Incompatible`, naming values, where rows share those of a unique index.
    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError>;

    /// The stored progress of `flow`, for every topic and partition that it has.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError>;

    /// When progress of `flow` was stored last: seconds since the epoch; `None` where there is none.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn moved_at(&self, flow: &str) -> Result<Option<i64>, SinkError>;

    /// Applies `records` (a part for each table, or no part at all) and moves the progress, all in
    /// one transaction.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then.
    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError>;

    /// The stored place of the migration `flow`; `None` where it has never stored one.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError>;

    /// Moves a place alone, where the table may be missing still.
    ///
    /// # Errors
    /// As `write_positioned`.
    async fn advance(&self, advance: &PositionAdvance) -> Result<(), SinkError>;

    /// Applies `records` and moves the place of a migration, all in one transaction.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then.
    async fn write_positioned(
        &self,
        records: &[Records],
        advance: &PositionAdvance,
    ) -> Result<(), SinkError>;

    /// Applies `records` in a transaction that stays open, so that several are written at a time;
    /// `None`, and nothing is done, where this sink writes one after the other.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then. Records that wait for those of a transaction
    /// behind them end in `Lost`.
    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError>;

    /// Applies the records of dead letters, in parts as `write`, and keeps a mark for each letter (a
    /// progress of its own,
    /// which begins nowhere), all in one transaction. Nothing where one of the marks is kept
    /// already, or where `onto` is `Absent` and the key of one of the records has a row, or its parent.
    ///
    /// # Errors
    /// As `SinkError` says; nothing is written then.
    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError>;

    /// Forgets the progress and the place of `flow`, or the progress of one of its partitions where `next_offset` is given:
    /// then it is set to that.
    ///
    /// # Errors
    /// As `SinkError` says.
    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError>;
}

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

/// A step forward in one partition, with the place that the writer believes it starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The flow.
    pub flow: String,
    /// The offset that must be stored now; `None` where there must be none yet.
    pub from: Option<i64>,
    /// What is stored with the records.
    pub to: Progress,
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

/// What can go wrong with a sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The connection broke, a deadlock or a lock wait: it may pass.
    #[error("sink {0} cannot be written now")]
    Lost(String, #[source] Cause),
    /// The progress is not this writer's to move.
    #[error(transparent)]
    Fenced(#[from] Fence),
    /// One record can never be written.
    #[error("sink {name} cannot hold a record")]
    Data {
        /// The sink.
        name: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// These records cannot be written; all others of the batch can.
    #[error("sink {name} cannot hold {} of the records", faults.len())]
    Rows {
        /// The sink.
        name: String,
        /// Which, and why.
        faults: Vec<RowFault>,
    },
    /// The server refused for good: a missing table or column, rights, read-only, a full disk.
    #[error("sink {name} refused: {advice}")]
    Refused {
        /// The sink.
        name: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The records and the table do not fit together.
    #[error("sink {name}: {advice}")]
    Incompatible {
        /// The sink.
        name: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

/// Why the progress is not a writer's to move. It may pass: what is stored is read anew.
#[derive(Debug, thiserror::Error)]
pub enum Fence {
    /// Another writer has moved it.
    #[error("sink {0}: another writer has taken over this partition")]
    Moved(String),
    /// A transaction that is not over yet is moving it.
    #[error("sink {name}: {advice}")]
    Open {
        /// The sink.
        name: String,
        /// Whose it is, as far as it is known, and when it ends.
        advice: &'static str,
    },
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

/// What is wrong with one record.
#[derive(Debug)]
pub struct RowFault {
    /// The index of the message that it was made from.
    pub origin: u32,
    /// Whether it may be written later: another row holds a value that is unique, and may let go.
    pub may_pass: bool,
    /// Why it was refused.
    pub cause: Cause,
}

impl Faulty for SinkError {
    fn fault(&self) -> Fault {
        match self {
            // The partition is assigned anew to whoever owns it: this writer begins again.
            Self::Lost(..) | Self::Fenced(_) => Fault::Transient,
            Self::Data { .. } | Self::Rows { .. } => Fault::Data,
            Self::Refused { .. } | Self::Incompatible { .. } => Fault::Permanent,
        }
    }
}
