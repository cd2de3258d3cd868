//! `sync` and `sink`: what people can say of the two halves of a flow.

use std::time::Duration;

use clap::Args;

use super::{RUN, time, topic};

/// `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(before_long_help = SYNC_EXAMPLES)]
pub struct Sync {
    /// Read this data type [default: every data type with `from`]
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = READ)]
    pub data_type: Option<String>,

    /// Publish to this topic, or read the data types of this topic
    ///
    /// With --data-type, publishes to this topic instead of the one in the settings; that is a flow of
    /// its own, with its own cursor. Without --data-type, reads the data types that have this topic.
    #[arg(long, value_name = "TOPIC", value_parser = topic, help_heading = READ)]
    pub topic: Option<String>,

    /// Read everything from the beginning
    ///
    /// A full read that was interrupted resumes where it stopped.
    #[arg(long, alias = "full_amount", help_heading = READ)]
    pub full_amount: bool,

    /// Keep reading new rows until stopped
    #[arg(long, help_heading = RUN)]
    pub follow: bool,

    /// Where another process has the cursor.
    #[command(flatten)]
    pub patience: Patience,
}

/// `--wait`, of commands that take a flow's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Patience {
    /// Wait for another process that runs the flow, for at most this long
    ///
    /// Without --wait, a flow that another process runs is refused at once. Without a duration, the
    /// limit is 1h.
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        default_missing_value = "1h",
        value_parser = time,
        help_heading = RUN
    )]
    pub wait: Option<Duration>,
}

/// `sink`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(before_long_help = SINK_EXAMPLES)]
pub struct Sink {
    /// Write this data type [default: every data type with `into`]
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = WRITE)]
    pub data_type: Option<String>,

    /// Consume this topic, or write the data types of this topic
    ///
    /// With --data-type, consumes this topic instead of the one in the settings. Without --data-type,
    /// writes the data types that have this topic.
    #[arg(long, value_name = "TOPIC", value_parser = topic, help_heading = WRITE)]
    pub topic: Option<String>,

    /// Stop when every message that was in the topic at the start is written
    #[arg(long, help_heading = RUN)]
    pub until_caught_up: bool,
}

const READ: &str = "Choose what to read";
const WRITE: &str = "Choose what to write";

const SYNC_EXAMPLES: &str = "\
Examples:
  # Read every data type in the settings, from its cursor
  highwater sync

  # Read one data type, and publish it to a topic
  highwater sync --topic information --data-type information

  # Keep reading new rows until stopped
  highwater sync --data-type information --follow

  # Read everything again
  highwater sync --data-type information --full-amount

  # Wait up to 10 minutes for a run that is still active
  highwater sync --data-type information --wait 10m";

const SINK_EXAMPLES: &str = "\
Examples:
  # Write every data type in the settings until stopped
  highwater sink

  # Write what is in the topic now, then stop
  highwater sink --data-type information --until-caught-up";
