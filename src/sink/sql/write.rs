//! Records into statements, within a transaction that is open.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    failure::Failure,
    incompatible::{Incompatible, ValueError},
    replace_by::segments,
    row_by_row::{RowByRow, is_a_rows},
    runs::{Columns, Run, Runs},
    session::{BoundValues, SqlSession},
    single_rows::SingleRows,
    statements::{StatementKind, Statements, found_by, set_by_update},
    table::Table,
};
use crate::model::{Op, Records, Row, Value};

/// What writes the records of one table in one transaction.
pub(in crate::sink) struct SqlWriter<'w, S: SqlSession> {
    pub(in crate::sink) table: &'w Table,
    pub(in crate::sink) statements: &'w Statements,
    /// Whether no row is known, as far as was seen; `None` where that makes no difference.
    pub(in crate::sink) is_fresh: Option<&'w AtomicBool>,
    pub(in crate::sink) drop: &'w [String],
    pub(in crate::sink) limits: S::Limits,
    /// Whether rows are refused by name, since some of the sink's wait for each other: by halves of
    /// the batch those would be parted.
    pub(in crate::sink) by_name: bool,
}

impl<S: SqlSession> SqlWriter<'_, S> {
    /// Writes `records` in order, the rows of one parent behind the removal of its old ones.
    pub(in crate::sink) async fn write(
        &self,
        session: &mut S,
        records: &[Records],
    ) -> Result<(), Failure> {
        let mut row_by_row = RowByRow::default();
        if self.table.replaces() {
            // A row that waits may be let in by what a later segment removes.
            for segment in segments(records, self.table) {
                let rows = segment.into_iter();
                self.write_rows(session, rows, &mut row_by_row).await?;
            }
        } else {
            let rows = records.iter().flat_map(Records::iter);
            self.write_rows(session, rows, &mut row_by_row).await?;
        }
        row_by_row
            .finish(&mut self.singly(session), self.table)
            .await
    }

    async fn write_rows<'r>(
        &self,
        session: &mut S,
        rows: impl Iterator<Item = Row<'r>> + Send + 'r,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let mut runs = Runs::new(rows, self.table, self.drop, S::RUN);
        let mut values = Vec::new();
        loop {
            match runs.next_run(values) {
                Ok(None) => break,
                Ok(Some(run)) => {
                    self.write_run(session, &run, row_by_row).await?;
                    values = run.values;
                }
                Err(Incompatible::Record(cause)) if self.by_name => {
                    row_by_row.refuse(runs.at_fault(), cause);
                    values = Vec::new();
                }
                Err(incompatible) => return Err(incompatible.into()),
            }
        }
        Ok(())
    }

    fn singly<'s>(&'s self, session: &'s mut S) -> SingleRows<'s, 's, S> {
        SingleRows {
            writer: self,
            session,
        }
    }

    /// The statement that removes what one deletion names.
    pub(in crate::sink) fn one_key(&self) -> std::sync::Arc<str> {
        let key = self.table.removed_by().into();
        self.statements
            .text(StatementKind::Delete, self.table, &key, 1)
    }

    /// Many rows in a statement. Where rows are refused by name, and one of them fails, the server
    /// has undone that statement alone: its rows go one by one.
    async fn write_run<'r>(
        &self,
        session: &mut S,
        run: &Run<'r>,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let width = run.columns.len();
        let statement_kind = match run.op {
            Op::Delete => StatementKind::Delete,
            Op::Upsert if S::UPSERTS_BY_KEY => StatementKind::Upsert,
            // By another unique index an upsert could hit a row of another key here.
            Op::Upsert if self.table.redirecting(&run.columns).is_some() => StatementKind::Insert,
            Op::Upsert => StatementKind::Upsert,
        };
        let mut done = 0;
        while done < run.origins.len() {
            let rest = &run.values[done * width..];
            let (rows, written) = if row_by_row.wait() {
                (run.origins.len() - done, None)
            } else {
                match S::next_statement(self.limits, self.table, &run.columns, rest) {
                    Err(error) if self.by_name => (1, Some(Err(error.into()))),
                    Err(error) => return Err(error.into()),
                    Ok((rows, bytes)) => {
                        let now = &rest[..rows * width];
                        let written = self.many(session, &run.columns, statement_kind, now, bytes);
                        let written = written.await;
                        (rows, Some(written))
                    }
                }
            };
            let one_by_one = match written {
                None => true,
                Some(Ok(_)) => false,
                Some(Err(failure)) if self.by_name && is_a_rows(&failure) => true,
                Some(Err(failure)) => return Err(failure),
            };
            if one_by_one {
                let (mut server, rows) = (self.singly(session), done..done + rows);
                row_by_row.add(&mut server, self.table, run, rows).await?;
            }
            done += rows;
        }
        Ok(())
    }

    /// One statement for many rows. In a table that was empty they are only made, which is less for the
    /// server to do, until one is there: then that statement, which the server has undone by itself, is
    /// made anew, and all others look for known rows.
    async fn many(
        &self,
        session: &mut S,
        columns: &Columns,
        statement_kind: StatementKind,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<u64, Failure> {
        let is_fresh = self.is_fresh.filter(|it| it.load(Ordering::Relaxed));
        if let (StatementKind::Upsert, Some(is_fresh)) = (statement_kind, is_fresh) {
            let made = self.statement(session, columns, StatementKind::Insert, values, bytes);
            match made.await {
                Err(Failure::Sql(error)) if S::is_taken(&error) => {
                    is_fresh.store(false, Ordering::Relaxed);
                }
                made => return made,
            }
        }
        self.statement(session, columns, statement_kind, values, bytes)
            .await
    }

    /// One statement for rows of these columns; answers how many rows matched.
    pub(in crate::sink) async fn statement(
        &self,
        session: &mut S,
        columns: &Columns,
        statement_kind: StatementKind,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<u64, Failure> {
        let rows = values.len() / columns.len();
        let text = self
            .statements
            .text(statement_kind, self.table, columns, rows);
        let bound = self.bind(columns, statement_kind, values, bytes)?;
        let ran = session.run(text, bound).await;
        ran.map_err(|error| {
            let named = S::is_unconvertible(&error).then(|| self.unconvertible(columns, values));
            named.flatten().map_or(error.into(), Failure::from)
        })
    }

    /// The fields whose columns may lack a character, where the server does not say which one does.
    fn unconvertible(&self, columns: &Columns, values: &[Value<'_>]) -> Option<ValueError> {
        let rows = values.chunks_exact(columns.len());
        let mut named: Vec<&str> = Vec::new();
        for (ordinal, value) in rows.flat_map(|row| columns.iter().zip(row)) {
            let column = &self.table.columns[*ordinal];
            if column.domain.holds.is_left_to_server(value) && !named.contains(&&*column.name) {
                named.push(&column.name);
            }
        }
        let reason = "the column's character set lacks a character of it";
        (!named.is_empty()).then(|| ValueError::new(&named.join("`, `"), reason))
    }

    fn bind(
        &self,
        columns: &Columns,
        statement_kind: StatementKind,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<S::Bound, ValueError> {
        let room = values.len() + self.table.key.len() + 1;
        let mut bound = S::bound(self.limits, room, bytes);
        let column = |ordinal: usize| &self.table.columns[ordinal];
        match statement_kind {
            StatementKind::Upsert | StatementKind::Insert => {
                for row in values.chunks_exact(columns.len()) {
                    for (ordinal, value) in columns.iter().zip(row) {
                        bound.push(column(*ordinal), value)?;
                    }
                }
            }
            StatementKind::Delete => {
                // Behind the columns of the key comes the version, where it is known.
                let (keyed, version) = columns.split_at(self.table.removed_by().len());
                for row in values.chunks_exact(columns.len()) {
                    for ordinal in found_by(self.table, keyed).chain(version.iter().copied()) {
                        bound.push_key(column(ordinal), value_of(columns, row, ordinal))?;
                    }
                }
            }
            StatementKind::Update => {
                for ordinal in set_by_update(self.table, columns) {
                    bound.push(column(ordinal), value_of(columns, values, ordinal))?;
                }
                for ordinal in found_by(self.table, &self.table.key).chain(self.table.version) {
                    bound.push_key(column(ordinal), value_of(columns, values, ordinal))?;
                }
            }
        }
        Ok(bound)
    }
}

/// The value of a column in a row of these columns.
pub(super) fn value_of<'v, 'r>(
    columns: &[usize],
    row: &'v [Value<'r>],
    ordinal: usize,
) -> &'v Value<'r> {
    let at = columns.iter().position(|it| *it == ordinal);
    at.map_or(&Value::Null, |at| &row[at])
}
