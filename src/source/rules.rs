//! Scan rules beyond the incremental field: rows without a value, and unsettled rows.

use std::path::PathBuf;

use super::Late;

/// The rules of a scan beyond its incremental field.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The fields whose value counts where the incremental field has none, in their order.
    pub coalesce: Vec<String>,
    /// What is done about rows that have no value at all.
    pub nulls: Nulls,
    /// Where rows that were sent early are remembered (`Late::ReRead`).
    pub deduplication: DeduplicationSettings,
}

/// What is done about rows without a value in the incremental field. MongoDB: null or missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nulls {
    /// They are read once, before the others and in the order of the key, with a progress of
    /// their own.
    First,
    /// All of them are read anew by each run, and by a following one from time to time.
    EveryRun,
    /// The source is not read while there are any: they would be passed by.
    #[default]
    Refuse,
}

/// How rows that were sent before they were settled are remembered.
#[derive(Debug, Clone)]
pub struct DeduplicationSettings {
    /// The file; without one a restart repeats them.
    pub file: Option<PathBuf>,
    /// Rows that are remembered, at most: what is over is sent twice.
    pub most: usize,
}

impl Rules {
    /// How rows are remembered that are sent early, where `late` is met by that.
    pub(super) fn deduplication(&self, late: Late) -> Option<DeduplicationSettings> {
        matches!(late, Late::ReRead(_)).then(|| self.deduplication.clone())
    }
}

/// About ten megabytes of memory, and three to six of a file.
pub const MAX_REMEMBERED: usize = 100_000;

impl Default for DeduplicationSettings {
    fn default() -> Self {
        let most = MAX_REMEMBERED;
        Self { file: None, most }
    }
}
