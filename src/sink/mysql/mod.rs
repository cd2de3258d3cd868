//! Tables of MySQL or MariaDB, with the progress beside them in one transaction.

pub(super) mod catalog;
pub(super) mod check;
mod dialect;
pub(super) mod index;
mod session;
mod settings;
mod staged;
mod target;
mod transactions;
mod values;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, raw_sql};

use super::{
    Advance, AnyAdvance, Capabilities, DatabaseSink, Landing, MissingIndex, Onto, OperatedSink,
    POSITION_TABLE, Progress, ReplaySink, Sink, SinkError, StagedWrite, StagingSink,
    advance::OLDER_POSITION_TABLE,
    name_of,
    sql::{
        failure::{Failure, beside_records},
        progress::ProgressTables,
        row_by_row::has_others,
        table::Table,
        transaction::Transaction,
    },
};
use crate::{
    connect::{identifier::backticked, mysql::MysqlConnection},
    model::{Finding, Kind, Position, Records},
};
use catalog::{exact_collation, table_options};
use session::Sessions;
pub use settings::MysqlSinkSettings;
use staged::MysqlStaged;
use target::MysqlTarget;

/// Writes its tables, all of them in one transaction.
#[derive(Debug)]
pub struct MysqlSink {
    pub(super) name: String,
    pub(super) connection: MysqlConnection,
    /// In the order of writing.
    targets: Vec<MysqlTarget>,
    progress: ProgressTables,
    /// The name of the table of offsets, as it was given.
    progress_table: String,
    pub(super) silence: Duration,
    sessions: Sessions,
    /// Those whose transactions wait for others': they wait for locks in their own way.
    staging: Sessions,
}

impl MysqlSink {
    /// A sink for the table that the settings name. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// `Incompatible` where a name in the settings is none, or the database is not known.
    pub fn open(
        connection: MysqlConnection,
        settings: MysqlSinkSettings,
    ) -> Result<Self, SinkError> {
        Self::of_tables(connection, vec![settings])
    }

    /// A sink for several tables, written in this order. Its progress is kept, and its sessions
    /// behave, as the first of them says.
    ///
    /// # Errors
    /// As `open`; and where there is no table.
    pub fn of_tables(
        connection: MysqlConnection,
        tables: Vec<MysqlSinkSettings>,
    ) -> Result<Self, SinkError> {
        let name = name_of(connection.name(), tables.iter().map(|it| it.table.as_str()));
        let first = tables.first();
        let first = first.map(|it| (it.progress_table.clone(), it.silence));
        let targets = tables
            .into_iter()
            .map(|it| MysqlTarget::open(&connection, it))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some((progress_table, silence)), Some(first)) = (first, targets.first()) else {
            let advice = "it has no table".to_owned();
            return Err(SinkError::Incompatible { name, advice });
        };
        let quoted = |table: &str| {
            backticked(&first.database)
                .and_then(|database| Ok(format!("{database}.{}", backticked(table)?)))
                .map_err(|error| first.shared.incompatible(error.to_string()))
        };
        let progress = ProgressTables {
            offsets: quoted(&progress_table)?,
            positions: quoted(POSITION_TABLE)?,
            older_positions: quoted(OLDER_POSITION_TABLE)?,
            database: first.database.clone(),
        };
        Ok(Self {
            name,
            silence,
            progress,
            progress_table,
            targets,
            connection,
            sessions: Sessions::default(),
            staging: Sessions::default(),
        })
    }

    /// The tables, looked up once.
    pub(super) async fn tables(&self) -> Result<Vec<Arc<Table>>, SinkError> {
        let known: Option<Vec<_>> = self.targets.iter().map(|it| it.shared.known()).collect();
        match known {
            Some(tables) => Ok(tables),
            None => self.learn(None).await,
        }
    }

    async fn learn(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Arc<Table>>, SinkError> {
        let mut session = self.session().await?;
        let learned = self.learn_with(&mut session, fields).await;
        self.sessions.end(session, learned).await
    }

    async fn learn_with(
        &self,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<Arc<Table>>, SinkError> {
        let failed = |error| beside_records(&self.name, error);
        let collation = exact_collation(session).await.map_err(failed)?;
        let options = table_options(collation);
        let made = self.progress.create(session, &options).await;
        made.map_err(|failure| beside_records(&self.name, failure))?;
        let mut tables = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let learned = target.learn(&self.connection, session, fields, collation);
            tables.push(learned.await?);
        }
        Ok(tables)
    }

    pub(super) async fn session(&self) -> Result<MySqlConnection, SinkError> {
        self.sessions
            .take(&self.connection, self.silence)
            .await
            .map_err(|error| beside_records(&self.name, error))
    }

    /// What one transaction writes into `tables`.
    fn transaction<'t>(&'t self, tables: &'t [Arc<Table>]) -> Transaction<'t, MySqlConnection> {
        let by_name = tables.iter().any(|it| has_others(it) || it.is_exact());
        let targets = self.targets.iter().zip(tables);
        let writers = targets.map(|(target, table)| {
            let writer = target.writer(&self.connection, table, by_name);
            (target.shared.name.as_str(), writer)
        });
        Transaction {
            name: &self.name,
            progress: &self.progress,
            writers: writers.collect(),
        }
    }

    /// What the server said beside a write.
    async fn answer<T>(
        &self,
        session: MySqlConnection,
        said: Result<T, impl Into<Failure>>,
    ) -> Result<T, SinkError> {
        let said = self.sessions.end(session, said).await;
        said.map_err(|error| beside_records(&self.name, error))
    }

    /// Forgets progress and position of `flow`, or sets the offset of one partition.
    async fn reset_with(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
        to: Option<&Progress>,
    ) -> Result<u64, Failure> {
        let Some(to) = to else {
            return self.progress.forget(session, flow).await;
        };
        let options = table_options(exact_collation(session).await?);
        self.progress.create_offsets(session, &options).await?;
        session.execute(raw_sql("BEGIN")).await?;
        self.progress.set(session, flow, to).await?;
        session.execute(raw_sql("COMMIT")).await?;
        Ok(1)
    }

    async fn advance_with(
        &self,
        session: &mut MySqlConnection,
        advance: &Advance<Position>,
    ) -> Result<(), SinkError> {
        let failed = |error| beside_records(&self.name, error);
        let options = table_options(exact_collation(session).await.map_err(failed)?);
        let made = self.progress.create_positions(session, &options).await;
        made.map_err(|failure| beside_records(&self.name, failure))?;
        // One statement, which is a transaction by itself.
        let moved = self.progress.advance(session, advance.into()).await;
        moved.map_err(|failure| failure.into_error(&self.name))
    }

    async fn would_create_with(
        &self,
        session: &mut MySqlConnection,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        let collation = exact_collation(session).await;
        let collation = collation.map_err(|error| beside_records(&self.name, error))?;
        let mut missing = Vec::new();
        for target in &self.targets {
            if target.look_up(&self.connection, session).await?.is_none() {
                missing.push(target.design(fields, collation)?);
            }
        }
        Ok((!missing.is_empty()).then(|| missing.join("; ")))
    }
}

