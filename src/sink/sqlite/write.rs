//! Records into statements of SQLite, within a transaction that is open.

use sqlx::{Executor, SqliteConnection as Session, query_with};

use super::{row_by_row::SqliteRowByRow, values::Bound};
use crate::{
    connect::identifier::statement,
    model::{Op, Records, Row},
    sink::sql::{
        failure::Failure,
        incompatible::Incompatible,
        replace_by::segments,
        row_by_row::{RowByRow, is_a_rows},
        runs::{Run, RunLimits, Runs},
        statements::{StatementKind, Statements, step},
        table::Table,
    },
};

/// What writes the records of one transaction.
pub(super) struct SqliteWriter<'w> {
    pub(in crate::sink) table: &'w Table,
    pub(in crate::sink) statements: &'w Statements,
    pub(in crate::sink) drop: &'w [String],
    /// Whether rows are refused by name, since some of the sink's wait for each other: by halves of
    /// the batch those would be parted.
    pub(in crate::sink) by_name: bool,
}

/// Rows in one statement, at most; more is hardly faster.
const ROWS: usize = 1024;

/// Parameters in one statement.
const PARAMETERS: usize = 32_766;

impl SqliteWriter<'_> {
    /// Writes `records` in order, the rows of one parent behind the removal of its old ones.
    pub(in crate::sink) async fn write(
        &self,
        session: &mut Session,
        records: &[Records],
    ) -> Result<(), Failure> {
        let mut row_by_row = RowByRow::default();
        if self.table.replaces() {
            // A row that waits may be let in by what a later stretch removes.
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
        session: &mut Session,
        rows: impl Iterator<Item = Row<'r>> + Send + 'r,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let limits = RunLimits {
            rows: ROWS,
            values: PARAMETERS,
        };
        let mut runs = Runs::new(rows, self.table, self.drop, limits);
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

    fn singly<'s>(&'s self, session: &'s mut Session) -> SqliteRowByRow<'s> {
        SqliteRowByRow {
            table: self.table,
            statements: self.statements,
            session,
        }
    }

    /// Many rows in a statement. Where rows are refused by name, and one of them fails, SQLite has
    /// undone that statement alone: its rows go one by one.
    async fn write_run<'r>(
        &self,
        session: &mut Session,
        run: &Run<'r>,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let mut done = 0;
        while done < run.origins.len() {
            let rest = run.origins.len() - done;
            let rows = if row_by_row.wait() { rest } else { step(rest) };
            let written = if row_by_row.wait() {
                None
            } else {
                Some(self.write_many(session, run, done..done + rows).await)
            };
            let one_by_one = match written {
                None => true,
                Some(Ok(())) => false,
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

    async fn write_many(
        &self,
        session: &mut Session,
        run: &Run<'_>,
        rows: std::ops::Range<usize>,
    ) -> Result<(), Failure> {
        let width = run.columns.len();
        let statement_kind = match run.op {
            Op::Delete => StatementKind::Delete,
            // It goes by the declared key alone: another unique index makes it fail.
            Op::Upsert => StatementKind::Upsert,
        };
        let now = &run.values[rows.start * width..rows.end * width];
        let mut bound = Bound::with_room(now.len());
        for row in now.chunks_exact(width) {
            for (ordinal, value) in run.columns.iter().zip(row) {
                bound.push(&self.table.columns[*ordinal], value)?;
            }
        }
        let text = self
            .statements
            .text(statement_kind, self.table, &run.columns, rows.len());
        let query = query_with(statement(text), bound.into_arguments());
        session.execute(query).await?;
        Ok(())
    }
}
