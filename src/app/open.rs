//! Settings to adapters: connections are opened once, adapters for each attempt.

use std::sync::Arc;

use super::{
    open_rules::{late, rules},
    shared::Shared,
};
use crate::{
    broker::embedded::EmbeddedBroker,
    codec::{
        Decoder, Encoder,
        information::{InformationJson, InformationProtobuf},
        json::{Binary, Decimals, Documents, Instants, Json},
        protobuf::Protobuf,
    },
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
    settings::{
        self, BinaryText, Chosen, Connection, Cursors, DataType, Format, JsonOptions, ReadFrom,
        Settings, WriteInto,
    },
    sink::{
        BytesText, CreateTable, JsonText, OnDelete, OnKnown, RowRules, Sink, Texts,
        mysql::{MysqlSink, MysqlSinkSettings},
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
    source::{
        ReadLimits, Rules, Sharing, Source,
        mongodb_scan::{MongodbScan, MongodbScanSettings},
        mysql_scan::{MysqlScan, MysqlScanSettings},
        sqlite_scan::{SqliteScan, SqliteScanSettings},
    },
};

/// A following read answers at least this often, so that a stop is noticed.
const MAX_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

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
            format!("to:{}.{}", it.connection, it.table)
        }),
    }
    .text()
}

/// Both directions of a format.
pub(super) struct Codec {
    pub encoder: Arc<dyn Encoder>,
    pub decoder: Arc<dyn Decoder>,
}

pub(super) fn codec(data_type: &DataType) -> Codec {
    fn both<T: Encoder + Decoder + Copy + 'static>(format: T) -> Codec {
        Codec {
            encoder: Arc::new(format),
            decoder: Arc::new(format),
        }
    }
    match data_type.format {
        Format::InformationJson => both(InformationJson),
        Format::InformationProtobuf => both(InformationProtobuf),
        Format::Json => both(json(data_type.json)),
        Format::Protobuf => both(Protobuf),
    }
}

/// Opens what settings name; what is open already is shared.
pub(super) struct Open {
    settings: Arc<Settings>,
    mysql: Shared<String, MysqlConnection>,
    sqlite: Shared<String, SqliteConnection>,
    mongodb: Shared<String, MongodbConnection>,
    pub(super) embedded: Shared<String, EmbeddedBroker>,
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
                return Ok(Arc::new(FileCursors::new(folder).held_by(holder())));
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

    /// Where a data type is read from.
    pub(super) async fn source(&self, chosen: &Chosen<'_>) -> Result<Box<dyn Source>, FlowError> {
        let Some(from) = &chosen.data_type.from else {
            return Err(FlowError::Silent("a data type without `from`"));
        };
        let limits = ReadLimits {
            rows: from.rows,
            bytes: from.bytes,
            max_wait: MAX_WAIT,
        };
        let sharing = Sharing::among(from.workers);
        let (table, incremental) = (from.table.clone(), from.incremental.clone());
        let (name, key, poll) = (&from.connection, declared(&from.key), from.poll);
        let rules = rules(&self.settings, chosen, from);
        Ok(match self.connection(name)? {
            Connection::Mongodb { .. } => {
                let mongodb = self.mongodb(name).await?;
                Box::new(MongodbScan::new(
                    mongodb,
                    &mongodb_scan(from, limits, rules),
                ))
            }
            Connection::Sqlite { .. } => {
                let sqlite = self.sqlite(name, Absent::Refuse).await?;
                let settings = SqliteScanSettings {
                    table,
                    incremental,
                    key,
                    limits,
                    poll,
                    sharing,
                    rules,
                };
                Box::new(SqliteScan::new(sqlite, settings))
            }
            _ => {
                let mysql = self.mysql(name).await?;
                let settings = MysqlScanSettings {
                    table,
                    incremental,
                    key,
                    limits,
                    poll,
                    late: late(from),
                    time_zone: from.time_zone,
                    sharing,
                    rules,
                };
                Box::new(MysqlScan::new(mysql, settings))
            }
        })
    }

