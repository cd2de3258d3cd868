//! `check`, `plan`, `test` and `status`: commands that only read.

use std::path::PathBuf;

use clap::Args;

use super::topic;

/// `check`.
#[derive(Debug, Args)]
#[command(before_long_help = CHECK_EXAMPLES)]
pub struct Check {
    /// Check this data type only
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = CHECK)]
    pub data_type: Option<String>,

    /// Check the settings file only, without opening a connection
    #[arg(long, help_heading = CHECK)]
    pub offline: bool,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(before_long_help = PLAN_EXAMPLES, after_long_help = PLAN_NOTES)]
pub struct Plan {
    /// Plan this data type [default: every data type in the settings]
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = PLAN)]
    pub data_type: Option<String>,

    /// Plan for this topic, or the data types of this topic
    ///
    /// With --data-type, plans as if it were published to this topic. Without --data-type, plans the
    /// data types that have this topic.
    #[arg(long, value_name = "TOPIC", value_parser = topic, help_heading = PLAN)]
    pub topic: Option<String>,

    /// Show the next N records, before and after each step
    ///
    /// Also shows each record as it would be published. It waits a few seconds for rows that are still
    /// above the low watermark.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000),
        help_heading = "Show sample records"
    )]
    pub sample: Option<u16>,
}

/// `test`.
#[derive(Debug, Args)]
#[command(before_long_help = TEST_EXAMPLES, after_long_help = TEST_NOTES)]
pub struct Test {
    /// Run only cases whose names contain this text
    pub filter: Option<String>,

    /// File of test cases
    #[arg(
        long,
        value_name = "FILE",
        default_value = "cases.toml",
        help_heading = "Choose the cases"
    )]
    pub cases: PathBuf,
}

/// `status`.
#[derive(Debug, Args)]
#[command(before_long_help = STATUS_EXAMPLES, after_long_help = STATUS_NOTES)]
pub struct Status {
    /// Show this data type [default: every data type in the settings]
    #[arg(
        long,
        alias = "data_type",
        value_name = "NAME",
        help_heading = "Choose what to show"
    )]
    pub data_type: Option<String>,
}

const CHECK: &str = "Choose what to check";
const PLAN: &str = "Choose what to plan";

const CHECK_EXAMPLES: &str = "\
Examples:
  # Check settings, connections, rights and topics
  highwater check

  # List every mistake in the settings, without opening a connection
  highwater check --offline";

const PLAN_EXAMPLES: &str = "\
Examples:
  # Show the next query of every data type in the settings
  highwater plan

  # Show one data type, for a script
  highwater plan --data-type information --json

  # Show the next three records, as they would be published
  highwater plan --data-type information --sample 3";

const PLAN_NOTES: &str = "\
Notes:
  `plan` takes no lease, and works while the flow runs.
  It notes where a query would read or sort the whole table, and names the
  missing index.";

const TEST_EXAMPLES: &str = "\
Examples:
  # Run the cases of an example, whose settings need two variables
  export KAFKA_BROKERS=127.0.0.1:9092 WAREHOUSE_URL=mysql://127.0.0.1/w
  cd examples/information
  highwater test

  # Run the cases whose names contain a text
  highwater test \"one table\"";

const TEST_NOTES: &str = "\
Notes:
  `test` opens no connection. It exits with 1 if a case fails.
  docs/steps.md shows a file of cases.";

const STATUS_EXAMPLES: &str = "\
Examples:
  # Show every flow and schedule of the settings
  highwater status

  # The same for a script
  highwater status --json";

const STATUS_NOTES: &str = "\
Notes:
  `status` takes no lease, joins no consumer group, and works while flows run.
  It exits with 1 if the status of any flow is unavailable, and still shows the
  others.";
