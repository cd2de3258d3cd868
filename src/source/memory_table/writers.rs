//! Transactions over a table in memory: locks that are waited for, values that are taken before them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock},
    time::Instant,
};

use super::{Column, Micros};

/// A table of `id`, `at` and `stamp`, and its server; clones share them.
#[derive(Debug, Clone)]
pub struct MemoryTable {
    column: Column,
    began: Instant,
    /// Writers hold it until their transactions end; who has the table locked holds it alone.
    table: Arc<RwLock<()>>,
    shared: Arc<Mutex<Shared>>,
}

/// A committed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub id: i64,
    /// The incremental value; microseconds since 1970 where it is a clock. NULL is none.
    pub at: Option<i64>,
    /// Which write it is of.
    pub stamp: i64,
}

#[derive(Debug, Default)]
struct Shared {
    rows: BTreeMap<i64, Row>,
    row_locks: BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>,
    sessions: BTreeMap<u64, Session>,
    last_session: u64,
    last_number: i64,
}

/// What the server's lists show of a session.
#[derive(Debug, Default, Clone, Copy)]
struct Session {
    /// The start of its running statement, and whether that waits for a lock.
    statement: Option<(Micros, bool)>,
    /// The start of its transaction's first statement.
    began: Option<Micros>,
    /// When that had its locks.
    touched: Option<Micros>,
}

/// A statement waited too long for a lock; its transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[error("a lock was waited for too long")]
pub struct Unwritten;

/// 2025-08-26 09:30:15 UTC.
const BEGINNING: Micros = 1_756_200_615_000_000;

/// How long a lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);

impl MemoryTable {
    /// Empty; the server's clock begins now.
    pub fn new(column: Column) -> Self {
        Self {
            column,
            began: Instant::now(),
            table: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// What `at` holds.
    pub fn column(&self) -> Column {
        self.column
    }

    /// A connection of a writer.
    pub fn writer(&self) -> Writer {
        let mut shared = self.lock();
        shared.last_session += 1;
        let session = shared.last_session;
        shared.sessions.insert(session, Session::default());
        drop(shared);
        Writer {
            server: self.clone(),
            session,
            table: None,
            locked: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// Waits until no transaction uses the table, and keeps all others from it until this is dropped.
    pub async fn lock_table(&self) -> OwnedRwLockWriteGuard<()> {
        self.table.clone().write_owned().await
    }

    /// What is committed.
    pub fn rows(&self) -> Vec<Row> {
        self.lock().rows.values().copied().collect()
    }

    pub(super) fn now(&self) -> Micros {
        BEGINNING + Micros::try_from(self.began.elapsed().as_micros()).unwrap_or_default()
    }

    /// When each running statement began; those that wait for locks may be left out.
    pub(super) fn statements(&self, but_waiting: bool) -> Vec<Micros> {
        let shared = self.lock();
        let running = shared.sessions.values().filter_map(|it| it.statement);
        let seen = running.filter(|(_, waits)| !(but_waiting && *waits));
        seen.map(|(start, _)| start).collect()
    }

    /// When each open transaction began; or when it had its first locks.
    pub(super) fn transactions(&self, by_touch: bool) -> Vec<Micros> {
        let shared = self.lock();
        // It is listed when it has its first locks, with whatever start.
        let listed = shared.sessions.values().filter(|it| it.touched.is_some());
        let start = |it: &Session| if by_touch { it.touched } else { it.began };
        listed.filter_map(start).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session in a transaction. Dropping it rolls back.
pub struct Writer {
    server: MemoryTable,
    session: u64,
    table: Option<OwnedRwLockReadGuard<()>>,
    locked: BTreeMap<i64, OwnedMutexGuard<()>>,
    written: BTreeMap<i64, Row>,
}

impl Writer {
    /// One statement: takes its time, waits for its locks, then takes `slow` over each of these
    /// rows (`id` and `stamp`), whose incremental values are NULL where that is said.
    ///
    /// # Errors
    /// A lock was waited for too long.
    pub async fn write(
        &mut self,
        rows: &[(i64, i64)],
        is_null: bool,
        slow: Duration,
    ) -> Result<(), Unwritten> {
        let start = self.server.now();
        self.show(|it| {
            it.statement = Some((start, true));
            it.began.get_or_insert(start);
        });
        let outcome = self.write_since(start, rows, is_null, slow).await;
        self.show(|it| it.statement = None);
        outcome
    }

    async fn write_since(
        &mut self,
        start: Micros,
        rows: &[(i64, i64)],
        is_null: bool,
        slow: Duration,
    ) -> Result<(), Unwritten> {
        if self.table.is_none() {
            let lock = self.server.table.clone().read_owned();
            let lock = tokio::time::timeout(LOCK_WAIT, lock).await;
            self.table = Some(lock.map_err(|_| Unwritten)?);
        }
        for (id, stamp) in rows {
            if !self.locked.contains_key(id) {
                let lock = self.server.lock().row_locks.entry(*id).or_default().clone();
                let lock = tokio::time::timeout(LOCK_WAIT, lock.lock_owned()).await;
                self.locked.insert(*id, lock.map_err(|_| Unwritten)?);
            }
            let touched = self.server.now();
            self.show(|it| {
                it.statement = Some((start, false));
                it.touched.get_or_insert(touched);
            });
            let at = (!is_null).then(|| self.value(start));
            let (id, stamp) = (*id, *stamp);
            self.written.insert(id, Row { id, at, stamp });
            tokio::time::sleep(slow).await;
        }
        Ok(())
    }

    fn value(&self, start: Micros) -> i64 {
        match self.server.column {
            Column::Clock(unit) => start - start.rem_euclid(unit),
            Column::Seconds => start.div_euclid(1_000_000),
            Column::Sequence => {
                let mut shared = self.server.lock();
                shared.last_number += 1;
                shared.last_number
            }
        }
    }

    /// Makes visible what it has written, and ends the transaction, at once.
    pub fn commit(&mut self) {
        let rows = std::mem::take(&mut self.written);
        let mut shared = self.server.lock();
        shared.rows.extend(rows);
        shared.sessions.insert(self.session, Session::default());
        drop(shared);
        self.release();
    }

    /// Forgets what it has written.
    pub fn roll_back(&mut self) {
        self.written.clear();
        self.show(|it| *it = Session::default());
        self.release();
    }

    fn release(&mut self) {
        self.locked.clear();
        self.table = None;
    }

    fn show(&self, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.server.lock().sessions.get_mut(&self.session) {
            change(session);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.server.lock().sessions.remove(&self.session);
    }
}
