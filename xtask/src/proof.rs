//! `cargo xtask proof`: what is too long for every day, by the same tests at full scale.

use std::process::Command;

use anyhow::Result;

use crate::services::{self, Server};
use crate::test::{cargo, step, stop_ours, stop_ours_on_interrupt, up_now};

#[derive(clap::Subcommand)]
pub enum Proof {
    /// Kill -9 during `sync` and `sink` until ten of each have counted: nothing is lost, nothing is
    /// applied twice
    Kills,
    /// Fifty schedules of writers and killed readers each on MySQL, MariaDB and MongoDB: no row is
    /// skipped
    Cursors,
    /// Kill -9 at nine tenths of a full read of 1,000,000 rows by 1, 2 and 4 workers: what is read
    /// again
    Full,
    /// The peak memory of `sync` for 100,000 and 5,000,000 rows from MySQL and MongoDB: it is flat
    Memory,
    /// A database of six tables and 3,900,000 rows, of the employees data set's shape, from MySQL through
    /// MariaDB, MongoDB and SQLite back into MySQL, compared at each hop
    Shape,
    /// Twenty minutes of three sinks on six partitions that are killed, stopped, woken and rebalanced,
    /// their server started anew under them, on MySQL and MariaDB: no message is missing, none is
    /// applied twice
    Sinks,
    /// 1,000,000 rows of one time, `sync` killed five times: no row is skipped
    Ties,
    /// `verify` of 10,000,000 equal rows of MySQL and MariaDB, in the servers and here: rows a second,
    /// and the peak memory
    Verify,
    /// 100,000 documents from MongoDB through Kafka into MySQL, every row compared
    Walkthrough,
}

/// Brings the servers up, and takes those down again that were not up before.
///
/// # Errors
/// The proof failed, or a server cannot be had.
pub fn run(proof: &Proof) -> Result<()> {
    let before = up_now()?;
    stop_ours_on_interrupt(before.clone())?;
    let proven = services::up(&Server::DEFAULT).and_then(|had| {
        let mut command = proof.command();
        for (server, entry) in &had {
            command.env(server.variable(), &entry.address);
        }
        step(proof.name(), &mut command)
    });
    proven.and(stop_ours(&before))
}

impl Proof {
    fn name(&self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Cursors => "cursors",
            Self::Full => "full",
            Self::Memory => "memory",
            Self::Shape => "shape",
            Self::Sinks => "sinks",
            Self::Ties => "ties",
            Self::Verify => "verify",
            Self::Walkthrough => "walkthrough",
        }
    }

    fn command(&self) -> Command {
        let (target, tests) = match self {
            Self::Cursors => ("alone", "schedules_on_servers::"),
            Self::Full => ("e2e", "kills::full"),
            Self::Sinks => ("alone", "rebalances::"),
            Self::Verify => ("e2e", "verifying::many"),
            _ => ("e2e", self.name()),
        };
        let mut command = cargo(&["test", "--locked", "--release", "--test", target]);
        // What is measured should not share the machine with another test; these take their time.
        let threads = match self {
            Self::Sinks => "2",
            _ => "1",
        };
        command.args([tests, "--", "--nocapture", "--test-threads", threads]);
        command.env("HIGHWATER_PROOF", "full");
        command
    }
}
