//! What is known of the servers between two commands: `target/services/state.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Server, native};
use crate::paths;

/// The servers and where they are; one that was stopped keeps its entry, and so its ports.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub servers: BTreeMap<Server, Entry>,
}

/// One server as it was last brought up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub origin: Origin,
    /// The value of the server's environment variable.
    pub address: String,
    pub ports: Vec<u16>,
    pub pid: Option<u32>,
    pub log: Option<PathBuf>,
}

/// Where a server comes from, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Environment,
    Compose,
    Native,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Environment => "from the environment",
            Self::Compose => "from docker compose",
            Self::Native => "from native packages",
        })
    }
}

impl State {
    /// # Errors
    /// The file exists and cannot be read as state.
    pub fn load() -> Result<Self> {
        let path = path();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged; remove it", path.display())),
            Err(_) => Ok(Self::default()),
        }
    }

    /// # Errors
    /// The file cannot be written.
    pub fn save(&self) -> Result<()> {
        let path = path();
        let written = path.with_extension("json.new");
        fs::write(&written, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&written, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The entry of a server of ours that answers now.
    pub fn running(&self, server: Server) -> Option<Entry> {
        let entry = self.servers.get(&server)?;
        let port = *entry.ports.first()?;
        let alive = entry.origin != Origin::Native || native::pid(server).is_some();
        (alive && server.answers(port)).then(|| entry.clone())
    }
}

/// Held while servers are brought up or stopped, so that two commands do not do it at once.
///
/// # Errors
/// The lock file cannot be written.
pub fn lock() -> Result<File> {
    let folder = paths::services();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

fn path() -> PathBuf {
    paths::services().join("state.json")
}
