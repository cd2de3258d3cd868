//! The contract of each role as named behaviours, run against every adapter of it.

mod broker;
mod brokers;
