//! Stored positions of migrations in SQLite: one row a flow.

use sqlx::{SqliteConnection as Session, query, query_scalar, sqlite::SqlitePool};

use crate::{
    connect::identifier::statement,
    model::Position,
    sink::{PositionAdvance, sql::failure::Failure},
};

/// The table that keeps the places.
#[derive(Debug)]
pub(super) struct SqlitePositions {
    /// Its name as it stands in statements.
    pub(in crate::sink) quoted: String,
}

impl SqlitePositions {
    /// Makes the table where it is missing.
    pub(super) fn create_text(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (flow TEXT NOT NULL PRIMARY KEY, position TEXT NOT NULL, \
             updated_at TEXT NOT NULL) STRICT, WITHOUT ROWID",
            self.quoted
        )
    }

    /// Moves the place, if it is where the writer believes it to be: the first statement of its
    /// transaction.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else.
    pub(in crate::sink) async fn advance(
        &self,
        session: &mut Session,
        advance: &PositionAdvance,
    ) -> Result<(), Failure> {
        let to = advance.to.as_str();
        let moved = match &advance.from {
            None => {
                let text = format!(
                    "INSERT INTO {} (flow, position, updated_at) VALUES (?,?,{NOW}) \
                     ON CONFLICT DO NOTHING",
                    self.quoted
                );
                let insert = query(statement(text)).bind(&advance.flow).bind(to);
                insert.execute(session).await?
            }
            Some(from) => {
                let text = format!(
                    "UPDATE {} SET position=?, updated_at={NOW} WHERE flow=? AND position=?",
                    self.quoted
                );
                let update = query(statement(text)).bind(to).bind(&advance.flow);
                update.bind(from.as_str()).execute(session).await?
            }
        };
        match moved.rows_affected() {
            0 => Err(Failure::Fenced),
            _ => Ok(()),
        }
    }

    /// The place of `flow`; none where the table is missing.
    pub(in crate::sink) async fn read(
        &self,
        readers: &SqlitePool,
        flow: &str,
    ) -> Result<Option<Position>, sqlx::Error> {
        let text = format!("SELECT position FROM {} WHERE flow=?", self.quoted);
        let asked = query_scalar::<_, String>(statement(text)).bind(flow);
        match asked.fetch_optional(readers).await {
            Err(sqlx::Error::Database(said)) if said.message().contains("no such table") => {
                Ok(None)
            }
            read => Ok(read?.map(Position::new)),
        }
    }

    /// Forgets the place of `flow`; the table is there.
    pub(in crate::sink) async fn forget(
        &self,
        session: &mut Session,
        flow: &str,
    ) -> Result<u64, sqlx::Error> {
        let text = format!("DELETE FROM {} WHERE flow=?", self.quoted);
        let forgotten = query(statement(text)).bind(flow).execute(session).await?;
        Ok(forgotten.rows_affected())
    }
}

/// UTC with milliseconds.
const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ','now')";