#[async_trait]
impl Sink for MysqlSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let mut session = self.session().await?;
        let read = self.progress.read(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let mut session = self.session().await?;
        let read = self.progress.position(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError> {
        let tables = self.tables().await?;
        let mut session = self.session().await?;
        let written = self.write_with(&mut session, tables, (records, advance));
        let written = written.await;
        self.sessions.end(session, written).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            database: Some(self),
            operated: Some(self),
            replay: Some(self),
            staging: Some(self),
        }
    }
}

#[async_trait]
impl DatabaseSink for MysqlSink {
    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        let mut session = self.session().await?;
        let findings = check::check(self, &mut session, fields).await;
        // Its last statement may have failed: not one for the next writer.
        self.sessions.abandon(session).await;
        findings
    }

    async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        let mut session = self.session().await?;
        let created = self.would_create_with(&mut session, fields).await;
        self.sessions.abandon(session).await;
        created
    }

    async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        let tables = self.learn(fields).await?;
        let mut tables = self.targets.iter().zip(tables);
        tables.try_for_each(|(target, table)| target.shared.fit(&table, fields))
    }

    async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        let mut session = self.session().await?;
        let mut all = Vec::new();
        for target in &self.targets {
            let missing = target.missing_indexes(&self.connection, &mut session, fields);
            all.extend(missing.await?);
        }
        self.sessions.give_back(session);
        Ok(all)
    }

    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError> {
        let mut session = self.session().await?;
        let mut targets = self.targets.iter();
        let made = match targets.find(|it| it.shared.settings.table == missing.table) {
            Some(target) => index::make(&target.shared, &mut session, missing).await,
            None => Ok(()),
        };
        self.sessions.abandon(session).await;
        made
    }

    async fn advance(&self, advance: &Advance<Position>) -> Result<(), SinkError> {
        let mut session = self.session().await?;
        let advanced = self.advance_with(&mut session, advance).await;
        self.sessions.abandon(session).await;
        advanced
    }
}

#[async_trait]
impl OperatedSink for MysqlSink {
    async fn saved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        let mut session = self.session().await?;
        let read = self.progress.saved_at(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut session = self.session().await?;
        let reset = self.reset_with(&mut session, flow, to).await;
        self.answer(session, reset).await
    }
}

#[async_trait]
impl ReplaySink for MysqlSink {
    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance<Progress>],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let tables = self.tables().await?;
        let mut session = self.session().await?;
        let landing = self.replay_with(&mut session, tables, (records, markers), onto);
        let landing = landing.await;
        match landing {
            Ok(Landing::Written) => self.sessions.give_back(session),
            _ => self.sessions.abandon(session).await,
        }
        landing
    }
}

#[async_trait]
impl StagingSink for MysqlSink {
    /// Rows of one transaction may hinder those of another where they go by more than their key, or
    /// where keys that differ may be one row's.
    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        let tables = self.tables().await?;
        let hinders = |it: &Table| has_others(it) || it.replaces() || it.folds;
        if tables.iter().any(|it| hinders(it)) {
            return Ok(None);
        }
        let staged = MysqlStaged::write(self, tables, records).await?;
        Ok(Some(Box::new(staged)))
    }
}
