//! MySQL and MariaDB, as the tests speak to them.

use std::path::Path;

use anyhow::{Context, Result};
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, MySqlConnection, Row, SqliteConnection,
    mysql::MySqlRow, sqlite::SqliteConnectOptions,
};

/// One connection.
pub struct Sql {
    connection: MySqlConnection,
}

impl Sql {
    /// # Errors
    /// The server cannot be reached.
    pub async fn open(url: &str) -> Result<Self> {
        let connection = MySqlConnection::connect(url).await;
        let connection = connection.with_context(|| format!("cannot connect to {url}"))?;
        Ok(Self { connection })
    }

    /// Runs statements, one or several.
    ///
    /// # Errors
    /// The server refuses one of them.
    pub async fn run(&mut self, statements: &str) -> Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        self.connection.execute(statements).await?;
        Ok(())
    }

    /// A query's rows, each as its texts between tabs, as the `mysql` client prints them.
    ///
    /// # Errors
    /// The server refuses the query.
    pub async fn rows(&mut self, query: &str) -> Result<Vec<String>> {
        let query = sqlx::raw_sql(AssertSqlSafe(query.to_owned()));
        let rows = self.connection.fetch_all(query).await?;
        rows.iter().map(line).collect()
    }

    /// A query's single number.
    ///
    /// # Errors
    /// The server refuses the query, or it answers something else.
    pub async fn number(&mut self, query: &str) -> Result<i64> {
        let rows = self.rows(query).await?;
        let first = rows.first().context("no row")?;
        Ok(first.parse()?)
    }
}

/// Runs statements in a SQLite file, which is made where it is missing.
///
/// # Errors
/// SQLite refuses one of them.
pub async fn run_in_file(file: &Path, statements: &str) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    connection.execute(statements).await?;
    Ok(connection.close().await?)
}

fn line(row: &MySqlRow) -> Result<String> {
    let mut texts = Vec::new();
    for column in row.columns() {
        let bytes: Option<&[u8]> = row.try_get_unchecked(column.ordinal())?;
        texts.push(bytes.map_or("NULL".to_owned(), text));
    }
    Ok(texts.join("\t"))
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text
            .replace('\\', "\\\\")
            .replace('\n', "\\n")
            .replace('\t', "\\t"),
        Err(_) => bytes.iter().map(|it| format!("{it:02x}")).collect(),
    }
}
