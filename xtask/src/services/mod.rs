//! The real servers that tests and measurements run against: had, told, given back.
//!
//! Each server is looked for in this order: its variable in the environment, Docker Compose,
//! Debian's packages unpacked into the target folder. One that cannot be had is an error.

mod answer;
pub mod command;
mod compose;
mod kafka;
mod mariadb;
mod mirror;
mod mongodb;
mod mysql;
mod native;
mod packages;
mod process;
mod redis;
mod state;

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use state::State;
pub use state::{Entry, Origin};

/// A server that Highwater is tested against.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    Mysql,
    Mariadb,
    Mongodb,
    Kafka,
    Redis,
    /// MariaDB once more, which tests make a replica of the other.
    Replica,
    /// MariaDB once more, a node of a Galera cluster.
    Galera,
}

impl Server {
    pub const ALL: [Self; 7] = [
        Self::Mysql,
        Self::Mariadb,
        Self::Mongodb,
        Self::Kafka,
        Self::Redis,
        Self::Replica,
        Self::Galera,
    ];
    /// What `up` brings up when no server is named.
    pub const DEFAULT: [Self; 6] = [
        Self::Mysql,
        Self::Mariadb,
        Self::Mongodb,
        Self::Kafka,
        Self::Replica,
        Self::Galera,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Mongodb => "mongodb",
            Self::Kafka => "kafka",
            Self::Redis => "redis",
            Self::Replica => "replica",
            Self::Galera => "galera",
        }
    }

    /// The environment variable that carries the server's address to the tests.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Mysql => "HIGHWATER_TEST_MYSQL_URL",
            Self::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
            Self::Mongodb => "HIGHWATER_TEST_MONGODB_URL",
            Self::Kafka => "HIGHWATER_TEST_KAFKA_BROKERS",
            Self::Redis => "HIGHWATER_TEST_REDIS_URL",
            Self::Replica => "HIGHWATER_TEST_REPLICA_URL",
            Self::Galera => "HIGHWATER_TEST_GALERA_URL",
        }
    }

    fn address(self, port: u16) -> String {
        match self {
            Self::Mysql | Self::Mariadb | Self::Replica | Self::Galera => {
                format!("mysql://root@127.0.0.1:{port}")
            }
            Self::Mongodb => {
                format!("mongodb://127.0.0.1:{port}/?replicaSet=rs0&directConnection=true")
            }
            Self::Kafka => format!("127.0.0.1:{port}"),
            Self::Redis => format!("redis://127.0.0.1:{port}"),
        }
    }

    fn answers(self, port: u16) -> bool {
        match self {
            Self::Mysql | Self::Mariadb | Self::Replica | Self::Galera => answer::mysql(port),
            Self::Mongodb => mongodb::is_primary(port),
            Self::Kafka => answer::kafka(port),
            Self::Redis => answer::redis(port),
        }
    }
}

/// Brings the servers up, those that are up already being left alone, and says where each came from.
///
/// # Errors
/// One sentence for each server that could not be had.
pub fn up(wanted: &[Server]) -> Result<BTreeMap<Server, Entry>> {
    let _lock = state::lock()?;
    let mut state = State::load()?;
    let mut had = BTreeMap::new();
    let mut missing = Vec::new();
    for &server in wanted {
        if let Some(entry) = given(server, &state).or_else(|| state.running(server)) {
            announce(server, &entry, "up already");
            had.insert(server, entry);
        } else {
            missing.push(server);
        }
    }
    if missing.is_empty() {
        return Ok(had);
    }
    let failures = if compose::daemon_answers() {
        println!("servers: Docker answers, so they come from docker-compose/");
        compose::up(&missing, &mut state, &mut had)
    } else {
        println!("servers: no Docker daemon answers, so they are started from native packages");
        start_native(&missing, &mut state, &mut had)
    };
    state.save()?;
    match failures.len() {
        0 => Ok(had),
        _ => Err(anyhow!(failures.join("\n"))),
    }
}

