//! The contract of each role as named behaviours, run against every adapter of it.

mod broker;
mod broker_group;
mod broker_kafka;
mod broker_reader;
mod brokers;
mod codec;
mod codec_values;
mod cursor;
mod cursor_own;
mod cursor_schedules;
mod cursors;
mod limit;
#[path = "../schedules/mod.rs"]
mod schedules;
mod schedules_mongodb;
mod schedules_mysql;
mod sink;
mod sink_mysql;
mod sink_mysql_keys;
mod sink_mysql_values;
mod sinks;
mod source;
mod source_faults;
mod source_late;
mod source_mongodb;
mod source_mongodb_late;
mod source_mongodb_mixed;
mod source_mongodb_proxy;
mod source_mongodb_settled;
mod source_plan;
mod source_shared;
mod source_types;
mod source_values;
mod sources;
