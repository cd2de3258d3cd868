//! A table of dead letters in a SQLite file.

use async_trait::async_trait;
use sqlx::{query, query_as, query_scalar};

use super::{
    table_row::LetterRow,
    table_store::{LetterStore, Statements, Types, read},
};
use crate::connect::{identifier::statement, sqlite::SqliteConnection};

/// The connection is opened with `Durability::Full`.
pub(super) struct SqliteLetters {
    connection: SqliteConnection,
    statements: Statements,
}

/// AUTOINCREMENT: the number of a letter that was removed is not another's later.
const TYPES: Types = Types {
    id: "INTEGER PRIMARY KEY AUTOINCREMENT",
    own: [
        "TEXT NOT NULL",
        "TEXT NOT NULL",
        "TEXT NOT NULL",
        "TEXT NOT NULL",
        "TEXT NOT NULL",
        "TEXT",
        "INTEGER",
        "INTEGER",
        "TEXT",
        "TEXT",
    ],
    bytes: "BLOB",
    headers: "TEXT NOT NULL",
    identity: "BLOB UNIQUE",
    options: "STRICT",
};

impl SqliteLetters {
    pub fn new(connection: SqliteConnection, quoted: String) -> Self {
        Self {
            connection,
            statements: Statements::new(quoted),
        }
    }

    async fn run(&self, text: String) -> Result<(), sqlx::Error> {
        let ran = query(statement(text)).execute(self.connection.writer());
        ran.await.map(drop)
    }
}

#[async_trait]
impl LetterStore for SqliteLetters {
    async fn probe(&self) -> Result<(), sqlx::Error> {
        self.run(self.statements.probe()).await
    }

    async fn create(&self) -> Result<(), sqlx::Error> {
        self.run(self.statements.create(&TYPES)).await
    }

    fn is_missing(&self, error: &sqlx::Error) -> bool {
        let said = error.as_database_error();
        said.is_some_and(|it| it.message().contains("no such table"))
    }

    fn limit(&self) -> Option<(usize, &'static str)> {
        None
    }

    async fn insert(&self, row: &LetterRow) -> Result<(), sqlx::Error> {
        let mut insert = query(statement(self.statements.insert()));
        for cell in &row.own {
            insert = insert.bind(cell);
        }
        let insert = insert.bind(&row.key).bind(&row.value);
        let insert = insert.bind(&row.headers).bind(&row.identity);
        let Err(error) = insert.execute(self.connection.writer()).await else {
            return Ok(());
        };
        let said = error.as_database_error();
        let Some(identity) = &row.identity else {
            return Err(error);
        };
        if !said.is_some_and(|it| it.is_unique_violation()) {
            return Err(error);
        }
        // The key may be one that somebody has added: then it is not this letter that is there.
        let asked = query_scalar::<_, i64>(statement(self.statements.has())).bind(identity);
        match asked.fetch_optional(self.connection.readers()).await? {
            Some(_) => Ok(()),
            None => Err(error),
        }
    }

    async fn count(&self) -> Result<i64, sqlx::Error> {
        let asked = query_scalar(statement(self.statements.count()));
        asked.fetch_one(self.connection.readers()).await
    }

    async fn bounds(&self) -> Result<(Option<i64>, Option<i64>), sqlx::Error> {
        let asked = query_as(statement(self.statements.bounds()));
        asked.fetch_one(self.connection.readers()).await
    }

    async fn sizes(
        &self,
        (first, end): (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        let asked = query_as(statement(self.statements.sizes()));
        let asked = asked.bind(first).bind(end).bind(most);
        asked.fetch_all(self.connection.readers()).await
    }

    async fn rows(&self, (first, end): (i64, i64)) -> Result<Vec<(i64, LetterRow)>, sqlx::Error> {
        let asked = query(statement(self.statements.rows()));
        let asked = asked.bind(first).bind(end);
        let rows = asked.fetch_all(self.connection.readers()).await?;
        rows.iter().map(read).collect()
    }
}
