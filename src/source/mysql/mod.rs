//! MySQL and MariaDB as sources.

pub mod scan;
