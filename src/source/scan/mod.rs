//! The scan engine: rows read page by page in an order, in full or past a value.
//!
//! `table` has what is the same for all tables of SQL.

mod batches;
pub(super) mod chunks;
mod full;
mod moment;
mod pass;
mod read_ahead;
pub(super) mod table;

pub(super) use batches::{At, Batches};
pub(super) use full::Full;
pub(super) use moment::instant;
pub(super) use read_ahead::{BatchSender, ReadAhead};
pub(super) use table::ScanPhase;
