//! Ranges of rows: what one query of a pass asks for, and how far a pass may read.

use super::{Marks, ScanPhase};

/// What the rows that come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum At {
    /// Of a chunk of a full read.
    Chunk,
    /// Settled: the cursor moves behind them.
    BelowWatermark(ScanPhase),
    /// Not settled, and not read yet by this reader.
    AboveWatermark(ScanPhase),
    /// Not settled, and read before.
    Reread(ScanPhase),
    /// Rows without a value that are read by every run.
    NullRows,
}

impl At {
    /// What the rows are ordered by; a chunk is in the order of the key.
    pub fn phase(self) -> Option<ScanPhase> {
        match self {
            Self::BelowWatermark(phase) | Self::AboveWatermark(phase) | Self::Reread(phase) => {
                Some(phase)
            }
            Self::NullRows => Some(ScanPhase::Nulls),
            Self::Chunk => None,
        }
    }

    /// Whether they are not settled.
    pub fn is_early(self) -> bool {
        matches!(self, Self::AboveWatermark(_) | Self::Reread(_))
    }
}

/// How far a pass may read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) enum Ceiling<V> {
    /// To the end.
    Open,
    /// The first value is below this.
    Below(V),
    /// The first value is this or below.
    UpTo(V),
    /// Nothing yet.
    Shut,
}

/// The next rows of a series.
#[cfg_attr(
    not(feature = "mongodb"),
    allow(dead_code, reason = "the rows of a table are one series")
)]
pub(in crate::source) struct KeyRange<'r, M: Marks> {
    pub phase: ScanPhase,
    pub series: M::Series,
    /// Behind these values, a leading part of the phase's order.
    pub after: &'r [M::Value],
    /// Above what is settled by this.
    pub above: Option<&'r Ceiling<M::Value>>,
    pub ceiling: &'r Ceiling<M::Value>,
}

/// How far a pass may read of each series.
#[derive(Debug)]
pub(in crate::source) struct Ceilings<M: Marks> {
    named: Vec<(ScanPhase, M::Series, Ceiling<M::Value>)>,
    others: Ceiling<M::Value>,
}

impl<M: Marks> Ceilings<M> {
    /// Nothing is held back.
    pub fn open() -> Self {
        Self {
            named: Vec::new(),
            others: Ceiling::Open,
        }
    }

    /// These; nothing yet of any other series.
    pub fn new(named: Vec<(ScanPhase, M::Series, Ceiling<M::Value>)>) -> Self {
        Self {
            named,
            others: Ceiling::Shut,
        }
    }

    pub fn of(&self, phase: ScanPhase, series: M::Series) -> &Ceiling<M::Value> {
        let mut named = self.named.iter();
        let found = named.find(|(its, of, _)| *its == phase && *of == series);
        found.map_or(&self.others, |(_, _, ceiling)| ceiling)
    }
}
