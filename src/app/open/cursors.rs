//! Where cursors are kept: settings to stores.

use std::sync::Arc;

use super::{Open, holder, no_role};
use crate::{
    connect::sqlite::Absent,
    cursor::{CursorStore, database::DatabaseCursors, file::FileCursors},
    flow::FlowError,
    model::{Role, System},
    settings::Cursors,
};

impl Open {
    /// Where cursors are kept.
    pub(in crate::app) async fn cursors(&self) -> Result<Arc<dyn CursorStore>, FlowError> {
        let name = match &self.settings.cursors {
            Cursors::File { folder } => {
                return Ok(Arc::new(FileCursors::new(folder).with_holder(holder())));
            }
            Cursors::Database { connection, .. } => connection,
        };
        let open = async || self.cursors_in(name).await.map(Arc::new);
        Ok(self.database_cursors.get(name.clone(), open).await?)
    }

    async fn cursors_in(&self, name: &str) -> Result<DatabaseCursors, FlowError> {
        let holder = holder();
        let opened = match self.system(name)? {
            #[cfg(not(feature = "mongodb"))]
            system @ System::Mongodb => return Err(super::not_built(name, system)),
            #[cfg(feature = "mongodb")]
            System::Mongodb => {
                let mongodb = self.mongodb(name).await?;
                DatabaseCursors::in_mongodb(mongodb, &holder).await
            }
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(name, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => {
                let mysql = self.mysql(name).await?;
                DatabaseCursors::in_mysql(mysql, &holder).await
            }
            System::Sqlite => {
                let sqlite = self.sqlite(name, Absent::Create).await?;
                DatabaseCursors::in_sqlite(sqlite, &holder).await
            }
            system @ (System::Kafka | System::Embedded) => {
                return Err(no_role(name, system, Role::CursorStore));
            }
        };
        Ok(opened?)
    }
}
