//! What only databases have: tables that may be missing or of another shape, and indexes.

use async_trait::async_trait;

use super::{Advance, MissingIndex, Sink, SinkError};
use crate::model::{Finding, Kind, Position};

/// A sink whose records end in tables or collections.
///
/// `fields` are those of the records, where they are known before the first one; a sink of several
/// tables has those of each table from its settings.
#[async_trait]
pub trait DatabaseSink: Sink {
    /// Whether its tables can be written as the settings say.
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

    /// Makes what is missing and may be made (the tables of progress; the target table, where the
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

    /// Moves a position alone, where the target table may be missing still.
    ///
    /// # Errors
    /// As `write`.
    async fn advance(&self, advance: &Advance<Position>) -> Result<(), SinkError>;
}

impl dyn Sink + '_ {
    /// What only databases have.
    ///
    /// # Errors
    /// `Unsupported` where it is none.
    pub fn database(&self) -> Result<&dyn DatabaseSink, SinkError> {
        let database = self.capabilities().database;
        database.ok_or_else(|| self.unsupported("tables and indexes"))
    }

    /// As `DatabaseSink::prepare`. What is no database has nothing to be made.
    ///
    /// # Errors
    /// As there.
    pub async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        match self.capabilities().database {
            None => Ok(()),
            Some(database) => database.prepare(fields).await,
        }
    }

    /// As `DatabaseSink::check`. Of what is no database nothing is found.
    ///
    /// # Errors
    /// As there.
    pub async fn check(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<Finding>, SinkError> {
        match self.capabilities().database {
            None => Ok(Vec::new()),
            Some(database) => database.check(fields).await,
        }
    }

    /// As `DatabaseSink::would_create`. What is no database misses no table.
    ///
    /// # Errors
    /// As there.
    pub async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        match self.capabilities().database {
            None => Ok(None),
            Some(database) => database.would_create(fields).await,
        }
    }

    /// As `DatabaseSink::missing_indexes`. What is no database misses none.
    ///
    /// # Errors
    /// As there.
    pub async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        match self.capabilities().database {
            None => Ok(Vec::new()),
            Some(database) => database.missing_indexes(fields).await,
        }
    }
}
