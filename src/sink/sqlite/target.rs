//! One of the tables that a sink of SQLite writes: looked up once, then remembered.

use std::sync::{Arc, PoisonError, RwLock};

use sqlx::{Executor, query};

use super::{
    SqliteSinkSettings,
    catalog::{column_type, create_table, index_columns, look_up},
    index::{existing, missing_of},
    write::SqliteWriter,
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
            create::designed,
            failure::beside_records,
            index::{ExistingIndex, MissingIndex},
            statements::{Dialect, Statements},
            table::Table,
        },
    },
};

/// A table, and what is known of it.
#[derive(Debug)]
pub(super) struct SqliteTarget {
    /// The connection and the table, for messages.
    pub(in crate::sink) name: String,
    pub(in crate::sink) settings: SqliteSinkSettings,
    pub(in crate::sink) quoted: String,
    pub(in crate::sink) statements: Statements,
    known: RwLock<Option<Arc<Table>>>,
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
        Ok(Self {
            name,
            settings,
            quoted,
            statements: Statements::new(Dialect::Sqlite),
            known: RwLock::default(),
        })
    }

    /// The fields of its records, where they are known: its own, else `given`.
    pub(in crate::sink) fn fields<'f>(
        &'f self,
        given: Option<&'f [(String, Kind)]>,
    ) -> Option<&'f [(String, Kind)]> {
        self.settings.fields.as_deref().or(given)
    }

    /// The statement that makes the missing table.
    pub(in crate::sink) fn design(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<String, SinkError> {
        let columns = self.columns(fields)?;
        let key = self.settings.key.as_deref().unwrap_or_default();
        create_table(&self.quoted, &columns, key)
            .map_err(|error| self.incompatible(error.to_string()))
    }

    /// The columns that a missing table is made of: name, type, whether in the key.
    fn columns<'f>(
        &'f self,
        fields: Option<&'f [(String, Kind)]>,
    ) -> Result<Vec<(&'f str, String, bool)>, SinkError> {
        let (table, key) = (self.settings.table.as_str(), self.settings.key.as_deref());
        let fields = self
            .settings
            .create
            .fields(table, self.fields(fields))
            .map_err(|it| self.incompatible(it))?;
        designed(
            (table, key),
            fields,
            &self.settings.drop,
            |_, kind, keyed| column_type(kind, keyed).map(str::to_owned),
        )
        .map_err(|it| self.incompatible(it))
    }

    /// Those of the source's indexes that it lacks, or would lack when it is made; none where it cannot
    /// be made.
    pub(in crate::sink) async fn missing_indexes(
        &self,
        connection: &SqliteConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        let (readers, table) = (connection.readers(), self.settings.table.as_str());
        let failed = |error| self.failed(error);
        let there = look_up(readers, table).await.map_err(failed)?;
        let key = self.settings.key.as_deref().unwrap_or_default();
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
        let names = (self.quoted.as_str(), table);
        let wanted = &self.settings.indexes;
        let missing_of = missing_of(readers, names, wanted, (&columns, &existing)).await;
        missing_of.map_err(failed)
    }

    /// The table as it is now; `None` where there is none.
    pub(in crate::sink) async fn found(
        &self,
        connection: &SqliteConnection,
    ) -> Result<Option<Table>, SinkError> {
        let found = look_up(connection.readers(), &self.settings.table).await;
        let Some((columns, indexes)) = found.map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let names = (self.settings.table.clone(), self.quoted.clone());
        Table::new(names, columns, indexes, self.settings.key.as_deref())
            .and_then(|it| it.ruled(&self.settings.rules))
            .map(Some)
            .map_err(|it| self.incompatible(it))
    }

    /// The columns of each of its indexes, in order.
    pub(in crate::sink) async fn index_columns(
        &self,
        connection: &SqliteConnection,
    ) -> Result<Vec<Vec<String>>, SinkError> {
        let columns = index_columns(connection.readers(), &self.settings.table).await;
        columns.map_err(|error| self.failed(error))
    }

    /// The table, where it was looked up before.
    pub(in crate::sink) fn known(&self) -> Option<Arc<Table>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
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
            created.map_err(|error| self.failed(error))?;
            found = self.found(connection).await?;
        }
        let Some(found) = found else {
            return Err(self.incompatible(format!("table {} is gone again", self.settings.table)));
        };
        let table = Arc::new(found);
        self.statements.forget();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(table.clone());
        Ok(table)
    }

    /// Whether records of these fields can be written.
    pub(in crate::sink) fn fit(
        &self,
        table: &Table,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<(), SinkError> {
        let Some(fields) = self.fields(fields) else {
            return Ok(());
        };
        let names = fields.iter().map(|(name, _)| name.as_str());
        table
            .fit(names, &self.settings.drop)
            .map_err(|it| self.incompatible(it))
    }

    pub(in crate::sink) fn writer<'w>(
        &'w self,
        table: &'w Table,
        by_name: bool,
    ) -> SqliteWriter<'w> {
        SqliteWriter {
            table,
            statements: &self.statements,
            drop: &self.settings.drop,
            by_name,
        }
    }

    pub(in crate::sink) fn incompatible(&self, advice: String) -> SinkError {
        SinkError::Incompatible {
            name: self.name.clone(),
            advice,
        }
    }

    fn failed(&self, error: sqlx::Error) -> SinkError {
        beside_records(&self.name, error)
    }
}