/// The program that dumps tables of MySQL and MariaDB, and reads them back, as measurements compare with it.
///
/// # Errors
/// It is not there and cannot be installed.
pub fn dump() -> Result<()> {
    let log = crate::paths::services().join("dump.log");
    packages::program("mariadb-dump", &["mariadb-client"], &log).map(drop)
}

/// Starts one server again, where it was and with its data.
///
/// # Errors
/// Its port is taken, or it cannot be started.
pub fn start(server: Server) -> Result<()> {
    let state = State::load()?;
    if let Some(&port) = state
        .servers
        .get(&server)
        .and_then(|entry| entry.ports.first())
        && state.running(server).is_none()
        && !process::is_free(port)
    {
        bail!(
            "{} cannot come back: its port {port} is taken",
            server.name()
        );
    }
    up(&[server]).map(drop)
}

/// Stops servers and keeps their data; one that is not running is left alone.
///
/// # Errors
/// A server does not stop, or is not ours to stop.
pub fn stop(servers: &[Server]) -> Result<()> {
    let _lock = state::lock()?;
    let mut state = State::load()?;
    for &server in servers {
        match state.servers.get(&server).map(|entry| entry.origin) {
            Some(Origin::Compose) => compose::stop(server)?,
            _ => native::stop(server)?,
        }
        if let Some(entry) = state.servers.get_mut(&server) {
            entry.pid = None;
        }
    }
    state.save()
}

/// Throws the data of the stopped servers away and forgets their addresses; downloads stay.
///
/// # Errors
/// Something cannot be removed.
pub fn purge() -> Result<()> {
    let _lock = state::lock()?;
    let state = State::load()?;
    if state
        .servers
        .values()
        .any(|entry| entry.origin == Origin::Compose)
    {
        compose::purge()?;
    }
    for server in Server::ALL {
        native::purge(server)?;
    }
    State::default().save()
}

/// Every server that is known, with its entry and whether it answers now.
///
/// # Errors
/// The state file is damaged.
pub fn status() -> Result<Vec<(Server, Entry, bool)>> {
    let state = State::load()?;
    let known = Server::ALL.into_iter().filter_map(|server| {
        let entry = given(server, &state).or_else(|| state.servers.get(&server).cloned())?;
        let answers = entry.origin == Origin::Environment || state.running(server).is_some();
        Some((server, entry, answers))
    });
    Ok(known.collect())
}

/// A server that the environment names; it is taken as it is. An address of our own is not meant:
/// it stands there because someone took over what `status --env` prints.
fn given(server: Server, state: &State) -> Option<Entry> {
    let address = env::var(server.variable())
        .ok()
        .filter(|address| !address.is_empty())?;
    let ours = state.servers.get(&server).map(|entry| &entry.address);
    (ours != Some(&address)).then_some(Entry {
        origin: Origin::Environment,
        address,
        ports: Vec::new(),
        pid: None,
        log: None,
    })
}

fn start_native(
    missing: &[Server],
    state: &mut State,
    had: &mut BTreeMap<Server, Entry>,
) -> Vec<String> {
    let begun = Instant::now();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = missing
            .iter()
            .map(|&server| {
                let ports = state.servers.get(&server).map(|entry| entry.ports.clone());
                scope.spawn(move || {
                    let outcome = native::up(server, &ports.unwrap_or_default());
                    if let Ok(entry) = &outcome {
                        announce(server, entry, &format!("up in {:.1?}", begun.elapsed()));
                    }
                    (server, outcome)
                })
            })
            .collect();
        threads
            .into_iter()
            .zip(missing)
            .map(|(thread, &server)| {
                thread
                    .join()
                    .unwrap_or_else(|_| (server, Err(anyhow!("its thread panicked"))))
            })
            .collect()
    });
    let mut failures = Vec::new();
    for (server, outcome) in outcomes {
        match outcome {
            Ok(entry) => {
                state.servers.insert(server, entry.clone());
                had.insert(server, entry);
            }
            Err(error) => failures.push(format!("{} cannot be had: {error:#}", server.name())),
        }
    }
    failures
}

fn announce(server: Server, entry: &Entry, how: &str) {
    println!(
        "servers: {:<8} {how}, {}, {}",
        server.name(),
        entry.origin,
        entry.address
    );
}
