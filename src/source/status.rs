//! Source status: how far a position is behind its source.

use std::time::Duration;

use super::plan::{Counted, LowWatermark};

/// A place in a source, and what lies ahead of it. Cheap to ask for: nothing is read but the last
/// record, and rows are counted as far as that is quick.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// What a read is behind, as a person writes it; `None` at the beginning.
    pub at: Option<String>,
    /// The highest value of the incremental field that is there; `None` where there is no row.
    pub newest: Option<String>,
    /// The time from the one to the other, where both are times.
    pub behind: Option<Duration>,
    /// Rows past the place.
    pub past: Counted,
    /// Whether the place is past every value that is there: rows were deleted, or the source was
    /// emptied or made again. What comes with smaller values is not read.
    pub is_past_newest: bool,
    /// How far the source is settled; `None` where nothing is held back.
    pub watermark: Option<LowWatermark>,
}
