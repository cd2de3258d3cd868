//! Both sides of a comparison, each read in the order of its key.

use std::time::Duration;

use super::{Open, declared};
use crate::{
    connect::sqlite::Absent,
    digest::{Digest, Shape, mongodb::MongodbDigest, mysql::MysqlDigest, sqlite::SqliteDigest},
    settings::{Connection, ReadFrom},
    source::{
        Late, ReadLimits, Rules, Sharing, TableSource,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
        mysql::scan::{MysqlScan, MysqlScanSettings},
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
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
        Ok(match self.connection(named.connection)? {
            Connection::Mongodb { .. } => {
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
            Connection::Sqlite { .. } => {
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
            _ => {
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
        })
    }
}

pub(in crate::app) fn first_of_key(shape: &Shape) -> String {
    let first = shape.key.first().map(|it| shape.columns[*it].name.clone());
    first.unwrap_or_default()
}
