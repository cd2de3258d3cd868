//! Staged writes of MySQL and MariaDB: rows first; position and commit later, in order.

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, raw_sql};

use super::MysqlSink;
use crate::{
    model::Records,
    sink::{
        PositionAdvance, SinkError, StagedWrite,
        sql::{failure::Failure, row_by_row::has_others},
    },
};

/// How a transaction begins. One that waits for rows of a later one would wait for ever, as that
/// waits for its end; the server sees no circle in this, so it is told not to wait for long.
const BEGIN: &str = "SET SESSION innodb_lock_wait_timeout=3; BEGIN";

struct MysqlStagedWrite<'s> {
    sink: &'s MysqlSink,
    session: MySqlConnection,
}

impl MysqlSink {
    /// Rows in a transaction that stays open; `None` where those of one may hinder another's: where
    /// rows go by more than their key, or keys that differ may be one row's.
    pub(super) async fn stage_rows(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        let tables = self.tables().await?;
        let hinders =
            |it: &crate::sink::sql::table::Table| has_others(it) || it.replaces() || it.folds;
        if tables.iter().any(|it| hinders(it)) {
            return Ok(None);
        }
        let staging = self.staging.take(&self.connection, self.silence);
        let mut session = staging
            .await
            .map_err(|error| Failure::from(error).into_error(&self.name))?;
        let begun = session.execute(raw_sql(BEGIN)).await;
        let written = match begun {
            Err(error) => Err(Failure::from(error).into_error(&self.name)),
            Ok(_) => self.write_parts(&mut session, &tables, records).await,
        };
        match written {
            Ok(()) => Ok(Some(Box::new(MysqlStagedWrite {
                sink: self,
                session,
            }))),
            Err(error) => {
                self.staging.abandon(session).await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl StagedWrite for MysqlStagedWrite<'_> {
    async fn commit(self: Box<Self>, advance: &PositionAdvance) -> Result<(), SinkError> {
        let Self { sink, mut session } = *self;
        let committed = async {
            sink.positions.advance(&mut session, advance).await?;
            session.execute(raw_sql("COMMIT")).await?;
            Ok::<_, Failure>(())
        };
        match committed.await {
            Ok(()) => {
                sink.staging.give_back(session);
                Ok(())
            }
            Err(failure) => {
                sink.staging.abandon(session).await;
                Err(failure.into_error(&sink.name))
            }
        }
    }
}
