//! `cargo xtask bench`: how fast rows move on the real servers, beside the barest pipe.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::place;
use crate::services::{self, Server};

/// The servers that rows move between.
const SERVERS: [Server; 3] = [Server::Mysql, Server::Mongodb, Server::Kafka];

#[derive(clap::Args)]
pub struct Arguments {
    /// What the benchmark is told: --rows N, --rounds N, --only PIPE, --json; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    told: Vec<String>,
}

/// Brings the servers up, measures, and stops those that were not up before.
///
/// # Errors
/// A server cannot be had, or a pipe did not move what it should.
pub fn run(arguments: &Arguments) -> Result<()> {
    let before: Vec<_> = services::status()?
        .into_iter()
        .filter(|(_, _, answers)| *answers)
        .map(|(server, _, _)| server)
        .collect();
    let measured = measure(arguments);
    let ours: Vec<_> = SERVERS
        .into_iter()
        .filter(|server| !before.contains(server))
        .collect();
    let stopped = services::stop(&ours);
    measured.and(stopped)
}

fn measure(arguments: &Arguments) -> Result<()> {
    let had = services::up(&SERVERS)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["bench", "--locked", "--package", "highwater"])
        .args(["--bench", "pipes", "--"])
        .args(&arguments.told)
        .current_dir(place::workspace());
    for (server, entry) in &had {
        command.env(server.variable(), &entry.address);
    }
    let status = command.status().context("cargo could not be started")?;
    if !status.success() {
        bail!("the benchmark failed ({status})");
    }
    Ok(())
}
