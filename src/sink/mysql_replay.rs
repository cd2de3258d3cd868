//! Dead letters into MySQL and MariaDB: rows and the letters' marks in one transaction.

use sqlx::{Executor, MySqlConnection, query_with, raw_sql};

use super::{
    Advance, Landing, Onto, mysql::MysqlSink, mysql_values::Bound, sql_failure::Failure,
    table::Table, table_statements::known,
};
use crate::{connect::identifier::statement, model::Records};

/// Writes letters in `session`, whose transaction is open afterwards unless all is written.
///
/// # Errors
/// As the server answers.
pub(super) async fn replay(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    table: &Table,
    (records, marks): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, Failure> {
    // For this transaction alone: under it the question for a row that is not there keeps others
    // from making it until the end.
    let repeatable = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    session.execute(raw_sql(repeatable)).await?;
    session.execute(raw_sql("BEGIN")).await?;
    for (index, mark) in marks.iter().enumerate() {
        match sink.progress.advance(session, mark).await {
            Err(Failure::Fenced) => return Ok(Landing::Before(index)),
            done => done?,
        }
    }
    if onto == Onto::Absent && any_known(sink, session, table, records).await? {
        return Ok(Landing::Superseded);
    }
    sink.writer(table).write(session, records).await?;
    session.execute(raw_sql("COMMIT")).await?;
    Ok(Landing::Written)
}

async fn any_known(
    sink: &MysqlSink,
    session: &mut MySqlConnection,
    table: &Table,
    records: &[Records],
) -> Result<bool, Failure> {
    let text = format!(
        "{} LIMIT 1 FOR UPDATE",
        known(&sink.writer(table).one_key())
    );
    for row in records.iter().flat_map(Records::iter) {
        let mut bound = Bound::with_room((table.key.len(), 64), sink.settings.texts);
        let columns = table.key.iter().map(|it| &table.columns[*it]);
        let mut whole = true;
        for column in columns {
            match row.get(&column.name) {
                Some(value) => bound.push_key(column, &value)?,
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
