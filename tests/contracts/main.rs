//! The contract of each role as named behaviours, run against every adapter of it.

mod broker;
mod brokers;
mod sink;
mod sink_mysql;
