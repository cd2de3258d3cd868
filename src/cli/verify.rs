//! `verify` and `repair`: whether source and target are equal, and making them so.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::time;

/// `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(before_long_help = VERIFY_EXAMPLES, after_long_help = VERIFY_STATUS)]
pub struct Verify {
    /// Compare this data type [default: every data type with `from` and `into`]
    #[arg(long, alias = "data_type", value_name = "NAME", help_heading = COMPARE)]
    pub data_type: Option<String>,

    /// Compare this task of `migrate` instead of data types
    #[arg(long, value_name = "NAME", conflicts_with = "data_type", help_heading = COMPARE)]
    pub task: Option<String>,

    /// Compare the tables of kpm with this file of MD5 hashes
    ///
    /// The producer of kpm writes the file: the hash of each message on a line of its own.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["recheck_after", "samples", "sums", "task"],
        help_heading = COMPARE
    )]
    pub md5: Option<PathBuf>,

    /// How both sides are looked at.
    #[command(flatten)]
    pub looking: Looking,
}

/// `repair`.
#[derive(Debug, Args)]
#[command(before_long_help = REPAIR_EXAMPLES, after_long_help = REPAIR_STATUS)]
pub struct Repair {
    /// Repair the target of this data type
    #[arg(
        long,
        alias = "data_type",
        value_name = "NAME",
        required_unless_present = "task",
        help_heading = REPAIR
    )]
    pub data_type: Option<String>,

    /// Repair the target of this task of `migrate`
    #[arg(long, value_name = "NAME", conflicts_with = "data_type", help_heading = REPAIR)]
    pub task: Option<String>,

    /// Write and delete rows; without it, only show what would change
    #[arg(long, help_heading = CHANGE)]
    pub apply: bool,

    /// Do not delete rows that only the target has
    #[arg(long, help_heading = CHANGE)]
    pub keep_extra: bool,

    /// Maximum number of rows in one transaction
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = CHANGE
    )]
    pub rows: u16,

    /// How both sides are looked at.
    #[command(flatten)]
    pub looking: Looking,
}

/// How both sides are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Looking {
    /// Read a difference again after this long, and report it only if it remains
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = time,
        help_heading = ADJUST
    )]
    pub recheck_after: Duration,

    /// Maximum number of rows to show for each kind of difference
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(0..=1000),
        help_heading = ADJUST
    )]
    pub samples: u16,

    /// Where to compute checksums, if both servers can compute them
    #[arg(
        long,
        value_name = "WHERE",
        value_enum,
        default_value_t = Summing::Faster,
        help_heading = ADJUST
    )]
    pub sums: Summing,
}

/// Where rows are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Summing {
    /// Start in the servers, then continue wherever it is faster
    Faster,
    /// In the servers: saves network traffic
    Servers,
    /// In this process: saves work on the servers
    Here,
}

const COMPARE: &str = "Choose what to compare";
const REPAIR: &str = "Choose what to repair";
const CHANGE: &str = "Change the target";
const ADJUST: &str = "Adjust the comparison";

const VERIFY_EXAMPLES: &str = "\
Examples:
  # Compare every data type that is both read and written
  highwater verify

  # Compare one data type, and show up to 50 rows of each kind of difference
  highwater verify --data-type information --samples 50

  # The same for a script
  highwater verify --data-type information --json

  # Compare source and target of a task
  highwater verify --settings examples/nfsc/settings.toml --task nfsc_task

  # Compare kpm's tables with the hashes of its producer
  highwater verify --settings examples/kpm/settings.toml --data-type kpm \\
    --md5 md5.info";

const VERIFY_STATUS: &str = "\
Exit status:
  0  Source and target are equal
  1  The comparison failed
  2  Wrong usage, or mistakes in the settings
  3  Source and target differ";

const REPAIR_EXAMPLES: &str = "\
Examples:
  # Show what would be written and deleted
  highwater repair --data-type information

  # Write and delete it, and verify again
  highwater repair --data-type information --apply

  # The same, but keep rows that only the target has
  highwater repair --data-type information --apply --keep-extra";

const REPAIR_STATUS: &str = "\
Exit status:
  0  Source and target are equal
  1  The repair failed
  2  Wrong usage, or mistakes in the settings
  3  Differences remain";
