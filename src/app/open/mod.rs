//! Settings to adapters: connections are opened once, adapters for each attempt.

pub(super) mod codec;
pub(super) mod compared;
mod dead_letters;
mod kafka;
pub(super) mod lease;
mod rules;
mod shared;
pub(super) mod sink;
mod source;
pub(super) mod steps;
mod target_spec;
mod topics;

use std::sync::Arc;

use crate::{
    broker::embedded::EmbeddedBroker,
    connect::{
        ConnectError,
        mongodb::{self, MongodbConnection, MongodbSettings},
        mysql::{self, MysqlConnection, MysqlSettings},
        sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    },
    cursor::{CursorStore, database::DatabaseCursors, file::FileCursors},
    fault::Faulty,
    flow::FlowError,
    model::FlowName,
    settings::{Chosen, Connection, Cursors, Settings},
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
    mysql: Shared<String, MysqlConnection>,
    sqlite: Shared<String, SqliteConnection>,
    mongodb: Shared<String, MongodbConnection>,
    embedded: Shared<String, EmbeddedBroker>,
    database_cursors: Shared<String, Arc<DatabaseCursors>>,
}

impl Open {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            mysql: Shared::new(),
            sqlite: Shared::new(),
            mongodb: Shared::new(),
            embedded: Shared::new(),
            database_cursors: Shared::new(),
        }
    }

    /// Says good-bye to the servers that would otherwise be told while the runtime ends.
    pub(super) async fn close(&self) {
        for connection in self.mongodb.take().await {
            connection.close().await;
        }
    }

    /// Where cursors are kept.
    pub(super) async fn cursors(&self) -> Result<Arc<dyn CursorStore>, FlowError> {
        let name = match &self.settings.cursors {
            Cursors::File { folder } => {
                return Ok(Arc::new(FileCursors::new(folder).with_holder(holder())));
            }
            Cursors::Database { connection, .. } => connection,
        };
        let holder = holder();
        let store = self
            .database_cursors
            .get(name.clone(), async || match self.connection(name)? {
                Connection::Mongodb { .. } => {
                    let mongodb = self.mongodb(name).await?;
                    DatabaseCursors::in_mongodb(mongodb, &holder)
                        .await
                        .map(Arc::new)
                        .map_err(FlowError::from)
                }
                Connection::Sqlite { .. } => {
                    let sqlite = self.sqlite(name, Absent::Create).await?;
                    DatabaseCursors::in_sqlite(sqlite, &holder)
                        .await
                        .map(Arc::new)
                        .map_err(FlowError::from)
                }
                _ => {
                    let mysql = self.mysql(name).await?;
                    DatabaseCursors::in_mysql(mysql, &holder)
                        .await
                        .map(Arc::new)
                        .map_err(FlowError::from)
                }
            })
            .await?;
        Ok(store)
    }

    pub(super) fn connection(&self, name: &str) -> Result<&Connection, FlowError> {
        // Settings that were read have no name that leads nowhere.
        let found = self.settings.connections.get(name);
        found.ok_or_else(|| FlowError::NoConnection(name.to_owned()))
    }

    pub(super) async fn mysql(&self, name: &str) -> Result<MysqlConnection, FlowError> {
        let connection = self.connection(name)?;
        let (Connection::Mysql(it) | Connection::Mariadb(it)) = connection else {
            return Err(wrong_kind(name, connection, "mysql or mariadb"));
        };
        let settings = MysqlSettings {
            url: it.url.clone(),
            pool: it.pool,
            tls_ca: it.tls_ca.clone(),
        };
        let open = async || mysql::open(name, &settings).await;
        self.mysql.get(name.to_owned(), open).await.map_err(opening)
    }

    pub(super) async fn mongodb(&self, name: &str) -> Result<MongodbConnection, FlowError> {
        let connection = self.connection(name)?;
        let Connection::Mongodb { url, database } = connection else {
            return Err(wrong_kind(name, connection, "mongodb"));
        };
        let settings = MongodbSettings {
            url: url.clone(),
            database: Some(database.clone()),
        };
        let open = async || mongodb::open(name, &settings).await;
        self.mongodb
            .get(name.to_owned(), open)
            .await
            .map_err(opening)
    }

    pub(super) async fn sqlite(
        &self,
        name: &str,
        absent: Absent,
    ) -> Result<SqliteConnection, FlowError> {
        let connection = self.connection(name)?;
        let Connection::Sqlite { path } = connection else {
            return Err(wrong_kind(name, connection, "sqlite"));
        };
        let settings = SqliteSettings { path: path.clone() };
        if absent == Absent::Create
            && let Some(folder) = path.parent()
        {
            // Where it cannot be made, opening the file says so.
            let _ = std::fs::create_dir_all(folder);
        }
        let open = async || sqlite::open(name, &settings, absent, Durability::Full).await;
        self.sqlite
            .get(name.to_owned(), open)
            .await
            .map_err(opening)
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

/// A connection that does not serve, where one of the `wanted` kinds would.
pub(super) fn wrong_kind(name: &str, connection: &Connection, wanted: &'static str) -> FlowError {
    FlowError::WrongKind {
        name: name.to_owned(),
        kind: connection.kind().word(),
        wanted,
    }
}

pub(super) fn no_part(chosen: &Chosen<'_>, part: &'static str) -> FlowError {
    FlowError::NoPart {
        name: chosen.name.clone(),
        part,
    }
}

pub(super) fn declared(key: &[String]) -> Option<Vec<String>> {
    (!key.is_empty()).then(|| key.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[tokio::test]
    async fn a_connection_that_does_not_serve_is_named_with_its_kind_and_never_tried_again() {
        let text = "[connections.cache]\nkind = \"redis\"\nurl = \"redis://h\"\n";
        let settings =
            Settings::parse(text, "settings.toml", &|_| None, &crate::app::command_scope)
                .expect("no mistake");
        let open = Open::new(Arc::new(settings));
        let errors = [
            (
                open.mysql("cache").await.err(),
                "mysql or mariadb is needed",
            ),
            (open.mongodb("cache").await.err(), "mongodb is needed"),
            (
                open.sqlite("cache", Absent::Refuse).await.err(),
                "sqlite is needed",
            ),
            (
                open.mysql("none").await.err(),
                "there is no connection `none`",
            ),
        ];
        for (error, why) in errors {
            let error = error.expect("it does not serve");
            assert_eq!(error.fault(), Fault::Permanent);
            assert!(error.to_string().contains(why), "{error}");
        }
        let refused = open.mysql("cache").await;
        let error = refused.expect_err("it does not serve");
        let said = error.to_string();
        assert!(
            said.starts_with("connection `cache` is of kind redis"),
            "{said}"
        );
    }
}
