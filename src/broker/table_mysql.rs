//! A table of dead letters in MySQL or MariaDB.

use async_trait::async_trait;
use sqlx::{
    MySql,
    mysql::{MySqlArguments, MySqlDatabaseError},
    query,
    query::Query,
    query_as, query_scalar,
};

use super::{
    table_row::LetterRow,
    table_store::{LetterStore, Statements, Types, read},
};
use crate::connect::{identifier::statement, mysql::MysqlConnection};

/// The connection's sessions are in UTC.
pub(super) struct MysqlLetters {
    connection: MysqlConnection,
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

impl MysqlLetters {
    pub fn new(connection: MysqlConnection, quoted: String) -> Self {
        Self {
            connection,
            statements: Statements::new(quoted),
        }
    }

    async fn run(&self, query: Query<'_, MySql, MySqlArguments>) -> Result<(), sqlx::Error> {
        let mut session = self.connection.session().await?;
        query.execute(&mut *session).await?;
        session.give_back();
        Ok(())
    }
}

#[async_trait]
impl LetterStore for MysqlLetters {
    async fn probe(&self) -> Result<(), sqlx::Error> {
        self.run(query(statement(self.statements.probe()))).await
    }

    async fn create(&self) -> Result<(), sqlx::Error> {
        let text = self.statements.create(&TYPES);
        self.run(query(statement(text))).await
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

    async fn insert(&self, row: &LetterRow) -> Result<(), sqlx::Error> {
        let mut session = self.connection.session().await?;
        let mut insert = query(statement(self.statements.insert()));
        for cell in &row.own {
            insert = insert.bind(cell);
        }
        let insert = insert.bind(&row.key).bind(&row.value);
        let insert = insert.bind(&row.headers).bind(&row.identity);
        if let Err(error) = insert.execute(&mut *session).await {
            let said = error.as_database_error();
            let Some(identity) = &row.identity else {
                return Err(error);
            };
            if !said.is_some_and(|it| it.is_unique_violation()) {
                return Err(error);
            }
            // The key may be one that somebody has added: then it is not this letter that is there.
            let asked = query_scalar::<_, i64>(statement(self.statements.has())).bind(identity);
            if asked.fetch_optional(&mut *session).await?.is_none() {
                return Err(error);
            }
        }
        session.give_back();
        Ok(())
    }

    async fn count(&self) -> Result<i64, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query_scalar(statement(self.statements.count()));
        let letters = asked.fetch_one(&mut *session).await?;
        session.give_back();
        Ok(letters)
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
        (first, end): (i64, i64),
        most: u32,
    ) -> Result<Vec<(i64, Option<i64>)>, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query_as(statement(self.statements.sizes()));
        let asked = asked.bind(first).bind(end).bind(most);
        let sizes = asked.fetch_all(&mut *session).await?;
        session.give_back();
        Ok(sizes)
    }

    async fn rows(&self, (first, end): (i64, i64)) -> Result<Vec<(i64, LetterRow)>, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let asked = query(statement(self.statements.rows()));
        let asked = asked.bind(first).bind(end);
        let rows = asked.fetch_all(&mut *session).await?;
        session.give_back();
        rows.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_is_the_one_that_is_made() {
        let documentation = include_str!("../../docs/dead-letters.md");
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
