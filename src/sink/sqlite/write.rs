//! Records into statements of SQLite, within a transaction that is open.

use sqlx::{Executor, SqliteConnection as Session, query_with};

use super::{row_by_row::SqliteSingles, values::Bound};
use crate::{
    connect::identifier::statement,
    model::{Op, Records, Row},
    sink::sql::{
        failure::Failure,
        incompatible::Misfit,
        replace_by::stretches,
        row_by_row::{Singles, is_a_rows},
        runs::{Run, RunLimits, Runs},
        statements::{Manner, Statements, step},
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
        let mut singles = Singles::default();
        if self.table.replaces() {
            // A row that waits may be let in by what a later stretch removes.
            for stretch in stretches(records, self.table) {
                let rows = stretch.into_iter();
                self.write_rows(session, rows, &mut singles).await?;
            }
        } else {
            let rows = records.iter().flat_map(Records::iter);
            self.write_rows(session, rows, &mut singles).await?;
        }
        singles.finish(&mut self.singly(session), self.table).await
    }

    async fn write_rows<'r>(
        &self,
        session: &mut Session,
        rows: impl Iterator<Item = Row<'r>> + Send + 'r,
        singles: &mut Singles<'r>,
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
                    self.write_run(session, &run, singles).await?;
                    values = run.values;
                }
                Err(Misfit::Record(cause)) if self.by_name => {
                    singles.refuse(runs.at_fault(), cause);
                    values = Vec::new();
                }
                Err(misfit) => return Err(misfit.into()),
            }
        }
        Ok(())
    }

    fn singly<'s>(&'s self, session: &'s mut Session) -> SqliteSingles<'s> {
        SqliteSingles {
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
        singles: &mut Singles<'r>,
    ) -> Result<(), Failure> {
        let mut done = 0;
        while done < run.origins.len() {
            let rest = run.origins.len() - done;
            let rows = match singles.wait() {
                true => rest,
                false => step(rest),
            };
            let written = match singles.wait() {
                true => None,
                false => Some(self.write_many(session, run, done..done + rows).await),
            };
            let one_by_one = match written {
                None => true,
                Some(Ok(())) => false,
                Some(Err(failure)) if self.by_name && is_a_rows(&failure) => true,
                Some(Err(failure)) => return Err(failure),
            };
            if one_by_one {
                let (mut server, rows) = (self.singly(session), done..done + rows);
                singles.add(&mut server, self.table, run, rows).await?;
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
        let manner = match run.op {
            Op::Delete => Manner::Delete,
            // It goes by the declared key alone: another unique index makes it fail.
            Op::Upsert => Manner::Upsert,
        };
        let now = &run.values[rows.start * width..rows.end * width];
        let mut bound = Bound::with_room(now.len());
        for row in now.chunks_exact(width) {
            for (place, value) in run.columns.iter().zip(row) {
                bound.push(&self.table.columns[*place], value)?;
            }
        }
        let text = self
            .statements
            .text(manner, self.table, &run.columns, rows.len());
        let query = query_with(statement(text), bound.into_arguments());
        session.execute(query).await?;
        Ok(())
    }
}
