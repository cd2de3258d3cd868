//! Tables whose rows are hashed one by one, for `verify --md5`.

use super::{Open, cannot, no_role};
use crate::{
    app::verify::md5_rows::Tables,
    connect::sqlite::Absent,
    flow::FlowError,
    model::{Role, System},
};

impl Open {
    /// The tables of this connection.
    pub(in crate::app) async fn hashed(&self, name: &str) -> Result<Tables, FlowError> {
        Ok(match self.system(name)? {
            #[cfg(not(feature = "mysql"))]
            system @ (System::Mysql | System::Mariadb) => {
                return Err(super::not_built(name, system));
            }
            #[cfg(feature = "mysql")]
            System::Mysql | System::Mariadb => Tables::Mysql(self.mysql(name).await?),
            System::Sqlite => Tables::Sqlite(self.sqlite(name, Absent::Refuse).await?),
            system @ System::Mongodb => {
                return Err(cannot(name, system, "`verify --md5` does not read"));
            }
            system @ (System::Kafka | System::Embedded) => {
                return Err(no_role(name, system, Role::VerifySide));
            }
        })
    }
}
