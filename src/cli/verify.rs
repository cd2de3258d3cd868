//! `verify` and `repair`: whether source and target are equal, and making them so.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::time;

/// `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct Verify {
    /// The data type; without it, every one that has `from` and `into`
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,

    /// Hold the tables of kpm against this file instead, which its producer has written: a hash of each
    /// message in a line of its own
    #[arg(long, value_name = "FILE", conflicts_with_all = ["settle", "samples", "sums", "task"])]
    pub md5: Option<PathBuf>,

    /// A task of `migrate` instead
    #[arg(long, value_name = "NAME", conflicts_with = "data_type")]
    pub task: Option<String>,

    /// How both sides are looked at.
    #[command(flatten)]
    pub looking: Looking,
}

/// `repair`.
#[derive(Debug, Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub struct Repair {
    /// The data type whose target is made equal
    #[arg(
        long,
        alias = "data_type",
        value_name = "NAME",
        required_unless_present = "task"
    )]
    pub data_type: Option<String>,

    /// A task of `migrate` instead
    #[arg(long, value_name = "NAME", conflicts_with = "data_type")]
    pub task: Option<String>,

    /// Do it; without this, only say what would be done
    #[arg(long)]
    pub apply: bool,

    /// Leave rows that only the target has
    #[arg(long)]
    pub keep_extra: bool,

    /// Rows in one transaction, at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    pub rows: u16,

    /// How both sides are looked at.
    #[command(flatten)]
    pub looking: Looking,
}

/// How both sides are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Looking {
    /// How long a difference has to last before it counts
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = time)]
    pub settle: Duration,

    /// Rows of each kind that are told with their values
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub samples: u16,

    /// Where rows are summed up that both servers can sum up themselves
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Summing::Faster)]
    pub sums: Summing,
}

/// Where rows are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Summing {
    /// In the servers at first, and then wherever it has proved to be faster
    Faster,
    /// In the servers: what is equal stays there, and the network carries little
    Servers,
    /// Here: the servers have little to do but to send all rows
    Here,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  highwater verify                                    every data type that is read and written here
  highwater verify --data-type information --samples 50
  highwater verify --data-type information --json     the same for a script
  highwater verify --md5 md5.info --data-type kpm     kpm's tables against its producer's hashes
  highwater verify --task nfsc_task                   what `migrate` moves

Exit status: 0 equal, 1 it cannot be told, 2 wrong usage or settings, 3 differences";

const REPAIR_EXAMPLES: &str = "\
Examples:
  highwater repair --data-type information            what would be written and deleted
  highwater repair --data-type information --apply    do it, and verify again
  highwater repair --data-type information --apply --keep-extra

Exit status: 0 equal now, 1 it failed, 2 wrong usage or settings, 3 differences remain";
