//! Scan positions: how far a read is, whatever it reads.
//!
//! Their texts stay two: stored cursors have the words and the values of their systems.

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
pub(in crate::source) trait ScanCursor:
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

    /// The newest sample of a series, no clock, up to which nothing can come any more: all that began
    /// before `until` is over.
    fn newest_until(&mut self, series: Self::Series, until: i64) -> Option<Sample<Self::Value>>;

    /// When the newest sample of a series was taken.
    fn newest(&self, series: Self::Series) -> Option<i64>;

    /// Leaves out samples of what has been read by now.
    fn forget_read(&mut self);
}

/// A value of each field that rows are ordered by.
pub(in crate::source) type Key<C> = Vec<<C as ScanCursor>::Value>;

/// How far an incremental read is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::source) struct ScanState<C> {
    /// Rows with a value.
    pub values: C,
    /// Those without one.
    pub nulls: C,
    /// What has been sent above the watermark.
    pub sent: Option<Sent>,
}

/// How far a full read is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) struct Full<C: ScanCursor> {
    /// What is still to be read, in the order of the key.
    pub chunks: Vec<Chunk<Key<C>>>,
    /// Rows that have been read.
    pub rows: u64,
    /// Where an incremental read goes on after it: the end of the source before it began.
    pub then: ScanState<C>,
}

/// How far a read is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) enum ScanPosition<C: ScanCursor> {
    /// Past the incremental field.
    Incremental(ScanState<C>),
    /// Within a full read.
    Full(Full<C>),
}

/// Before the first row.
impl<C: ScanCursor> Default for ScanPosition<C> {
    fn default() -> Self {
        Self::Incremental(ScanState::default())
    }
}

impl<C: ScanCursor> ScanState<C> {
    /// Behind these rows with a value.
    pub fn behind(values: C) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }

    /// The cursor of a phase.
    pub fn of(&self, phase: ScanPhase) -> &C {
        match phase {
            ScanPhase::Nulls => &self.nulls,
            ScanPhase::Values => &self.values,
        }
    }

    /// The same, to be moved.
    pub fn of_mut(&mut self, phase: ScanPhase) -> &mut C {
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

impl<C: ScanCursor> Full<C> {
    /// Of all rows.
    pub fn of_all(then: ScanState<C>) -> Self {
        Self {
            chunks: vec![Chunk::behind(None)],
            rows: 0,
            then,
        }
    }

    /// The key behind which it goes on; empty at the first row.
    pub fn after(&self) -> &[C::Value] {
        let first = self.chunks.first().and_then(|it| it.after.as_deref());
        first.unwrap_or_default()
    }
}

impl<C: ScanCursor> ScanPosition<C> {
    /// How far the incremental read is, or where it will go on.
    pub fn state(&self) -> &ScanState<C> {
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
