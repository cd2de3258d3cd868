//! `verify --md5`: three tables held against the hashes that their producer has written down.

use std::path::PathBuf;

use clap::Args;

/// `verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct Verify {
    /// A file of hashes, one in each line, as kpm's producer writes it: each row of `users`, `blogs` and
    /// `comments` is held against them
    #[arg(long, value_name = "FILE")]
    pub md5: PathBuf,

    /// The data type that is written to where the tables are; not needed where the settings have but one
    /// such place
    #[arg(long, alias = "data_type", value_name = "NAME")]
    pub data_type: Option<String>,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  highwater verify --md5 md5.info --data-type kpm
  highwater verify --md5 md5.info --data-type kpm --json

A hash says nothing but itself: rows that are not in the file are named by their id, lines that have no
row by their number.

Exit status: 0 complete, 1 it cannot be told, 2 wrong usage or settings, 3 rows or lines are left over";
