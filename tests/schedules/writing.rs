//! The writers of a schedule, on any server.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use highwater::source::Source;
use tokio::time::sleep;

use super::schedule::{Begin, Schedule, Statement, TableLock, Transaction};

/// A server with the schedule's table, and its hot rows in it.
#[async_trait]
pub trait Server: Send + Sync {
    fn source(&self) -> Box<dyn Source>;
    /// Whether rows are read before they are settled: one that is written again meanwhile comes
    /// again, and may have the same value.
    fn reads_above_watermark(&self) -> bool {
        false
    }
    async fn session(&self) -> Box<dyn Session>;
    /// Takes the table's lock, holds it, and gives it back; or gives up.
    async fn lock_table(&self, lock: TableLock);
    /// `id` and `stamp` of what is committed.
    async fn rows(&self) -> Vec<(i64, i64)>;
    /// Removes what the schedule has made.
    async fn close(&self);
}

/// A writer's connection.
#[async_trait]
pub trait Session: Send {
    async fn begin(&mut self, begin: Begin);
    /// Answers whether the transaction can go on; a deadlock, say, has ended it.
    async fn write(&mut self, statement: &Statement) -> bool;
    async fn commit(&mut self);
    async fn roll_back(&mut self);
}

/// Everything that the schedule writes.
pub async fn write(server: &dyn Server, schedule: &Schedule) {
    let writers = schedule.writers.iter().map(async |transactions| {
        let mut session = server.session().await;
        for transaction in transactions {
            run(&mut *session, transaction).await;
        }
    });
    let locks = schedule.locks.iter().map(async |lock| {
        sleep(lock.after).await;
        server.lock_table(*lock).await;
    });
    tokio::join!(join_all(writers), join_all(locks));
}

async fn run(session: &mut dyn Session, transaction: &Transaction) {
    sleep(transaction.after).await;
    session.begin(transaction.begin).await;
    for statement in &transaction.statements {
        if !session.write(statement).await {
            return session.roll_back().await;
        }
        idle(statement.idle).await;
    }
    if transaction.begin != Begin::Autocommit {
        idle(transaction.idle).await;
    }
    if transaction.commits {
        session.commit().await
    } else {
        session.roll_back().await
    }
}

async fn idle(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
