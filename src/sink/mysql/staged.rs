//! Transactions of MySQL and MariaDB whose rows come first: the place moves at their end, in order.

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, raw_sql};

use super::MysqlSink;
use crate::{
    model::Records,
    sink::{
        Laid, Passage, SinkError,
        sql::{failure::Failure, row_by_row::has_others},
    },
};

/// How a transaction begins. One that waits for rows of a later one would wait for ever, as that
/// waits for its end; the server sees no circle in this, so it is told not to wait for long.
const BEGIN: &str = "SET SESSION innodb_lock_wait_timeout=3; BEGIN";

struct MysqlLaid<'s> {
    sink: &'s MysqlSink,
    session: MySqlConnection,
}

impl MysqlSink {
    /// Rows in a transaction that stays open; `None` where those of one may hinder another's: where
    /// rows go by more than their key, or keys that differ may be one row's.
    pub(super) async fn lay_rows(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn Laid + '_>>, SinkError> {
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
            Ok(()) => Ok(Some(Box::new(MysqlLaid {
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
impl Laid for MysqlLaid<'_> {
    async fn settle(self: Box<Self>, passage: &Passage) -> Result<(), SinkError> {
        let Self { sink, mut session } = *self;
        let settled = async {
            sink.passages.advance(&mut session, passage).await?;
            session.execute(raw_sql("COMMIT")).await?;
            Ok::<_, Failure>(())
        };
        match settled.await {
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
