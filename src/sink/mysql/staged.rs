//! Transactions of MySQL and MariaDB whose rows come first: the position moves at their end, in order.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, raw_sql};

use super::MysqlSink;
use crate::{
    model::{Position, Records},
    sink::{
        Advance, SinkError, StagedWrite,
        sql::{failure::Failure, table::Table},
    },
};

/// How a transaction begins. One that waits for rows of a later one would wait for ever, as that
/// waits for its end; the server sees no circle in this, so it is told not to wait for long.
const BEGIN: &str = "SET SESSION innodb_lock_wait_timeout=3; BEGIN";

/// A transaction with its rows.
pub(super) struct MysqlStaged<'s> {
    sink: &'s MysqlSink,
    session: MySqlConnection,
}

impl<'s> MysqlStaged<'s> {
    /// Begins it, and writes the rows.
    ///
    /// # Errors
    /// As `StagingSink::stage`.
    pub(in crate::sink) async fn write(
        sink: &'s MysqlSink,
        tables: Vec<Arc<Table>>,
        records: &[Records],
    ) -> Result<Self, SinkError> {
        let failed = |error| Failure::from(error).into_error(&sink.name);
        let session = sink.staging.take(&sink.connection, sink.silence).await;
        let mut session = session.map_err(failed)?;
        let written = async {
            let tables = sink.begin(&mut session, BEGIN, tables, records).await?;
            let transaction = sink.transaction(&tables);
            transaction.write_rows(&mut session, records).await
        };
        match written.await {
            Ok(()) => Ok(Self { sink, session }),
            Err(error) => {
                sink.staging.abandon(session).await;
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
            sink.progress.advance(&mut session, advance.into()).await?;
            session.execute(raw_sql("COMMIT")).await?;
            Ok::<_, Failure>(())
        };
        let committed = committed.await;
        let committed = sink.staging.end(session, committed).await;
        committed.map_err(|failure| failure.into_error(&sink.name))
    }
}
