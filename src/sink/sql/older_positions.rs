//! Stored positions of an older version: refused, with the statements that convert them.

use super::{
    failure::Failure,
    incompatible::Incompatible,
    progress::ProgressTables,
    session::{BoundValues, Cell, SqlSession},
    statements::Dialect,
};
use crate::sink::advance::{OLDER_POSITION, OLDER_POSITION_TABLE, POSITION_TABLE};

/// What the catalogue answers, added up.
const OLDER: i64 = 1;
const CURRENT: i64 = 2;
const OLDER_COLUMN: i64 = 4;

impl ProgressTables {
    /// Checks that no positions of an older version would be left out: without them a flow that
    /// has run before would read everything again.
    ///
    /// # Errors
    /// `Incompatible` where there are; it names the statements that convert them.
    pub(in crate::sink) async fn refuse_older<S: SqlSession>(
        &self,
        session: &mut S,
    ) -> Result<(), Failure> {
        let dialect = S::WORDS.dialect;
        let text = question(dialect);
        let mut bound = S::Bound::default();
        for _ in text.matches('?') {
            bound.push_cell(Cell::Text(&self.database))?;
        }
        let found = session.number(text, bound).await?.unwrap_or(0);
        let (older, current) = (&self.older_positions, &self.positions);
        let column = |table| rename_column(dialect, table, S::WORDS.types.position);
        let advice = if found & OLDER == 0 && found & OLDER_COLUMN == 0 {
            return Ok(());
        } else if found & OLDER == 0 {
            format!(
                "{current} is of an older version: rename its column: {}",
                column(current)
            )
        } else {
            let convert = format!("{}; ALTER TABLE {older} RENAME TO {current}", column(older));
            if found & CURRENT == 0 {
                format!("{older} holds the positions of an older version: rename it: {convert}")
            } else {
                format!(
                    "{current} is in use, and {older} holds positions of an older version: compare \
                     their rows, then remove the older ones: DROP TABLE {older}; or continue from \
                     them: DROP TABLE {current}; {convert}"
                )
            }
        };
        Err(Incompatible::Table(advice).into())
    }
}

/// Which of the tables and columns there are, with the database once for each `?`. Each name is
/// looked up by itself: a catalogue that is asked for several reads all tables.
fn question(dialect: Dialect) -> String {
    let table = |name: &str| match dialect {
        Dialect::Mysql => format!(
            "(SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema=? AND table_name='{name}')"
        ),
        Dialect::Sqlite => format!(
            "(SELECT COUNT(*) FROM sqlite_schema \
             WHERE type IN ('table','view') AND name='{name}' COLLATE NOCASE)"
        ),
    };
    let column = match dialect {
        Dialect::Mysql => format!(
            "(SELECT COUNT(*) FROM information_schema.columns \
             WHERE table_schema=? AND table_name='{POSITION_TABLE}' \
             AND column_name='{OLDER_POSITION}')"
        ),
        Dialect::Sqlite => format!(
            "(SELECT COUNT(*) FROM pragma_table_info('{POSITION_TABLE}') \
             WHERE name='{OLDER_POSITION}' COLLATE NOCASE)"
        ),
    };
    let (older, current) = (table(OLDER_POSITION_TABLE), table(POSITION_TABLE));
    format!("SELECT {OLDER}*{older}+{CURRENT}*{current}+{OLDER_COLUMN}*{column}")
}

/// Known to every version: MariaDB renames a column alone only since 10.5.
fn rename_column(dialect: Dialect, table: &str, column_type: &str) -> String {
    match dialect {
        Dialect::Mysql => format!(
            "ALTER TABLE {table} CHANGE `{OLDER_POSITION}` `position` {column_type} NOT NULL"
        ),
        Dialect::Sqlite => {
            format!("ALTER TABLE {table} RENAME COLUMN \"{OLDER_POSITION}\" TO \"position\"")
        }
    }
}
