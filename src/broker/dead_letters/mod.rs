//! Dead letters in files and in tables.

pub mod file;
pub mod file_reader;
pub mod table;
#[cfg(feature = "mysql")]
mod table_mysql;
mod table_probe;
pub mod table_reader;
mod table_row;
mod table_sqlite;
mod table_store;
