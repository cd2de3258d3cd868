//! `migrate`: what people can say of it.

use clap::Args;

use super::Patience;

/// `migrate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Migrate {
    /// The task to run, as `[tasks.NAME]` in the settings
    #[arg(long, value_name = "NAME")]
    pub task: String,

    /// Read everything again, also where the task is incremental; goes on where an interrupted one
    /// stopped
    #[arg(long, alias = "full_amount")]
    pub full_amount: bool,

    /// Say what would be read, and which table would be made; changes nothing
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,

    /// Where another process runs the task.
    #[command(flatten)]
    pub patience: Patience,
}

const EXAMPLES: &str = "\
Examples:
  highwater migrate --task nfsc_task --dry-run        what would it do?
  highwater migrate --task nfsc_task                  run it, or go on with it
  highwater migrate --task nfsc_task --full-amount    everything again";
