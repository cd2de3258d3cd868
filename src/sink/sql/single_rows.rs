//! Statements for single rows, within a transaction that is open. One that fails undoes itself alone.

use super::{
    failure::{Failure, is_data},
    incompatible::ValueError,
    row_by_row::{Applied, Conflict, Single, applied},
    session::{BoundValues, Cell, SqlSession},
    statements::{StatementKind, equal, found, found_by},
    write::SqlWriter,
};
use crate::{
    model::{Op, Value},
    sink::rules::OnKnown,
};

/// Statements for single rows in one session.
pub(in crate::sink) struct SingleRows<'w, 's, S: SqlSession> {
    pub(in crate::sink) writer: &'w SqlWriter<'w, S>,
    pub(in crate::sink) session: &'s mut S,
}

impl<S: SqlSession> SingleRows<'_, '_, S> {
    /// Writes one row, by its key alone.
    pub(in crate::sink) async fn apply(&mut self, row: &Single<'_>) -> Result<Applied, Failure> {
        let failed = match self.write(row).await {
            Ok(()) => return Ok(Applied::Done),
            Err(failure) => applied(failure, S::is_taken)?,
        };
        Ok(match self.folded(row).await? {
            Some(named) => Applied::Refused(named.into()),
            None => failed,
        })
    }

    /// What is said of a row whose key the table takes for that of another row; `None` where there is
    /// no such row.
    async fn folded(&mut self, row: &Single<'_>) -> Result<Option<String>, Failure> {
        let (table, whole) = (self.writer.table, |it: &usize| row.value(*it).is_some());
        if !table.is_exact() || !table.key.iter().all(whole) {
            return Ok(None);
        }
        let shown = table.key.iter().map(|it| S::as_text(&table.columns[*it]));
        let shown: Vec<String> = shown.collect();
        let mut text = format!("SELECT {} FROM {} WHERE ", shown.join(","), table.quoted);
        equal(&mut text, table, &table.key);
        text.push_str(" AND NOT (");
        found(&mut text, S::WORDS.dialect, table, &table.key);
        text.push_str(") LIMIT 1");
        text.push_str(S::WORDS.shared);
        let ordinals: Vec<usize> = table
            .key
            .iter()
            .copied()
            .chain(found_by(table, &table.key))
            .collect();
        let bound = self.bound(row, &ordinals)?;
        let other = match self.session.texts(text, bound, table.key.len()).await {
            // What the server cannot even compare is no other row's key.
            Err(error) if is_data(&error) => return Ok(None),
            other => other?,
        };
        let names = table.key.iter().map(|it| table.columns[*it].name.as_str());
        Ok(other.map(|other| {
            let key = names.zip(&other).map(|(name, it)| format!("{name}={it}"));
            format!(
                "key: the row with the key {} is in the way, since the collation of table {} takes the two for equal (`key-match` says which keys are one row's)",
                key.collect::<Vec<_>>().join(", "),
                table.name
            )
        }))
    }

    /// The key, as text, of another row that has the values of `row` in the columns `index`.
    pub(in crate::sink) async fn conflicting(
        &mut self,
        row: &Single<'_>,
        index: &[usize],
    ) -> Result<Option<Vec<String>>, Failure> {
        let table = self.writer.table;
        let shown = table.key.iter().map(|it| S::as_text(&table.columns[*it]));
        let shown: Vec<String> = shown.collect();
        let mut text = format!("SELECT {} FROM {} WHERE ", shown.join(","), table.quoted);
        equal(&mut text, table, index);
        text.push_str(" AND NOT (");
        found(&mut text, S::WORDS.dialect, table, &table.key);
        text.push_str(") LIMIT 1");
        text.push_str(S::WORDS.shared);
        let keyed = found_by(table, &table.key);
        let ordinals: Vec<usize> = index.iter().copied().chain(keyed).collect();
        let bound = self.bound(row, &ordinals)?;
        Ok(self.session.texts(text, bound, table.key.len()).await?)
    }