    /// Where a data type is written.
    pub(super) async fn sink(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Arc<dyn Sink>, FlowError> {
        let key = declared(&into.key).or_else(|| known_key(chosen.data_type.format));
        let (name, drop) = (&into.connection, into.drop.clone());
        let create = match into.create_table {
            true => CreateTable::WhenMissing,
            false => CreateTable::Never,
        };
        Ok(match self.connection(name)? {
            Connection::Sqlite { .. } => {
                let sqlite = self.sqlite(name, Absent::Create).await?;
                let settings = SqliteSinkSettings {
                    key,
                    drop,
                    rules: row_rules(into),
                    create,
                    ..SqliteSinkSettings::new(&into.table)
                };
                Arc::new(SqliteSink::open(sqlite, settings)?)
            }
            _ => {
                let mysql = self.mysql(name).await?;
                let settings = MysqlSinkSettings {
                    key,
                    drop,
                    rules: row_rules(into),
                    silence: into.session_timeout / 2,
                    create,
                    texts: texts(into, chosen.data_type.json),
                    ..MysqlSinkSettings::new(&into.table)
                };
                Arc::new(MysqlSink::open(mysql, settings)?)
            }
        })
    }

    pub(super) fn connection(&self, name: &str) -> Result<&Connection, FlowError> {
        // Settings that were read have no name that leads nowhere.
        let found = self.settings.connections.get(name);
        found.ok_or(FlowError::Silent(
            "a connection that the settings do not have",
        ))
    }

    pub(super) async fn mysql(&self, name: &str) -> Result<MysqlConnection, FlowError> {
        let (Connection::Mysql(it) | Connection::Mariadb(it)) = self.connection(name)? else {
            return Err(FlowError::Silent("a connection of another kind"));
        };
        let settings = MysqlSettings {
            url: it.url.clone(),
            pool: it.pool,
            tls_ca: it.tls_ca.clone(),
        };
        let open = async || mysql::open(name, &settings).await;
        self.mysql.get(name.to_owned(), open).await.map_err(opening)
    }

    async fn mongodb(&self, name: &str) -> Result<MongodbConnection, FlowError> {
        let Connection::Mongodb { url, database } = self.connection(name)? else {
            return Err(FlowError::Silent("a connection of another kind"));
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
        let Connection::Sqlite { path } = self.connection(name)? else {
            return Err(FlowError::Silent("a connection of another kind"));
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
fn holder() -> String {
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

/// The field that identifies a row, where the format itself says so.
fn known_key(format: Format) -> Option<Vec<String>> {
    match format {
        Format::InformationJson | Format::InformationProtobuf => Some(vec!["uid".into()]),
        Format::Json | Format::Protobuf => None,
    }
}

fn declared(key: &[String]) -> Option<Vec<String>> {
    (!key.is_empty()).then(|| key.to_vec())
}

fn json(options: JsonOptions) -> Json {
    Json {
        documents: match options.documents {
            settings::Documents::Plain => Documents::Plain,
            settings::Documents::Relaxed => Documents::Relaxed,
            settings::Documents::Canonical => Documents::Canonical,
        },
        decimals: match options.decimals {
            settings::Decimals::Text => Decimals::Text,
            settings::Decimals::Number => Decimals::Number,
        },
        instants: match options.instants {
            settings::Instants::Text => Instants::Text,
            settings::Instants::EpochMillis => Instants::EpochMillis,
            settings::Instants::EpochMicros => Instants::EpochMicros,
        },
        binary: match options.binary {
            settings::BytesIn::Base64 => Binary::Base64,
            settings::BytesIn::Hex => Binary::Hex,
        },
    }
}

fn texts(into: &WriteInto, json: JsonOptions) -> Texts {
    Texts {
        epoch: match json.instants {
            settings::Instants::Text => None,
            settings::Instants::EpochMillis => Some(1_000),
            settings::Instants::EpochMicros => Some(1_000_000),
        },
        bytes: match into.binary {
            BinaryText::Plain => BytesText::Plain,
            BinaryText::Base64 => BytesText::Base64,
            BinaryText::Hex => BytesText::Hex,
        },
        json: match into.json_text {
            settings::JsonText::Document => JsonText::Document,
            settings::JsonText::Value => JsonText::Value,
        },
    }
}

fn mongodb_scan(from: &ReadFrom, limits: ReadLimits, rules: Rules) -> MongodbScanSettings {
    MongodbScanSettings {
        collection: from.table.clone(),
        incremental: from.incremental.clone(),
        limits,
        poll: from.poll,
        late: late(from),
        sharing: Sharing::among(from.workers),
        rules,
    }
}

fn row_rules(into: &WriteInto) -> RowRules {
    RowRules {
        on_known: match into.on_known {
            settings::OnKnown::Update => OnKnown::Update,
            settings::OnKnown::Ignore => OnKnown::Ignore,
        },
        version: into.version.clone(),
        on_delete: match into.on_delete {
            settings::OnDelete::Delete => OnDelete::Delete,
            settings::OnDelete::Ignore => OnDelete::Ignore,
            settings::OnDelete::Refuse => OnDelete::Refuse,
        },
    }
}
