//! A table of MySQL or MariaDB, with the progress beside it in one transaction.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, query};

use super::{
    Advance, CreateTable, Landing, Onto, PASSAGE_TABLE, PROGRESS_TABLE, Passage, Progress, Sink,
    SinkError, Texts,
    moved::Moved,
    mysql_catalog::{Found, column_type, create_table, exact_collation, look_up},
    mysql_check,
    mysql_passage::MysqlPassages,
    mysql_progress::MysqlProgress,
    mysql_replay,
    mysql_session::Sessions,
    mysql_write::MysqlWriter,
    rules::RowRules,
    sql_failure::beside_records,
    table::Table,
    table_create::designed,
    table_statements::{Dialect, Statements},
};
use crate::{
    connect::{
        identifier::{NotAName, backticked, statement},
        mysql::MysqlConnection,
        table_name::TableName,
    },
    model::{Finding, Kind, Position, Records},
};

/// What a MySQL sink needs.
#[derive(Debug, Clone)]
pub struct MysqlSinkSettings {
    /// The table, or `database.table` where it is not in the connection's database; see
    /// `TableName`.
    pub table: String,
    /// The columns that identify a row: the primary key (also where this is `None`) or those of
    /// a unique index.
    pub key: Option<Vec<String>>,
    /// Fields of the messages that are left out.
    pub drop: Vec<String>,
    /// How rows that are there already are treated.
    pub rules: RowRules,
    /// How long a session that writes may be silent before the server undoes its transaction:
    /// less than the consumer session's time-out, so that a writer that stands still holds
    /// nothing when its partitions go to another.
    pub silence: Duration,
    /// Whether a missing table is made.
    pub create: CreateTable,
    /// What texts stand for in columns of bytes and of JSON.
    pub texts: Texts,
    /// The table that keeps the progress, in the target's database.
    pub progress_table: String,
}

/// Writes one table.
#[derive(Debug)]
pub struct MysqlSink {
    pub(super) name: String,
    pub(super) connection: MysqlConnection,
    pub(super) settings: MysqlSinkSettings,
    pub(super) database: String,
    pub(super) table: String,
    pub(super) quoted: String,
    pub(super) progress: MysqlProgress,
    pub(super) passages: MysqlPassages,
    statements: Statements,
    pub(super) sessions: Sessions,
    known: RwLock<Option<Arc<Table>>>,
}

impl MysqlSinkSettings {
    /// The usual settings for `table`.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            key: None,
            drop: Vec::new(),
            rules: RowRules::default(),
            silence: Duration::from_secs(22),
            create: CreateTable::WhenMissing,
            texts: Texts::default(),
            progress_table: PROGRESS_TABLE.to_owned(),
        }
    }
}

impl MysqlSink {
    /// A sink for the table that the settings name. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// `Unfit` where a name in the settings is none, or the database is not known.
    pub fn open(
        connection: MysqlConnection,
        settings: MysqlSinkSettings,
    ) -> Result<Self, SinkError> {
        let name = format!("{}.{}", connection.name(), settings.table);
        let unfit = |advice: String| SinkError::Unfit {
            name: name.clone(),
            advice,
        };
        let named = TableName::parse(&settings.table).map_err(|error| unfit(error.to_string()))?;
        let own = || connection.database().unwrap_or_default().to_owned();
        let (database, table) = (named.database.unwrap_or_else(own), named.table);
        if database.is_empty() {
            let advice = "no database is named: add it to the connection's URL, or write `table = \"database.table\"`";
            return Err(unfit(advice.to_owned()));
        }
        let quoted = |table: &str| -> Result<String, NotAName> {
            Ok(format!("{}.{}", backticked(&database)?, backticked(table)?))
        };
        let target = quoted(&table).map_err(|error| unfit(error.to_string()))?;
        let progress =
            quoted(&settings.progress_table).map_err(|error| unfit(error.to_string()))?;
        let passages = quoted(PASSAGE_TABLE).map_err(|error| unfit(error.to_string()))?;
        Ok(Self {
            database,
            table,
            quoted: target,
            progress: MysqlProgress { quoted: progress },
            passages: MysqlPassages { quoted: passages },
            name,
            connection,
            settings,
            statements: Statements::new(Dialect::Mysql),
            sessions: Sessions::default(),
            known: RwLock::default(),
        })
    }

