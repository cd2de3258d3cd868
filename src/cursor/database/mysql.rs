//! The table of cursors in MySQL and MariaDB.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{
    Connection, MySql,
    mysql::MySqlArguments,
    query::{Query, QueryAs, QueryScalar},
};

use super::table::{Failure, Lease, Row, Stored, Table};
use crate::connect::mysql::MysqlConnection;

/// The connection's sessions are in UTC.
pub(super) struct MysqlTable {
    connection: MysqlConnection,
    location: String,
}

/// Binary names: a collation would take some flows' names for equal.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS highwater_cursors ( \
    flow VARBINARY(1024) NOT NULL PRIMARY KEY, \
    position LONGTEXT CHARACTER SET utf8mb4 NULL, \
    fence BIGINT NOT NULL, \
    holder VARCHAR(255) CHARACTER SET utf8mb4 NULL, \
    lease_until DATETIME(6) NULL, \
    saved_at DATETIME(6) NULL, \
    saved_by VARCHAR(255) CHARACTER SET utf8mb4 NULL) ENGINE=InnoDB";

/// Tables of earlier versions do not have it.
const ADD: &str =
    "ALTER TABLE highwater_cursors ADD COLUMN saved_by VARCHAR(255) CHARACTER SET utf8mb4 NULL";

impl MysqlTable {
    pub fn new(connection: MysqlConnection) -> Self {
        let location = format!("{}.highwater_cursors", connection.name());
        Self {
            connection,
            location,
        }
    }

    /// Runs a statement: rows that matched.
    async fn run(&self, query: Query<'_, MySql, MySqlArguments>) -> Result<u64, sqlx::Error> {
        let mut session = self.connection.session().await?;
        let ran = query.execute(&mut *session).await?;
        session.give_back();
        Ok(ran.rows_affected())
    }
}

fn micros(lease: Duration) -> u64 {
    u64::try_from(lease.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Table for MysqlTable {
    fn location(&self) -> &str {
        &self.location
    }

    async fn create(&self) -> Result<(), Failure> {
        // Making it wants a right that using it does not.
        let is_there = async || {
            let asked = sqlx::query("SELECT saved_by FROM highwater_cursors LIMIT 0");
            self.run(asked).await.is_ok()
        };
        if is_there().await {
            return Ok(());
        }
        self.run(sqlx::query(CREATE)).await?;
        if !is_there().await {
            let added = self.run(sqlx::query(ADD)).await;
            // Another process may have been faster.
            if !is_there().await {
                added?;
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        flow: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<i64>, Failure> {
        // A row that was removed by hand does not begin again at a fence that was given out.
        let insert = "INSERT INTO highwater_cursors (flow, fence) \
            VALUES (?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)) ON DUPLICATE KEY UPDATE fence = fence";
        self.run(sqlx::query(insert).bind(flow.as_bytes().to_vec()))
            .await?;
        // One transaction: the fence that is read must be the one that was set here.
        let mut session = self.connection.session().await?;
        let mut transaction = session.begin().await?;
        let taken = sqlx::query(
            "UPDATE highwater_cursors SET fence = fence + 1, holder = ?, \
             lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
             WHERE flow = ? AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6) \
             OR holder IS NULL OR holder = ?)",
        )
        .bind(holder.to_owned())
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(holder.to_owned())
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            transaction.rollback().await?;
            session.give_back();
            return Ok(None);
        }
        let fence = sqlx::query_scalar("SELECT fence FROM highwater_cursors WHERE flow = ?")
            .bind(flow.as_bytes().to_vec())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        session.give_back();
        Ok(Some(fence))
    }

    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure> {
        let query: QueryAs<'_, _, _, _> = sqlx::query_as(
            "SELECT holder, CAST(UNIX_TIMESTAMP(lease_until) * 1000 AS SIGNED), \
             TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until) DIV 1000 FROM highwater_cursors \
             WHERE flow = ? AND holder IS NOT NULL AND lease_until IS NOT NULL",
        )
        .bind(flow.as_bytes().to_vec());
        let mut session = self.connection.session().await?;
        let found = query.fetch_optional(&mut *session).await?;
        session.give_back();
        Ok(found.map(Lease::of_row))
    }

    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure> {
        let query: QueryScalar<'_, _, Option<Vec<u8>>, _> = sqlx::query_scalar(
            "SELECT CAST(position AS BINARY) FROM highwater_cursors WHERE flow = ? AND fence = ?",
        )
        .bind(flow.as_bytes().to_vec())
        .bind(fence);
        let mut session = self.connection.session().await?;
        let found = query.fetch_optional(&mut *session).await?;
        session.give_back();
        Ok(found.map(|it| it.map(Ok)))
    }

    async fn save(
        &self,
        flow: &str,
        fence: i64,
        position: Option<&str>,
        lease: Duration,
    ) -> Result<bool, Failure> {
        // The driver counts rows that matched, also where nothing changed. A statement that was given
        // up may come to its turn when the lease was given back: it must not be leased again by it.
        let save = sqlx::query(
            "UPDATE highwater_cursors SET position = ?, saved_at = UTC_TIMESTAMP(6), saved_by = holder, \
             lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
             WHERE flow = ? AND fence = ? AND holder IS NOT NULL",
        )
        .bind(position.map(str::to_owned))
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(fence);
        Ok(self.run(save).await? == 1)
    }

    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure> {
        let renew = sqlx::query(
            "UPDATE highwater_cursors SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
             WHERE flow = ? AND fence = ? AND holder IS NOT NULL",
        )
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(fence);
        Ok(self.run(renew).await? == 1)
    }

    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure> {
        let release = "UPDATE highwater_cursors SET lease_until = NULL, holder = NULL WHERE flow = ? AND fence = ?";
        let released = sqlx::query(release)
            .bind(flow.as_bytes().to_vec())
            .bind(fence);
        self.run(released).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Row>, Failure> {
        let query: QueryAs<'_, _, _, _> = sqlx::query_as(
            "SELECT flow, CAST(position AS BINARY), \
             CAST(COALESCE(UNIX_TIMESTAMP(saved_at), 0) AS SIGNED), saved_by \
             FROM highwater_cursors WHERE position IS NOT NULL ORDER BY flow",
        );
        let mut session = self.connection.session().await?;
        let rows: Vec<_> = query.fetch_all(&mut *session).await?;
        session.give_back();
        Ok(rows.into_iter().map(Row::of_text).collect())
    }
}
