//! One of the tables that a sink of MySQL or MariaDB writes: looked up once, then remembered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Executor, MySqlConnection, query, query_scalar};

use super::{
    MysqlSinkSettings,
    catalog::{Found, column_type, create_table, index_columns, look_up},
    dialect::MysqlLimits,
    index::{MOST, found, missing_of},
    transactions::asked_definition,
};
use crate::{
    connect::{
        identifier::{backticked, statement},
        mysql::MysqlConnection,
        table_name::TableName,
    },
    model::Kind,
    sink::{
        SinkError, Texts,
        sql::{
            index::{ExistingIndex, MissingIndex, widths},
            session::SqlSession,
            table::Table,
            target::SqlTarget,
            write::SqlWriter,
        },
    },
};

/// A table, and what is known of it.
#[derive(Debug)]
pub(super) struct MysqlTarget {
    pub(in crate::sink) shared: SqlTarget,
    pub(in crate::sink) database: String,
    table: String,
    texts: Texts,
    /// It was empty when it was looked up, and no row has met its own key in it since.
    is_fresh: AtomicBool,
}

impl MysqlTarget {
    /// The table that the settings name. Nothing is asked of the server yet.
    pub(in crate::sink) fn open(
        connection: &MysqlConnection,
        settings: MysqlSinkSettings,
    ) -> Result<Self, SinkError> {
        let name = format!("{}.{}", connection.name(), settings.table);
        let incompatible = |advice: String| SinkError::Incompatible {
            name: name.clone(),
            advice,
        };
        let named =
            TableName::parse(&settings.table).map_err(|error| incompatible(error.to_string()))?;
        let own = || connection.database().unwrap_or_default().to_owned();
        let (database, table) = (named.database.unwrap_or_else(own), named.table);
        if database.is_empty() {
            let advice = "no database is named: add it to the connection's URL, or write `table = \"database.table\"`";
            return Err(incompatible(advice.to_owned()));
        }
        let quoted = backticked(&database)
            .and_then(|database| Ok(format!("{database}.{}", backticked(&table)?)))
            .map_err(|error| incompatible(error.to_string()))?;
        let texts = settings.texts;
        let dialect = MySqlConnection::WORDS.dialect;
        Ok(Self {
            shared: SqlTarget::new(name, settings.of_table(), quoted, dialect),
            database,
            table,
            texts,
            is_fresh: AtomicBool::new(false),
        })
    }

    /// Asks the server for the table as it is now.
    pub(in crate::sink) async fn look_up(
        &self,
        connection: &MysqlConnection,
        session: &mut MySqlConnection,
    ) -> Result<Option<Found>, SinkError> {
        let full_name = (self.database.as_str(), self.table.as_str());
        look_up(session, connection.flavor(), full_name)
            .await
            .map_err(|error| self.shared.failed(error))
    }

    /// The columns of each of its indexes, in order.
    pub(in crate::sink) async fn index_columns(
        &self,
        session: &mut MySqlConnection,
    ) -> Result<Vec<Vec<String>>, SinkError> {
        index_columns(session, &self.database, &self.table)
            .await
            .map_err(|error| self.shared.failed(error))
    }

    /// The table to write, out of what the server says of it.
    pub(super) fn understand(&self, found: Found) -> Result<Table, SinkError> {
        if !found.is_transactional {
            let (name, quoted) = (&self.shared.settings.table, &self.shared.quoted);
            let advice = match &found.engine {
                None => format!("{name} is a view: name a table"),
                Some(engine) => format!(
                    "table {name} is kept by {engine}, which cannot roll back, so rows and progress would part: ALTER TABLE {quoted} ENGINE=InnoDB"
                ),
            };
            return Err(self.shared.incompatible(advice));
        }
        let table = self.shared.understand(found.columns, found.indexes)?;
        Ok(table.folded(&found.folding, &self.shared.settings.indexes))
    }

    /// The statement that makes the missing table.
    pub(in crate::sink) fn design(
        &self,
        fields: Option<&[(String, Kind)]>,
        collation: &str,
    ) -> Result<String, SinkError> {
        let (columns, shared) = (self.columns(fields)?, &self.shared);
        create_table(&shared.quoted, &columns, shared.key(), collation)
            .map_err(|error| shared.incompatible(error.to_string()))
    }

    /// The columns that a missing table is made of: name, type, whether in the key.
    fn columns<'f>(
        &'f self,
        fields: Option<&'f [(String, Kind)]>,
    ) -> Result<Vec<(&'f str, String, bool)>, SinkError> {
        let shared = &self.shared;
        let widths = widths(&shared.settings.indexes, shared.key(), MOST);
        shared.columns(fields, |name, kind, keyed| {
            column_type(kind, widths.get(name).copied(), keyed)
        })
    }

    /// Those of the source's indexes that it lacks, or would lack when it is made; none where it cannot
    /// be made.
    pub(in crate::sink) async fn missing_indexes(
        &self,
        connection: &MysqlConnection,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        let full_name = (self.database.as_str(), self.table.as_str());
        let there = found(session, full_name).await;
        let (mut columns, mut existing) = there.map_err(|error| self.shared.failed(error))?;
        if columns.is_empty() {
            let Ok(designed) = self.columns(fields) else {
                return Ok(Vec::new());
            };
            let designed = designed.into_iter();
            columns = designed.map(|it| (it.0.to_owned(), it.1)).collect();
            existing = vec![ExistingIndex::of_key(self.shared.key())];
        }
        let settings = &self.shared.settings;
        let names = (self.shared.quoted.as_str(), settings.table.as_str());
        let wanted = &settings.indexes;
        Ok(missing_of(
            names,
            connection.flavor(),
            wanted,
            (&columns, &existing),
        ))
    }

    /// Makes the table where it is missing, and looks it up.
    pub(in crate::sink) async fn learn(
        &self,
        connection: &MysqlConnection,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
        collation: &str,
    ) -> Result<Arc<Table>, SinkError> {
        // Asked first: what is altered in between is seen by the next transaction.
        let mut definition = asked_definition(session, &self.shared.quoted).await;
        let mut found = self.look_up(connection, session).await?;
        if found.is_none() {
            let create = self.design(fields, collation)?;
            session
                .execute(query(statement(create)))
                .await
                .map_err(|error| self.shared.failed(error))?;
            definition = asked_definition(session, &self.shared.quoted).await;
            found = self.look_up(connection, session).await?;
        }
        let found = found.ok_or_else(|| {
            let table = &self.shared.settings.table;
            self.shared
                .incompatible(format!("table {table} cannot be seen: grant SELECT on it"))
        })?;
        let mut table = self.understand(found)?;
        table.definition = definition;
        let any = format!("SELECT 1 FROM {} LIMIT 1", self.shared.quoted);
        let any = query_scalar::<_, i64>(statement(any));
        // Where it cannot be told, rows are written as if they might be there.
        let is_empty = matches!(any.fetch_optional(session).await, Ok(None));
        self.is_fresh.store(is_empty, Ordering::Relaxed);
        Ok(self.shared.remember(table))
    }

    pub(in crate::sink) fn writer<'w>(
        &'w self,
        connection: &MysqlConnection,
        table: &'w Table,
        by_name: bool,
    ) -> SqlWriter<'w, MySqlConnection> {
        let limits = MysqlLimits {
            texts: self.texts,
            max_allowed_packet: connection.max_allowed_packet(),
            encrypted: connection.encrypted(),
        };
        let by = (limits, Some(&self.is_fresh));
        self.shared.writer(table, by, by_name)
    }
}
