//! Clients and pools, opened once and shared by sources, brokers, stores and sinks.

pub mod identifier;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "kafka")]
pub mod kafka_log;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "mysql")]
pub mod mysql_catalog;
#[cfg(feature = "mysql")]
mod mysql_errors;
mod sql_errors;
pub mod sqlite;
mod sqlite_errors;
pub mod table_name;

pub use sql_errors::{ErrorClass, classify};

use crate::fault::{Cause, Fault, Faulty};

/// Why a connection cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server cannot be reached, or cannot answer now.
    #[error("connection {0} cannot be reached")]
    Lost(String, #[source] Cause),
    /// The server refused for good: a wrong password, missing rights.
    #[error("connection {name} refused: {advice}")]
    Refused {
        /// The connection's name in the settings.
        name: String,
        /// What to do about it.
        advice: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The settings of the connection cannot be used.
    #[error("connection {name}: {advice}")]
    Settings {
        /// The connection's name in the settings.
        name: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

impl Faulty for ConnectError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost(..) => Fault::Transient,
            Self::Refused { .. } | Self::Settings { .. } => Fault::Permanent,
        }
    }
}

impl ConnectError {
    /// What an error of the SQL driver means while `name` is being opened, or read for settings.
    pub(crate) fn of_sql(name: &str, error: sqlx::Error) -> Self {
        match classify(&error) {
            ErrorClass::Transient => Self::Lost(name.to_owned(), error.into()),
            ErrorClass::Refused(advice) => Self::Refused {
                name: name.to_owned(),
                advice: advice.to_owned(),
                cause: error.into(),
            },
            ErrorClass::Data => Self::Refused {
                name: name.to_owned(),
                advice: "the server does not take this connection's settings".to_owned(),
                cause: error.into(),
            },
        }
    }
}
