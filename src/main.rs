//! The `highwater` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    highwater::app::run(&highwater::cli::parse())
}
