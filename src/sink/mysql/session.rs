//! Sessions that write: kept between writes, closed after any error or interruption.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Connection, Executor, MySqlConnection, raw_sql};

use crate::connect::{
    identifier::statement,
    mysql::{Flavor, MysqlConnection},
};

/// Sessions of one sink that wait for the next write.
///
/// They have left the pool for good: a session in which a statement was given up must not come
/// back, and a future that is dropped cannot say so; here it simply does not return.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    idle: Mutex<Vec<(Instant, MySqlConnection)>>,
}

/// A session that has rested longer is asked whether it still lives: firewalls and servers close
/// those that are silent.
const RESTED: Duration = Duration::from_secs(15);

/// How long a failed session may take to roll back; closing it does the same, somewhat later.
const PATIENCE: Duration = Duration::from_secs(5);

impl Sessions {
    /// A session of its own, in no transaction. Where it is silent for longer than `silence`, the
    /// server ends it, and with it a transaction that its stopped process has left open.
    ///
    /// # Errors
    /// As the server answers.
    pub(in crate::sink) async fn take(
        &self,
        connection: &MysqlConnection,
        silence: Duration,
    ) -> Result<MySqlConnection, sqlx::Error> {
        while let Some((since, mut session)) = self.pop() {
            let rested = since.elapsed() >= RESTED.min(silence / 2);
            if !rested || session.ping().await.is_ok() {
                return Ok(session);
            }
        }
        let mut session = connection.pool().acquire().await?.detach();
        let seconds = silence.as_secs().max(1);
        // A process can also be stopped in the middle of a statement that it sends.
        let mut limits =
            format!("SET SESSION wait_timeout={seconds}, SESSION net_read_timeout={seconds}");
        if connection.flavor() == Flavor::Mariadb {
            limits.push_str(&format!(", SESSION idle_transaction_timeout={seconds}"));
        }
        session.execute(raw_sql(statement(limits))).await?;
        Ok(session)
    }

    /// Keeps a session whose work is done; one that failed is not used again.
    pub(in crate::sink) async fn end<T, E>(
        &self,
        session: MySqlConnection,
        done: Result<T, E>,
    ) -> Result<T, E> {
        match &done {
            Ok(_) => self.give_back(session),
            Err(_) => self.abandon(session).await,
        }
        done
    }

    /// Keeps a session whose transaction was committed.
    pub(super) fn give_back(&self, session: MySqlConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((Instant::now(), session));
    }

    fn pop(&self) -> Option<(Instant, MySqlConnection)> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    /// Ends a session after an error. Rolled back explicitly: after a lock wait the server has
    /// undone the statement only, and the next writer should not wait for locks of this one.
    pub(super) async fn abandon(&self, mut session: MySqlConnection) {
        // The others met the same server; where it went away, they are dead as well.
        let others = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *idle)
        };
        drop(others);
        let rolled_back = session.execute(raw_sql("ROLLBACK"));
        // Whether it succeeds or not: dropping the session closes it, which undoes the
        // transaction too. The driver's own way of closing waits for an answer under TLS.
        let _ = tokio::time::timeout(PATIENCE, rolled_back).await;
        drop(session);
    }
}
