//! Progress in MySQL and MariaDB: one row per flow, topic, topic id and partition.

use sqlx::{Executor, MySqlConnection, mysql::MySqlDatabaseError, query, query_as, query_scalar};

use crate::{
    connect::identifier::statement,
    sink::{
        Advance, Progress,
        sql::{failure::Failure, incompatible::Incompatible},
    },
};

/// The table that keeps the progress.
#[derive(Debug)]
pub(super) struct MysqlProgress {
    /// Its name as it stands in statements: database and table, quoted.
    pub(in crate::sink) quoted: String,
}

/// The widest flow name, in characters. With it the primary key takes 2,856 of the 3,072 bytes
/// that InnoDB allows; a Kafka topic's name has 249 at most.
pub(super) const FLOW: usize = 400;

impl MysqlProgress {
    /// Makes the table where it is missing. `collation` tells any two texts apart.
    pub(in crate::sink) async fn create(
        &self,
        session: &mut MySqlConnection,
        collation: &str,
    ) -> Result<(), sqlx::Error> {
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             flow VARCHAR({FLOW}) NOT NULL, topic VARCHAR(249) NOT NULL, \
             topic_id VARCHAR(64) NOT NULL, `partition` INT NOT NULL, \
             next_offset BIGINT NOT NULL, updated_at DATETIME(6) NOT NULL, \
             PRIMARY KEY (flow, topic, topic_id, `partition`)\
             ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation}",
            self.quoted
        );
        session.execute(query(statement(text))).await.map(drop)
    }

    /// Moves the progress, if it is where the writer believes it to be: the first statement of
    /// every transaction that writes.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else.
    pub(in crate::sink) async fn advance(
        &self,
        session: &mut MySqlConnection,
        advance: &Advance,
    ) -> Result<(), Failure> {
        let (flow, to) = (&advance.flow, &advance.to);
        if flow.chars().count() > FLOW {
            let advice = format!("the flow's name is longer than {FLOW} characters: shorten it");
            return Err(Incompatible::Table(advice).into());
        }
        let Some(from) = advance.from else {
            return match self.insert(session, flow, to).await {
                Err(error) if number(&error) == Some(DUPLICATE) => Err(Failure::Fenced),
                other => Ok(other?),
            };
        };
        let text = format!(
            "UPDATE {} SET next_offset=?, updated_at=UTC_TIMESTAMP(6) \
             WHERE flow=? AND topic=? AND topic_id=? AND `partition`=? AND next_offset=?",
            self.quoted
        );
        let moved = query(statement(text))
            .bind(to.next_offset)
            .bind(flow)
            .bind(&to.topic)
            .bind(&to.topic_id)
            .bind(to.partition)
            .bind(from)
            .execute(session)
            .await?;
        // The driver asks the server to count rows that match, changed or not.
        match moved.rows_affected() {
            0 => Err(Failure::Fenced),
            _ => Ok(()),
        }
    }

    /// All progress of `flow`; none where the table is missing.
    pub(in crate::sink) async fn read(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
    ) -> Result<Vec<Progress>, sqlx::Error> {
        let text = format!(
            "SELECT topic, topic_id, `partition`, next_offset FROM {} WHERE flow=? \
             ORDER BY topic, topic_id, `partition`",
            self.quoted
        );
        let rows: Result<Vec<(String, String, i32, i64)>, _> = query_as(statement(text))
            .bind(flow)
            .fetch_all(session)
            .await;
        match rows {
            Err(error) if number(&error) == Some(NO_TABLE) => Ok(Vec::new()),
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

    /// When any of it was stored last, in seconds since the epoch. Sessions are in UTC.
    pub(in crate::sink) async fn moved_at(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
    ) -> Result<Option<i64>, sqlx::Error> {
        let text = format!(
            "SELECT CAST(UNIX_TIMESTAMP(MAX(updated_at)) AS SIGNED) FROM {} WHERE flow=?",
            self.quoted
        );
        let asked = query_scalar(statement(text)).bind(flow);
        match asked.fetch_one(session).await {
            Err(error) if number(&error) == Some(NO_TABLE) => Ok(None),
            read => read,
        }
    }

    /// Forgets all progress of `flow`; none where the table is missing.
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

    /// Sets the progress of one partition, of whichever topic id it was. Two statements: within
    /// a transaction.
    pub(in crate::sink) async fn set(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
        to: &Progress,
    ) -> Result<(), sqlx::Error> {
        let text = format!(
            "DELETE FROM {} WHERE flow=? AND topic=? AND `partition`=?",
            self.quoted
        );
        let old = query(statement(text)).bind(flow).bind(&to.topic);
        old.bind(to.partition).execute(&mut *session).await?;
        self.insert(session, flow, to).await
    }

    async fn insert(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
        to: &Progress,
    ) -> Result<(), sqlx::Error> {
        let text = format!(
            "INSERT INTO {} (flow, topic, topic_id, `partition`, next_offset, updated_at) \
             VALUES (?,?,?,?,?,UTC_TIMESTAMP(6))",
            self.quoted
        );
        query(statement(text))
            .bind(flow)
            .bind(&to.topic)
            .bind(&to.topic_id)
            .bind(to.partition)
            .bind(to.next_offset)
            .execute(session)
            .await
            .map(drop)
    }
}

/// ER_DUP_ENTRY.
pub(in crate::sink) const DUPLICATE: u16 = 1062;

/// ER_NO_SUCH_TABLE.
pub(super) const NO_TABLE: u16 = 1146;

/// The server's number of an error of its own.
pub(in crate::sink) fn number(error: &sqlx::Error) -> Option<u16> {
    let said = error.as_database_error()?;
    Some(said.try_downcast_ref::<MySqlDatabaseError>()?.number())
}
