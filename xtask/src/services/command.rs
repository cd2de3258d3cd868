//! `cargo xtask services …`: the command line of the servers.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Origin, Server, status, stop, up};

#[derive(Subcommand)]
pub enum Command {
    /// Bring servers up: mysql, mariadb, its replica, galera, mongodb and kafka unless some are named
    Up { servers: Vec<Server> },
    /// Stop every server that this harness started; their data stays
    Down {
        /// Throw the servers' data away as well; downloads stay
        #[arg(long)]
        purge: bool,
    },
    /// Start one server again, at the same address and with its data
    Start { server: Server },
    /// Stop one server; its address and its data stay
    Stop { server: Server },
    /// Show what is up, and where
    Status(Form),
}

#[derive(Args)]
pub struct Form {
    /// As JSON
    #[arg(long, conflicts_with = "env")]
    json: bool,
    /// As `export` lines of a shell: eval "$(cargo xtask services status --env)"
    #[arg(long)]
    env: bool,
}

/// # Errors
/// What the command was to do was not possible; one sentence for each server.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Up { servers } if servers.is_empty() => up(&Server::DEFAULT).map(drop),
        Command::Up { servers } => up(&servers).map(drop),
        Command::Down { purge } => down(purge),
        Command::Start { server } => super::start(server),
        Command::Stop { server } => stop_named(server),
        Command::Status(form) => show(&form),
    }
}

fn down(purge: bool) -> Result<()> {
    stop(&Server::ALL)?;
    println!("servers: all down");
    if purge {
        super::purge()?;
        println!("servers: their data is gone");
    }
    Ok(())
}

fn stop_named(server: Server) -> Result<()> {
    let known = status()?;
    if known
        .iter()
        .any(|(name, entry, _)| *name == server && entry.origin == Origin::Environment)
    {
        bail!(
            "{} is named by {} and is not ours to stop",
            server.name(),
            server.variable()
        );
    }
    stop(&[server])?;
    println!("servers: {} is down", server.name());
    Ok(())
}

fn show(form: &Form) -> Result<()> {
    let known = status()?;
    if form.json {
        let rows: Vec<_> = known
            .iter()
            .map(|(server, entry, answers)| json!({"server": server, "answers": answers, "entry": entry}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if known.is_empty() && !form.env {
        println!("servers: none was brought up yet; `cargo xtask services up` does");
    }
    for (server, entry, answers) in known {
        if form.env && answers {
            println!("export {}='{}'", server.variable(), entry.address);
        } else if !form.env {
            let now = if answers { "up" } else { "down" };
            let pid = entry
                .pid
                .filter(|_| answers)
                .map(|pid| format!(", process {pid}"))
                .unwrap_or_default();
            println!(
                "{:<8} {now:<5} {}, {}{pid}",
                server.name(),
                entry.origin,
                entry.address
            );
        }
    }
    Ok(())
}
