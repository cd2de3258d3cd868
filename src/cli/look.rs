//! `check`, `plan`, `test` and `status`: what looks, and moves nothing.

use std::path::PathBuf;

use clap::Args;

use super::topic;

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct Check {
    /// Read the settings alone, without opening any connection
    #[arg(long)]
    pub offline: bool,

    /// Check this data type only
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES)]
pub struct Plan {
    /// The data type; without it, every one in the settings
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,

    /// With --data-type, as if it were published to this topic. Alone, the data types that have
    /// this topic
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<String>,

    /// Show this many of the next records before and after each step, and as published; may wait
    /// some seconds for rows that are not settled yet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub sample: Option<u16>,
}

/// `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The cases whose names have this in them; without it, all
    pub filter: Option<String>,

    /// The file of cases; docs/steps.md shows one
    #[arg(long, value_name = "FILE", default_value = "cases.toml")]
    pub cases: PathBuf,
}

/// `status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct Status {
    /// The data type; without it, every one in the settings
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  highwater check                                     opens each connection that a flow needs
  highwater check --offline --settings new.toml       every mistake of a file, with its line";

const PLAN_EXAMPLES: &str = "\
Examples:
  highwater plan                                      every data type in the settings
  highwater plan --data-type information --json
  highwater plan --data-type information --sample 3   and the next three records, as they would be published

It takes no lease, so that it also works while the flow runs. It fails where a page would read or sort
the whole table, and says the index that mends it.";

const STATUS_EXAMPLES: &str = "\
Examples:
  highwater status                                    every flow of the settings, and those of other topics
  highwater status --json                             the same for a script

It takes no lease and joins no group, so that it also works while flows run. It fails where a flow's
place cannot be told: a server that does not answer, a damaged cursor; the others are told all the same.";
