//! Settings to adapters: connections are opened once, adapters for each attempt.
//!
//! Each role has one `match` over the systems, which names all of them: what a new system lacks is
//! what the compiler lists. Outside of this folder nothing asks which system a connection leads to.

#![deny(clippy::wildcard_enum_match_arm)]

pub(super) mod codec;
pub(super) mod compared;
mod connections;
mod cursors;
mod dead_letters;
mod hashed;
#[cfg(feature = "kafka")]
mod kafka;
pub(super) mod lease;
mod rules;
mod shared;
pub(super) mod sink;
mod source;
pub(super) mod steps;
mod target_spec;
#[cfg(test)]
mod tests;
mod topics;

use std::sync::Arc;

#[cfg(feature = "mongodb")]
use crate::connect::mongodb::MongodbConnection;
#[cfg(feature = "mysql")]
use crate::connect::mysql::MysqlConnection;
use crate::{
    broker::embedded::EmbeddedBroker,
    connect::{ConnectError, sqlite::SqliteConnection},
    cursor::database::DatabaseCursors,
    fault::{Fault, Faulty},
    flow::FlowError,
    model::{FlowName, Role, System},
    settings::{Chosen, Connection, Settings},
};
pub(super) use codec::{Codec, codec};
use shared::Shared;
pub(super) use target_spec::TargetSpec;

/// The name of a producing flow: its cursor key.
pub(super) fn flow_name(chosen: &Chosen<'_>) -> FlowName {
    let from = chosen.data_type.from.as_ref();
    FlowName {
        data_type: chosen.name.clone(),
        topic: chosen.topic.clone(),
        source: from.map_or_else(String::new, |it| format!("{}.{}", it.connection, it.table)),
    }
}

/// The name of a sink: its progress is kept under it. Without blanks, as it stands in commands.
pub(super) fn sink_name(chosen: &Chosen<'_>) -> String {
    let into = chosen.data_type.into.as_ref();
    FlowName {
        data_type: chosen.name.clone(),
        topic: chosen.topic.clone(),
        source: into.map_or_else(String::new, |it| {
            format!("to:{}.{}", it.connection, it.first_table())
        }),
    }
    .text()
}

/// Opens what settings name; what is open already is shared.
pub(super) struct Open {
    pub(super) settings: Arc<Settings>,
    #[cfg(feature = "mysql")]
    mysql: Shared<String, MysqlConnection>,
    sqlite: Shared<String, SqliteConnection>,
    #[cfg(feature = "mongodb")]
    mongodb: Shared<String, MongodbConnection>,
    embedded: Shared<String, EmbeddedBroker>,
    database_cursors: Shared<String, Arc<DatabaseCursors>>,
}

impl Open {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            #[cfg(feature = "mysql")]
            mysql: Shared::new(),
            sqlite: Shared::new(),
            #[cfg(feature = "mongodb")]
            mongodb: Shared::new(),
            embedded: Shared::new(),
            database_cursors: Shared::new(),
        }
    }

    /// Says good-bye to the servers that would otherwise be told while the runtime ends.
    pub(super) async fn close(&self) {
        #[cfg(feature = "mongodb")]
        for connection in self.mongodb.take().await {
            connection.close().await;
        }
    }

    pub(super) fn connection(&self, name: &str) -> Result<&Connection, FlowError> {
        // Settings that were read have no name that leads nowhere.
        let found = self.settings.connections.get(name);
        found.ok_or_else(|| FlowError::NoConnection(name.to_owned()))
    }

    /// The system that a connection leads to.
    pub(super) fn system(&self, name: &str) -> Result<System, FlowError> {
        Ok(self.connection(name)?.system())
    }
}

/// A system that was asked for what it has not. Settings refuse what they can see of it.
#[derive(Debug, thiserror::Error)]
enum Unplayed {
    #[error("connection {name} leads to {system}, which cannot be used {role}")]
    Role {
        name: String,
        system: System,
        role: Role,
    },
    #[error("connection {name} leads to {system}, which {what}")]
    Part {
        name: String,
        system: System,
        what: &'static str,
    },
}

/// The connection's system does not play the role.
fn no_role(name: &str, system: System, role: Role) -> FlowError {
    let name = name.to_owned();
    never(Unplayed::Role { name, system, role })
}

/// The connection's system plays the role, but not with this.
fn cannot(name: &str, system: System, what: &'static str) -> FlowError {
    let name = name.to_owned();
    never(Unplayed::Part { name, system, what })
}

/// The system is one that this build was made without. Settings that name it are refused before.
#[cfg(not(all(feature = "kafka", feature = "mongodb", feature = "mysql")))]
fn not_built(name: &str, system: System) -> FlowError {
    cannot(name, system, "this build does not have")
}

fn never(cause: Unplayed) -> FlowError {
    FlowError::Opening {
        fault: Fault::Permanent,
        cause: cause.into(),
    }
}

/// Who leases a cursor, as another machine is told.
pub(super) fn holder() -> String {
    let process = std::process::id();
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(machine) => format!("process {process} on {}", machine.trim()),
        Err(_) => format!("process {process}"),
    }
}

pub(super) fn opening(error: ConnectError) -> FlowError {
    FlowError::Opening {
        fault: error.fault(),
        cause: error.into(),
    }
}

/// A data type is used in a way that its settings do not describe.
pub(super) fn no_part(chosen: &Chosen<'_>, part: &'static str) -> FlowError {
    FlowError::NoPart {
        name: chosen.name.clone(),
        part,
    }
}

pub(super) fn declared(key: &[String]) -> Option<Vec<String>> {
    (!key.is_empty()).then(|| key.to_vec())
}