    /// Asks the server for the table as it is now.
    pub(super) async fn look_up(
        &self,
        session: &mut MySqlConnection,
    ) -> Result<Option<Found>, SinkError> {
        look_up(
            session,
            self.connection.flavor(),
            (&self.database, &self.table),
        )
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
            return Err(self.unfit(advice));
        }
        let names = (self.settings.table.clone(), self.quoted.clone());
        let key = self.settings.key.as_deref();
        let ruled = Table::new(names, found.columns, found.indexes, key)
            .and_then(|it| it.ruled(&self.settings.rules));
        let mut table = ruled.map_err(|it| self.unfit(it))?;
        table.folds = table.key.iter().any(|it| {
            let name = &table.columns[*it].name;
            found.folding.iter().any(|(it, _)| it == name)
        });
        Ok(table)
    }

    /// The statement that makes the missing table.
    pub(super) fn design(
        &self,
        fields: Option<&[(String, Kind)]>,
        collation: &str,
    ) -> Result<String, SinkError> {
        let (table, key) = (self.settings.table.as_str(), self.settings.key.as_deref());
        let fields = self
            .settings
            .create
            .fields(table, fields)
            .map_err(|it| self.unfit(it))?;
        let columns = designed((table, key), fields, &self.settings.drop, column_type)
            .map_err(|it| self.unfit(it))?;
        create_table(&self.quoted, &columns, key.unwrap_or_default(), collation)
            .map_err(|error| self.unfit(error.to_string()))
    }

    fn unfit(&self, advice: String) -> SinkError {
        SinkError::Unfit {
            name: self.name.clone(),
            advice,
        }
    }

    /// The table, looked up once.
    pub(super) async fn table(&self) -> Result<Arc<Table>, SinkError> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known {
            Some(table) => Ok(table),
            None => self.learn(None).await,
        }
    }

    async fn learn(&self, fields: Option<&[(String, Kind)]>) -> Result<Arc<Table>, SinkError> {
        let mut session = self.session().await?;
        let learned = self.learn_with(&mut session, fields).await;
        match &learned {
            Ok(_) => self.sessions.give_back(session),
            Err(_) => self.sessions.abandon(session).await,
        }
        learned
    }

    async fn learn_with(
        &self,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Arc<Table>, SinkError> {
        let failed = |error| beside_records(&self.name, error);
        let collation = exact_collation(session).await.map_err(failed)?;
        self.progress
            .create(session, collation)
            .await
            .map_err(failed)?;
        self.passages
            .create(session, collation)
            .await
            .map_err(failed)?;
        let mut found = self.look_up(session).await?;
        if found.is_none() {
            let create = self.design(fields, collation)?;
            session
                .execute(query(statement(create)))
                .await
                .map_err(failed)?;
            found = self.look_up(session).await?;
        }
        let found = found.ok_or_else(|| {
            self.unfit(format!(
                "table {} cannot be seen: grant SELECT on it",
                self.settings.table
            ))
        })?;
        let table = Arc::new(self.understand(found)?);
        self.statements.forget();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(table.clone());
        Ok(table)
    }

    pub(super) async fn session(&self) -> Result<MySqlConnection, SinkError> {
        self.sessions
            .take(&self.connection, self.settings.silence)
            .await
            .map_err(|error| beside_records(&self.name, error))
    }

    pub(super) fn writer<'w>(&'w self, table: &'w Table) -> MysqlWriter<'w> {
        MysqlWriter {
            table,
            statements: &self.statements,
            drop: &self.settings.drop,
            texts: self.settings.texts,
            max_allowed_packet: self.connection.max_allowed_packet(),
            encrypted: self.connection.encrypted(),
        }
    }
}

#[async_trait]
impl Sink for MysqlSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        let mut session = self.session().await?;
        let findings = mysql_check::check(self, &mut session, fields).await;
        // Its last statement may have failed: not one for the next writer.
        self.sessions.abandon(session).await;
        findings
    }

    async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        let mut session = self.session().await?;
        let found = self.look_up(&mut session).await;
        let collation = exact_collation(&mut session).await;
        self.sessions.abandon(session).await;
        match (found?, collation) {
            (Some(_), _) => Ok(None),
            (None, Ok(collation)) => self.design(fields, collation).map(Some),
            (None, Err(error)) => Err(beside_records(&self.name, error)),
        }
    }

    async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        let table = self.learn(fields).await?;
        match fields {
            None => Ok(()),
            Some(fields) => table
                .fit(
                    fields.iter().map(|(name, _)| name.as_str()),
                    &self.settings.drop,
                )
                .map_err(|it| self.unfit(it)),
        }
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let mut session = self.session().await?;
        let read = self.progress.read(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn moved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        let mut session = self.session().await?;
        let read = self.progress.moved_at(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        self.together(records, Moved::Offset(advance)).await
    }

    async fn place(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let mut session = self.session().await?;
        let read = self.passages.read(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn carry(&self, records: &[Records], passage: &Passage) -> Result<(), SinkError> {
        self.together(records, Moved::Place(passage)).await
    }

    async fn replay(
        &self,
        records: &[Records],
        marks: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let table = self.table().await?;
        let mut session = self.session().await?;
        let landing = mysql_replay::replay(self, &mut session, &table, (records, marks), onto);
        match landing.await {
            Ok(Landing::Written) => {
                self.sessions.give_back(session);
                Ok(Landing::Written)
            }
            other => {
                self.sessions.abandon(session).await;
                other.map_err(|failure| failure.into_error(&self.name))
            }
        }
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut session = self.session().await?;
        let reset = self.reset_with(&mut session, flow, to).await;
        self.answer(session, reset).await
    }
}
