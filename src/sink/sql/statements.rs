//! The statements that write a table, for any number of rows: names quoted, values bound.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    runs::Columns,
    table::{Column, ColumnType, Table},
};
use crate::sink::rules::OnKnown;

/// Which words a server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::sink) enum Dialect {
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::sink) enum StatementKind {
    /// Makes rows, or changes those of the same key.
    Upsert,
    /// Makes rows; one that is there already is an error.
    Insert,
    /// Changes one row; its values come first, then its key's, then the version where it has one.
    Update,
    /// Removes rows by their key, or by their parent's where they are replaced by it.
    Delete,
}

/// The texts of statements, kept: a long one takes longer to write than to look up.
#[derive(Debug)]
pub(in crate::sink) struct Statements {
    dialect: Dialect,
    kept: Mutex<HashMap<(StatementKind, Columns, usize), Arc<str>>>,
}

/// The largest number of MySQL.
const MOST: u64 = u64::MAX;
/// More bytes than a value of SQLite has.
const TOO_MANY: u64 = 1 << 31;

/// Texts that are kept; the drivers keep 100 prepared statements.
const KEPT: usize = 100;

impl Statements {
    pub(in crate::sink) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            kept: Mutex::default(),
        }
    }

    /// The statement for `rows` rows of these columns.
    pub(in crate::sink) fn text(
        &self,
        statement_kind: StatementKind,
        table: &Table,
        columns: &Columns,
        rows: usize,
    ) -> Arc<str> {
        let wanted = (statement_kind, columns.clone(), rows);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept.get(&wanted) {
            return text.clone();
        }
        if kept.len() == KEPT {
            kept.clear();
        }
        let text: Arc<str> = match statement_kind {
            StatementKind::Upsert => upsert(self.dialect, table, columns, rows),
            StatementKind::Insert => insert(table, columns, rows),
            StatementKind::Update => update(self.dialect, table, columns),
            StatementKind::Delete => {
                let versioned = !table.replaces() && columns.len() > table.key.len();
                if versioned || table.exact(table.removed_by()).next().is_some() {
                    each(self.dialect, table, versioned, rows)
                } else {
                    delete(self.dialect, table, columns, rows)
                }
            }
        }
        .into();
        kept.insert(wanted, text.clone());
        text
    }

    /// Forgets all: the table's columns have been read anew.
    pub(in crate::sink) fn forget(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }
}

/// The question whether there are rows that the deletion `delete` would remove.
pub(in crate::sink) fn known(delete: &str) -> String {
    let rest = delete.strip_prefix("DELETE").unwrap_or(delete);
    format!("SELECT 1{rest}")
}

/// The largest power of two that is no more than `rows`: few shapes of statements serve every
/// number of rows.
pub(in crate::sink) fn step(rows: usize) -> usize {
    match rows.checked_ilog2() {
        None => 0,
        Some(exponent) => 1 << exponent,
    }
}

/// The columns that an `Update` sets; then come those of the key.
pub(in crate::sink) fn set_by_update(table: &Table, columns: &[usize]) -> Vec<usize> {
    let set = |it: &&usize| !table.key.contains(it) || table.respells(**it);
    columns.iter().filter(set).copied().collect()
}

/// The columns that a row is found by, in the order in which its values are bound: behind the first
/// ones come those that are compared byte by byte as well.
pub(in crate::sink) fn found_by<'t>(
    table: &'t Table,
    columns: &'t [usize],
) -> impl Iterator<Item = usize> + 't {
    columns.iter().copied().chain(table.exact(columns))
}

fn upsert(dialect: Dialect, table: &Table, columns: &[usize], rows: usize) -> String {
    let mut text = insert(table, columns, rows);
    let mut set = match table.on_known {
        OnKnown::Update => set_by_update(table, columns),
        OnKnown::Ignore => Vec::new(),
    };
    // Assignments are made from left to right, each by what those before have left: the version,
    // which all of them are compared by, comes last.
    set.sort_by_key(|it| Some(*it) == table.version);
    let quoted = |it: &usize| table.columns[*it].quoted.as_str();
    let version = table.version.as_ref().map(quoted);
    match dialect {
        Dialect::Mysql => {
            text.push_str(" ON DUPLICATE KEY UPDATE ");
            let exact: Vec<usize> = table.exact(&table.key).collect();
            if set.is_empty() && exact.is_empty() {
                // Something has to stand here; this changes nothing.
                let key = quoted(&table.key[0]);
                let _ = write!(text, "{key}={key}");
            }
            list(&mut text, exact.iter().map(quoted), |text, it| {
                // Of another key's row the server makes an error: a number that is out of range. It
                // depends on the row, or it would be worked out before there is one.
                let _ = write!(
                    text,
                    "{it}=IF(CAST({it} AS BINARY)=CAST(VALUES({it}) AS BINARY),{it},{MOST}+LENGTH({it})+1)"
                );
            });
            if !set.is_empty() && !exact.is_empty() {
                text.push(',');
            }
            list(&mut text, set.iter().map(quoted), |text, it| {
                let _ = match version {
                    None => write!(text, "{it}=VALUES({it})"),
                    Some(version) => write!(
                        text,
                        "{it}=IF({version} IS NULL OR VALUES({version})>={version},VALUES({it}),{it})"
                    ),
                };
            });
        }
        Dialect::Sqlite => {
            text.push_str(" ON CONFLICT(");
            list(&mut text, table.key.iter().map(quoted), |text, it| {
                text.push_str(it);
            });
            let exact: Vec<usize> = table.exact(&table.key).collect();
            text.push_str(if set.is_empty() && exact.is_empty() {
                ") DO NOTHING"
            } else {
                ") DO UPDATE SET "
            });
            let named = &table.quoted;
            list(&mut text, exact.iter().map(quoted), |text, it| {
                // The same: bytes that are too many.
                let _ = write!(
                    text,
                    "{it}=CASE WHEN CAST({named}.{it} AS BLOB)=CAST(excluded.{it} AS BLOB) THEN {named}.{it} ELSE zeroblob({TOO_MANY}+length({named}.{it})) END"
                );
            });
            if !set.is_empty() && !exact.is_empty() {
                text.push(',');
            }
            list(&mut text, set.iter().map(quoted), |text, it| {
                let _ = write!(text, "{it}=excluded.{it}");
            });
            if let Some(version) = version.filter(|_| !set.is_empty()) {
                let (table, new) = (&table.quoted, format!("excluded.{version}"));
                let _ = write!(
                    text,
                    " WHERE {table}.{version} IS NULL OR {new}>={table}.{version}"
                );
            }
        }
    }
    text
}

