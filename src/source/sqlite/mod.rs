//! SQLite as a source.

pub mod scan;
