//! A table of dead letters in a SQLite file.

use async_trait::async_trait;
use sqlx::{
    Executor, SqliteConnection as Session, SqliteExecutor, query, query_as, query_scalar, raw_sql,
    sqlite::SqliteRow,
};

use super::{
    table_probe::Tried,
    table_row::DeadLetterRow,
    table_store::{DeadLetterSession, DeadLetterStore, Statements, Types, keep, read},
};
use crate::connect::{identifier::statement, sqlite::SqliteConnection};

/// The connection is opened with `Durability::Full`.
pub(super) struct SqliteDeadLetters {
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

impl SqliteDeadLetters {
    pub fn new(connection: SqliteConnection, quoted: String) -> Self {
        Self {
            connection,
            statements: Statements::new(quoted),
        }
    }

    fn session_of<'s>(&'s self, session: &'s mut Session) -> SqliteDeadLetterSession<'s> {
        SqliteDeadLetterSession {
            dead_letters: self,
            session,
        }
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
}

/// One of its sessions.
struct SqliteDeadLetterSession<'s> {
    dead_letters: &'s SqliteDeadLetters,
    session: &'s mut Session,
}

#[async_trait]
impl DeadLetterSession for SqliteDeadLetterSession<'_> {
    async fn write(&mut self, row: &DeadLetterRow) -> Result<(), sqlx::Error> {
        let mut insert = query(statement(self.dead_letters.statements.insert()));
        for cell in &row.own {
            insert = insert.bind(cell);
        }
        let insert = insert.bind(&row.key).bind(&row.value);
        let insert = insert.bind(&row.headers).bind(&row.identity);
        insert.execute(&mut *self.session).await.map(drop)
    }

    async fn find(&mut self, identity: Option<&[u8]>) -> Result<Option<Option<i64>>, sqlx::Error> {
        let found = query_scalar(statement(self.dead_letters.statements.find())).bind(identity);
        found.fetch_optional(&mut *self.session).await
    }

    async fn read(&mut self, id: i64) -> Result<Option<(i64, DeadLetterRow)>, sqlx::Error> {
        let range = (id, id.saturating_add(1));
        self.dead_letters
            .sizes_in(&mut *self.session, range, 1)
            .await?;
        let rows = self.dead_letters.rows_in(&mut *self.session, range).await?;
        rows.first().map(read).transpose()
    }
}

#[async_trait]
impl DeadLetterStore for SqliteDeadLetters {
    async fn probe(&self, dead_letters: &[DeadLetterRow; 3]) -> Result<Tried, sqlx::Error> {
        let mut session = self.connection.writer().acquire().await?;
        // What it wrote goes with it, also where the wait for it is given up. A refusal may have ended
        // the transaction: the pool would take it for one that still is.
        session.close_on_drop();
        session.execute(raw_sql("BEGIN IMMEDIATE")).await?;
        let tried = Tried::of(&mut self.session_of(&mut session), dead_letters).await;
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

    async fn insert(&self, row: &DeadLetterRow) -> Result<(), sqlx::Error> {
        let mut session = self.connection.writer().acquire().await?;
        keep(&mut self.session_of(&mut session), row).await
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

    async fn rows(&self, range: (i64, i64)) -> Result<Vec<(i64, DeadLetterRow)>, sqlx::Error> {
        let rows = self.rows_in(self.connection.readers(), range).await?;
        rows.iter().map(read).collect()
    }
}
