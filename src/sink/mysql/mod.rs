//! Tables of MySQL or MariaDB, with the progress beside them in one transaction.

pub(super) mod catalog;
pub(super) mod check;
pub(super) mod index;
mod positions;
mod progress;
mod replay;
mod reset;
mod row_by_row;
mod session;
mod staged;
mod target;
mod transaction;
mod values;
mod write;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::MySqlConnection;

use super::{
    Advance, CreateTable, Landing, MissingIndex, Onto, POSITION_TABLE, PROGRESS_TABLE,
    PositionAdvance, Progress, Sink, SinkError, StagedWrite, Texts,
    moved::Moved,
    name_of,
    rules::RowRules,
    sql::{failure::beside_records, table::Table},
};
use crate::{
    connect::{identifier::backticked, mysql::MysqlConnection},
    model::{Finding, Kind, Position, Records, TableIndex},
};
use catalog::exact_collation;
use positions::MysqlPositions;
use progress::MysqlProgress;
use session::Sessions;
use target::MysqlTarget;

/// What a MySQL sink needs for one table.
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
    /// The fields of the records, where they are known and not given otherwise.
    pub fields: Option<Vec<(String, Kind)>>,
    /// The source's indexes.
    pub indexes: Vec<TableIndex>,
    /// Whether a missing table is made.
    pub create: CreateTable,
    /// What texts stand for in columns of bytes and of JSON.
    pub texts: Texts,
    /// The table that keeps the progress, in the target's database.
    pub progress_table: String,
}

/// Writes its tables, all of them in one transaction.
#[derive(Debug)]
pub struct MysqlSink {
    pub(super) name: String,
    pub(super) connection: MysqlConnection,
    /// In the order of writing.
    targets: Vec<MysqlTarget>,
    progress: MysqlProgress,
    pub(super) progress_table: String,
    positions: MysqlPositions,
    pub(super) silence: Duration,
    sessions: Sessions,
    /// Those whose transactions wait for others': they wait for locks in their own way.
    staging: Sessions,
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
            fields: None,
            indexes: Vec::new(),
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
        let targets = tables
            .into_iter()
            .map(|it| MysqlTarget::open(&connection, it))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(first) = targets.first() else {
            let advice = "it has no table".to_owned();
            return Err(SinkError::Incompatible { name, advice });
        };
        let progress_table = first.settings.progress_table.clone();
        let quoted = |table: &str| {
            backticked(&first.database)
                .and_then(|database| Ok(format!("{database}.{}", backticked(table)?)))
                .map_err(|error| first.incompatible(error.to_string()))
        };
        let progress = quoted(&progress_table)?;
        let positions = quoted(POSITION_TABLE)?;
        Ok(Self {
            name,
            silence: first.settings.silence,
            progress: MysqlProgress { quoted: progress },
            positions: MysqlPositions { quoted: positions },
            progress_table,
            targets,
            connection,
            sessions: Sessions::default(),
            staging: Sessions::default(),
        })
    }

    /// The tables, looked up once.
    pub(super) async fn tables(&self) -> Result<Vec<Arc<Table>>, SinkError> {
        let known: Option<Vec<_>> = self.targets.iter().map(MysqlTarget::known).collect();
        match known {
            Some(tables) => Ok(tables),
            None => self.learn(None).await,
        }
    }

    async fn learn(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Arc<Table>>, SinkError> {
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
    ) -> Result<Vec<Arc<Table>>, SinkError> {
        let failed = |error| beside_records(&self.name, error);
        let collation = exact_collation(session).await.map_err(failed)?;
        self.progress
            .create(session, collation)
            .await
            .map_err(failed)?;
        self.positions
            .create(session, collation)
            .await
            .map_err(failed)?;
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

    async fn advance_with(
        &self,
        session: &mut MySqlConnection,
        advance: &PositionAdvance,
    ) -> Result<(), SinkError> {
        let failed = |error| beside_records(&self.name, error);
        let collation = exact_collation(session).await.map_err(failed)?;
        let made = self.positions.create(session, collation).await;
        made.map_err(failed)?;
        // One statement, which is a transaction by itself.
        let moved = self.positions.advance(session, advance).await;
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
        tables.try_for_each(|(target, table)| target.fit(&table, fields))
    }

    async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        let mut session = self.session().await?;
        let mut all = Vec::new();
        for target in &self.targets {
            all.extend(
                target
                    .missing_indexes(&self.connection, &mut session, fields)
                    .await?,
            );
        }
        self.sessions.give_back(session);
        Ok(all)
    }

    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError> {
        let mut session = self.session().await?;
        let mut targets = self.targets.iter();
        let made = match targets.find(|it| it.settings.table == missing.table) {
            Some(target) => target.make_index(&mut session, missing).await,
            None => Ok(()),
        };
        self.sessions.abandon(session).await;
        made
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
        self.in_transaction(records, Moved::Offset(advance)).await
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let mut session = self.session().await?;
        let read = self.positions.read(&mut session, flow).await;
        self.answer(session, read).await
    }

    async fn advance(&self, advance: &PositionAdvance) -> Result<(), SinkError> {
        let mut session = self.session().await?;
        let advanced = self.advance_with(&mut session, advance).await;
        self.sessions.abandon(session).await;
        advanced
    }

    async fn write_positioned(
        &self,
        records: &[Records],
        advance: &PositionAdvance,
    ) -> Result<(), SinkError> {
        self.in_transaction(records, Moved::Position(advance)).await
    }

    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        self.stage_rows(records).await
    }

    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let tables = self.tables().await?;
        let mut session = self.session().await?;
        let landing = replay::replay(self, &mut session, &tables, (records, markers), onto);
        match landing.await {
            Ok(Landing::Written) => {
                self.sessions.give_back(session);
                Ok(Landing::Written)
            }
            other => {
                self.sessions.abandon(session).await;
                other
            }
        }
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut session = self.session().await?;
        let reset = self.reset_with(&mut session, flow, to).await;
        self.answer(session, reset).await
    }
}
