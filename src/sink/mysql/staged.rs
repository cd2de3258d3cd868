//! Transactions of MySQL and MariaDB whose rows come first: the place moves at their end, in order.

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, raw_sql};

use super::MysqlSink;
use crate::{
    model::{Position, Records},
    sink::{
        Advance, SinkError, StagedWrite, StagingSink,
        sql::{failure::Failure, row_by_row::has_others},
    },
};

/// How a transaction begins. One that waits for rows of a later one would wait for ever, as that
/// waits for its end; the server sees no circle in this, so it is told not to wait for long.
const BEGIN: &str = "SET SESSION innodb_lock_wait_timeout=3; BEGIN";

struct MysqlStaged<'s> {
    sink: &'s MysqlSink,
    session: MySqlConnection,
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
        let hinders =
            |it: &crate::sink::sql::table::Table| has_others(it) || it.replaces() || it.folds;
        if tables.iter().any(|it| hinders(it)) {
            return Ok(None);
        }
        let laying = self.laying.take(&self.connection, self.silence);
        let mut session = laying
            .await
            .map_err(|error| Failure::from(error).into_error(&self.name))?;
        let begun = session.execute(raw_sql(BEGIN)).await;
        let written = match begun {
            Err(error) => Err(Failure::from(error).into_error(&self.name)),
            Ok(_) => self.write_parts(&mut session, &tables, records).await,
        };
        match written {
            Ok(()) => Ok(Some(Box::new(MysqlStaged {
                sink: self,
                session,
            }))),
            Err(error) => {
                self.laying.abandon(session).await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl StagedWrite for MysqlStaged<'_> {
    async fn commit(self: Box<Self>, advance: &Advance<Position>) -> Result<(), SinkError> {
        let Self { sink, mut session } = *self;
        let committed = async {
            sink.passages.advance(&mut session, advance).await?;
            session.execute(raw_sql("COMMIT")).await?;
            Ok::<_, Failure>(())
        };
        match committed.await {
            Ok(()) => {
                sink.laying.give_back(session);
                Ok(())
            }
            Err(failure) => {
                sink.laying.abandon(session).await;
                Err(failure.into_error(&sink.name))
            }
        }
    }
}
