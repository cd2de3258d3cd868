//! The table of cursors in MySQL and MariaDB.

use std::time::Duration;

use async_trait::async_trait;

use super::table::{Failure, Lease, Row, Stored, Table};
use crate::connect::mysql::MysqlConnection;

/// The connection's sessions are in UTC.
pub(super) struct MysqlTable {
    connection: MysqlConnection,
    place: String,
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
        let place = format!("{}.highwater_cursors", connection.name());
        Self { connection, place }
    }
}

fn micros(lease: Duration) -> u64 {
    u64::try_from(lease.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Table for MysqlTable {
    fn place(&self) -> &str {
        &self.place
    }

    async fn create(&self) -> Result<(), Failure> {
        // Making it wants a right that using it does not.
        let pool = self.connection.pool();
        let is_there = || async {
            let asked = sqlx::query("SELECT saved_by FROM highwater_cursors LIMIT 0");
            asked.execute(pool).await.is_ok()
        };
        if is_there().await {
            return Ok(());
        }
        sqlx::query(CREATE).execute(pool).await?;
        if !is_there().await {
            let added = sqlx::query(ADD).execute(pool).await;
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
        sqlx::query(insert)
            .bind(flow.as_bytes().to_vec())
            .execute(self.connection.pool())
            .await?;
        // One transaction: the fence that is read must be the one that was set here.
        let mut transaction = self.connection.pool().begin().await?;
        let taken = sqlx::query(
            "UPDATE highwater_cursors SET fence = fence + 1, holder = ?, \
             lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
             WHERE flow = ? AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6) OR holder = ?)",
        )
        .bind(holder.to_owned())
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(holder.to_owned())
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let fence = sqlx::query_scalar("SELECT fence FROM highwater_cursors WHERE flow = ?")
            .bind(flow.as_bytes().to_vec())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(fence))
    }

    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure> {
        let found: Option<_> = sqlx::query_as(
            "SELECT holder, CAST(UNIX_TIMESTAMP(lease_until) * 1000 AS SIGNED), \
             TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until) DIV 1000 FROM highwater_cursors \
             WHERE flow = ? AND holder IS NOT NULL AND lease_until IS NOT NULL",
        )
        .bind(flow.as_bytes().to_vec())
        .fetch_optional(self.connection.pool())
        .await?;
        Ok(found.map(Lease::of_row))
    }

    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure> {
        let found: Option<Option<Vec<u8>>> = sqlx::query_scalar(
            "SELECT CAST(position AS BINARY) FROM highwater_cursors WHERE flow = ? AND fence = ?",
        )
        .bind(flow.as_bytes().to_vec())
        .bind(fence)
        .fetch_optional(self.connection.pool())
        .await?;
        Ok(found.map(|it| it.map(Ok)))
    }

    async fn save(
        &self,
        flow: &str,
        fence: i64,
        position: Option<&str>,
        lease: Duration,
    ) -> Result<bool, Failure> {
        // The driver counts rows that matched, also where nothing changed.
        let saved = sqlx::query(
            "UPDATE highwater_cursors SET position = ?, saved_at = UTC_TIMESTAMP(6), saved_by = holder, \
             lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE flow = ? AND fence = ?",
        )
        .bind(position.map(str::to_owned))
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(fence)
        .execute(self.connection.pool())
        .await?;
        Ok(saved.rows_affected() == 1)
    }

    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure> {
        let renewed = sqlx::query(
            "UPDATE highwater_cursors SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
             WHERE flow = ? AND fence = ?",
        )
        .bind(micros(lease))
        .bind(flow.as_bytes().to_vec())
        .bind(fence)
        .execute(self.connection.pool())
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure> {
        let release = "UPDATE highwater_cursors SET lease_until = NULL, holder = NULL WHERE flow = ? AND fence = ?";
        let released = sqlx::query(release)
            .bind(flow.as_bytes().to_vec())
            .bind(fence);
        released.execute(self.connection.pool()).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Row>, Failure> {
        let rows = sqlx::query_as(
            "SELECT flow, CAST(position AS BINARY), \
             CAST(COALESCE(UNIX_TIMESTAMP(saved_at), 0) AS SIGNED), saved_by \
             FROM highwater_cursors WHERE position IS NOT NULL ORDER BY flow",
        )
        .fetch_all(self.connection.pool())
        .await?;
        Ok(rows.into_iter().map(Row::of_text).collect())
    }
}
