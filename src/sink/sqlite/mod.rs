//! Tables of a SQLite file, with the progress beside them in one transaction.

mod catalog;
mod check;
mod dialect;
mod index;
mod settings;
mod target;
mod transactions;
mod values;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Sqlite, SqliteConnection as Session, pool::PoolConnection};

use super::{
    Advance, AnyAdvance, Capabilities, DatabaseSink, Landing, MissingIndex, Onto, OperatedSink,
    POSITION_TABLE, Progress, ReplaySink, Sink, SinkError,
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
    connect::{identifier::double_quoted, sqlite::SqliteConnection},
    model::{Finding, Kind, Position, Records},
};
use dialect::OPTIONS;
pub use settings::SqliteSinkSettings;
use target::SqliteTarget;

/// Writes its tables, all of them in one transaction.
#[derive(Debug)]
pub struct SqliteSink {
    pub(super) name: String,
    pub(super) connection: SqliteConnection,
    /// In the order of writing.
    targets: Vec<SqliteTarget>,
    progress: ProgressTables,
}

impl SqliteSink {
    /// A sink for the table that the settings name. The file is not read yet.
    ///
    /// # Errors
    /// `Incompatible` where a name in the settings is none.
    pub fn open(
        connection: SqliteConnection,
        settings: SqliteSinkSettings,
    ) -> Result<Self, SinkError> {
        Self::of_tables(connection, vec![settings])
    }

    /// A sink for several tables, written in this order. Its progress is kept as the first of them
    /// says.
    ///
    /// # Errors
    /// As `open`; and where there is no table.
    pub fn of_tables(
        connection: SqliteConnection,
        tables: Vec<SqliteSinkSettings>,
    ) -> Result<Self, SinkError> {
        let name = name_of(connection.name(), tables.iter().map(|it| it.table.as_str()));
        let first = tables.first().map(|it| it.progress_table.clone());
        let targets = tables
            .into_iter()
            .map(|it| SqliteTarget::open(&connection, it))
            .collect::<Result<Vec<_>, _>>()?;
        let incompatible = |advice: String| SinkError::Incompatible {
            name: name.clone(),
            advice,
        };
        let Some(progress_table) = first else {
            return Err(incompatible("it has no table".to_owned()));
        };
        let quoted =
            |table: &str| double_quoted(table).map_err(|error| incompatible(error.to_string()));
        let progress = ProgressTables {
            offsets: quoted(&progress_table)?,
            positions: quoted(POSITION_TABLE)?,
            older_positions: quoted(OLDER_POSITION_TABLE)?,
            database: "main".to_owned(),
        };
        Ok(Self {
            name,
            connection,
            targets,
            progress,
        })
    }

    pub(super) async fn tables(&self) -> Result<Vec<Arc<Table>>, SinkError> {
        let known: Option<Vec<_>> = self.targets.iter().map(|it| it.shared.known()).collect();
        match known {
            Some(tables) => Ok(tables),
            None => self.learn(None).await,
        }
    }

    async fn learn(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Arc<Table>>, SinkError> {
        let created = async {
            let mut writer = self.connection.writer().acquire().await?;
            self.progress.create(&mut *writer, OPTIONS).await
        };
        created.await.map_err(|error: Failure| self.failed(error))?;
        let mut tables = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            tables.push(target.learn(&self.connection, fields).await?);
        }
        Ok(tables)
    }

    /// What one transaction writes into `tables`.
    fn transaction<'t>(&'t self, tables: &'t [Arc<Table>]) -> Transaction<'t, Session> {
        let by_name = tables.iter().any(|it| has_others(it) || it.is_exact());
        let targets = self.targets.iter().zip(tables);
        let writers = targets
            .map(|(target, table)| (target.shared.name.as_str(), target.writer(table, by_name)));
        Transaction {
            name: &self.name,
            progress: &self.progress,
            writers: writers.collect(),
        }
    }

    /// A session that reads.
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, SinkError> {
        let reader = self.connection.readers().acquire().await;
        reader.map_err(|error| self.failed(error))
    }

    fn failed_write(&self, error: sqlx::Error) -> SinkError {
        Failure::from(error).into_error(&self.name)
    }

    pub(super) fn failed(&self, error: impl Into<Failure>) -> SinkError {
        beside_records(&self.name, error)
    }
}

#[async_trait]
impl Sink for SqliteSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let mut reader = self.reader().await?;
        let read = self.progress.read(&mut *reader, flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let mut reader = self.reader().await?;
        let read = self.progress.position(&mut *reader, flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError> {
        let (mut session, tables) = self.begin().await?;
        let transaction = self.transaction(&tables);
        match transaction.write(&mut *session, records, advance).await {
            Ok(()) => {
                let committed = session.commit().await;
                committed.map_err(|error| self.failed_write(error))
            }
            Err(error) => {
                // What the failure was counts; whatever this one says, dropping it undoes all.
                let _ = session.rollback().await;
                Err(error)
            }
        }
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            database: Some(self),
            operated: Some(self),
            replay: Some(self),
            staging: None,
        }
    }
}

