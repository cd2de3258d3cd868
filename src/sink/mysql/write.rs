//! Records into statements of MySQL and MariaDB, within a transaction that is open.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Executor, MySqlConnection, query_with};

use super::{
    progress::{DUPLICATE, number},
    row_by_row::MysqlRowByRow,
    values::{Bound, size},
};
use crate::{
    connect::identifier::statement,
    model::{Op, Records, Row, Value},
    sink::{
        Texts,
        sql::{
            failure::Failure,
            incompatible::{Incompatible, ValueError},
            replace_by::segments,
            row_by_row::{RowByRow, is_a_rows},
            runs::{Columns, Run, RunLimits, Runs},
            statements::{StatementKind, Statements, set_by_update, step},
            table::Table,
        },
    },
};

/// What writes the records of one transaction.
pub(super) struct MysqlWriter<'w> {
    pub(in crate::sink) table: &'w Table,
    pub(in crate::sink) statements: &'w Statements,
    /// Whether no row is known, as far as was seen.
    pub(in crate::sink) is_fresh: &'w AtomicBool,
    pub(in crate::sink) drop: &'w [String],
    /// What texts stand for.
    pub(in crate::sink) texts: Texts,
    pub(super) max_allowed_packet: usize,
    /// Whether the session is encrypted.
    pub(super) encrypted: bool,
    /// Whether rows are refused by name, since some of the sink's wait for each other: by halves of
    /// the batch those would be parted.
    pub(in crate::sink) by_name: bool,
}

/// Rows in one statement, at most. Fewer cost round trips; more make the server slower again.
const ROWS: usize = 256;

/// Bytes in one statement, at most: larger ones only take memory on both sides.
const STATEMENT: usize = 4 << 20;

/// The same on an encrypted session. What is longer than one TLS record leaves the driver in
/// several pieces, and waits some 40 ms for the first one's acknowledgement (sqlx #4335).
const ENCRYPTED_STATEMENT: usize = 15 << 10;

/// Placeholders in one statement: their number has 16 bits.
const PLACEHOLDERS: usize = 65_535;

/// Room in a packet for everything but values.
const PACKET_HEAD: usize = 1024;

impl MysqlWriter<'_> {
    /// Writes `records` in order, the rows of one parent behind the removal of its old ones.
    pub(in crate::sink) async fn write(
        &self,
        session: &mut MySqlConnection,
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
        session: &mut MySqlConnection,
        rows: impl Iterator<Item = Row<'r>> + Send + 'r,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let limits = RunLimits {
            rows: ROWS,
            values: PLACEHOLDERS,
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

    fn singly<'s>(&'s self, session: &'s mut MySqlConnection) -> MysqlRowByRow<'s, 's> {
        MysqlRowByRow {
            writer: self,
            session,
        }
    }

    /// The statement that removes what one deletion names.
    pub(super) fn one_key(&self) -> std::sync::Arc<str> {
        let key = self.table.removed_by().into();
        self.statements
            .text(StatementKind::Delete, self.table, &key, 1)
    }

    /// Many rows in a statement. Where rows are refused by name, and one of them fails, the server
    /// has undone that statement alone: its rows go one by one.
    async fn write_run<'r>(
        &self,
        session: &mut MySqlConnection,
        run: &Run<'r>,
        row_by_row: &mut RowByRow<'r>,
    ) -> Result<(), Failure> {
        let width = run.columns.len();
        let statement_kind = match run.op {
            Op::Delete => StatementKind::Delete,
            // Upserts go by any unique index: here one could hit a row of another key.
            Op::Upsert if self.table.redirecting(&run.columns).is_some() => StatementKind::Insert,
            Op::Upsert => StatementKind::Upsert,
        };
        let mut done = 0;
        while done < run.origins.len() {
            let rest = &run.values[done * width..];
            let (rows, written) = if row_by_row.wait() {
                (run.origins.len() - done, None)
            } else {
                match self.next_statement(run, rest) {
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
        session: &mut MySqlConnection,
        columns: &Columns,
        statement_kind: StatementKind,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<u64, Failure> {
        if statement_kind == StatementKind::Upsert && self.is_fresh.load(Ordering::Relaxed) {
            let made = self.statement(session, columns, StatementKind::Insert, values, bytes);
            match made.await {
                Err(Failure::Sql(error)) if number(&error) == Some(DUPLICATE) => {
                    self.is_fresh.store(false, Ordering::Relaxed);
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
        session: &mut MySqlConnection,
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
        let done = session
            .execute(query_with(statement(text), bound.into_arguments()))
            .await?;
        // The driver asks the server to count rows that match, changed or not.
        Ok(done.rows_affected())
    }

    fn bind(
        &self,
        columns: &Columns,
        statement_kind: StatementKind,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<Bound, ValueError> {
        let room = (values.len() + self.table.key.len() + 1, bytes);
        let mut bound = Bound::with_room(room, self.texts);
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
                for row in values.chunks_exact(columns.len()) {
                    for (ordinal, value) in columns.iter().zip(row) {
                        bound.push_key(column(*ordinal), value)?;
                    }
                }
            }
            StatementKind::Update => {
                let value = |ordinal: usize| {
                    let at = columns.iter().position(|it| *it == ordinal);
                    at.map_or(&Value::Null, |at| &values[at])
                };
                for ordinal in set_by_update(self.table, columns) {
                    bound.push(column(ordinal), value(ordinal))?;
                }
                for ordinal in self.table.key.iter().chain(&self.table.version) {
                    bound.push_key(column(*ordinal), value(*ordinal))?;
                }
            }
        }
        Ok(bound)
    }

    /// How many of the rows in `values` the next statement takes, and their bytes.
    fn next_statement(
        &self,
        run: &Run<'_>,
        values: &[Value<'_>],
    ) -> Result<(usize, usize), ValueError> {
        let width = run.columns.len();
        let packet = self.max_allowed_packet.saturating_sub(PACKET_HEAD);
        let statement = if self.encrypted {
            packet.min(ENCRYPTED_STATEMENT)
        } else {
            packet.min(STATEMENT)
        };
        let (mut rows, mut bytes) = (0, 0);
        for row in values.chunks_exact(width) {
            let row: usize = row.iter().map(size).sum();
            if rows > 0 && bytes + row > statement {
                break;
            }
            rows += 1;
            bytes += row;
        }
        if rows == 1 {
            self.fits(&run.columns, &values[..width], bytes)?;
        }
        let fewer = step(rows);
        let bytes = values[..fewer * width].iter().map(size).sum();
        Ok((fewer, bytes))
    }

    /// The server would close the connection instead of answering.
    pub(in crate::sink) fn fits(
        &self,
        columns: &Columns,
        row: &[Value<'_>],
        bytes: usize,
    ) -> Result<(), ValueError> {
        if bytes <= self.max_allowed_packet.saturating_sub(PACKET_HEAD) {
            return Ok(());
        }
        let sized = columns.iter().zip(row);
        let largest = sized.max_by_key(|(_, value)| size(value));
        let field = largest.map_or("", |(ordinal, _)| &self.table.columns[*ordinal].name);
        let reason = format!(
            "the record takes {bytes} bytes, more than the server's max_allowed_packet of {}",
            self.max_allowed_packet
        );
        Err(ValueError::new(field, reason))
    }
}
