//! Arguments of the benchmark.

use clap::{Args, Parser, Subcommand};

use crate::{bare::BarePipe, pipe::Pipe};

#[derive(Debug, Parser)]
#[command(
    name = "pipes",
    about = "How fast rows move, beside the barest pipe that moves them"
)]
pub struct Arguments {
    #[command(flatten)]
    pub measure: Measure,
    /// What this process is when it is started by itself.
    #[command(subcommand)]
    pub bare: Option<Bare>,
}

#[derive(Debug, Args)]
pub struct Measure {
    /// Rows that each run moves
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: u64,
    /// Rounds; the figures are medians over them
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Rows that the bare pipe from Kafka writes in a statement
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub statement: u32,
    /// Groups of ten rows, one every ten seconds, by which the sink's latency is measured
    #[arg(long, default_value_t = 12)]
    pub groups: u32,
    /// Measure these pipes only
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Pipe>,
    /// Print JSON, with every run, instead of a table
    #[arg(long)]
    pub json: bool,
    /// Cargo says so.
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Debug, Subcommand)]
pub enum Bare {
    /// Be the barest pipe
    #[command(hide = true)]
    Bare(BarePipe),
}

impl Measure {
    /// The pipes to measure, in the order in which they are always told.
    pub fn pipes(&self) -> impl Iterator<Item = Pipe> {
        let wanted = |it: &Pipe| self.only.is_empty() || self.only.contains(it);
        Pipe::ALL.into_iter().filter(wanted)
    }
}
