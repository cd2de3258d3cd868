//! A table of dead letters in MySQL or MariaDB.

use async_trait::async_trait;
use sqlx::{
    Executor, MySqlConnection,
    mysql::{MySqlDatabaseError, MySqlRow},
    query, query_as, query_scalar, raw_sql,
};

use super::{
    table_probe::Tried,
    table_row::DeadLetterRow,
    table_store::{DeadLetterSession, DeadLetterStore, Statements, Types, keep, read},
};
use crate::connect::{identifier::statement, mysql::MysqlConnection, table_name::TableName};

/// The connection's sessions are in UTC.
pub(super) struct MysqlDeadLetters {
    connection: MysqlConnection,
    table: TableName,
    statements: Statements,
}

/// A key of theirs holds 3072 bytes at most, and what makes a letter known may be longer: its hash is
/// the key.
const TYPES: Types = Types {
    id: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
    own: [
        "VARCHAR(1024) NOT NULL",
        "VARCHAR(255) NOT NULL",
        "LONGTEXT NOT NULL",
        "VARCHAR(255) NOT NULL",
        "DATETIME(3) NOT NULL",
        "VARCHAR(255) NULL",
        "INT NULL",
        "BIGINT NULL",
        "DATETIME(3) NULL",
        "TEXT NULL",
    ],
    bytes: "LONGBLOB NULL",
    headers: "LONGTEXT NOT NULL",
    identity: "BINARY(32) NULL UNIQUE",
    options: "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4",
};

/// There is no such table.
const NO_TABLE: u16 = 1146;

/// Room in a packet for everything but values; also in the one that a letter is read by.
const PACKET_HEAD: usize = 2048;

/// Whether the engine of a table takes rows back; none where there is no such table, or a view.
const ENGINE: &str = "SELECT CAST(e.TRANSACTIONS AS CHAR) FROM information_schema.TABLES t \
    JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
    WHERE t.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND t.TABLE_NAME = ?";

impl MysqlDeadLetters {
    pub fn new(connection: MysqlConnection, table: TableName, quoted: String) -> Self {
        Self {
            connection,
            table,
            statements: Statements::new(quoted),
        }
    }

    fn session_of<'s>(&'s self, session: &'s mut MySqlConnection) -> MysqlDeadLetterSession<'s> {
        MysqlDeadLetterSession {
            dead_letters: self,
            session,
        }
    }

    async fn sizes_in(
        &self,
        session: &mut MySqlConnection,
        (first, end): (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        let asked = query_as(statement(self.statements.sizes()));
        let asked = asked.bind(first).bind(end).bind(most);
        asked.fetch_all(session).await
    }

    async fn rows_in(
        &self,
        session: &mut MySqlConnection,
        (first, end): (i64, i64),
    ) -> Result<Vec<MySqlRow>, sqlx::Error> {
        let asked = query(statement(self.statements.rows()));
        asked.bind(first).bind(end).fetch_all(session).await
    }
}

/// One of its sessions.
struct MysqlDeadLetterSession<'s> {
    dead_letters: &'s MysqlDeadLetters,
    session: &'s mut MySqlConnection,
}

#[async_trait]
impl DeadLetterSession for MysqlDeadLetterSession<'_> {
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
impl DeadLetterStore for MysqlDeadLetters {
    async fn probe(&self, dead_letters: &[DeadLetterRow; 3]) -> Result<Tried, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query_scalar::<_, String>(ENGINE).bind(&self.table.database);
        let engine = asked.bind(&self.table.table);
        if engine.fetch_optional(&mut *session).await?.as_deref() == Some("NO") {
            session.give_back();
            return Ok(Tried::Lasting);
        }
        session.execute(raw_sql("START TRANSACTION")).await?;
        let tried = Tried::of(&mut self.session_of(&mut session), dead_letters).await?;
        session.execute(raw_sql("ROLLBACK")).await?;
        session.give_back();
        Ok(tried)
    }

    async fn create(&self) -> Result<(), sqlx::Error> {
        let mut session = self.connection.session().await?;
        let made = query(statement(self.statements.create(&TYPES)));
        made.execute(&mut *session).await?;
        session.give_back();
        Ok(())
    }

    fn is_missing(&self, error: &sqlx::Error) -> bool {
        let said = error.as_database_error();
        let said = said.and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
        said.is_some_and(|it| it.number() == NO_TABLE)
    }

    fn limit(&self) -> Option<(usize, &'static str)> {
        let packet = self.connection.max_allowed_packet();
        Some((packet.saturating_sub(PACKET_HEAD), "max_allowed_packet"))
    }

    async fn insert(&self, row: &DeadLetterRow) -> Result<(), sqlx::Error> {
        let mut session = self.connection.session().await?;
        keep(&mut self.session_of(&mut session), row).await?;
        session.give_back();
        Ok(())
    }

    async fn count(&self) -> Result<i64, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query_scalar(statement(self.statements.count()));
        let dead_letters = asked.fetch_one(&mut *session).await?;
        session.give_back();
        Ok(dead_letters)
    }

    async fn bounds(&self) -> Result<(Option<i64>, Option<i64>), sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query_as(statement(self.statements.bounds()));
        let bounds = asked.fetch_one(&mut *session).await?;
        session.give_back();
        Ok(bounds)
    }

    async fn sizes(
        &self,
        range: (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let sizes = self.sizes_in(&mut session, range, most).await?;
        session.give_back();
        Ok(sizes)
    }

    async fn rows(&self, range: (i64, i64)) -> Result<Vec<(i64, DeadLetterRow)>, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let rows = self.rows_in(&mut session, range).await?;
        session.give_back();
        rows.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_is_the_one_that_is_made() {
        let documentation = include_str!("../../../docs/dead-letters.md");
        let uncommented = documentation.lines().map(|it| match it.split_once("--") {
            Some((before, _)) => before,
            None => it,
        });
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let written = words(&uncommented.collect::<Vec<_>>().join("\n"));
        let made = Statements::new("dead_letters".to_owned()).create(&TYPES);
        let made = made.replace("IF NOT EXISTS ", "");
        let (open, close) = (made.replacen('(', "( ", 1), ") ENGINE");
        let made = words(&open.replace(close, " ) ENGINE"));
        assert!(written.contains(&made), "{made}");
    }
}
