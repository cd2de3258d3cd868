//! The plan of a read from a position, made without reading on.

use std::time::{Duration, Instant};

use crate::model::Finding;

/// What a read would do next.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The next page's own statement, or the query of a collection.
    pub query: String,
    /// What is bound to its placeholders, in their order.
    pub bound: Vec<String>,
    /// How the server says it would find these rows; `None` where it has no such thing.
    pub access: Option<Access>,
    /// Rows past the position.
    pub past: Counted,
    /// Rows without a value in the incremental field.
    pub nulls: Counted,
    /// How far the source is settled; `None` where nothing is held back.
    pub watermark: Option<LowWatermark>,
    /// What is amiss, each with its remedy.
    pub findings: Vec<Finding>,
}

/// How a server finds the rows of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The index that it goes by; `None` where it reads the whole table.
    pub index: Option<String>,
    /// It looks at all rows, or walks a whole index.
    pub reads_all: bool,
    /// It sorts what it has found before it answers.
    pub sorts: bool,
    /// Rows that it expects to look at.
    pub rows: Option<u64>,
    /// Its own words.
    pub said: String,
}

/// How many there are, as far as they were counted in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// This many.
    Exactly(u64),
    /// No fewer than this.
    AtLeast(u64),
}

/// How far values are settled, and what holds that back.
#[derive(Debug, Clone, PartialEq)]
pub struct LowWatermark {
    /// Values up to this are read: as the source writes them. `None` where none is settled yet.
    pub value: Option<String>,
    /// Seconds that the settled time lies behind the server's clock.
    pub behind: f64,
    /// Who holds it back; `None` where only the usual margin does.
    pub blocked_by: Option<Blocker>,
}

/// A connection that holds reading back. What it runs is nobody's business.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocker {
    /// The server's name of it: `connection 42`, `operation shard:7`.
    pub connection: String,
    /// Its user, client or program, as far as the server tells.
    pub who: Option<String>,
    /// For how many seconds it has been busy, or in a transaction.
    pub seconds: Option<f64>,
}

impl Counted {
    /// The number, whether there may be more or not.
    pub fn number(self) -> u64 {
        match self {
            Self::Exactly(it) | Self::AtLeast(it) => it,
        }
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(it) => write!(f, "{it}"),
            Self::AtLeast(it) => write!(f, "at least {it}"),
        }
    }
}

/// How long rows are counted.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first count ends here, each further one is ten times as far.
const FIRST: u64 = 10_000;

/// A count with ever higher limits while there is time: the server is never asked for what it could
/// not answer in some seconds.
pub(super) struct Counting {
    /// How far to count next.
    pub limit: u64,
    began: Instant,
}

impl Counting {
    pub fn start() -> Self {
        Self {
            limit: FIRST,
            began: Instant::now(),
        }
    }

    /// Takes what was found within the limit: the answer, or `None` where it is to go on.
    pub fn found(&mut self, found: u64) -> Option<Counted> {
        if found < self.limit {
            return Some(Counted::Exactly(found));
        }
        if self.began.elapsed() * 10 > PATIENCE {
            return Some(Counted::AtLeast(found));
        }
        self.limit *= 10;
        self.began = Instant::now();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_to_the_end_while_that_is_quick() {
        let mut counting = Counting::start();
        let counted = loop {
            if let Some(counted) = counting.found(counting.limit.min(123_456)) {
                break counted;
            }
        };
        assert_eq!(counted, Counted::Exactly(123_456));
    }

    #[test]
    fn a_count_that_takes_long_says_at_least() {
        let mut counting = Counting::start();
        counting.began -= PATIENCE;
        let counted = counting.found(FIRST).expect("no further");
        assert_eq!(counted.to_string(), "at least 10000");
    }
}
