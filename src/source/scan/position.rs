//! Scan positions: where a read stands, whatever it reads.
//!
//! Each system writes them in a text of its own, which older cursors have.

use std::fmt::Debug;

use super::chunks::{Chunk, Sharing};
use crate::source::{Nulls, deduplication::Sent, samples::Sample};

/// Rows that are read in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::source) enum ScanPhase {
    /// Those without a value in the incremental field, by the key.
    Nulls,
    /// Those with one, by it and the key.
    Values,
}

impl ScanPhase {
    /// Those that have a progress, in the order in which they are read.
    pub fn with(nulls: Nulls) -> &'static [Self] {
        match nulls {
            Nulls::First => &[Self::Nulls, Self::Values],
            Nulls::EveryRun | Nulls::Refuse => &[Self::Values],
        }
    }
}

/// Behind which rows of a phase an incremental read is.
pub(in crate::source) trait Marks:
    Debug + Clone + Default + PartialEq + Send + Sync + 'static
{
    /// A value that rows are ordered by.
    type Value: Debug + Clone + PartialEq + Send + Sync + 'static;

    /// Rows whose values compare with each other: in a table all of them do.
    type Series: Debug + Clone + Copy + Ord + Send + Sync + 'static;

    /// The values of the row that the read is behind; none at the first row.
    fn of(&self, series: Self::Series) -> &[Self::Value];

    /// Moves behind a row with these values.
    fn put(&mut self, values: Vec<Self::Value>);

    /// Notes that a row with these values had been the last of its series at `at`.
    fn see(&mut self, phase: ScanPhase, at: i64, last: Key<Self>);

    /// The value up to which a series that is no clock is settled, where all that began before
    /// `until` is over; and when it was last.
    fn newest_until(&mut self, series: Self::Series, until: i64) -> Option<Sample<Self::Value>>;

    /// When the last row of a series was first seen.
    fn newest(&self, series: Self::Series) -> Option<i64>;

    /// Leaves out samples of what has been read by now.
    fn forget_read(&mut self);
}

/// A value of each field that rows are ordered by.
pub(in crate::source) type Key<M> = Vec<<M as Marks>::Value>;

/// Where an incremental read stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::source) struct ScanState<M> {
    /// Rows with a value.
    pub values: M,
    /// Those without one.
    pub nulls: M,
    /// What has been sent early.
    pub sent: Option<Sent>,
}

/// Where a full read stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) struct Full<M: Marks> {
    /// What is still to be read, in the order of the key.
    pub chunks: Vec<Chunk<Key<M>>>,
    /// Rows that have been read.
    pub rows: u64,
    /// Where the source stood before it, to go on from.
    pub then: ScanState<M>,
}

/// Where a read stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) enum ScanPosition<M: Marks> {
    /// Past the incremental field.
    Incremental(ScanState<M>),
    /// Within a full read.
    Full(Full<M>),
}

/// Before the first row.
impl<M: Marks> Default for ScanPosition<M> {
    fn default() -> Self {
        Self::Incremental(ScanState::default())
    }
}

impl<M: Marks> ScanState<M> {
    /// Behind these rows with a value.
    pub fn behind(values: M) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }

    /// The marks of a phase.
    pub fn of(&self, phase: ScanPhase) -> &M {
        match phase {
            ScanPhase::Nulls => &self.nulls,
            ScanPhase::Values => &self.values,
        }
    }

    /// The same, to be moved.
    pub fn of_mut(&mut self, phase: ScanPhase) -> &mut M {
        match phase {
            ScanPhase::Nulls => &mut self.nulls,
            ScanPhase::Values => &mut self.values,
        }
    }

    /// Leaves out samples of what has been read by now.
    pub fn forget_read(&mut self) {
        self.values.forget_read();
        self.nulls.forget_read();
    }
}

impl<M: Marks> Full<M> {
    /// Of all rows.
    pub fn of_all(then: ScanState<M>) -> Self {
        Self {
            chunks: vec![Chunk::behind(None)],
            rows: 0,
            then,
        }
    }

    /// The key behind which it goes on; empty at the first row.
    pub fn after(&self) -> &[M::Value] {
        let first = self.chunks.first().and_then(|it| it.after.as_deref());
        first.unwrap_or_default()
    }
}

impl<M: Marks> ScanPosition<M> {
    /// Where the incremental read stands or will go on.
    pub fn state(&self) -> &ScanState<M> {
        match self {
            Self::Incremental(state) | Self::Full(Full { then: state, .. }) => state,
        }
    }

    /// How many read at a time from here on, each over a connection of its own.
    pub fn readers(&self, sharing: Sharing) -> usize {
        match self {
            Self::Full(_) => sharing.workers.max(1),
            Self::Incremental(_) => 1,
        }
    }

    /// What it is behind, as a person writes it: `value`, and how many `rows` of a full read there were.
    pub fn text(&self, value: Option<String>, rows: &str) -> Option<String> {
        let Self::Full(full) = self else {
            return value;
        };
        let then = value.map_or(String::new(), |it| format!(", then behind {it}"));
        Some(format!("a full read, {} {rows} so far{then}", full.rows))
    }
}
