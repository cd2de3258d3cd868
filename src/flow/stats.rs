//! Metrics of a flow, counted as it runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one flow, shared by its parts.
#[derive(Debug, Default)]
pub struct FlowStats {
    rows: AtomicU64,
    bytes: AtomicU64,
    dead_letters: AtomicU64,
    batches: AtomicU64,
    attempts: AtomicU64,
    before: AtomicU64,
    expected: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Rows acknowledged by the broker, or written by the sink.
    pub rows: u64,
    /// Bytes of their messages.
    pub bytes: u64,
    /// Records or messages set aside.
    pub dead_letters: u64,
    /// Batches settled.
    pub batches: u64,
    /// Times that the flow was opened again after an error.
    pub retries: u64,
    /// Rows of a full read that earlier runs had published.
    pub before: u64,
    /// Rows of a full read in all, about; 0 where it is none, or nobody knows.
    pub expected: u64,
}

impl FlowStats {
    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            dead_letters: self.dead_letters.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            retries: self.attempts.load(Ordering::Relaxed).saturating_sub(1),
            before: self.before.load(Ordering::Relaxed),
            expected: self.expected.load(Ordering::Relaxed),
        }
    }

    /// A full read goes on behind `read` rows of about `of`.
    pub fn expect(&self, read: u64, of: u64) {
        let rows = self.rows.load(Ordering::Relaxed);
        self.before
            .store(read.saturating_sub(rows), Ordering::Relaxed);
        self.expected.store(of, Ordering::Relaxed);
    }

    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more are done.
    pub fn add_done(&self, rows: usize, bytes: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_aside(&self, dead_letters: usize) {
        self.dead_letters
            .fetch_add(dead_letters as u64, Ordering::Relaxed);
    }
}
