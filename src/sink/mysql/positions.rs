//! Stored positions of migrations in MySQL and MariaDB: one row a flow.

use sqlx::{Executor, MySqlConnection, query, query_scalar};

use super::progress::{DUPLICATE, FLOW, NO_TABLE, number};
use crate::{
    connect::identifier::statement,
    model::Position,
    sink::{
        PositionAdvance,
        sql::{failure::Failure, incompatible::Incompatible},
    },
};

/// The table that keeps the places.
#[derive(Debug)]
pub(super) struct MysqlPositions {
    /// Its name as it stands in statements: database and table, quoted.
    pub(in crate::sink) quoted: String,
}

impl MysqlPositions {
    /// Makes the table where it is missing. `collation` tells any two texts apart.
    pub(in crate::sink) async fn create(
        &self,
        session: &mut MySqlConnection,
        collation: &str,
    ) -> Result<(), sqlx::Error> {
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             flow VARCHAR({FLOW}) NOT NULL PRIMARY KEY, position LONGTEXT NOT NULL, \
             updated_at DATETIME(6) NOT NULL\
             ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation}",
            self.quoted
        );
        session.execute(query(statement(text))).await.map(drop)
    }

    /// Moves the place, if it is where the writer believes it to be: the first statement of its
    /// transaction.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else.
    pub(in crate::sink) async fn advance(
        &self,
        session: &mut MySqlConnection,
        advance: &PositionAdvance,
    ) -> Result<(), Failure> {
        let (flow, to) = (&advance.flow, advance.to.as_str());
        if flow.chars().count() > FLOW {
            let advice = format!("the flow's name is longer than {FLOW} characters: shorten it");
            return Err(Incompatible::Table(advice).into());
        }
        let Some(from) = &advance.from else {
            let text = format!(
                "INSERT INTO {} (flow, position, updated_at) VALUES (?,?,UTC_TIMESTAMP(6))",
                self.quoted
            );
            let insert = query(statement(text)).bind(flow).bind(to);
            return match insert.execute(session).await {
                Err(error) if number(&error) == Some(DUPLICATE) => Err(Failure::Fenced),
                other => Ok(other.map(drop)?),
            };
        };
        let text = format!(
            "UPDATE {} SET position=?, updated_at=UTC_TIMESTAMP(6) WHERE flow=? AND position=?",
            self.quoted
        );
        let update = query(statement(text)).bind(to).bind(flow);
        let moved = update.bind(from.as_str()).execute(session).await?;
        // The driver asks the server to count rows that match, changed or not.
        match moved.rows_affected() {
            0 => Err(Failure::Fenced),
            _ => Ok(()),
        }
    }

    /// The place of `flow`; none where the table is missing.
    pub(in crate::sink) async fn read(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
    ) -> Result<Option<Position>, sqlx::Error> {
        let text = format!("SELECT position FROM {} WHERE flow=?", self.quoted);
        let asked = query_scalar::<_, String>(statement(text)).bind(flow);
        match asked.fetch_optional(session).await {
            Err(error) if number(&error) == Some(NO_TABLE) => Ok(None),
            read => Ok(read?.map(Position::new)),
        }
    }

    /// Forgets the place of `flow`; none where the table is missing.
    pub(in crate::sink) async fn forget(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
    ) -> Result<u64, sqlx::Error> {
        let text = format!("DELETE FROM {} WHERE flow=?", self.quoted);
        match query(statement(text)).bind(flow).execute(session).await {
            Err(error) if number(&error) == Some(NO_TABLE) => Ok(0),
            done => Ok(done?.rows_affected()),
        }
    }
}
