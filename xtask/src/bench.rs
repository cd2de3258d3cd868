//! `cargo xtask bench`: how fast rows move on the real servers, beside the barest pipe.

use anyhow::Result;

use crate::services::{self, Server};
use crate::test::{cargo, step, stop_ours, stop_ours_on_interrupt, up_now};

/// The servers that rows move between.
const SERVERS: [Server; 3] = [Server::Mysql, Server::Mongodb, Server::Kafka];

#[derive(clap::Args)]
pub struct Arguments {
    /// For the benchmark: --rows N, --rounds N, --only PIPE, --json (cargo bench --bench pipes --
    /// --help says more)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    given: Vec<String>,
}

/// Brings the servers up, and takes those down again that were not up before.
///
/// # Errors
/// A server cannot be had, or a pipe did not move what it should.
pub fn run(arguments: &Arguments) -> Result<()> {
    let before = up_now()?;
    stop_ours_on_interrupt(before.clone())?;
    let measured = services::up(&SERVERS).and_then(|had| {
        services::dump()?;
        let mut command = cargo(&["bench", "--locked", "--bench", "pipes", "--"]);
        command.args(&arguments.given);
        for (server, entry) in &had {
            command.env(server.variable(), &entry.address);
        }
        step("bench", &mut command)
    });
    measured.and(stop_ours(&before))
}
