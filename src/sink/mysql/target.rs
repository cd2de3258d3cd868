//! One of the tables that a sink of MySQL or MariaDB writes: looked up once, then remembered.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{Executor, MySqlConnection, query, query_scalar};

use super::{
    MysqlSinkSettings,
    catalog::{Found, column_type, create_table, index_columns, look_up},
    index::{MOST, found, missing_of},
    write::MysqlWriter,
};
use crate::{
    connect::{
        identifier::{backticked, statement},
        mysql::MysqlConnection,
        table_name::TableName,
    },
    model::Kind,
    sink::{
        SinkError,
        sql::{
            create::designed,
            failure::beside_records,
            index::{ExistingIndex, MissingIndex, widths},
            statements::{Dialect, Statements},
            table::Table,
        },
    },
};

/// A table, and what is known of it.
#[derive(Debug)]
pub(super) struct MysqlTarget {
    /// The connection and the table, for messages.
    pub(in crate::sink) name: String,
    pub(in crate::sink) settings: MysqlSinkSettings,
    pub(in crate::sink) database: String,
    table: String,
    quoted: String,
    statements: Statements,
    known: RwLock<Option<Arc<Table>>>,
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
        Ok(Self {
            name,
            settings,
            database,
            table,
            quoted,
            statements: Statements::new(Dialect::Mysql),
            known: RwLock::default(),
            is_fresh: AtomicBool::new(false),
        })
    }

    /// The fields of its records, where they are known: its own, else `given`.
    pub(in crate::sink) fn fields<'f>(
        &'f self,
        given: Option<&'f [(String, Kind)]>,
    ) -> Option<&'f [(String, Kind)]> {
        self.settings.fields.as_deref().or(given)
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
            .map_err(|error| beside_records(&self.name, error))
    }

    /// The columns of each of its indexes, in order.
    pub(in crate::sink) async fn index_columns(
        &self,
        session: &mut MySqlConnection,
    ) -> Result<Vec<Vec<String>>, SinkError> {
        index_columns(session, &self.database, &self.table)
            .await
            .map_err(|error| beside_records(&self.name, error))
    }

    /// The table to write, out of what the server says of it.
    pub(super) fn understand(&self, found: Found) -> Result<Table, SinkError> {
        if !found.is_transactional {
            let advice = match &found.engine {
                None => format!("{} is a view: name a table", self.settings.table),
                Some(engine) => format!(
                    "table {} is kept by {engine}, which cannot roll back, so rows and progress would part: ALTER TABLE {} ENGINE=InnoDB",
                    self.settings.table, self.quoted
                ),
            };
            return Err(self.incompatible(advice));
        }
        let names = (self.settings.table.clone(), self.quoted.clone());
        let key = self.settings.key.as_deref();
        let ruled = Table::new(names, found.columns, found.indexes, key)
            .and_then(|it| it.ruled(&self.settings.rules));
        let mut table = ruled.map_err(|it| self.incompatible(it))?;
        table.folds = table.key.iter().chain(&table.replace_by).any(|it| {
            let name = &table.columns[*it].name;
            found.folding.iter().any(|(it, _)| it == name)
        });
        Ok(table)
    }

    /// The statement that makes the missing table.
    pub(in crate::sink) fn design(
        &self,
        fields: Option<&[(String, Kind)]>,
        collation: &str,
    ) -> Result<String, SinkError> {
        let columns = self.columns(fields)?;
        let key = self.settings.key.as_deref().unwrap_or_default();
        create_table(&self.quoted, &columns, key, collation)
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
        let widths = widths(&self.settings.indexes, key.unwrap_or_default(), MOST);
        designed(
            (table, key),
            fields,
            &self.settings.drop,
            |name, kind, keyed| column_type(kind, widths.get(name).copied(), keyed),
        )
        .map_err(|it| self.incompatible(it))
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
        let (mut columns, mut existing) =
            there.map_err(|error| beside_records(&self.name, error))?;
        if columns.is_empty() {
            let Ok(designed) = self.columns(fields) else {
                return Ok(Vec::new());
            };
            let designed = designed.into_iter();
            columns = designed.map(|it| (it.0.to_owned(), it.1)).collect();
            existing = vec![ExistingIndex::of_key(
                self.settings.key.as_deref().unwrap_or_default(),
            )];
        }
        let names = (self.quoted.as_str(), self.settings.table.as_str());
        let wanted = &self.settings.indexes;
        Ok(missing_of(
            names,
            connection.flavor(),
            wanted,
            (&columns, &existing),
        ))
    }

    pub(in crate::sink) fn incompatible(&self, advice: String) -> SinkError {
        SinkError::Incompatible {
            name: self.name.clone(),
            advice,
        }
    }

    /// The table, where it was looked up before.
    pub(in crate::sink) fn known(&self) -> Option<Arc<Table>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Makes the table where it is missing, and looks it up.
    pub(in crate::sink) async fn learn(
        &self,
        connection: &MysqlConnection,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
        collation: &str,
    ) -> Result<Arc<Table>, SinkError> {
        let mut found = self.look_up(connection, session).await?;
        if found.is_none() {
            let create = self.design(fields, collation)?;
            session
                .execute(query(statement(create)))
                .await
                .map_err(|error| beside_records(&self.name, error))?;
            found = self.look_up(connection, session).await?;
        }
        let found = found.ok_or_else(|| {
            self.incompatible(format!(
                "table {} cannot be seen: grant SELECT on it",
                self.settings.table
            ))
        })?;
        let table = Arc::new(self.understand(found)?);
        let any = format!("SELECT 1 FROM {} LIMIT 1", self.quoted);
        let any = query_scalar::<_, i64>(statement(any));
        // Where it cannot be told, rows are written as if they might be there.
        let is_empty = matches!(any.fetch_optional(session).await, Ok(None));
        self.is_fresh.store(is_empty, Ordering::Relaxed);
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
        connection: &MysqlConnection,
        table: &'w Table,
        by_name: bool,
    ) -> MysqlWriter<'w> {
        MysqlWriter {
            table,
            statements: &self.statements,
            is_fresh: &self.is_fresh,
            drop: &self.settings.drop,
            texts: self.settings.texts,
            max_allowed_packet: connection.max_allowed_packet(),
            encrypted: connection.encrypted(),
            by_name,
        }
    }
}
