//! What a sink writes to: a server, or a file.

use std::path::Path;

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::sql::Sql;

/// Where rows land.
pub enum Target {
    Server(Sql),
    File(SqliteConnection),
}

impl Target {
    /// A SQLite file, made where there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn file(path: &Path) -> Result<Self> {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        Ok(Self::File(SqliteConnection::connect(&url).await?))
    }

    /// # Errors
    /// It refuses a statement.
    pub async fn run(&mut self, statements: &str) -> Result<()> {
        match self {
            Self::Server(sql) => sql.run(statements).await,
            Self::File(file) => {
                let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
                file.execute(statements).await?;
                Ok(())
            }
        }
    }

    /// # Errors
    /// It refuses the query, or answers no number.
    pub async fn number(&mut self, query: &str) -> Result<i64> {
        match self {
            Self::Server(sql) => sql.number(query).await,
            Self::File(file) => {
                let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
                Ok(query.fetch_one(file).await?)
            }
        }
    }
}
