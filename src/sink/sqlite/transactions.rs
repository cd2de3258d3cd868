//! Transactions of a sink of a SQLite file: each begins with its tables as they are now.

use std::sync::Arc;

use sqlx::{Executor, Sqlite, Transaction, query_scalar};

use super::SqliteSink;
use crate::sink::{SinkError, sql::table::Table};

/// The number that each change of any table raises.
const DEFINITION: &str = "SELECT CAST(schema_version AS TEXT) FROM pragma_schema_version";

/// Times that a table may be altered while a transaction begins.
const TIMES: usize = 3;

impl SqliteSink {
    /// Begins a transaction, and answers the tables as they are in it: what a column can hold is decided
    /// here, and somebody may have altered it. One that is dropped is rolled back.
    ///
    /// # Errors
    /// As SQLite answers.
    pub(super) async fn begin(
        &self,
    ) -> Result<(Transaction<'static, Sqlite>, Vec<Arc<Table>>), SinkError> {
        let mut tables = self.tables().await?;
        for _ in 0..TIMES {
            let begun = self.connection.begin().await;
            let mut session = begun.map_err(|error| self.failed(error))?;
            let now = definition(&mut *session).await;
            let now = Some(now.map_err(|error| self.failed(error))?);
            if tables.iter().all(|it| it.definition == now) {
                return Ok((session, tables));
            }
            let ended = session.rollback().await;
            ended.map_err(|error| self.failed(error))?;
            tables = self.look_up_again().await?;
        }
        let begun = self.connection.begin().await;
        Ok((begun.map_err(|error| self.failed(error))?, tables))
    }

    /// The tables as they are now: one that is gone is not made anew behind its owner's back.
    async fn look_up_again(&self) -> Result<Vec<Arc<Table>>, SinkError> {
        let mut tables = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let found = target.found(&self.connection).await?;
            let shared = &target.shared;
            let gone = || {
                let table = &shared.settings.table;
                shared.incompatible(format!(
                    "table {table}: there is no such table: create it, or correct its name"
                ))
            };
            tables.push(shared.remember(found.ok_or_else(gone)?));
        }
        Ok(tables)
    }
}

/// The number that says whether a table was altered.
pub(super) async fn definition<'s>(
    session: impl Executor<'s, Database = Sqlite>,
) -> Result<String, sqlx::Error> {
    query_scalar(DEFINITION).fetch_one(session).await
}
