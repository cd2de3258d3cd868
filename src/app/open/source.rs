//! What is read: settings to sources.

use super::{
    Open, declared, flow_name, no_part, no_role,
    rules::{late, rules},
};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    model::{FlowName, Role, System},
    settings::{Chosen, ReadFrom},
    source::{
        InspectableSource, ReadLimits, Rules, Sharing, TableSource,
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
};

#[cfg(feature = "mongodb")]
use crate::source::mongodb::scan::{MongodbScan, MongodbScanSettings};
#[cfg(feature = "mysql")]
use crate::source::mysql::scan::{MysqlScan, MysqlScanSettings};

/// A following read answers at least this often, so that a stop is noticed.
const MAX_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

impl Open {
    /// Where a data type is read from, whatever it is.
    pub(in crate::app) async fn source(
        &self,
        chosen: &Chosen<'_>,
    ) -> Result<Box<dyn InspectableSource>, FlowError> {
        // Every source that settings can name is a table.
        Ok(self.table_source(chosen).await?)
    }

    /// The table or collection that a data type is read from.
    pub(in crate::app) async fn table_source(
        &self,
        chosen: &Chosen<'_>,
    ) -> Result<Box<dyn TableSource>, FlowError> {
        match &chosen.data_type.from {
            Some(from) => self.table_source_of(from, &flow_name(chosen)).await,
            None => Err(no_part(chosen, "from")),
        }
    }

    /// The table or collection that `flow` reads.
    pub(in crate::app) async fn table_source_of(
        &self,
        from: &ReadFrom,
        flow: &FlowName,
    ) -> Result<Box<dyn TableSource>, FlowError> {
        let limits = ReadLimits {
            rows: from.rows,
            bytes: from.bytes,
            max_wait: MAX_WAIT,
        };
        let sharing = Sharing::with_workers(from.workers);
        let (table, incremental) = (from.table.clone(), from.incremental.clone());
        let (name, key, poll) = (&from.connection, declared(&from.key), from.poll);
        let rules = rules(&self.settings, flow, from);
        Ok(match self.system(name)? {
            #[cfg(not(feature = "mongodb"))]
            system @ System::Mongodb => return Err(super::not_built(name, system)),
            #[cfg(feature = "mongodb")]
            System::Mongodb => {
                let mongodb = self.mongodb(name).await?;
                Box::new(MongodbScan::new(
                    mongodb,
                    &mongodb_scan(from, limits, rules),
                ))
            }
            System::Sqlite => {
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
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(name, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
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
            system @ (System::Kafka | System::Embedded) => {
                return Err(no_role(name, system, Role::Source));
            }
        })
    }
}

#[cfg(feature = "mongodb")]
fn mongodb_scan(from: &ReadFrom, limits: ReadLimits, rules: Rules) -> MongodbScanSettings {
    MongodbScanSettings {
        collection: from.table.clone(),
        incremental: from.incremental.clone(),
        key: declared(&from.key),
        limits,
        poll: from.poll,
        late: late(from),
        sharing: Sharing::with_workers(from.workers),
        rules,
    }
}
