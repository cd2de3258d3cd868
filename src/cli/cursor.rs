//! `cursor`: what people can say of stored positions.

use clap::Subcommand;

use super::{Patience, RUN};

/// `cursor`.
#[derive(Debug, Subcommand)]
#[command(before_long_help = EXAMPLES)]
pub enum Cursor {
    /// List all stored cursors
    #[command(before_long_help = LIST_EXAMPLES)]
    List,
    /// Show one cursor: its position, when it was saved, and where it is stored
    #[command(before_long_help = SHOW_EXAMPLES)]
    Show {
        /// Name of the flow, as `cursor list` prints it
        flow: String,
    },
    /// Move a cursor to a value: the next run reads what comes after it
    #[command(before_long_help = SET_EXAMPLES, after_long_help = SET_NOTES)]
    Set {
        /// Name of the flow, as `cursor list` prints it
        flow: String,
        /// New position: a value or a time; for a sink, PARTITION:OFFSET
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Where another process has the cursor.
        #[command(flatten)]
        patience: Patience,
    },
    /// Remove a cursor: the next run reads from the beginning
    #[command(before_long_help = RESET_EXAMPLES)]
    Reset {
        /// Name of the flow, as `cursor list` prints it
        flow: String,
        /// Do not ask for confirmation
        #[arg(long, help_heading = RUN)]
        yes: bool,
        /// Where another process has the cursor.
        #[command(flatten)]
        patience: Patience,
    },
}

const EXAMPLES: &str = "\
Examples:
  # List all stored cursors
  highwater cursor list

  # Show one of them
  highwater cursor show \\
    information/information/demo-source.raw_information_list_temp";

const LIST_EXAMPLES: &str = "\
Examples:
  # List all stored cursors
  highwater cursor list

  # The same for a script
  highwater cursor list --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  # Show the cursor of one flow
  highwater cursor show \\
    information/information/demo-source.raw_information_list_temp";

const SET_EXAMPLES: &str = "\
Examples:
  # Read again what comes after the value 42
  highwater cursor set \\
    information/information/demo-source.raw_information_list_temp 42";

const SET_NOTES: &str = "\
Values:
  A value of the incremental field    42
  A date                              2025-08-26
  A date and time (UTC for instants)  \"2025-08-26 09:30\"
  A date and time with its offset     2025-08-26T09:30:15+08:00
  A partition and offset of a sink    0:1200";

const RESET_EXAMPLES: &str = "\
Examples:
  # Remove a cursor without being asked
  highwater cursor reset \\
    information/information/demo-source.raw_information_list_temp --yes";
