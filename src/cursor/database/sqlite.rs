//! The table of cursors in a SQLite file.

use std::time::Duration;

use async_trait::async_trait;

use super::table::{Failure, Lease, Row, Stored, Table};
use crate::connect::{identifier::statement, sqlite::SqliteConnection};

/// Times are milliseconds since 1970.
pub(super) struct SqliteTable {
    connection: SqliteConnection,
    location: String,
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS highwater_cursors (flow TEXT NOT NULL PRIMARY KEY, \
    position TEXT, fence INTEGER NOT NULL, holder TEXT, lease_until INTEGER, saved_at INTEGER, saved_by TEXT)";

/// Tables of earlier versions do not have it.
const HAS_SAVED_BY: &str =
    "SELECT count(*) FROM pragma_table_info('highwater_cursors') WHERE name = 'saved_by'";
const ADD: &str = "ALTER TABLE highwater_cursors ADD COLUMN saved_by TEXT";

const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

impl SqliteTable {
    pub fn new(connection: SqliteConnection) -> Self {
        let location = format!("{}.highwater_cursors", connection.name());
        Self {
            connection,
            location,
        }
    }
}

fn millis(lease: Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Table for SqliteTable {
    fn location(&self) -> &str {
        &self.location
    }

    async fn create(&self) -> Result<(), Failure> {
        let writer = self.connection.writer();
        sqlx::query(CREATE).execute(writer).await?;
        let has_it = || sqlx::query_scalar::<_, bool>(HAS_SAVED_BY).fetch_one(writer);
        if !has_it().await? {
            let added = sqlx::query(ADD).execute(writer).await;
            // Another process may have been faster.
            if !has_it().await? {
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
        // One statement is one transaction. A row that was removed by hand does not begin again
        // at a fence that was given out.
        let text = format!(
            "INSERT INTO highwater_cursors (flow, fence, holder, lease_until) VALUES (?1, {NOW}, ?2, {NOW} + ?3) \
             ON CONFLICT (flow) DO UPDATE SET fence = fence + 1, holder = ?2, lease_until = {NOW} + ?3 \
             WHERE lease_until IS NULL OR lease_until < {NOW} OR holder IS NULL OR holder = ?2 RETURNING fence"
        );
        let taken = sqlx::query_scalar(statement(text))
            .bind(flow.to_owned())
            .bind(holder.to_owned())
            .bind(millis(lease))
            .fetch_optional(self.connection.writer())
            .await?;
        Ok(taken)
    }

    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure> {
        let text = format!(
            "SELECT holder, lease_until, lease_until - {NOW} FROM highwater_cursors \
             WHERE flow = ? AND holder IS NOT NULL AND lease_until IS NOT NULL"
        );
        let found: Option<_> = sqlx::query_as(statement(text))
            .bind(flow.to_owned())
            .fetch_optional(self.connection.readers())
            .await?;
        Ok(found.map(Lease::of_row))
    }

    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure> {
        let found: Option<Option<Vec<u8>>> = sqlx::query_scalar(
            "SELECT CAST(position AS BLOB) FROM highwater_cursors WHERE flow = ? AND fence = ?",
        )
        .bind(flow.to_owned())
        .bind(fence)
        .fetch_optional(self.connection.readers())
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
        let text = format!(
            "UPDATE highwater_cursors SET position = ?, saved_at = {NOW}, saved_by = holder, \
             lease_until = {NOW} + ? \
             WHERE flow = ? AND fence = ? AND holder IS NOT NULL"
        );
        let saved = sqlx::query(statement(text))
            .bind(position.map(str::to_owned))
            .bind(millis(lease))
            .bind(flow.to_owned())
            .bind(fence)
            .execute(self.connection.writer())
            .await?;
        Ok(saved.rows_affected() == 1)
    }

    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure> {
        let text = format!(
            "UPDATE highwater_cursors SET lease_until = {NOW} + ? \
             WHERE flow = ? AND fence = ? AND holder IS NOT NULL"
        );
        let renewed = sqlx::query(statement(text))
            .bind(millis(lease))
            .bind(flow.to_owned())
            .bind(fence)
            .execute(self.connection.writer())
            .await?;
        Ok(renewed.rows_affected() == 1)
    }

    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure> {
        let release = "UPDATE highwater_cursors SET lease_until = NULL, holder = NULL WHERE flow = ? AND fence = ?";
        let released = sqlx::query(release).bind(flow.to_owned()).bind(fence);
        released.execute(self.connection.writer()).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Row>, Failure> {
        let rows = sqlx::query_as(
            "SELECT CAST(flow AS BLOB), CAST(position AS BLOB), COALESCE(saved_at / 1000, 0), saved_by \
             FROM highwater_cursors WHERE position IS NOT NULL ORDER BY flow",
        )
        .fetch_all(self.connection.readers())
        .await?;
        Ok(rows.into_iter().map(Row::of_text).collect())
    }
}
