//! `migrate`: its command line.

use clap::Args;

use super::{Patience, RUN};

/// `migrate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(before_long_help = EXAMPLES, after_long_help = NOTES)]
pub struct Migrate {
    /// Task to run: the NAME of `[tasks.NAME]` in the settings
    #[arg(long, value_name = "NAME", help_heading = MOVE)]
    pub task: String,

    /// Read everything again, even if the task is incremental
    ///
    /// A full read that was interrupted resumes where it stopped.
    #[arg(long, alias = "full_amount", help_heading = MOVE)]
    pub full_amount: bool,

    /// Show what would be read and which tables would be created, and change nothing
    #[arg(long, conflicts_with = "wait", help_heading = RUN)]
    pub dry_run: bool,

    /// Where another process runs the task.
    #[command(flatten)]
    pub patience: Patience,
}

const MOVE: &str = "Choose what to move";

const EXAMPLES: &str = "\
Examples:
  # Show what the task would do
  highwater migrate --settings examples/nfsc/settings.toml \\
    --task nfsc_task --dry-run

  # Run the task, or resume it
  highwater migrate --settings examples/nfsc/settings.toml \\
    --task nfsc_task

  # Read everything again
  highwater migrate --settings examples/nfsc/settings.toml \\
    --task nfsc_task --full-amount";

const NOTES: &str = "\
Notes:
  Rows and the position in the source are written in one transaction.
  An interrupted run resumes and writes no row twice. See docs/migrate.md";
