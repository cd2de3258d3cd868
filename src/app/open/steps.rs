//! The steps of a data type, their lookup tables, and the fields that they leave.

use super::{Open, no_role};
use crate::{
    connect::sqlite::Absent,
    flow::FlowError,
    model::{Kind, Role, System},
    pipeline::{self, LookupTable, Step, StepSettings, Tables},
    settings::{Chosen, DataType, IntoTable, WriteInto},
};

/// The fields that tell one state of a record from another, in the order in which they are asked.
pub(in crate::app) fn version(data_type: &DataType) -> Vec<String> {
    let from = data_type.from.iter();
    from.flat_map(|it| std::iter::once(&it.incremental).chain(&it.coalesce))
        .cloned()
        .collect()
}

impl Open {
    /// The steps that `settings` describe, in order.
    pub(in crate::app) async fn steps(
        &self,
        settings: &[StepSettings],
    ) -> Result<Vec<Box<dyn Step>>, FlowError> {
        let mut tables = Tables::new();
        for name in StepSettings::connections(settings) {
            let table = match self.system(name)? {
                #[cfg(not(feature = "mysql"))]
                system @ (System::Mysql | System::Mariadb) => {
                    return Err(super::not_built(name, system));
                }
                #[cfg(feature = "mysql")]
                System::Mysql | System::Mariadb => LookupTable::Mysql(self.mysql(name).await?),
                System::Sqlite => LookupTable::Sqlite(self.sqlite(name, Absent::Refuse).await?),
                system @ (System::Mongodb | System::Kafka | System::Embedded) => {
                    return Err(no_role(name, system, Role::LookupTable));
                }
            };
            tables.insert(name.to_owned(), table);
        }
        Ok(pipeline::steps_with(settings, &tables))
    }

    /// The fields of one table's records, where they are known before the first message.
    pub(super) async fn fields_of(
        &self,
        chosen: &Chosen<'_>,
        into: &WriteInto,
        table: &IntoTable,
    ) -> Result<Option<Vec<(String, Kind)>>, FlowError> {
        let Some(fields) = super::codec(chosen.data_type)?.decoder.fields() else {
            return Ok(None);
        };
        let all = self.steps(&into.steps).await?;
        let Some(fields) = pipeline::fields_behind(&all, fields)? else {
            return Ok(None);
        };
        let own = self.steps(&table.steps).await?;
        let mut fields = pipeline::fields_behind(&own, fields)?;
        if let (Some(fields), Some(identity)) = (&mut fields, &table.append) {
            fields.retain(|(name, _)| name != identity);
            fields.push((identity.clone(), Kind::String));
        }
        Ok(fields)
    }
}
