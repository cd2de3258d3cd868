//! What SQLite does in its own way while rows are written.

use sqlx::{SqliteConnection, sqlite::SqliteError};

use super::values::Bound;
use crate::{
    connect::identifier::statement,
    model::Value,
    sink::sql::{
        incompatible::ValueError,
        runs::{Columns, RunLimits},
        session::{SqlSession, Types, Words, statements},
        statements::{Dialect, step},
        table::{Column, ColumnType, Table},
    },
};

/// Rows in one statement, at most; more is hardly faster.
const ROWS: usize = 1024;

/// Parameters in one statement.
const PARAMETERS: usize = 32_766;

/// SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID.
const TAKEN: [&str; 3] = ["1555", "2067", "2579"];

impl SqlSession for SqliteConnection {
    type Bound = Bound;
    type Limits = ();

    const WORDS: Words = Words {
        dialect: Dialect::Sqlite,
        // With milliseconds.
        now: "strftime('%Y-%m-%dT%H:%M:%fZ','now')",
        saved_at: "CAST(strftime('%s', max(updated_at)) AS INTEGER)",
        partition: "partition",
        once: " ON CONFLICT DO NOTHING",
        shared: "",
        any: "",
        dependents: "SELECT COUNT(*) FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
             WHERE s.type='table' AND f.\"table\"=? COLLATE NOCASE \
             AND f.on_delete NOT IN ('RESTRICT','NO ACTION')",
        flow: usize::MAX,
        types: Types {
            flow: "TEXT",
            topic: "TEXT",
            topic_id: "TEXT",
            partition: "INTEGER",
            offset: "INTEGER",
            position: "TEXT",
            moment: "TEXT",
        },
    };
    const RUN: RunLimits = RunLimits {
        rows: ROWS,
        values: PARAMETERS,
    };
    const UPSERTS_BY_KEY: bool = true;

    fn bound((): (), values: usize, _: usize) -> Bound {
        Bound::with_room(values)
    }

    fn next_statement(
        (): (),
        _: &Table,
        columns: &Columns,
        values: &[Value<'_>],
    ) -> Result<(usize, usize), ValueError> {
        Ok((step(values.len() / columns.len()), 0))
    }

    fn fits((): (), _: &Table, _: &Columns, _: &[Value<'_>]) -> Result<usize, ValueError> {
        Ok(0)
    }

    fn is_taken(error: &sqlx::Error) -> bool {
        let said = error.as_database_error();
        let code = said.filter(|it| it.try_downcast_ref::<SqliteError>().is_some());
        let code = code.and_then(|it| it.code());
        code.is_some_and(|code| TAKEN.contains(&&*code))
    }

    fn is_unconvertible(_: &sqlx::Error) -> bool {
        false
    }

    fn is_missing_table(error: &sqlx::Error) -> bool {
        let said = error.as_database_error();
        said.is_some_and(|it| it.message().contains("no such table"))
    }

    fn as_text(column: &Column) -> String {
        match column.stored_type {
            ColumnType::Bytes => format!("LOWER(HEX({}))", column.quoted),
            _ => format!("CAST({} AS TEXT)", column.quoted),
        }
    }

    statements!();
}

/// What a table of progress ends with.
pub(super) const OPTIONS: &str = " STRICT, WITHOUT ROWID";
