//! The steps of a data type, with the tables that they look into, and what they leave of its fields.

use super::open::{self, Open};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    model::Kind,
    pipeline::{self, LookupTable, Step, StepSettings, Tables},
    settings::{Chosen, Connection, WriteInto},
};

impl Open {
    /// The steps that `settings` describe, in order.
    pub(super) async fn steps(
        &self,
        settings: &[StepSettings],
    ) -> Result<Vec<Box<dyn Step>>, FlowError> {
        let mut tables = Tables::new();
        for name in StepSettings::connections(settings) {
            let table = match self.connection(name)? {
                Connection::Sqlite { .. } => {
                    LookupTable::Sqlite(self.sqlite(name, Absent::Refuse).await?)
                }
                _ => LookupTable::Mysql(self.mysql(name).await?),
            };
            tables.insert(name.to_owned(), table);
        }
        Ok(pipeline::steps_with(settings, &tables))
    }

    /// The fields that a sink meets, where they are known before the first message.
    pub(super) async fn fields(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
    ) -> Result<Option<Vec<(String, Kind)>>, FlowError> {
        let Some(fields) = open::codec(chosen.data_type)?.decoder.fields() else {
            return Ok(None);
        };
        let steps = self.steps(&into.steps).await?;
        Ok(pipeline::fields_behind(&steps, fields)?)
    }
}
