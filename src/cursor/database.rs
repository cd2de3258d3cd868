//! Cursors in a table of MySQL, MariaDB or SQLite, or in a collection of MongoDB: leased by the
//! server's clock, fenced by a number that grows with every lease.

mod bounded;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
mod sqlite;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    bounded::{Bounded, RESPONSE_TIMEOUT},
    table::{Failure, Lease, Row, Stored, Table},
};
use super::{CursorError, CursorLease, CursorStore, Leased, StoredCursor};
#[cfg(feature = "mongodb")]
use crate::connect::mongodb::MongodbConnection;
#[cfg(feature = "mysql")]
use crate::connect::mysql::MysqlConnection;
use crate::{
    connect::sqlite::SqliteConnection,
    fault::chain,
    model::{FlowName, Position},
};

/// Keeps cursors in the table or collection `highwater_cursors`.
pub struct DatabaseCursors {
    table: Arc<dyn Table>,
    /// Who leases, as another process is told; with a number, so that it is this store alone.
    holder: String,
    /// The flows that this store has leased and not given back.
    leases: Arc<Mutex<HashSet<String>>>,
    lease: Duration,
}

/// How long a lease lasts when its holder has died.
const LEASE: Duration = Duration::from_secs(30);

/// The longest name of a flow, in bytes: what a key of MySQL holds, and so all hold.
const LONGEST_NAME: usize = 1024;

impl DatabaseCursors {
    /// In the database of the connection's URL. `holder` is how another process is told who has
    /// a cursor: a machine and a process.
    ///
    /// # Errors
    /// Where the table is missing and cannot be made.
    #[cfg(feature = "mysql")]
    pub async fn in_mysql(connection: MysqlConnection, holder: &str) -> Result<Self, CursorError> {
        Self::open(Arc::new(mysql::MysqlTable::new(connection)), holder).await
    }

    /// In a SQLite file, opened with `Durability::Full`.
    ///
    /// # Errors
    /// Where the table is missing and cannot be made.
    pub async fn in_sqlite(
        connection: SqliteConnection,
        holder: &str,
    ) -> Result<Self, CursorError> {
        Self::open(Arc::new(sqlite::SqliteTable::new(connection)), holder).await
    }

    /// In the database of a replica set's connection.
    ///
    /// # Errors
    /// Where the collection is missing and cannot be made.
    #[cfg(feature = "mongodb")]
    pub async fn in_mongodb(
        connection: MongodbConnection,
        holder: &str,
    ) -> Result<Self, CursorError> {
        let collection = mongodb::MongodbCollection::new(connection);
        Self::open(Arc::new(collection), holder).await
    }

    async fn open(table: Arc<dyn Table>, holder: &str) -> Result<Self, CursorError> {
        let table: Arc<dyn Table> = Arc::new(Bounded::new(table, RESPONSE_TIMEOUT));
        table
            .create()
            .await
            .map_err(|error| failed(table.location(), error))?;
        // The standard library's own source of randomness.
        let number = RandomState::new().build_hasher().finish();
        Ok(Self {
            table,
            holder: format!("{holder}, {number:016x}"),
            leases: Arc::default(),
            lease: LEASE,
        })
    }

