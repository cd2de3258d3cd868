//! Single rows of MySQL and MariaDB, for tables with more than one unique index.

use async_trait::async_trait;
use sqlx::{Executor, MySqlConnection, Row, query_scalar, query_with};

use super::{
    progress::{DUPLICATE, number},
    values::{Bound, size},
    write::MysqlWriter,
};
use crate::{
    connect::identifier::statement,
    model::{Op, Value},
    sink::{
        rules::OnKnown,
        sql::{
            failure::{Failure, is_data},
            incompatible::ValueError,
            row_by_row::{Applied, Conflict, Single, SingleRows, applied},
            statements::{StatementKind, equal},
            table::ColumnType,
        },
    },
};

/// Statements for single rows in one session.
pub(super) struct MysqlRowByRow<'w, 's> {
    pub(in crate::sink) writer: &'w MysqlWriter<'w>,
    pub(in crate::sink) session: &'s mut MySqlConnection,
}

impl MysqlRowByRow<'_, '_> {
    async fn execute(
        &mut self,
        statement_kind: StatementKind,
        row: &Single<'_>,
    ) -> Result<u64, Failure> {
        let bytes: usize = row.values.iter().map(size).sum();
        let (columns, values) = (&row.columns, &row.values);
        self.writer.fits(columns, values, bytes)?;
        self.writer
            .statement(self.session, columns, statement_kind, values, bytes)
            .await
    }

    /// Changed where its key is known, else made.
    async fn write(&mut self, row: &Single<'_>) -> Result<(), Failure> {
        let table = self.writer.table;
        if row.op == Op::Delete {
            return self.execute(StatementKind::Delete, row).await.map(drop);
        }
        let updates = table.on_known == OnKnown::Update;
        if updates && self.execute(StatementKind::Update, row).await? > 0 {
            return Ok(());
        }
        // A row that was not changed may be there all the same: newer, or not to be changed.
        if (!updates || table.version.is_some()) && self.is_known(row).await? {
            return Ok(());
        }
        self.execute(StatementKind::Insert, row).await.map(drop)
    }

    async fn is_known(&mut self, row: &Single<'_>) -> Result<bool, Failure> {
        let table = self.writer.table;
        let mut text = format!("SELECT 1 FROM {} WHERE ", table.quoted);
        equal(&mut text, table, &table.key);
        // As it is now, and not as it was when the transaction began.
        text.push_str(" LOCK IN SHARE MODE");
        let bound = self.bound(row, &table.key)?;
        let query = query_with(statement(text), bound.into_arguments());
        Ok(self.session.fetch_optional(query).await?.is_some())
    }

    /// Whether the statement has found the row that holds, and the table let it.
    async fn freed(
        &mut self,
        text: String,
        mut bound: Bound,
        conflict: Conflict<'_, '_>,
    ) -> Result<bool, Failure> {
        for (column, value) in conflict.compared(self.writer.table) {
            bound.push_key(column, value)?;
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
        let text = "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE DELETE_RULE NOT IN ('RESTRICT','NO ACTION') \
             AND (UNIQUE_CONSTRAINT_SCHEMA=DATABASE() AND REFERENCED_TABLE_NAME=? \
             OR CONCAT(UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME)=?)";
        let name = self.writer.table.name.as_str();
        let count = query_scalar(text).bind(name).bind(name);
        let count: i64 = count.fetch_one(&mut *self.session).await?;
        Ok(count > 0)
    }

    fn bound(&self, row: &Single<'_>, columns: &[usize]) -> Result<Bound, ValueError> {
        let mut bound = Bound::with_room((columns.len(), 0), self.writer.texts);
        for ordinal in columns {
            let value = row.value(*ordinal).unwrap_or(&Value::Null);
            bound.push_key(&self.writer.table.columns[*ordinal], value)?;
        }
        Ok(bound)
    }
}

#[async_trait]
impl SingleRows for MysqlRowByRow<'_, '_> {
    async fn apply(&mut self, row: &Single<'_>) -> Result<Applied, Failure> {
        match self.write(row).await {
            Ok(()) => Ok(Applied::Done),
            Err(failure) => applied(failure, |it| number(it) == Some(DUPLICATE)),
        }
    }

    async fn conflicting(
        &mut self,
        row: &Single<'_>,
        index: &[usize],
    ) -> Result<Option<Vec<String>>, Failure> {
        let table = self.writer.table;
        let shown = |it: &usize| {
            let column = &table.columns[*it];
            match column.stored_type {
                ColumnType::Bytes => format!("LOWER(HEX({}))", column.quoted),
                // Bits are bytes otherwise.
                ColumnType::Integer => format!("CAST({}+0 AS CHAR)", column.quoted),
                _ => format!("CAST({} AS CHAR)", column.quoted),
            }
        };
        let shown: Vec<_> = table.key.iter().map(shown).collect();
        let mut text = format!("SELECT {} FROM {} WHERE ", shown.join(","), table.quoted);
        equal(&mut text, table, index);
        text.push_str(" AND NOT (");
        equal(&mut text, table, &table.key);
        text.push_str(") LIMIT 1 LOCK IN SHARE MODE");
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
        let table = self.writer.table;
        let column = &table.columns[column];
        let mut text = format!("UPDATE {} SET {}=? WHERE ", table.quoted, column.quoted);
        conflict.condition(&mut text, table);
        let mut bound = Bound::with_room(
            (conflict.index.len() + table.key.len() + 1, 0),
            self.writer.texts,
        );
        if bound.push(column, value).is_err() {
            return Ok(false);
        }
        self.freed(text, bound, conflict).await
    }

    async fn remove(&mut self, conflict: Conflict<'_, '_>) -> Result<bool, Failure> {
        let table = self.writer.table;
        if self.takes_others_along().await? {
            return Ok(false);
        }
        let mut text = format!("DELETE FROM {} WHERE ", table.quoted);
        conflict.condition(&mut text, table);
        let bound = Bound::with_room(
            (conflict.index.len() + table.key.len(), 0),
            self.writer.texts,
        );
        self.freed(text, bound, conflict).await
    }
}
