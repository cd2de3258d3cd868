//! What a verification has found.

use std::collections::HashMap;

use super::sides::Within;

/// What a row's difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The target has no such row.
    Missing,
    /// The source has no such row.
    Extra,
    /// Both have it, and values of it differ.
    Different,
}

/// How two sides compare.
#[derive(Debug, Default)]
pub struct Verified {
    /// Rows that the target should hold.
    pub expected: u64,
    /// Rows that it holds.
    pub actual: u64,
    /// Records that are dead letters on their way.
    pub set_aside: u64,
    /// Rows that the target has not.
    pub missing: u64,
    /// Rows that only the target has.
    pub extra: u64,
    /// Rows whose values differ.
    pub different: u64,
    /// Rows that differed, and whose source changed again while they were looked at: nothing is
    /// told of them.
    pub moving: u64,
    /// Keys that more than one record has: the target can hold only one of them.
    pub repeated: u64,
    /// What was compared.
    pub columns: Vec<String>,
    /// Columns of the target, and fields of its documents, that were not.
    pub left_out: Vec<String>,
    /// Some of the rows, with what differs.
    pub samples: Vec<Sample>,
    /// Ranges of the key that were summed up in the servers; 0 where all rows were read.
    pub ranges: u64,
    /// Those of them whose rows were read, since their sums differ.
    pub differing_ranges: u64,
    /// Whether the ranges behind them were read, which was faster.
    pub is_read_faster: bool,
    /// Where the rows are that differ.
    pub(super) within: Option<Within>,
    /// Which rows differ, by the hash of their key; no more than are kept at a time.
    pub(super) found: HashMap<u128, Kind>,
}

/// How two sides compare, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target holds every record of its source, and nothing else.
    Equal,
    /// All rows are equal, but records of the source have none: they are dead letters, or have the key
    /// of another one.
    Incomplete,
    /// Rows differ.
    Different,
}

impl Outcome {
    /// In a report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Incomplete => "incomplete",
            Self::Different => "different",
        }
    }
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// How.
    pub kind: Kind,
    /// Its key: columns and values.
    pub key: Vec<(String, String)>,
    /// The columns that differ, where both sides have the row.
    pub columns: Vec<Differing>,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// The column.
    pub column: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub actual: String,
}

impl Verified {
    /// Rows that differ.
    pub fn differences(&self) -> u64 {
        self.missing + self.extra + self.different
    }

    /// Whether the target holds what its source says, and nothing else.
    pub fn is_equal(&self) -> bool {
        self.outcome() == Outcome::Equal
    }

    /// In a word.
    pub fn outcome(&self) -> Outcome {
        if self.differences() > 0 {
            Outcome::Different
        } else if self.set_aside + self.repeated > 0 {
            Outcome::Incomplete
        } else {
            Outcome::Equal
        }
    }

    pub(super) fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Missing => self.missing += 1,
            Kind::Extra => self.extra += 1,
            Kind::Different => self.different += 1,
        }
    }
}

impl Kind {
    /// In a report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
        }
    }
}