    /// With leases that outlive a dead holder by `lease` instead of 30 seconds.
    #[must_use]
    pub fn lasting(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    fn leased_elsewhere(&self, flow: &str, holder: Option<String>) -> CursorError {
        CursorError::Leased {
            flow: flow.to_owned(),
            holder: holder.unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// A holder that died leaves its lease behind, and one that lives renews it: which of both it
    /// is shows within a lease's time. Without this wait a restart after a crash would fail.
    async fn take(&self, flow: &str) -> Result<i64, CursorError> {
        let lost = |error| failed(self.table.location(), error);
        let patience = Instant::now() + self.lease * 2;
        let mut seen: Option<Lease> = None;
        loop {
            let taken = self
                .table
                .take(flow, &self.holder, self.lease)
                .await
                .map_err(lost)?;
            if let Some(fence) = taken {
                return Ok(fence);
            }
            let holder = self.table.holder(flow).await.map_err(lost)?;
            let is_alive = match (&seen, &holder) {
                (Some(seen), Some(now)) => (&seen.holder, seen.until) != (&now.holder, now.until),
                _ => false,
            };
            if is_alive || Instant::now() >= patience {
                return Err(self.leased_elsewhere(flow, holder.map(|it| it.holder)));
            }
            if seen.is_none()
                && let Some(Lease { holder, .. }) = &holder
            {
                tracing::info!(
                    flow,
                    holder,
                    "cursor is leased: waiting to see whether its holder lives"
                );
            }
            seen = holder.or(seen);
            sleep(self.lease / 30).await;
        }
    }
}

#[async_trait]
impl CursorStore for DatabaseCursors {
    async fn lease(&self, flow: &FlowName) -> Result<Box<dyn CursorLease>, CursorError> {
        let flow = flow.text();
        if flow.len() > LONGEST_NAME {
            return Err(CursorError::Refused {
                location: self.table.location().to_owned(),
                advice: "choose a shorter name for the data type, topic or table".to_owned(),
                cause: format!(
                    "the name of flow {flow} has {} bytes, and a key of this store {LONGEST_NAME} at most",
                    flow.len()
                )
                .into(),
            });
        }
        let Some(leases) = LocalLease::new(&self.leases, &flow) else {
            return Err(self.leased_elsewhere(&flow, Some("this process".to_owned())));
        };
        let fence = self.take(&flow).await?;
        let (table, lease) = (self.table.clone(), self.lease);
        let (ended, lost) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(
            Renewal {
                table: table.clone(),
                flow: flow.clone(),
                fence,
                lease,
                ended: ended.clone(),
                lost: lost.clone(),
            }
            .renew(),
        );
        Ok(Box::new(DatabaseLease {
            table,
            flow,
            fence,
            lease,
            is_given_back: false,
            lost,
            _ended: ended.drop_guard(),
            _lease: leases,
        }))
    }

    async fn list(&self) -> Result<Vec<StoredCursor>, CursorError> {
        let rows = self
            .table
            .list()
            .await
            .map_err(|error| failed(self.table.location(), error))?;
        let stored = |row: Row| {
            let flow = String::from_utf8_lossy(&row.flow).into_owned();
            let position = position_of(row.position);
            StoredCursor {
                position: position
                    .map_err(|reason| damaged(self.table.location(), &flow, reason).to_string()),
                flow,
                saved_at: row.saved_at,
                saved_by: row.saved_by,
            }
        };
        Ok(rows.into_iter().map(stored).collect())
    }

    async fn leased(&self, flow: &FlowName) -> Result<Option<Leased>, CursorError> {
        let found = self.table.holder(&flow.text()).await;
        let found = found.map_err(|error| failed(self.table.location(), error))?;
        // One that has run out is nobody's.
        let alive = found.filter(|it| it.left > 0);
        Ok(alive.map(|it| Leased {
            by: it.holder,
            until: Some(it.until / 1000),
        }))
    }

    fn location(&self, flow: &FlowName) -> String {
        format!("{}, flow {flow}", self.table.location())
    }
}

struct DatabaseLease {
    table: Arc<dyn Table>,
    flow: String,
    fence: i64,
    lease: Duration,
    is_given_back: bool,
    lost: CancellationToken,
    /// Tells the renewal that it is over.
    _ended: DropGuard,
    _lease: LocalLease,
}

#[async_trait]
impl CursorLease for DatabaseLease {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        let loaded = self.table.load(&self.flow, self.fence).await;
        let stored = loaded.map_err(|error| failed(self.table.location(), error))?;
        let stored = stored.ok_or_else(|| CursorError::Fenced(self.flow.clone()))?;
        let position = stored.map(position_of).transpose();
        position.map_err(|reason| damaged(self.table.location(), &self.flow, reason))
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        self.store(Some(position.as_str())).await
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.store(None).await
    }

    async fn lost(&self) {
        self.lost.cancelled().await;
    }

    async fn release(mut self: Box<Self>) {
        self.is_given_back = true;
        give_back(self.table.clone(), self.flow.clone(), self.fence).await;
    }
}

/// A run that ended in an error drops its lease: others need not wait until it expires.
impl Drop for DatabaseLease {
    fn drop(&mut self) {
        if !self.is_given_back
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(give_back(self.table.clone(), self.flow.clone(), self.fence));
        }
    }
}

async fn give_back(table: Arc<dyn Table>, flow: String, fence: i64) {
    if let Err(failure) = table.release(&flow, fence).await {
        let error = chain(&failed(table.location(), failure));
        tracing::warn!(
            flow,
            error,
            "cursor was not given back; its lease will expire"
        );
    }
}

impl DatabaseLease {
    async fn store(&self, position: Option<&str>) -> Result<(), CursorError> {
        let saved = self
            .table
            .save(&self.flow, self.fence, position, self.lease)
            .await;
        if saved.map_err(|error| failed(self.table.location(), error))? {
            Ok(())
        } else {
            Err(CursorError::Fenced(self.flow.clone()))
        }
    }
}

/// Keeps a lease alive while its flow has nothing to save, and tells it where it was lost.
struct Renewal {
    table: Arc<dyn Table>,
    flow: String,
    fence: i64,
    lease: Duration,
    /// The lease is not held any more.
    ended: CancellationToken,
    /// The lease was taken by another.
    lost: CancellationToken,
}

impl Renewal {
    /// Until it has ended: between two statements, so that each has its answer.
    async fn renew(self) {
        let flow = &self.flow;
        loop {
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = sleep(self.lease / 6) => (),
            }
            match self.table.renew(flow, self.fence, self.lease).await {
                Ok(true) => {}
                // One that was given back meanwhile was not lost, but then nobody listens.
                Ok(false) => return self.lost.cancel(),
                Err(failure) => {
                    let error = chain(&failed(self.table.location(), failure));
                    tracing::warn!(flow, error, "cursor's lease was not renewed");
                }
            }
        }
    }
}