fn insert(table: &Table, columns: &[usize], rows: usize) -> String {
    let mut text = format!("INSERT INTO {} (", table.quoted);
    let quoted = columns.iter().map(|it| table.columns[*it].quoted.as_str());
    list(&mut text, quoted, |text, it| text.push_str(it));
    text.push_str(") VALUES ");
    let columns: Vec<&Column> = columns.iter().map(|it| &table.columns[*it]).collect();
    list(&mut text, 0..rows, |text, _| {
        text.push('(');
        list(text, &columns, |text, it| text.push_str(written(it)));
        text.push(')');
    });
    text
}

fn update(dialect: Dialect, table: &Table, columns: &[usize]) -> String {
    let set = set_by_update(table, columns);
    let mut text = format!("UPDATE {} SET ", table.quoted);
    if set.is_empty() {
        let key = &table.columns[table.key[0]].quoted;
        let _ = write!(text, "{key}={key}");
    }
    list(&mut text, set, |text, it| {
        let column = &table.columns[it];
        let _ = write!(text, "{}={}", column.quoted, written(column));
    });
    text.push_str(" WHERE ");
    found(&mut text, dialect, table, &table.key);
    if let Some(version) = table.version {
        no_newer(&mut text, &table.columns[version]);
    }
    text
}

/// Each of these columns beside a value that is bound.
pub(in crate::sink) fn equal(text: &mut String, table: &Table, columns: &[usize]) {
    for (index, it) in columns.iter().enumerate() {
        let and = if index == 0 { "" } else { " AND " };
        let column = &table.columns[*it];
        let _ = write!(text, "{and}{}=", column.quoted);
        compared(text, column);
    }
}

/// The row of these values, and no other that the server takes for it. The values are bound by
/// `found_by`.
pub(in crate::sink) fn found(
    text: &mut String,
    dialect: Dialect,
    table: &Table,
    columns: &[usize],
) {
    equal(text, table, columns);
    for it in table.exact(columns) {
        let quoted = &table.columns[it].quoted;
        let _ = match dialect {
            // The value is UTF-8, whatever the column's character set is.
            Dialect::Mysql => write!(
                text,
                " AND CAST(CONVERT({quoted} USING utf8mb4) AS BINARY)=CAST(? AS BINARY)"
            ),
            Dialect::Sqlite => write!(text, " AND CAST({quoted} AS BLOB)=CAST(? AS BLOB)"),
        };
    }
}

fn no_newer(text: &mut String, version: &Column) {
    let quoted = &version.quoted;
    let _ = write!(text, " AND ({quoted} IS NULL OR {quoted}<=");
    compared(text, version);
    text.push(')');
}

/// Removes rows, each by a condition of its own: with a version those that are no newer than the
/// deletion.
fn each(dialect: Dialect, table: &Table, versioned: bool, rows: usize) -> String {
    let mut text = format!("DELETE FROM {} WHERE ", table.quoted);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { " OR (" });
        found(&mut text, dialect, table, table.removed_by());
        if let Some(version) = table.version.filter(|_| versioned) {
            no_newer(&mut text, &table.columns[version]);
        }
        text.push(')');
    }
    text
}

fn delete(dialect: Dialect, table: &Table, columns: &[usize], rows: usize) -> String {
    let quoted = columns.iter().map(|it| table.columns[*it].quoted.as_str());
    let mut text = format!("DELETE FROM {} WHERE (", table.quoted);
    list(&mut text, quoted, |text, it| text.push_str(it));
    text.push_str(match dialect {
        // SQLite compares tuples with the rows of a query only.
        Dialect::Sqlite => ") IN (VALUES ",
        Dialect::Mysql => ") IN (",
    });
    list(&mut text, 0..rows, |text, _| {
        text.push('(');
        list(text, columns, |text, it| {
            compared(text, &table.columns[*it])
        });
        text.push(')');
    });
    text.push(')');
    text
}

/// What stands for a value that `column` is compared with. MariaDB compares a decimal with a text
/// as floats, and would take its neighbours for it; and it cuts a number to the largest that its
/// type has, which may be a row's key: here none is as wide.
fn compared(text: &mut String, column: &Column) {
    let _ = match column.stored_type {
        ColumnType::Decimal(scale) => write!(text, "CAST(? AS DECIMAL(65,{scale}))"),
        _ => write!(text, "?"),
    };
}

/// What stands for a value that `column` is given. MySQL says of a bare placeholder that it is of
/// the column's type, and of a VECTOR the driver knows nothing: it takes that for a lost connection.
fn written(column: &Column) -> &'static str {
    match column.stored_type {
        ColumnType::Vector => "CAST(? AS BINARY)",
        _ => "?",
    }
}

fn list<T>(text: &mut String, items: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
}

#[cfg(test)]
mod tests;
