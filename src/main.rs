//! The `highwater` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    highwater::app::run(&highwater::cli::Cli::parse())
}
