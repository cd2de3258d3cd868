//! Highwater keeps systems in step: source ──► broker ──► sink, past a cursor that never skips.
//!
//! The modules in the order in which data meets them; `flow` holds the sentences they make.

// `app/out` writes instead: these panic where the reader of a pipe is gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// A build without some systems leaves what is shared by these alone.
#![cfg_attr(
    not(all(feature = "kafka", feature = "mongodb", feature = "mysql")),
    allow(dead_code, unused_imports, unused_variables)
)]

pub mod model;

pub mod source;

pub mod codec;

pub mod broker;

pub mod cursor;

pub mod pipeline;

pub mod sink;

pub mod digest;

pub mod flow;

pub mod verify;

pub mod connect;

pub mod schedule;

pub mod settings;

pub mod cli;

pub mod app;

pub mod fault;

pub mod telemetry;
