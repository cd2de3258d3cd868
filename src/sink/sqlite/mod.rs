//! Tables of a SQLite file, with the progress beside them in one transaction.

mod catalog;
mod check;
mod index;
mod positions;
mod progress;
mod replay;
mod row_by_row;
mod settings;
mod target;
mod values;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Executor, SqliteConnection as Session, query};

use super::{
    Advance, Landing, MissingIndex, Onto, POSITION_TABLE, PositionAdvance, Progress, Sink,
    SinkError, StagedWrite, fitting,
    moved::Moved,
    name_of,
    sql::{
        failure::{Failure, beside_records},
        row_by_row::has_others,
        table::Table,
    },
};
use crate::{
    connect::{
        identifier::{double_quoted, statement},
        sqlite::SqliteConnection,
    },
    model::{Finding, Kind, Position, Records},
};
use positions::SqlitePositions;
use progress::SqliteProgress;
pub use settings::SqliteSinkSettings;
use target::SqliteTarget;

/// Writes its tables, all of them in one transaction.
#[derive(Debug)]
pub struct SqliteSink {
    pub(super) name: String,
    pub(super) connection: SqliteConnection,
    /// In the order of writing.
    targets: Vec<SqliteTarget>,
    progress: SqliteProgress,
    positions: SqlitePositions,
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
        let targets = tables
            .into_iter()
            .map(|it| SqliteTarget::open(&connection, it))
            .collect::<Result<Vec<_>, _>>()?;
        let incompatible = |advice: String| SinkError::Incompatible {
            name: name.clone(),
            advice,
        };
        let Some(first) = targets.first() else {
            return Err(incompatible("it has no table".to_owned()));
        };
        let quoted =
            |table: &str| double_quoted(table).map_err(|error| incompatible(error.to_string()));
        let progress = quoted(&first.settings.progress_table)?;
        let positions = quoted(POSITION_TABLE)?;
        Ok(Self {
            name,
            connection,
            targets,
            progress: SqliteProgress { quoted: progress },
            positions: SqlitePositions { quoted: positions },
        })
    }

    pub(super) async fn tables(&self) -> Result<Vec<Arc<Table>>, SinkError> {
        let known: Option<Vec<_>> = self.targets.iter().map(SqliteTarget::known).collect();
        match known {
            Some(tables) => Ok(tables),
            None => self.learn(None).await,
        }
    }

    async fn learn(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Arc<Table>>, SinkError> {
        let writer = self.connection.writer();
        for text in [self.progress.create_text(), self.positions.create_text()] {
            let created = writer.execute(query(statement(text))).await;
            created.map_err(|error| self.failed(error))?;
        }
        let mut tables = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            tables.push(target.learn(&self.connection, fields).await?);
        }
        Ok(tables)
    }

    /// Rows and what moves with them, in one transaction.
    async fn in_transaction(&self, records: &[Records], moved: Moved<'_>) -> Result<(), SinkError> {
        let tables = self.tables().await?;
        let mut transaction = self
            .connection
            .begin()
            .await
            .map_err(|it| self.failed(it))?;
        let written = self.transact(&mut transaction, &tables, records, moved);
        match written.await {
            Ok(()) => {
                let committed = transaction.commit().await.map_err(Failure::from);
                committed.map_err(|failure| failure.into_error(&self.name))
            }
            Err(error) => {
                // What the failure was counts; whatever this one says, dropping it undoes all.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }

    async fn transact(
        &self,
        session: &mut Session,
        tables: &[Arc<Table>],
        records: &[Records],
        moved: Moved<'_>,
    ) -> Result<(), SinkError> {
        let moved = match moved {
            Moved::Offset(advance) => self.progress.advance(session, advance).await,
            Moved::Position(advance) => self.positions.advance(session, advance).await,
        };
        moved.map_err(|failure| failure.into_error(&self.name))?;
        self.write_parts(session, tables, records).await
    }

    /// Writes the part of each table in turn, within a transaction that is open.
    pub(super) async fn write_parts(
        &self,
        session: &mut Session,
        tables: &[Arc<Table>],
        records: &[Records],
    ) -> Result<(), SinkError> {
        fitting(&self.name, records, tables.len())?;
        let by_name = tables.iter().any(|it| has_others(it));
        for ((target, table), part) in self.targets.iter().zip(tables).zip(records) {
            let writer = target.writer(table, by_name);
            let written = writer.write(session, std::slice::from_ref(part)).await;
            written.map_err(|failure| failure.into_error(&target.name))?;
        }
        Ok(())
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> SinkError {
        beside_records(&self.name, error)
    }
}

#[async_trait]
impl Sink for SqliteSink {
    fn name(&self) -> &str {
        &self.name
    }

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
        tables.try_for_each(|(target, table)| target.fit(&table, fields))
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
        match targets.find(|it| it.settings.table == missing.table) {
            Some(target) => target.make_index(&self.connection, missing).await,
            None => Ok(()),
        }
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let read = self.progress.read(self.connection.readers(), flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn moved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        let read = self
            .progress
            .moved_at(self.connection.readers(), flow)
            .await;
        read.map_err(|error| self.failed(error))
    }

    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        self.in_transaction(records, Moved::Offset(advance)).await
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let read = self.positions.read(self.connection.readers(), flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn advance(&self, advance: &PositionAdvance) -> Result<(), SinkError> {
        let text = statement(self.positions.create_text());
        let made = self.connection.writer().execute(query(text)).await;
        made.map_err(|error| self.failed(error))?;
        let begun = self.connection.begin().await;
        let mut transaction = begun.map_err(|error| self.failed(error))?;
        let moved = self.positions.advance(&mut transaction, advance).await;
        moved.map_err(|failure| failure.into_error(&self.name))?;
        transaction.commit().await.map_err(|it| self.failed(it))
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
        _records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        Ok(None)
    }

    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        replay::replay(self, (records, markers), onto).await
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let reset = async {
            let mut transaction = self.connection.begin().await?;
            for text in [self.progress.create_text(), self.positions.create_text()] {
                transaction.execute(query(statement(text))).await?;
            }
            let mut changed = self.progress.reset(&mut transaction, flow, to).await?;
            if to.is_none() {
                changed += self.positions.forget(&mut transaction, flow).await?;
            }
            transaction.commit().await?;
            Ok(changed)
        };
        reset.await.map_err(|error| self.failed(error))
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
        sink.write(&[records], &advance).await
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
