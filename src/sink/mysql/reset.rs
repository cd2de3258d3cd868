//! Progress in MySQL and MariaDB that a person forgets or sets.

use sqlx::{Executor, MySqlConnection, raw_sql};

use super::{MysqlSink, catalog::exact_collation};
use crate::sink::Progress;

impl MysqlSink {
    /// Forgets progress and place of `flow`, or sets the progress of one partition.
    pub(super) async fn reset_with(
        &self,
        session: &mut MySqlConnection,
        flow: &str,
        to: Option<&Progress>,
    ) -> Result<u64, sqlx::Error> {
        let Some(to) = to else {
            let positions = self.positions.forget(session, flow).await?;
            return Ok(positions + self.progress.forget(session, flow).await?);
        };
        let collation = exact_collation(session).await?;
        self.progress.create(session, collation).await?;
        session.execute(raw_sql("BEGIN")).await?;
        self.progress.set(session, flow, to).await?;
        session.execute(raw_sql("COMMIT")).await?;
        Ok(1)
    }
}
