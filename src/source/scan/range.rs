//! Ranges of rows: what one query of a pass asks for, and how far a pass may read.

use super::{ScanCursor, ScanPhase};

/// What the rows that come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum At {
    /// Of a chunk of a full read.
    Chunk,
    /// Below the watermark: the cursor moves behind them.
    BelowWatermark(ScanPhase),
    /// Above it, and not read yet by this reader.
    AboveWatermark(ScanPhase),
    /// Above it, and read before.
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

    /// Whether transactions that are open may still commit below them.
    pub fn is_above_watermark(self) -> bool {
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
pub(in crate::source) struct KeyRange<'r, C: ScanCursor> {
    pub phase: ScanPhase,
    pub series: C::Series,
    /// Behind these values, a leading part of the phase's order.
    pub after: &'r [C::Value],
    /// Above this ceiling.
    pub above: Option<&'r Ceiling<C::Value>>,
    pub ceiling: &'r Ceiling<C::Value>,
}

/// How far a pass may read of each series.
#[derive(Debug)]
pub(in crate::source) struct Ceilings<C: ScanCursor> {
    named: Vec<(ScanPhase, C::Series, Ceiling<C::Value>)>,
    others: Ceiling<C::Value>,
}

impl<C: ScanCursor> Ceilings<C> {
    /// Nothing is held back.
    pub fn open() -> Self {
        Self {
            named: Vec::new(),
            others: Ceiling::Open,
        }
    }

    /// These; nothing yet of any other series.
    pub fn new(named: Vec<(ScanPhase, C::Series, Ceiling<C::Value>)>) -> Self {
        Self {
            named,
            others: Ceiling::Shut,
        }
    }

    pub fn of(&self, phase: ScanPhase, series: C::Series) -> &Ceiling<C::Value> {
        let mut named = self.named.iter();
        let found = named.find(|(its, of, _)| *its == phase && *of == series);
        found.map_or(&self.others, |(_, _, ceiling)| ceiling)
    }
}