#[async_trait]
impl DatabaseSink for SqliteSink {
    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        check::check(self, fields).await
    }

    async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        let mut missing = Vec::new();
        for target in &self.targets {
            if target.found(&self.connection).await?.is_none() {
                missing.push(target.design(fields)?);
            }
        }
        Ok((!missing.is_empty()).then(|| missing.join("; ")))
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
        let mut all = Vec::new();
        for target in &self.targets {
            all.extend(target.missing_indexes(&self.connection, fields).await?);
        }
        Ok(all)
    }

    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError> {
        let mut targets = self.targets.iter();
        match targets.find(|it| it.shared.settings.table == missing.table) {
            Some(target) => index::make(&target.shared, &self.connection, missing).await,
            None => Ok(()),
        }
    }

    async fn advance(&self, advance: &Advance<Position>) -> Result<(), SinkError> {
        let failed = |error| self.failed(error);
        let mut session = self.connection.begin().await.map_err(failed)?;
        let made = self.progress.create_positions(&mut *session, OPTIONS).await;
        made.map_err(|failure| self.failed(failure))?;
        let moved = self.progress.advance(&mut *session, advance.into()).await;
        moved.map_err(|failure| failure.into_error(&self.name))?;
        session.commit().await.map_err(failed)
    }
}

#[async_trait]
impl OperatedSink for SqliteSink {
    async fn saved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        let mut reader = self.reader().await?;
        let read = self.progress.saved_at(&mut *reader, flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let reset = async {
            let mut session = self.connection.begin().await?;
            self.progress.create(&mut *session, OPTIONS).await?;
            let changed = match to {
                None => self.progress.forget(&mut *session, flow).await?,
                Some(to) => {
                    self.progress.set(&mut *session, flow, to).await?;
                    1
                }
            };
            session.commit().await?;
            Ok(changed)
        };
        reset.await.map_err(|error: Failure| self.failed(error))
    }
}

#[async_trait]
impl ReplaySink for SqliteSink {
    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance<Progress>],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let (mut session, tables) = self.begin().await?;
        let transaction = self.transaction(&tables);
        let landing = transaction
            .replay(&mut *session, (records, markers), onto)
            .await?;
        if landing == Landing::Written {
            let committed = session.commit().await;
            committed.map_err(|error| self.failed_write(error))?;
        }
        Ok(landing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connect::sqlite::{Absent, Durability, SqliteSettings, open},
        model::{Op, Schema, Value},
    };

    /// A sink for the table `t` that `made` makes, in a folder of its own.
    async fn sink(made: &'static str) -> (SqliteSink, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("a.db"),
        };
        let connection = open("local", &settings, Absent::Create, Durability::Normal)
            .await
            .expect("made");
        let made = sqlx::raw_sql(made).execute(connection.writer()).await;
        made.expect("it is valid");
        let sink = SqliteSink::open(connection, SqliteSinkSettings::new("t")).expect("named");
        (sink, folder)
    }

    /// Writes one row with the fields `id` and `a`.
    async fn write(sink: &SqliteSink, offset: i64, row: [Value<'_>; 2]) -> Result<(), SinkError> {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            for (name, value) in ["id", "a"].into_iter().zip(row) {
                packer.name(name);
                packer.value(value);
            }
            Ok(())
        });
        pushed.expect("nothing fails");
        let advance = Advance {
            flow: "f".to_owned(),
            from: (offset > 0).then_some(offset),
            to: Progress {
                topic: "t".to_owned(),
                topic_id: "i".to_owned(),
                partition: 0,
                next_offset: offset + 1,
            },
        };
        sink.write(&[records], (&advance).into()).await
    }

    async fn read(sink: &SqliteSink) -> Vec<String> {
        sqlx::query_scalar("SELECT id || ' ' || typeof(a) || ' ' || a FROM t ORDER BY 1")
            .fetch_all(sink.connection.readers())
            .await
            .expect("read")
    }

    #[tokio::test]
    async fn another_unique_index_makes_the_record_fail() {
        let (sink, _folder) = sink("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)").await;
        let row = |id| [Value::I64(id), Value::String("x")];
        write(&sink, 0, row(1)).await.expect("written");
        let error = write(&sink, 1, row(2)).await.expect_err("row 1 holds x");
        assert!(matches!(error, SinkError::Rows { .. }), "{error:?}");
        write(&sink, 1, row(1)).await.expect("its own row");
        assert_eq!(read(&sink).await, ["1 text x"]);
    }

    #[tokio::test]
    async fn digits_are_kept_or_refused() {
        let (kept, _folder) = sink("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").await;
        let decimal = "1234567890123456.10";
        let values = [
            Value::U64(u64::MAX),
            Value::Decimal(decimal),
            Value::F32(0.1),
        ];
        for (offset, value) in values.into_iter().enumerate() {
            let offset = offset as i64;
            write(&kept, offset, [Value::I64(offset), value])
                .await
                .expect("written");
        }
        let expected = [
            "0 text 18446744073709551615",
            "1 text 1234567890123456.10",
            "2 text 0.1",
        ];
        assert_eq!(read(&kept).await, expected);
        let (lossy, _folder) = sink("CREATE TABLE t (id INTEGER PRIMARY KEY, a NUMERIC)").await;
        for value in [values[0], values[1], Value::F64(f64::NAN)] {
            let error = write(&lossy, 0, [Value::I64(1), value])
                .await
                .expect_err("lossy");
            assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
        }
        write(&lossy, 0, [Value::I64(1), values[2]])
            .await
            .expect("written");
        assert_eq!(read(&lossy).await, ["1 real 0.1"]);
    }
}
