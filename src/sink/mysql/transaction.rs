//! One transaction of MySQL or MariaDB: progress, then rows.

use std::sync::Arc;

use sqlx::{Executor, MySqlConnection, raw_sql};

use super::MysqlSink;
use crate::{
    model::Records,
    sink::{
        SinkError, fitting,
        moved::Moved,
        sql::{
            failure::{Failure, beside_records},
            row_by_row::has_others,
            table::Table,
        },
    },
};

impl MysqlSink {
    /// What the server said beside a write; a session that failed is not used again.
    pub(in crate::sink) async fn answer<T>(
        &self,
        session: MySqlConnection,
        said: Result<T, sqlx::Error>,
    ) -> Result<T, SinkError> {
        match said {
            Ok(said) => {
                self.sessions.give_back(session);
                Ok(said)
            }
            Err(error) => {
                self.sessions.abandon(session).await;
                Err(beside_records(&self.name, error))
            }
        }
    }

    /// Rows and what moves with them, in one transaction.
    pub(in crate::sink) async fn in_transaction(
        &self,
        records: &[Records],
        moved: Moved<'_>,
    ) -> Result<(), SinkError> {
        let tables = self.tables().await?;
        let mut session = self.session().await?;
        match self.transact(&mut session, &tables, records, moved).await {
            Ok(()) => {
                self.sessions.give_back(session);
                Ok(())
            }
            Err(error) => {
                self.sessions.abandon(session).await;
                Err(error)
            }
        }
    }

    async fn transact(
        &self,
        session: &mut MySqlConnection,
        tables: &[Arc<Table>],
        records: &[Records],
        moved: Moved<'_>,
    ) -> Result<(), SinkError> {
        let failed = |failure: Failure| failure.into_error(&self.name);
        let begun = session.execute(raw_sql("BEGIN")).await;
        begun.map_err(|error| failed(error.into()))?;
        let moved = match moved {
            Moved::Offset(advance) => self.progress.advance(session, advance).await,
            Moved::Position(advance) => self.positions.advance(session, advance).await,
        };
        moved.map_err(failed)?;
        self.write_parts(session, tables, records).await?;
        let committed = session.execute(raw_sql("COMMIT")).await;
        committed.map(drop).map_err(|error| failed(error.into()))
    }

    /// Writes the part of each table in turn, within a transaction that is open.
    pub(in crate::sink) async fn write_parts(
        &self,
        session: &mut MySqlConnection,
        tables: &[Arc<Table>],
        records: &[Records],
    ) -> Result<(), SinkError> {
        fitting(&self.name, records, tables.len())?;
        let by_name = tables.iter().any(|it| has_others(it));
        for ((target, table), part) in self.targets.iter().zip(tables).zip(records) {
            let writer = target.writer(&self.connection, table, by_name);
            let written = writer.write(session, std::slice::from_ref(part)).await;
            written.map_err(|failure| failure.into_error(&target.name))?;
        }
        Ok(())
    }
}
