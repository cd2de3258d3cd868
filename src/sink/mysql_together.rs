//! One transaction of MySQL or MariaDB: what moves, then the rows.

use sqlx::{Executor, MySqlConnection, raw_sql};

use super::{
    SinkError,
    moved::Moved,
    mysql::MysqlSink,
    sql_failure::{Failure, beside_records},
    table::Table,
};
use crate::model::Records;

impl MysqlSink {
    /// What the server said beside a write; a session that failed is not used again.
    pub(super) async fn answer<T>(
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
    pub(super) async fn together(
        &self,
        records: &[Records],
        moved: Moved<'_>,
    ) -> Result<(), SinkError> {
        let table = self.table().await?;
        let mut session = self.session().await?;
        match self.transact(&mut session, &table, records, moved).await {
            Ok(()) => {
                self.sessions.give_back(session);
                Ok(())
            }
            Err(failure) => {
                self.sessions.abandon(session).await;
                Err(failure.into_error(&self.name))
            }
        }
    }

    async fn transact(
        &self,
        session: &mut MySqlConnection,
        table: &Table,
        records: &[Records],
        moved: Moved<'_>,
    ) -> Result<(), Failure> {
        session.execute(raw_sql("BEGIN")).await?;
        match moved {
            Moved::Offset(advance) => self.progress.advance(session, advance).await?,
            Moved::Place(passage) => self.passages.advance(session, passage).await?,
        }
        self.writer(table).write(session, records).await?;
        session.execute(raw_sql("COMMIT")).await?;
        Ok(())
    }
}
