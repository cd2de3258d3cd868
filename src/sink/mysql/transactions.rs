//! Transactions of a sink of MySQL and MariaDB: each begins with its tables as they are now.

use std::sync::Arc;

use sqlx::{Executor, MySqlConnection, Row, mysql::MySqlRow, raw_sql};

use super::MysqlSink;
use crate::{
    connect::identifier::statement,
    model::Records,
    sink::{
        Advance, AnyAdvance, Landing, Onto, Progress, SinkError,
        sql::{failure::Failure, table::Table},
    },
};

/// Times that a table may be altered while a transaction begins.
const TIMES: usize = 3;

impl MysqlSink {
    /// Writes `records` and the progress.
    pub(super) async fn write_with(
        &self,
        session: &mut MySqlConnection,
        tables: Vec<Arc<Table>>,
        (records, advance): (&[Records], AnyAdvance<'_>),
    ) -> Result<(), SinkError> {
        let tables = self.begin(session, "BEGIN", tables, records).await?;
        let transaction = self.transaction(&tables);
        transaction.write(session, records, advance).await?;
        self.out(session, "COMMIT").await
    }

    /// Writes in `session`, whose transaction is open afterwards unless all is written.
    pub(super) async fn replay_with(
        &self,
        session: &mut MySqlConnection,
        tables: Vec<Arc<Table>>,
        (records, markers): (&[Records], &[Advance<Progress>]),
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        // For this transaction alone: under it the question for a row that is not there keeps others
        // from making it until the end.
        let begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; BEGIN";
        let tables = self.begin(session, begin, tables, records).await?;
        let transaction = self.transaction(&tables);
        let landing = transaction
            .replay(session, (records, markers), onto)
            .await?;
        if landing == Landing::Written {
            self.out(session, "COMMIT").await?;
        }
        Ok(landing)
    }

    /// Begins a transaction, and answers the tables as they are in it: what a column can hold is decided
    /// here, and somebody may have altered it. Tables to which `records` go are asked for along with the
    /// beginning, which costs no round trip.
    ///
    /// # Errors
    /// As the server answers.
    pub(super) async fn begin(
        &self,
        session: &mut MySqlConnection,
        begin: &'static str,
        mut tables: Vec<Arc<Table>>,
        records: &[Records],
    ) -> Result<Vec<Arc<Table>>, SinkError> {
        for _ in 0..TIMES {
            let mut text = begin.to_owned();
            let written = tables.iter().zip(records);
            let written = written.filter(|(_, records)| !records.is_empty());
            let known = written
                .map(|(table, _)| table)
                .filter(|it| it.definition.is_some());
            for table in known.clone() {
                text.push_str("; ");
                text.push_str(&definition_of(&table.quoted));
            }
            let begun = session.fetch_all(raw_sql(statement(text))).await;
            let begun = begun.map_err(|error| Failure::from(error).into_error(&self.name))?;
            let now = begun.iter().map(definition);
            if now.eq(known.map(|it| it.definition.clone())) {
                break;
            }
            self.out(session, "ROLLBACK").await?;
            tables = self.learn_with(session, None).await?;
        }
        Ok(tables)
    }

    /// A statement without values, within a write.
    async fn out(
        &self,
        session: &mut MySqlConnection,
        text: &'static str,
    ) -> Result<(), SinkError> {
        let done = session.execute(raw_sql(text)).await.map(drop);
        done.map_err(|error| Failure::from(error).into_error(&self.name))
    }
}

/// How the server says that a table is made; `None` where the user may not ask.
pub(super) async fn asked_definition(
    session: &mut MySqlConnection,
    quoted: &str,
) -> Option<String> {
    let text = statement(definition_of(quoted));
    let asked = session.fetch_optional(raw_sql(text)).await;
    asked.ok().flatten().as_ref().and_then(definition)
}

fn definition_of(quoted: &str) -> String {
    format!("SHOW CREATE TABLE {quoted}")
}

/// The definition in a row of the answer, without the next number of its rows.
fn definition(row: &MySqlRow) -> Option<String> {
    let text: Vec<u8> = row.try_get_unchecked(1).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut parts = text.split(" AUTO_INCREMENT=");
    let mut definition = parts.next()?.to_owned();
    for part in parts {
        definition.push_str(part.trim_start_matches(|it: char| it.is_ascii_digit()));
    }
    Some(definition)
}
