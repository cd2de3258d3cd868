//! Late commits: rows that commit after rows of higher values were read.

use std::time::Duration;

/// How late commits are met. A transaction takes its values (a time, a number of a sequence) before
/// it commits: a cursor that has passed them would never come back for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// Only what is settled is read: values below which no open transaction may still commit.
    HoldBack(HoldBack),
    /// What is not settled is read as well, at once, while the cursor stays at what is: it is read
    /// again, and what was not sent is sent.
    ReRead(HoldBack),
    /// Nothing is held back: for tables that one writer appends to.
    None,
}

/// What is known of the writers, beyond what the server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldBack {
    /// The longest time between taking a value and its commit, where the server cannot tell;
    /// `None` for what the source thinks safe.
    pub max_commit_delay: Option<Duration>,
    /// How far the writers' clocks may be apart from the server's, where values are theirs.
    pub clock_skew: Duration,
}

impl Late {
    /// What is known of the writers, where they are asked for.
    pub fn writers(self) -> Option<HoldBack> {
        match self {
            Self::HoldBack(hold_back) | Self::ReRead(hold_back) => Some(hold_back),
            Self::None => None,
        }
    }
}

impl Default for Late {
    fn default() -> Self {
        Self::HoldBack(HoldBack {
            max_commit_delay: None,
            clock_skew: Duration::ZERO,
        })
    }
}
