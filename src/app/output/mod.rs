//! What commands print: lines, progress, reports.

#[macro_use]
pub(super) mod print;

pub(super) mod missing_index;
pub(super) mod progress;
pub(super) mod report;
