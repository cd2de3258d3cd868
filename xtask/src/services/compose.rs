//! Servers from `docker-compose/`, where a Docker daemon answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::state::State;
use super::{Entry, Origin, Server, process};
use crate::{paths, shell};

/// The client alone is not enough: only a daemon answers `docker info`.
pub fn daemon_answers() -> bool {
    shell::succeeds(Command::new("docker").arg("info"))
}

/// Brings servers up and waits for their health checks; what fails is said in the result.
pub fn up(wanted: &[Server], state: &mut State, had: &mut BTreeMap<Server, Entry>) -> Vec<String> {
    let log = log();
    let mut command = compose();
    let mut entries = Vec::new();
    for &server in wanted {
        let before = state
            .servers
            .get(&server)
            .and_then(|entry| entry.ports.first().copied());
        let port = match process::free_port(before, server as u16) {
            Ok(port) => port,
            Err(error) => return vec![format!("{} cannot be had: {error:#}", server.name())],
        };
        command.env(
            format!("HIGHWATER_{}_PORT", server.name().to_uppercase()),
            port.to_string(),
        );
        let entry = Entry {
            origin: Origin::Compose,
            address: server.address(port),
            ports: vec![port],
            pid: None,
            log: Some(log.clone()),
        };
        entries.push((server, entry));
    }
    command
        .args(["up", "--detach", "--wait"])
        .args(wanted.iter().map(|server| server.name()));
    if let Err(error) = shell::logged(&mut command, &log) {
        return vec![format!("the servers cannot be had from Docker: {error:#}")];
    }
    for (server, entry) in entries {
        super::announce(server, &entry, "up");
        state.servers.insert(server, entry.clone());
        had.insert(server, entry);
    }
    Vec::new()
}

/// Stops one server; its data stays in its volume.
///
/// # Errors
/// Docker refuses.
pub fn stop(server: Server) -> Result<()> {
    shell::logged(compose().args(["stop", server.name()]), &log())
}

/// Removes the containers and their data.
///
/// # Errors
/// Docker refuses.
pub fn purge() -> Result<()> {
    shell::logged(compose().args(["down", "--volumes"]), &log())
}

fn compose() -> Command {
    let mut command = Command::new("docker");
    command
        .args(["compose", "--project-name", "highwater-test"])
        .args(["--profile", "tests", "--file"])
        .arg(paths::workspace().join("docker-compose/docker-compose.yml"));
    command
}

fn log() -> PathBuf {
    paths::services().join("compose.log")
}
