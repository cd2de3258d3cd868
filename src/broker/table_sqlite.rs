//! A table of dead letters in a SQLite file.

use async_trait::async_trait;
use sqlx::{
    Executor, SqliteConnection as Session, SqliteExecutor, query, query_as, query_scalar, raw_sql,
    sqlite::SqliteRow,
};

use super::{
    table_probe::Tried,
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

    async fn write(&self, to: impl SqliteExecutor<'_>, row: &LetterRow) -> Result<(), sqlx::Error> {
        let mut insert = query(statement(self.statements.insert()));
        for cell in &row.own {
            insert = insert.bind(cell);
        }
        let insert = insert.bind(&row.key).bind(&row.value);
        let insert = insert.bind(&row.headers).bind(&row.identity);
        insert.execute(to).await.map(drop)
    }

    async fn sizes_in(
        &self,
        from: impl SqliteExecutor<'_>,
        (first, end): (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        let asked = query_as(statement(self.statements.sizes()));
        let asked = asked.bind(first).bind(end).bind(most);
        asked.fetch_all(from).await
    }

    async fn rows_in(
        &self,
        from: impl SqliteExecutor<'_>,
        (first, end): (i64, i64),
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let asked = query(statement(self.statements.rows()));
        asked.bind(first).bind(end).fetch_all(from).await
    }

    /// In a transaction that is taken back after it. Nothing is written behind the letter that is
    /// refused: a table may be made so that a refusal ends the transaction.
    async fn attempt(
        &self,
        session: &mut Session,
        [first, other, again]: &[LetterRow; 3],
    ) -> Result<Tried, sqlx::Error> {
        for row in [first, other] {
            if let Err(error) = self.write(&mut *session, row).await {
                return Tried::not_taken(error);
            }
        }
        let twice = match self.write(&mut *session, again).await {
            Ok(()) => true,
            Err(error) if is_there_already(&error) => false,
            Err(error) => return Tried::not_taken(error),
        };
        let found = query_scalar(statement(self.statements.find())).bind(&first.identity);
        let found: Option<Option<i64>> = found.fetch_optional(&mut *session).await?;
        let id = match found.flatten() {
            None => return Ok(Tried::NotFound),
            Some(_) if twice => return Ok(Tried::Twice),
            Some(id) => id,
        };
        let range = (id, id.saturating_add(1));
        self.sizes_in(&mut *session, range, 1).await?;
        let rows = self.rows_in(&mut *session, range).await?;
        Tried::read(rows.first().map(read))
    }
}

fn is_there_already(error: &sqlx::Error) -> bool {
    let said = error.as_database_error();
    said.is_some_and(|it| it.is_unique_violation())
}

#[async_trait]
impl LetterStore for SqliteLetters {
    async fn probe(&self, letters: &[LetterRow; 3]) -> Result<Tried, sqlx::Error> {
        let mut session = self.connection.writer().acquire().await?;
        // What it wrote goes with it, also where the wait for it is given up. A refusal may have ended
        // the transaction: the pool would take it for one that still is.
        session.close_on_drop();
        session.execute(raw_sql("BEGIN IMMEDIATE")).await?;
        let tried = self.attempt(&mut session, letters).await;
        session.close().await?;
        tried
    }

    async fn create(&self) -> Result<(), sqlx::Error> {
        let made = query(statement(self.statements.create(&TYPES)));
        made.execute(self.connection.writer()).await.map(drop)
    }

    fn is_missing(&self, error: &sqlx::Error) -> bool {
        let said = error.as_database_error();
        said.is_some_and(|it| it.message().contains("no such table"))
    }

    fn limit(&self) -> Option<(usize, &'static str)> {
        None
    }

    async fn insert(&self, row: &LetterRow) -> Result<(), sqlx::Error> {
        let Err(error) = self.write(self.connection.writer(), row).await else {
            return Ok(());
        };
        let Some(identity) = &row.identity else {
            return Err(error);
        };
        if !is_there_already(&error) {
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
        range: (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        self.sizes_in(self.connection.readers(), range, most).await
    }

    async fn rows(&self, range: (i64, i64)) -> Result<Vec<(i64, LetterRow)>, sqlx::Error> {
        let rows = self.rows_in(self.connection.readers(), range).await?;
        rows.iter().map(read).collect()
    }
}
