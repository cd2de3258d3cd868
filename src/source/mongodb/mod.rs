//! MongoDB as a source.

pub mod scan;
