//! The contracts of the roles, run as suites against every adapter.

mod sink;
mod sink_mysql;
