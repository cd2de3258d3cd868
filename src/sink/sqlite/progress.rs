//! Progress in SQLite: one row per flow, topic, topic id and partition.

use sqlx::{SqliteConnection as Session, query, query_as, query_scalar, sqlite::SqlitePool};

use crate::{
    connect::identifier::statement,
    sink::{Advance, Progress, sql::failure::Failure},
};

/// The table that keeps the progress.
#[derive(Debug)]
pub(super) struct SqliteProgress {
    /// Its name as it stands in statements.
    pub(in crate::sink) quoted: String,
}

impl SqliteProgress {
    /// Makes the table where it is missing.
    pub(super) fn create_text(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             flow TEXT NOT NULL, topic TEXT NOT NULL, topic_id TEXT NOT NULL, \
             partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, updated_at TEXT NOT NULL, \
             PRIMARY KEY (flow, topic, topic_id, partition)) STRICT, WITHOUT ROWID",
            self.quoted
        )
    }

    /// Moves the progress, if it is where the writer believes it to be: the first statement of
    /// every transaction that writes.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else.
    pub(in crate::sink) async fn advance(
        &self,
        session: &mut Session,
        advance: &Advance<Progress>,
    ) -> Result<(), Failure> {
        let (flow, to) = (&advance.flow, &advance.to);
        let moved = match advance.from {
            None => self.insert(session, flow, to).await?,
            Some(from) => {
                let text = format!(
                    "UPDATE {} SET next_offset=?, updated_at={NOW} \
                     WHERE flow=? AND topic=? AND topic_id=? AND partition=? AND next_offset=?",
                    self.quoted
                );
                let update = query(statement(text)).bind(to.next_offset).bind(flow);
                let update = update.bind(&to.topic).bind(&to.topic_id).bind(to.partition);
                update.bind(from).execute(session).await?.rows_affected()
            }
        };
        match moved {
            0 => Err(Failure::Fenced),
            _ => Ok(()),
        }
    }

    /// All progress of `flow`; none where the table is missing.
    pub(in crate::sink) async fn read(
        &self,
        readers: &SqlitePool,
        flow: &str,
    ) -> Result<Vec<Progress>, sqlx::Error> {
        let text = format!(
            "SELECT topic, topic_id, partition, next_offset FROM {} WHERE flow=? \
             ORDER BY topic, topic_id, partition",
            self.quoted
        );
        let rows: Result<Vec<(String, String, i32, i64)>, _> = query_as(statement(text))
            .bind(flow)
            .fetch_all(readers)
            .await;
        match rows {
            Err(sqlx::Error::Database(said)) if said.message().contains("no such table") => {
                Ok(Vec::new())
            }
            rows => Ok(rows?
                .into_iter()
                .map(|(topic, topic_id, partition, next_offset)| Progress {
                    topic,
                    topic_id,
                    partition,
                    next_offset,
                })
                .collect()),
        }
    }

    /// When any of it was stored last, in seconds since the epoch.
    pub(in crate::sink) async fn moved_at(
        &self,
        readers: &SqlitePool,
        flow: &str,
    ) -> Result<Option<i64>, sqlx::Error> {
        let text = format!(
            "SELECT CAST(strftime('%s', max(updated_at)) AS INTEGER) FROM {} WHERE flow=?",
            self.quoted
        );
        let asked = query_scalar(statement(text)).bind(flow);
        match asked.fetch_one(readers).await {
            Err(sqlx::Error::Database(said)) if said.message().contains("no such table") => {
                Ok(None)
            }
            read => read,
        }
    }

    /// Forgets all progress of `flow`, or sets that of one partition, of whichever topic id it
    /// was.
    pub(in crate::sink) async fn reset(
        &self,
        session: &mut Session,
        flow: &str,
        to: Option<&Progress>,
    ) -> Result<u64, sqlx::Error> {
        let Some(to) = to else {
            let text = format!("DELETE FROM {} WHERE flow=?", self.quoted);
            let forgotten = query(statement(text)).bind(flow).execute(session).await?;
            return Ok(forgotten.rows_affected());
        };
        let text = format!(
            "DELETE FROM {} WHERE flow=? AND topic=? AND partition=?",
            self.quoted
        );
        let old = query(statement(text)).bind(flow).bind(&to.topic);
        old.bind(to.partition).execute(&mut *session).await?;
        self.insert(session, flow, to).await
    }

    /// Answers 0 where there is progress already.
    async fn insert(
        &self,
        session: &mut Session,
        flow: &str,
        to: &Progress,
    ) -> Result<u64, sqlx::Error> {
        let text = format!(
            "INSERT INTO {} (flow, topic, topic_id, partition, next_offset, updated_at) \
             VALUES (?,?,?,?,?,{NOW}) ON CONFLICT DO NOTHING",
            self.quoted
        );
        let insert = query(statement(text)).bind(flow).bind(&to.topic);
        let insert = insert
            .bind(&to.topic_id)
            .bind(to.partition)
            .bind(to.next_offset);
        Ok(insert.execute(session).await?.rows_affected())
    }
}

/// UTC with milliseconds.
const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ','now')";
