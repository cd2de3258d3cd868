//! Stored positions of an older version: refused, with the commands that convert them.

use mongodb::bson::doc;

use super::MongodbSink;
use crate::sink::{
    SinkError,
    advance::{OLDER_POSITION, OLDER_POSITION_TABLE, POSITION_TABLE},
};

impl MongodbSink {
    /// Checks that no positions of an older version would be left out: without them a flow that
    /// has run before would read everything again.
    ///
    /// # Errors
    /// `Incompatible` where there are; it names the commands that convert them.
    pub(super) async fn refuse_older(&self) -> Result<(), SinkError> {
        let (older, current) = (OLDER_POSITION_TABLE, POSITION_TABLE);
        let has_older = self.is_there(older).await?;
        let column = |collection: &str| {
            format!(
                "db.{collection}.updateMany({{}}, {{$rename: {{{OLDER_POSITION}: \"position\"}}}})"
            )
        };
        let convert = || {
            let renamed = format!("db.{older}.renameCollection(\"{current}\")");
            format!("{}; {renamed}", column(older))
        };
        let advice = if !has_older {
            if !self.has_older_field().await? {
                return Ok(());
            }
            let rename = column(current);
            format!("`{current}` is of an older version: rename its field: {rename}")
        } else if self.is_there(current).await? {
            format!(
                "`{current}` is in use, and `{older}` holds positions of an older version: compare \
                 their documents, then remove the older ones: db.{older}.drop(); or continue from \
                 them: db.{current}.drop(); {}",
                convert()
            )
        } else {
            let convert = convert();
            format!("`{older}` holds the positions of an older version: rename it: {convert}")
        };
        let name = self.name.clone();
        Err(SinkError::Incompatible { name, advice })
    }

    async fn has_older_field(&self) -> Result<bool, SinkError> {
        let with_older = doc! { OLDER_POSITION: { "$exists": true } };
        let found = self.progress.positions.find_one(with_older).await;
        Ok(found.map_err(|error| self.failed(error))?.is_some())
    }
}
