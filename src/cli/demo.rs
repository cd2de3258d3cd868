//! `demo`: what people can say of it.

use std::path::PathBuf;

use clap::Args;

/// `demo`.
#[derive(Debug, Args)]
#[command(before_long_help = EXAMPLES, after_long_help = NOTES)]
pub struct Demo {
    /// Number of rows to create
    #[arg(
        long,
        default_value_t = 50_000,
        value_parser = clap::value_parser!(u64).range(1..=100_000_000),
        help_heading = SET_UP
    )]
    pub rows: u64,

    /// Folder for source, topics, target and cursors
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "runtime/demo",
        help_heading = SET_UP
    )]
    pub folder: PathBuf,
}

const SET_UP: &str = "Set up the demo";

const EXAMPLES: &str = "\
Examples:
  # Run the demo
  highwater demo

  # Run it with a million rows
  highwater demo --rows 1000000";

const NOTES: &str = "\
Notes:
  The demo creates a source, syncs it through topics in a file into a target,
  changes rows, syncs again and compares both sides.
  Each run starts again from an empty folder.";
