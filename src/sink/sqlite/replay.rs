//! Replay into SQLite: rows and replay markers in one transaction.

use std::sync::Arc;

use sqlx::{Executor, SqliteConnection as Session, query_with};

use super::{SqliteSink, target::SqliteTarget, values::Bound};
use crate::{
    connect::identifier::statement,
    model::Records,
    sink::{
        Advance, Landing, Onto, SinkError,
        sql::{
            deletions::asked_for,
            failure::Failure,
            statements::{StatementKind, known},
            table::Table,
        },
    },
};

/// Writes letters, or nothing.
///
/// # Errors
/// As SQLite answers.
pub(in crate::sink) async fn replay(
    sink: &SqliteSink,
    (records, markers): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, SinkError> {
    let tables = sink.tables().await?;
    let failed = |failure: Failure| failure.into_error(&sink.name);
    // One that is dropped is rolled back.
    let begun = sink.connection.begin().await;
    let mut transaction = begun.map_err(|error| failed(error.into()))?;
    for (index, marker) in markers.iter().enumerate() {
        match sink.progress.advance(&mut transaction, marker).await {
            Err(Failure::Fenced) => return Ok(Landing::Before(index)),
            done => done.map_err(failed)?,
        }
    }
    if onto == Onto::Absent && any_known(sink, &mut transaction, &tables, records).await? {
        return Ok(Landing::Superseded);
    }
    sink.write_parts(&mut transaction, &tables, records).await?;
    let committed = transaction.commit().await;
    committed.map_err(|error| failed(error.into()))?;
    Ok(Landing::Written)
}

async fn any_known(
    sink: &SqliteSink,
    session: &mut Session,
    tables: &[Arc<Table>],
    records: &[Records],
) -> Result<bool, SinkError> {
    for ((target, table), part) in sink.targets.iter().zip(tables).zip(records) {
        let known = is_known(session, (target, table), part).await;
        if known.map_err(|failure| failure.into_error(&target.name))? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_known(
    session: &mut Session,
    (target, table): (&SqliteTarget, &Table),
    records: &Records,
) -> Result<bool, Failure> {
    let columns = table.removed_by().into();
    let text = known(
        &target
            .statements
            .text(StatementKind::Delete, table, &columns, 1),
    );
    for values in asked_for(records, table) {
        let mut bound = Bound::with_room(values.len());
        for (ordinal, value) in table.removed_by().iter().zip(&values) {
            bound.push(&table.columns[*ordinal], value)?;
        }
        let query = query_with(statement(text.clone()), bound.into_arguments());
        if session.fetch_optional(query).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
