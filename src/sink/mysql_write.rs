//! Records into statements of MySQL and MariaDB, within a transaction that is open.

use sqlx::{Executor, MySqlConnection, query_with};

use super::{
    Texts,
    mysql_progress::{DUPLICATE, number},
    mysql_values::{Bound, size},
    sql_failure::Failure,
    table::Table,
    table_runs::{Run, RunLimits, Runs, Unholdable},
    table_statements::{Manner, Statements, set_by_update, step},
};
use crate::{
    connect::identifier::statement,
    model::{Op, Records, Value},
};

/// What writes the records of one transaction.
pub(super) struct MysqlWriter<'w> {
    pub(super) table: &'w Table,
    pub(super) statements: &'w Statements,
    pub(super) drop: &'w [String],
    /// What texts stand for.
    pub(super) texts: Texts,
    pub(super) max_allowed_packet: usize,
    /// Whether the session is encrypted.
    pub(super) encrypted: bool,
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
    /// Writes `records` in order.
    pub(super) async fn write(
        &self,
        session: &mut MySqlConnection,
        records: &[Records],
    ) -> Result<(), Failure> {
        let limits = RunLimits {
            rows: ROWS,
            values: PLACEHOLDERS,
        };
        let mut runs = Runs::new(records, self.table, self.drop, limits);
        let mut values = Vec::new();
        while let Some(run) = runs.next_run(values)? {
            self.write_run(session, &run).await?;
            values = run.values;
        }
        Ok(())
    }

    /// The statement that removes the row of one key.
    pub(super) fn one_key(&self) -> std::sync::Arc<str> {
        let key = self.table.key.as_slice().into();
        self.statements.text(Manner::Delete, self.table, &key, 1)
    }

    async fn write_run(&self, session: &mut MySqlConnection, run: &Run<'_>) -> Result<(), Failure> {
        let width = run.columns.len();
        let manner = match run.op {
            Op::Delete => Manner::Delete,
            // Upserts go by any unique index: here one could hit a row of another key.
            Op::Upsert if self.table.redirecting(&run.columns).is_some() => Manner::Insert,
            Op::Upsert => Manner::Upsert,
        };
        let mut rest = &run.values[..];
        while !rest.is_empty() {
            let (rows, bytes) = self.next_statement(run, rest)?;
            let (now, later) = rest.split_at(rows * width);
            match self.execute(session, run, manner, now, bytes).await {
                // The server has undone this statement alone: some of its keys are known.
                Err(Failure::Sql(error))
                    if manner == Manner::Insert && number(&error) == Some(DUPLICATE) =>
                {
                    self.write_singly(session, run, now).await?;
                }
                done => {
                    done?;
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// Row by row: changed where its key is known, else made. A unique index that another row
    /// holds is an error of the record.
    async fn write_singly(
        &self,
        session: &mut MySqlConnection,
        run: &Run<'_>,
        values: &[Value<'_>],
    ) -> Result<(), Failure> {
        for row in values.chunks_exact(run.columns.len()) {
            let bytes = row.iter().map(size).sum();
            let known = self
                .execute(session, run, Manner::Update, row, bytes)
                .await?;
            // The driver asks the server to count rows that match, changed or not.
            if known == 0 {
                self.execute(session, run, Manner::Insert, row, bytes)
                    .await?;
            }
        }
        Ok(())
    }

    async fn execute(
        &self,
        session: &mut MySqlConnection,
        run: &Run<'_>,
        manner: Manner,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<u64, Failure> {
        let rows = values.len() / run.columns.len();
        let text = self.statements.text(manner, self.table, &run.columns, rows);
        let bound = self.bind(run, manner, values, bytes)?;
        let done = session
            .execute(query_with(statement(text), bound.into_arguments()))
            .await?;
        Ok(done.rows_affected())
    }

    fn bind(
        &self,
        run: &Run<'_>,
        manner: Manner,
        values: &[Value<'_>],
        bytes: usize,
    ) -> Result<Bound, Unholdable> {
        let room = (values.len() + self.table.key.len(), bytes);
        let mut bound = Bound::with_room(room, self.texts);
        let column = |place: usize| &self.table.columns[place];
        match manner {
            Manner::Upsert | Manner::Insert => {
                for row in values.chunks_exact(run.columns.len()) {
                    for (place, value) in run.columns.iter().zip(row) {
                        bound.push(column(*place), value)?;
                    }
                }
            }
            Manner::Delete => {
                for row in values.chunks_exact(run.columns.len()) {
                    for (place, value) in run.columns.iter().zip(row) {
                        bound.push_key(column(*place), value)?;
                    }
                }
            }
            Manner::Update => {
                let value = |place: usize| {
                    let at = run.columns.iter().position(|it| *it == place);
                    at.map_or(&Value::Null, |at| &values[at])
                };
                for place in set_by_update(self.table, &run.columns) {
                    bound.push(column(place), value(place))?;
                }
                for place in &self.table.key {
                    bound.push_key(column(*place), value(*place))?;
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
    ) -> Result<(usize, usize), Unholdable> {
        let width = run.columns.len();
        let packet = self.max_allowed_packet.saturating_sub(PACKET_HEAD);
        let statement = match self.encrypted {
            true => packet.min(ENCRYPTED_STATEMENT),
            false => packet.min(STATEMENT),
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
        if bytes > packet && rows == 1 {
            return Err(self.too_large(run, &values[..width], bytes));
        }
        let fewer = step(rows);
        let bytes = values[..fewer * width].iter().map(size).sum();
        Ok((fewer, bytes))
    }

    /// The server would close the connection instead of answering.
    fn too_large(&self, run: &Run<'_>, row: &[Value<'_>], bytes: usize) -> Unholdable {
        let sized = run.columns.iter().zip(row);
        let largest = sized.max_by_key(|(_, value)| size(value));
        let field = largest.map_or("", |(place, _)| &self.table.columns[*place].name);
        let reason = format!(
            "the record takes {bytes} bytes, more than the server's max_allowed_packet of {}",
            self.max_allowed_packet
        );
        Unholdable::new(field, reason)
    }
}
