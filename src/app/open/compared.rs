//! Both sides of a comparison, each read in the order of its key.

use std::{path::Path, time::Duration};

use super::{Open, declared, no_role};
use crate::{
    connect::sqlite::Absent,
    digest::{Digest, Shape, Sums, sqlite::SqliteDigest},
    flow::FlowError,
    model::{Role, System},
    settings::ReadFrom,
    source::{
        Late, ReadLimits, Rules, Sharing, TableSource,
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
};

#[cfg(feature = "mongodb")]
use crate::{
    digest::mongodb::MongodbDigest,
    source::mongodb::scan::{MongodbScan, MongodbScanSettings},
};
#[cfg(feature = "mysql")]
use crate::{
    digest::mysql::MysqlDigest,
    source::mysql::scan::{MysqlScan, MysqlScanSettings},
};

/// A stop is noticed at least this often.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// A table or collection, and how it is read.
pub(in crate::app) struct Named<'a> {
    connection: &'a str,
    table: &'a str,
    /// Of documents of a target: what their `_id` is made of by who writes them.
    key: Option<Vec<String>>,
    is_target: bool,
    limits: ReadLimits,
    poll: Duration,
}

impl<'a> Named<'a> {
    pub fn of_source(from: &'a ReadFrom) -> Self {
        Self {
            connection: &from.connection,
            table: &from.table,
            key: declared(&from.key),
            is_target: false,
            limits: ReadLimits {
                rows: from.rows,
                bytes: from.bytes,
                max_wait: MAX_WAIT,
            },
            poll: from.poll,
        }
    }

    pub fn of_target(
        (connection, table): (&'a str, &'a str),
        key: Option<Vec<String>>,
        from: &'a ReadFrom,
    ) -> Self {
        Self {
            connection,
            table,
            key,
            is_target: true,
            ..Self::of_source(from)
        }
    }
}

impl Open {
    /// A table or collection in the order of its key, as it lies there now, and its columns. Documents
    /// of a source have none; those of a target are told by what their `_id` is made of.
    pub(in crate::app) async fn read_by_key(
        &self,
        named: &Named<'_>,
    ) -> anyhow::Result<(Box<dyn TableSource>, Option<Shape>)> {
        let (table, key) = (named.table.to_owned(), named.key.clone());
        let (limits, poll, sharing) = (named.limits, named.poll, Sharing::with_workers(1));
        let rules = Rules::default();
        Ok(match self.system(named.connection)? {
            #[cfg(not(feature = "mongodb"))]
            system @ System::Mongodb => {
                return Err(super::not_built(named.connection, system).into());
            }
            #[cfg(feature = "mongodb")]
            System::Mongodb => {
                let mongodb = self.mongodb(named.connection).await?;
                let shape = if named.is_target {
                    let digest = MongodbDigest::new(mongodb.clone(), &table, key.clone());
                    Some(digest.shape().await?)
                } else {
                    None
                };
                let settings = MongodbScanSettings {
                    collection: table,
                    incremental: "_id".to_owned(),
                    // What lies at a target is looked at as it lies there.
                    key: key.filter(|_| !named.is_target),
                    limits,
                    poll,
                    late: Late::None,
                    sharing,
                    rules,
                };
                (Box::new(MongodbScan::new(mongodb, &settings)), shape)
            }
            System::Sqlite => {
                let sqlite = self.sqlite(named.connection, Absent::Refuse).await?;
                let digest = SqliteDigest::new(sqlite.clone(), &table, key.clone());
                let shape = digest.shape().await?;
                let settings = SqliteScanSettings {
                    table,
                    incremental: first_of_key(&shape),
                    key,
                    limits,
                    poll,
                    sharing,
                    rules,
                };
                (Box::new(SqliteScan::new(sqlite, settings)), Some(shape))
            }
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(named.connection, system).into());
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(named.connection).await?;
                let digest = MysqlDigest::new(mysql.clone(), &table, key.clone());
                let shape = digest.shape().await?;
                let settings = MysqlScanSettings {
                    table,
                    incremental: first_of_key(&shape),
                    key,
                    limits,
                    poll,
                    late: Late::None,
                    time_zone: None,
                    sharing,
                    rules,
                };
                (Box::new(MysqlScan::new(mysql, settings)), Some(shape))
            }
            system @ (System::Kafka | System::Embedded) => {
                return Err(no_role(named.connection, system, Role::VerifySide).into());
            }
        })
    }

    /// A table whose server sums up `columns` of its rows by the first column of their key, `key`;
    /// `None` where the system cannot, or these columns have no text to be summed up.
    pub(in crate::app) async fn sums(
        &self,
        (connection, table): (&str, &str),
        key: &str,
        columns: &[String],
    ) -> anyhow::Result<Option<Box<dyn Sums>>> {
        match self.system(connection)? {
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(connection).await?;
                let digest = MysqlDigest::new(mysql, table, None);
                let sums = digest.sums(key, columns).await?;
                Ok(sums.map(|it| Box::new(it) as Box<dyn Sums>))
            }
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                Err(super::not_built(connection, system).into())
            }
            System::Mongodb | System::Sqlite => Ok(None),
            system @ (System::Kafka | System::Embedded) => {
                Err(no_role(connection, system, Role::VerifySide).into())
            }
        }
    }

    /// The file that a target is, where it is not there yet.
    pub(in crate::app) fn missing_file(
        &self,
        connection: &str,
    ) -> Result<Option<&Path>, FlowError> {
        let file = self.connection(connection)?.file();
        Ok(file.filter(|path| !path.exists()))
    }
}

pub(in crate::app) fn first_of_key(shape: &Shape) -> String {
    let first = shape.key.first().map(|it| shape.columns[*it].name.clone());
    first.unwrap_or_default()
}
