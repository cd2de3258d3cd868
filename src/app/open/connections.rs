//! One client or pool for each connection, opened when it is first needed.

use super::{Open, cannot, opening};
#[cfg(feature = "mongodb")]
use crate::connect::mongodb::{self, MongodbConnection, MongodbSettings};
#[cfg(feature = "mysql")]
use crate::connect::mysql::{self, MysqlConnection, MysqlSettings};
use crate::{
    broker::embedded::EmbeddedBroker,
    connect::sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    flow::FlowError,
    settings::Connection,
};
#[cfg(feature = "kafka")]
use {super::kafka, crate::broker::kafka::KafkaBroker};

impl Open {
    #[cfg(feature = "mysql")]
    pub(in crate::app) async fn mysql(&self, name: &str) -> Result<MysqlConnection, FlowError> {
        let connection = self.connection(name)?;
        let (Connection::Mysql(it) | Connection::Mariadb(it)) = connection else {
            return Err(cannot(
                name,
                connection.system(),
                "cannot be opened as MySQL or MariaDB",
            ));
        };
        let settings = MysqlSettings {
            url: it.url.clone(),
            pool: it.pool,
            tls_ca: it.tls_ca.clone(),
        };
        let open = async || mysql::open(name, &settings).await;
        self.mysql.get(name.to_owned(), open).await.map_err(opening)
    }

    #[cfg(feature = "mongodb")]
    pub(super) async fn mongodb(&self, name: &str) -> Result<MongodbConnection, FlowError> {
        let connection = self.connection(name)?;
        let Connection::Mongodb { url, database } = connection else {
            return Err(cannot(
                name,
                connection.system(),
                "cannot be opened as MongoDB",
            ));
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
            return Err(cannot(
                name,
                connection.system(),
                "cannot be opened as SQLite",
            ));
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

    pub(super) async fn embedded(&self, name: &str) -> Result<EmbeddedBroker, FlowError> {
        let connection = self.connection(name)?;
        let Connection::Embedded { path } = connection else {
            return Err(cannot(
                name,
                connection.system(),
                "cannot be opened as embedded topics",
            ));
        };
        let open = async || EmbeddedBroker::open(name, path).await;
        self.embedded
            .get(name.to_owned(), open)
            .await
            .map_err(opening)
    }

    #[cfg(feature = "kafka")]
    pub(super) fn kafka(&self, name: &str) -> Result<KafkaBroker, FlowError> {
        let connection = self.connection(name)?;
        let Connection::Kafka(kafka) = connection else {
            return Err(cannot(
                name,
                connection.system(),
                "cannot be opened as Kafka",
            ));
        };
        KafkaBroker::new(name, &kafka::connecting(kafka)).map_err(opening)
    }
}
