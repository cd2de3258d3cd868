//! What else a scan goes by than one field that grows: rows without a value, and rows sent early.

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
    pub early: EarlySettings,
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
pub struct EarlySettings {
    /// The file; without one a restart repeats them.
    pub file: Option<PathBuf>,
    /// Rows that are remembered, at most: what is over is sent twice.
    pub most: usize,
}

impl Rules {
    /// How rows are remembered that are sent early, where `late` is met by that.
    pub(super) fn early(&self, late: Late) -> Option<EarlySettings> {
        matches!(late, Late::ReRead(_)).then(|| self.early.clone())
    }
}

/// About ten megabytes of memory, and three to six of a file.
pub const MOST_EARLY: usize = 100_000;

impl Default for EarlySettings {
    fn default() -> Self {
        let most = MOST_EARLY;
        Self { file: None, most }
    }
}
