//! `deduplicate`: of the records of one batch that share a key, one stays.
//!
//! It remembers nothing beyond a batch: a batch that could not be written comes again, and a
//! memory would take its records for known ones and lose them. What is in the target already is
//! the sink's to know, by its key.

use std::{collections::HashSet, sync::Arc};

use super::{
    Step, StepError, Stepped,
    per_record::needs,
    settings::{DeduplicateStep, Else, Keep},
};
use crate::model::{Op, OwnedValue, Records, Row};

/// The fields of the key, and which one stays.
pub(super) struct Deduplicate(pub Arc<DeduplicateStep>);

#[async_trait::async_trait]
impl Step for Deduplicate {
    fn name(&self) -> &str {
        "deduplicate"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    fn apply(&self, mut records: Records) -> Result<Stepped, StepError> {
        let names = self.0.fields.iter().map(String::as_str);
        needs(records.schema(), names).map_err(|advice| StepError::Incompatible {
            step: "deduplicate".to_owned(),
            advice,
        })?;
        let mut stays = vec![true; records.len()];
        let mut seen = HashSet::new();
        let order: Vec<usize> = match self.0.keep {
            Keep::First => (0..records.len()).collect(),
            Keep::Last => (0..records.len()).rev().collect(),
        };
        for index in order {
            let Some(row) = records.get(index) else { break };
            if row.op() == Op::Delete {
                // Behind a deletion, the same key is another row.
                seen.clear();
            } else if let Some(key) = self.key(&row) {
                stays[index] = seen.insert(key);
            }
        }
        let mut failed = Vec::new();
        let mut stays = stays.into_iter();
        records.retain(|row| {
            let stays = stays.next().unwrap_or(true);
            if !stays && self.0.otherwise == Else::DeadLetter {
                let reason = "another record of its batch has the same key".to_owned();
                failed.push((row.origin(), reason));
            }
            stays
        });
        Ok(Stepped { records, failed })
    }
}

impl Deduplicate {
    /// The key's values; `None` where one is missing or null, as no two such records are the same.
    fn key(&self, row: &Row<'_>) -> Option<Vec<OwnedValue>> {
        let null = OwnedValue::new(crate::model::Value::Null);
        let fields = self.0.fields.iter();
        let values = fields.map(|name| {
            let (_, value) = row.packed_fields().find(|(it, _)| it == name)?;
            Some(OwnedValue::from(value)).filter(|it| *it != null)
        });
        values.collect()
    }
}