    /// Sets `column` to `value` in the row that holds; answers whether the table took it.
    pub(in crate::sink) async fn park(
        &mut self,
        conflict: Conflict<'_, '_>,
        column: usize,
        value: &Value<'_>,
    ) -> Result<bool, Failure> {
        let table = self.writer.table;
        let column = &table.columns[column];
        let mut text = format!("UPDATE {} SET {}=? WHERE ", table.quoted, column.quoted);
        conflict.condition(&mut text, S::WORDS.dialect, table);
        let values = conflict.index.len() + 2 * table.key.len() + 1;
        let mut bound = S::bound(self.writer.limits, values, 0);
        if bound.push(column, value).is_err() {
            return Ok(false);
        }
        self.freed(text, bound, conflict).await
    }

    /// Removes the row that holds; answers whether it is gone. Where other rows would go with it,
    /// or lose what refers to it, it stays.
    pub(in crate::sink) async fn remove(
        &mut self,
        conflict: Conflict<'_, '_>,
    ) -> Result<bool, Failure> {
        let table = self.writer.table;
        if self.takes_others_along().await? {
            return Ok(false);
        }
        let mut text = format!("DELETE FROM {} WHERE ", table.quoted);
        conflict.condition(&mut text, S::WORDS.dialect, table);
        let values = conflict.index.len() + 2 * table.key.len();
        let bound = S::bound(self.writer.limits, values, 0);
        self.freed(text, bound, conflict).await
    }

    /// Changed where its key is known, else made.
    async fn write(&mut self, row: &Single<'_>) -> Result<(), Failure> {
        let table = self.writer.table;
        if row.op == Op::Delete {
            return self.execute(StatementKind::Delete, row).await.map(drop);
        }
        if S::UPSERTS_BY_KEY {
            return self.execute(StatementKind::Upsert, row).await.map(drop);
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

    async fn execute(
        &mut self,
        statement_kind: StatementKind,
        row: &Single<'_>,
    ) -> Result<u64, Failure> {
        let (columns, values) = (&row.columns, &row.values);
        let bytes = S::fits(self.writer.limits, self.writer.table, columns, values)?;
        self.writer
            .statement(self.session, columns, statement_kind, values, bytes)
            .await
    }

    async fn is_known(&mut self, row: &Single<'_>) -> Result<bool, Failure> {
        let table = self.writer.table;
        let mut text = format!("SELECT 1 FROM {} WHERE ", table.quoted);
        found(&mut text, S::WORDS.dialect, table, &table.key);
        text.push_str(S::WORDS.shared);
        let keyed: Vec<usize> = found_by(table, &table.key).collect();
        let bound = self.bound(row, &keyed)?;
        Ok(self.session.texts(text, bound, 0).await?.is_some())
    }

    /// Whether the statement has found the row that holds, and the table let it.
    async fn freed(
        &mut self,
        text: String,
        mut bound: S::Bound,
        conflict: Conflict<'_, '_>,
    ) -> Result<bool, Failure> {
        for (column, value) in conflict.compared(self.writer.table) {
            bound.push_key(column, value)?;
        }
        match self.session.run(text, bound).await {
            Ok(rows) => Ok(rows > 0),
            Err(error) if is_data(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether rows of other tables are changed where one of this table goes.
    async fn takes_others_along(&mut self) -> Result<bool, Failure> {
        let (text, name) = (S::WORDS.dependents, self.writer.table.name.as_str());
        let mut bound = S::Bound::default();
        for _ in text.matches('?') {
            bound.push_cell(Cell::Text(name))?;
        }
        let count = self.session.number(text, bound).await?;
        Ok(count.is_some_and(|it| it > 0))
    }

    fn bound(&self, row: &Single<'_>, columns: &[usize]) -> Result<S::Bound, ValueError> {
        let mut bound = S::bound(self.writer.limits, columns.len(), 0);
        for ordinal in columns {
            let value = row.value(*ordinal).unwrap_or(&Value::Null);
            bound.push_key(&self.writer.table.columns[*ordinal], value)?;
        }
        Ok(bound)
    }
}
