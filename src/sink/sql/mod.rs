//! What all SQL targets share: tables, statements, errors.

pub(super) mod create;
mod deletions;
pub(super) mod failure;
pub(super) mod findings;
pub(super) mod incompatible;
pub(super) mod index;
mod older_positions;
mod placeholder_values;
pub(super) mod progress;
mod replace_by;
pub(super) mod row_by_row;
pub(super) mod runs;
pub(super) mod session;
mod single_rows;
pub(super) mod statements;
pub(super) mod table;
pub(super) mod target;
pub(super) mod transaction;
mod waiting;
pub(super) mod write;
