//! Dead letters into SQLite: rows and the letters' marks in one transaction.

use sqlx::{Executor, SqliteConnection as Session, query_with};

use super::{
    Advance, Landing, Onto, Sink, SinkError,
    sql_failure::Failure,
    sqlite::SqliteSink,
    sqlite_values::Bound,
    table::Table,
    table_statements::{Manner, known},
};
use crate::{connect::identifier::statement, model::Records};

/// Writes letters, or nothing.
///
/// # Errors
/// As SQLite answers.
pub(super) async fn replay(
    sink: &SqliteSink,
    letters: (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, SinkError> {
    let table = sink.table().await?;
    let landing = transact(sink, &table, letters, onto).await;
    landing.map_err(|failure| failure.into_error(sink.name()))
}

async fn transact(
    sink: &SqliteSink,
    table: &Table,
    (records, marks): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, Failure> {
    // One that is dropped is rolled back.
    let mut transaction = sink.connection.begin().await?;
    for (index, mark) in marks.iter().enumerate() {
        match sink.progress.advance(&mut transaction, mark).await {
            Err(Failure::Fenced) => return Ok(Landing::Before(index)),
            done => done?,
        }
    }
    if onto == Onto::Absent && any_known(sink, &mut transaction, table, records).await? {
        return Ok(Landing::Superseded);
    }
    sink.write_records(&mut transaction, table, records).await?;
    transaction.commit().await?;
    Ok(Landing::Written)
}

async fn any_known(
    sink: &SqliteSink,
    session: &mut Session,
    table: &Table,
    records: &[Records],
) -> Result<bool, Failure> {
    let key = table.key.as_slice().into();
    let text = known(&sink.statements.text(Manner::Delete, table, &key, 1));
    for row in records.iter().flat_map(Records::iter) {
        let mut bound = Bound::with_room(table.key.len());
        let mut whole = true;
        for column in table.key.iter().map(|it| &table.columns[*it]) {
            match row.get(&column.name) {
                Some(value) => bound.push(column, &value)?,
                // The write says what is wrong with it.
                None => whole = false,
            }
        }
        if !whole {
            continue;
        }
        let query = query_with(statement(text.clone()), bound.into_arguments());
        if session.fetch_optional(query).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
