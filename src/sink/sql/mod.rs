//! What all SQL targets share: tables, statements, errors.

pub(super) mod create;
pub(super) mod deletions;
pub(super) mod exact;
pub(super) mod failure;
pub(super) mod findings;
pub(super) mod incompatible;
pub(super) mod index;
mod placeholder_values;
pub(super) mod replace_by;
pub(super) mod row_by_row;
pub(super) mod runs;
pub(super) mod statements;
pub(super) mod table;
mod waiting;
