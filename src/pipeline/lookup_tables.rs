//! The tables that `lookup` reads: texts, whole numbers and decimals of their columns.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use sqlx::{Column, Row as _, TypeInfo};

use super::StepError;
#[cfg(feature = "mysql")]
use crate::connect::{identifier::backticked, mysql::MysqlConnection};
use crate::{
    connect::{
        ConnectError,
        identifier::{NotAName, double_quoted, statement},
        sqlite::SqliteConnection,
    },
    model::{Op, Records, Schema, Value},
};

/// Where a table is.
#[derive(Clone)]
pub enum LookupTable {
    /// On a server.
    #[cfg(feature = "mysql")]
    Mysql(MysqlConnection),
    /// In a file.
    Sqlite(SqliteConnection),
    /// At hand, by the table's name.
    Rows(Arc<HashMap<String, Records>>),
}

impl LookupTable {
    /// The first rows of `table`, no more than `most`, as documents of `columns`.
    pub(super) async fn rows(
        &self,
        table: &str,
        columns: &[&str],
        most: usize,
    ) -> Result<Records, StepError> {
        let not_a_name = |it: NotAName| StepError::Incompatible {
            step: "lookup".to_owned(),
            advice: it.to_string(),
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(it) => {
                let text = mysql_text(table, columns).map_err(not_a_name)?;
                let rows = sqlx::query(statement(text))
                    .bind(most)
                    .fetch_all(it.pool())
                    .await;
                let read = rows.and_then(|rows| mysql_rows(table, columns, &rows));
                read.map_err(|error| unread(table, it.name(), error))
            }
            Self::Sqlite(it) => {
                let text = sqlite_text(table, columns).map_err(not_a_name)?;
                let rows = sqlx::query(statement(text))
                    .bind(most)
                    .fetch_all(it.readers())
                    .await;
                let read = rows.and_then(|rows| sqlite_rows(table, columns, &rows));
                read.map_err(|error| unread(table, it.name(), error))
            }
            Self::Rows(tables) => {
                let found = tables.get(table).cloned();
                found.ok_or_else(|| StepError::Incompatible {
                    step: "lookup".to_owned(),
                    advice: format!("there is no table `{table}`"),
                })
            }
        }
    }
}

fn unread(table: &str, connection: &str, error: sqlx::Error) -> StepError {
    StepError::Table {
        table: table.to_owned(),
        cause: ConnectError::of_sql(connection, error),
    }
}

fn documents(table: &str) -> Records {
    Records::new(Arc::new(Schema::document(table, [] as [&str; 0])))
}

fn push<'v>(out: &mut Records, fields: impl Iterator<Item = (&'v str, Value<'v>)>) {
    let pushed: Result<(), Infallible> = out.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            packer.value(value);
        }
        Ok(())
    });
    let Ok(()) = pushed;
}

/// Each column as text, and behind all of them again as it is: to know its type.
#[cfg(feature = "mysql")]
fn mysql_text(table: &str, columns: &[&str]) -> Result<String, NotAName> {
    let columns: Result<Vec<String>, NotAName> = columns.iter().map(|it| backticked(it)).collect();
    let columns = columns?;
    let texts = columns
        .iter()
        .map(|it| format!("CAST({it} AS CHAR CHARACTER SET utf8mb4)"));
    let all: Vec<String> = texts.chain(columns.iter().cloned()).collect();
    Ok(format!(
        "SELECT {} FROM {} LIMIT ?",
        all.join(", "),
        backticked(table)?
    ))
}

#[cfg(feature = "mysql")]
fn mysql_rows(
    table: &str,
    columns: &[&str],
    rows: &[sqlx::mysql::MySqlRow],
) -> Result<Records, sqlx::Error> {
    let mut out = documents(table);
    for row in rows {
        let mut texts = Vec::with_capacity(columns.len());
        for index in 0..columns.len() {
            let text: Option<String> = row.try_get_unchecked(index)?;
            let kind = row.column(columns.len() + index).type_info().name();
            texts.push((text, kind));
        }
        let values = texts.iter().map(|(text, kind)| match text {
            None => Value::Null,
            Some(text) => typed(text, kind),
        });
        push(&mut out, columns.iter().copied().zip(values));
    }
    Ok(out)
}

/// TINYINT(1) is called BOOLEAN by the driver.
fn typed<'t>(text: &'t str, kind: &str) -> Value<'t> {
    let integer = kind.contains("INT") || kind == "BOOLEAN";
    if integer && let Ok(number) = text.parse() {
        return if kind.contains("UNSIGNED") {
            text.parse().map_or(Value::I64(number), Value::U64)
        } else {
            Value::I64(number)
        };
    }
    match (integer, text.parse()) {
        (true, Ok(number)) => Value::U64(number),
        _ if kind == "DECIMAL" => Value::Decimal(text),
        _ => Value::String(text),
    }
}

fn sqlite_text(table: &str, columns: &[&str]) -> Result<String, NotAName> {
    let mut all = Vec::with_capacity(columns.len() * 2);
    for it in columns {
        let name = double_quoted(it)?;
        all.push(format!("CAST({name} AS TEXT)"));
        all.push(format!("typeof({name})"));
    }
    Ok(format!(
        "SELECT {} FROM {} LIMIT ?",
        all.join(", "),
        double_quoted(table)?
    ))
}

fn sqlite_rows(
    table: &str,
    columns: &[&str],
    rows: &[sqlx::sqlite::SqliteRow],
) -> Result<Records, sqlx::Error> {
    let mut out = documents(table);
    for row in rows {
        let mut texts: Vec<(Option<String>, String)> = Vec::with_capacity(columns.len());
        for index in 0..columns.len() {
            texts.push((
                row.try_get_unchecked(index * 2)?,
                row.try_get_unchecked(index * 2 + 1)?,
            ));
        }
        let values = texts
            .iter()
            .map(|(text, kind)| match (text, kind.as_str()) {
                (None, _) => Value::Null,
                (Some(text), "integer") => typed(text, "INT"),
                (Some(text), "real") => text.parse().map_or(Value::String(text), Value::F64),
                (Some(text), _) => Value::String(text),
            });
        push(&mut out, columns.iter().copied().zip(values));
    }
    Ok(out)
}
