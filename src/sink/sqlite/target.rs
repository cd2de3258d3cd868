//! One of the tables that a sink of SQLite writes: looked up once, then remembered.

use std::sync::Arc;

use sqlx::{Executor, SqliteConnection as Session, query};

use super::{
    SqliteSinkSettings,
    catalog::{column_type, create_table, folding, index_columns, look_up},
    index::{existing, missing_of},
    transactions::definition,
};
use crate::{
    connect::{
        identifier::{double_quoted, statement},
        sqlite::SqliteConnection,
    },
    model::Kind,
    sink::{
        SinkError,
        sql::{
            index::{ExistingIndex, MissingIndex},
            session::SqlSession,
            table::Table,
            target::SqlTarget,
            write::SqlWriter,
        },
    },
};

/// A table, and what is known of it.
#[derive(Debug)]
pub(super) struct SqliteTarget {
    pub(in crate::sink) shared: SqlTarget,
}

impl SqliteTarget {
    /// The table that the settings name. The file is not read yet.
    pub(in crate::sink) fn open(
        connection: &SqliteConnection,
        settings: SqliteSinkSettings,
    ) -> Result<Self, SinkError> {
        let name = format!("{}.{}", connection.name(), settings.table);
        let quoted = double_quoted(&settings.table).map_err(|error| SinkError::Incompatible {
            name: name.clone(),
            advice: error.to_string(),
        })?;
        let dialect = Session::WORDS.dialect;
        Ok(Self {
            shared: SqlTarget::new(name, settings.of_table(), quoted, dialect),
        })
    }

    /// The statement that makes the missing table.
    pub(in crate::sink) fn design(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<String, SinkError> {
        let (columns, shared) = (self.columns(fields)?, &self.shared);
        create_table(&shared.quoted, &columns, shared.key())
            .map_err(|error| shared.incompatible(error.to_string()))
    }

    /// The columns that a missing table is made of: name, type, whether in the key.
    fn columns<'f>(
        &'f self,
        fields: Option<&'f [(String, Kind)]>,
    ) -> Result<Vec<(&'f str, String, bool)>, SinkError> {
        let column_type = |_: &str, kind, keyed| column_type(kind, keyed).map(str::to_owned);
        self.shared.columns(fields, column_type)
    }

    /// Those of the source's indexes that it lacks, or would lack when it is made; none where it cannot
    /// be made.
    pub(in crate::sink) async fn missing_indexes(
        &self,
        connection: &SqliteConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        let settings = &self.shared.settings;
        let (readers, table) = (connection.readers(), settings.table.as_str());
        let failed = |error| self.shared.failed(error);
        let there = look_up(readers, table).await.map_err(failed)?;
        let key = self.shared.key();
        let (columns, existing): (Vec<String>, Vec<ExistingIndex>) = match there {
            Some((columns, _)) => {
                let names = columns.into_iter().map(|it| it.name).collect();
                (names, existing(readers, table).await.map_err(failed)?)
            }
            None => match self.columns(fields) {
                Ok(designed) => {
                    let names = designed.into_iter().map(|it| it.0.to_owned());
                    (names.collect(), vec![ExistingIndex::of_key(key)])
                }
                Err(_) => return Ok(Vec::new()),
            },
        };
        let names = (self.shared.quoted.as_str(), table);
        let wanted = &settings.indexes;
        let missing_of = missing_of(readers, names, wanted, (&columns, &existing)).await;
        missing_of.map_err(failed)
    }

    /// The table as it is now; `None` where there is none.
    pub(in crate::sink) async fn found(
        &self,
        connection: &SqliteConnection,
    ) -> Result<Option<Table>, SinkError> {
        let shared = &self.shared;
        let readers = connection.readers();
        let failed = |error| shared.failed(error);
        // Asked first: what is altered in between is seen by the next transaction.
        let definition = definition(readers).await.map_err(failed)?;
        let found = look_up(readers, &shared.settings.table).await;
        let Some((columns, indexes)) = found.map_err(failed)? else {
            return Ok(None);
        };
        let folding = folding(readers, &shared.settings.table).await;
        let folding = folding.map_err(failed)?;
        let table = shared.understand(columns, indexes)?;
        let mut table = table.folded(&folding, &shared.settings.indexes);
        table.definition = Some(definition);
        Ok(Some(table))
    }

    /// The columns of each of its indexes, in order.
    pub(in crate::sink) async fn index_columns(
        &self,
        connection: &SqliteConnection,
    ) -> Result<Vec<Vec<String>>, SinkError> {
        let table = &self.shared.settings.table;
        let columns = index_columns(connection.readers(), table).await;
        columns.map_err(|error| self.shared.failed(error))
    }

    /// Makes the table where it is missing, and looks it up.
    pub(in crate::sink) async fn learn(
        &self,
        connection: &SqliteConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Arc<Table>, SinkError> {
        let mut found = self.found(connection).await?;
        if found.is_none() {
            let create = query(statement(self.design(fields)?));
            let created = connection.writer().execute(create).await;
            created.map_err(|error| self.shared.failed(error))?;
            found = self.found(connection).await?;
        }
        match found {
            Some(found) => Ok(self.shared.remember(found)),
            None => {
                let table = &self.shared.settings.table;
                Err(self
                    .shared
                    .incompatible(format!("table {table} is gone again")))
            }
        }
    }

    pub(in crate::sink) fn writer<'w>(
        &'w self,
        table: &'w Table,
        by_name: bool,
    ) -> SqlWriter<'w, Session> {
        self.shared.writer(table, ((), None), by_name)
    }
}
