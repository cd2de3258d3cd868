//! Single rows of SQLite, for tables with more than one unique index.

use async_trait::async_trait;
use sqlx::{
    Executor, Row, SqliteConnection as Session, query_scalar, query_with, sqlite::SqliteError,
};

use super::values::Bound;
use crate::{
    connect::identifier::statement,
    model::{Op, Value},
    sink::sql::{
        failure::{Failure, is_data},
        incompatible::ValueError,
        row_by_row::{Applied, Conflict, Single, SingleRows, applied},
        statements::{StatementKind, Statements, equal},
        table::{ColumnType, Table},
    },
};

/// Statements for single rows in one transaction.
pub(super) struct SqliteRowByRow<'w> {
    pub(in crate::sink) table: &'w Table,
    pub(in crate::sink) statements: &'w Statements,
    pub(in crate::sink) session: &'w mut Session,
}

/// SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID.
const TAKEN: [&str; 3] = ["1555", "2067", "2579"];

impl SqliteRowByRow<'_> {
    /// An upsert goes by the declared key alone.
    async fn write(&mut self, row: &Single<'_>) -> Result<(), Failure> {
        let statement_kind = match row.op {
            Op::Delete => StatementKind::Delete,
            Op::Upsert => StatementKind::Upsert,
        };
        let bound = self.bound(row, &row.columns)?;
        let text = self
            .statements
            .text(statement_kind, self.table, &row.columns, 1);
        let query = query_with(statement(text), bound.into_arguments());
        self.session.execute(query).await?;
        Ok(())
    }

    /// Whether the statement has found the row that holds, and the table let it.
    async fn freed(
        &mut self,
        text: String,
        mut bound: Bound,
        conflict: Conflict<'_, '_>,
    ) -> Result<bool, Failure> {
        for (column, value) in conflict.compared(self.table) {
            bound.push(column, value)?;
        }
        let query = query_with(statement(text), bound.into_arguments());
        match self.session.execute(query).await {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(error) if is_data(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether rows of other tables are changed where one of this table goes.
    async fn takes_others_along(&mut self) -> Result<bool, Failure> {
        let text = "SELECT COUNT(*) FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
             WHERE s.type='table' AND f.\"table\"=? COLLATE NOCASE \
             AND f.on_delete NOT IN ('RESTRICT','NO ACTION')";
        let name = self.table.name.as_str();
        let count: i64 = query_scalar(text)
            .bind(name)
            .fetch_one(&mut *self.session)
            .await?;
        Ok(count > 0)
    }

    fn bound(&self, row: &Single<'_>, columns: &[usize]) -> Result<Bound, ValueError> {
        let mut bound = Bound::with_room(columns.len() + 1);
        for ordinal in columns {
            let value = row.value(*ordinal).unwrap_or(&Value::Null);
            bound.push(&self.table.columns[*ordinal], value)?;
        }
        Ok(bound)
    }
}

#[async_trait]
impl SingleRows for SqliteRowByRow<'_> {
    async fn apply(&mut self, row: &Single<'_>) -> Result<Applied, Failure> {
        match self.write(row).await {
            Ok(()) => Ok(Applied::Done),
            Err(failure) => applied(failure, is_taken),
        }
    }

    async fn conflicting(
        &mut self,
        row: &Single<'_>,
        index: &[usize],
    ) -> Result<Option<Vec<String>>, Failure> {
        let table = self.table;
        let shown = |it: &usize| {
            let column = &table.columns[*it];
            match column.stored_type {
                ColumnType::Bytes => format!("LOWER(HEX({}))", column.quoted),
                _ => format!("CAST({} AS TEXT)", column.quoted),
            }
        };
        let shown: Vec<_> = table.key.iter().map(shown).collect();
        let mut text = format!("SELECT {} FROM {} WHERE ", shown.join(","), table.quoted);
        equal(&mut text, table, index);
        text.push_str(" AND NOT (");
        equal(&mut text, table, &table.key);
        text.push_str(") LIMIT 1");
        let ordinals: Vec<usize> = index.iter().chain(&table.key).copied().collect();
        let bound = self.bound(row, &ordinals)?;
        let query = query_with(statement(text), bound.into_arguments());
        let Some(found) = self.session.fetch_optional(query).await? else {
            return Ok(None);
        };
        let texts = (0..table.key.len()).map(|it| found.try_get_unchecked::<String, _>(it));
        Ok(Some(texts.collect::<Result<_, _>>()?))
    }

    async fn park(
        &mut self,
        conflict: Conflict<'_, '_>,
        column: usize,
        value: &Value<'_>,
    ) -> Result<bool, Failure> {
        let table = self.table;
        let column = &table.columns[column];
        let mut text = format!("UPDATE {} SET {}=? WHERE ", table.quoted, column.quoted);
        conflict.condition(&mut text, table);
        let mut bound = Bound::with_room(conflict.index.len() + table.key.len() + 1);
        if bound.push(column, value).is_err() {
            return Ok(false);
        }
        self.freed(text, bound, conflict).await
    }

    async fn remove(&mut self, conflict: Conflict<'_, '_>) -> Result<bool, Failure> {
        let table = self.table;
        if self.takes_others_along().await? {
            return Ok(false);
        }
        let mut text = format!("DELETE FROM {} WHERE ", table.quoted);
        conflict.condition(&mut text, table);
        let bound = Bound::with_room(conflict.index.len() + table.key.len());
        self.freed(text, bound, conflict).await
    }
}

fn is_taken(error: &sqlx::Error) -> bool {
    let said = error.as_database_error();
    let code = said.filter(|it| it.try_downcast_ref::<SqliteError>().is_some());
    let code = code.and_then(|it| it.code());
    code.is_some_and(|code| TAKEN.contains(&&*code))
}