/// A flow that this store has leased. What the table says of it may be older: a lease that was
/// just dropped, or whose answer was lost, is taken over by its holder's name.
struct LocalLease {
    all: Arc<Mutex<HashSet<String>>>,
    flow: String,
}

impl LocalLease {
    fn new(all: &Arc<Mutex<HashSet<String>>>, flow: &str) -> Option<Self> {
        let is_free = all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(flow.to_owned());
        is_free.then(|| Self {
            all: all.clone(),
            flow: flow.to_owned(),
        })
    }
}

impl Drop for LocalLease {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.flow);
    }
}

/// A position is JSON, whoever made it: what is not was written by someone else.
fn position_of(stored: Stored) -> Result<Position, String> {
    let text = String::from_utf8(stored?).map_err(|_| "it is no text".to_owned())?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(Position::new(text)),
        Err(_) if text.is_empty() => Err("it is empty".to_owned()),
        Err(_) => Err("it is no JSON".to_owned()),
    }
}

fn damaged(location: &str, flow: &str, reason: String) -> CursorError {
    CursorError::Damaged {
        location: format!("{location}, flow {flow}"),
        reason,
        advice: format!(
            "set the place yourself with `highwater cursor set {flow} VALUE`, or start from the \
             beginning with `highwater cursor reset {flow}`"
        ),
    }
}

fn failed(location: &str, failure: Failure) -> CursorError {
    let location = location.to_owned();
    match failure {
        Failure::Lost(cause) => CursorError::Lost { location, cause },
        Failure::Refused { advice, cause } => CursorError::Refused {
            location,
            advice: advice.to_owned(),
            cause,
        },
    }
}
