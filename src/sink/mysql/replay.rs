//! Replay into MySQL and MariaDB: rows and replay markers in one transaction.

use std::sync::Arc;

use sqlx::{Executor, MySqlConnection, query_with, raw_sql};

use super::{MysqlSink, target::MysqlTarget, values::Bound};
use crate::{
    connect::identifier::statement,
    model::Records,
    sink::{
        Advance, Landing, Onto, SinkError,
        sql::{deletions::asked_for, failure::Failure, statements::known, table::Table},
    },
};

/// Writes letters in `session`, whose transaction is open afterwards unless all is written.
///
/// # Errors
/// As the server answers.
pub(in crate::sink) async fn replay(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    tables: &[Arc<Table>],
    (records, markers): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, SinkError> {
    let failed = |failure: Failure| failure.into_error(&sink.name);
    // For this transaction alone: under it the question for a row that is not there keeps others
    // from making it until the end.
    for text in ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN"] {
        let done = session.execute(raw_sql(text)).await;
        done.map_err(|error| failed(error.into()))?;
    }
    for (index, marker) in markers.iter().enumerate() {
        match sink.progress.advance(session, marker).await {
            Err(Failure::Fenced) => return Ok(Landing::Before(index)),
            done => done.map_err(failed)?,
        }
    }
    if onto == Onto::Absent {
        for ((target, table), part) in sink.targets.iter().zip(tables).zip(records) {
            let known = any_known(sink, session, (target, table), part).await;
            if known.map_err(|failure| failure.into_error(&target.name))? {
                return Ok(Landing::Superseded);
            }
        }
    }
    sink.write_parts(session, tables, records).await?;
    let committed = session.execute(raw_sql("COMMIT")).await;
    committed.map_err(|error| failed(error.into()))?;
    Ok(Landing::Written)
}

async fn any_known(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    (target, table): (&MysqlTarget, &Table),
    records: &Records,
) -> Result<bool, Failure> {
    let delete = target.writer(&sink.connection, table, false).one_key();
    let text = format!("{} LIMIT 1 FOR UPDATE", known(&delete));
    for values in asked_for(records, table) {
        let mut bound = Bound::with_room((values.len(), 64), target.settings.texts);
        for (ordinal, value) in table.removed_by().iter().zip(&values) {
            bound.push_key(&table.columns[*ordinal], value)?;
        }
        let query = query_with(statement(text.clone()), bound.into_arguments());
        if session.fetch_optional(query).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
