//! Steps that give fields values made from the whole record: replaced where they stand, or behind.

use std::sync::Arc;

use super::per_record::{PerRecord, needs, with_fields};
use crate::model::{Field, Kind, Op, OwnedValue, Packer, Records, Row, Schema, Value};

/// A step that assigns.
pub(super) trait AssignStep: Send + Sync {
    /// The fields that it assigns, each once.
    fn targets(&self) -> Vec<&str>;

    /// The fields that a table must have.
    fn reads(&self) -> Vec<&str>;

    /// What a target's values are.
    fn kind(&self, target: usize) -> Kind;

    /// The value of a target; `None` leaves it as it is. All targets are made from the record as
    /// it was before the step.
    fn value(&self, target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String>;
}

/// An `AssignStep`, run over each record.
pub(super) struct Assign<T>(pub T);

/// The target of each column, in order, and the targets that stand behind; `None` for documents.
pub(super) struct AssignPlan(Option<(Vec<Option<usize>>, Vec<usize>)>);

impl<T: AssignStep> PerRecord for Assign<T> {
    type Plan = AssignPlan;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, AssignPlan), String> {
        needs(schema, self.0.reads())?;
        let Some(fields) = schema.names() else {
            return Ok((schema.clone(), AssignPlan(None)));
        };
        let targets = self.0.targets();
        let mut fields = fields.to_vec();
        let columns: Vec<Option<usize>> = fields
            .iter()
            .map(|field| targets.iter().position(|it| *it == field.name))
            .collect();
        for (field, column) in fields.iter_mut().zip(&columns) {
            if let Some(target) = column
                && self.0.kind(*target) != field.kind
            {
                field.kind = Kind::Any;
            }
        }
        let behind = |target: &usize| !columns.contains(&Some(*target));
        let behind: Vec<usize> = (0..targets.len()).filter(behind).collect();
        fields.extend(behind.iter().map(|it| Field {
            name: targets[*it].to_owned(),
            kind: self.0.kind(*it),
        }));
        let plan = AssignPlan(Some((columns, behind)));
        Ok((with_fields(schema, fields), plan))
    }

    fn record(&self, plan: &AssignPlan, row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        let targets = self.0.targets();
        let mut values = vec![None; targets.len()];
        // A deletion has its key alone: there is nothing to make values from.
        if row.op() != Op::Delete {
            for (target, value) in values.iter_mut().enumerate() {
                let made = self.0.value(target, row);
                *value = made.map_err(|reason| format!("field `{}`: {reason}", targets[target]))?;
            }
        }
        out.push(row.op(), row.origin(), |packer| {
            match &plan.0 {
                Some((columns, behind)) => {
                    for (column, (_, packed)) in columns.iter().zip(row.packed_fields()) {
                        match column.and_then(|it| values[it].as_ref()) {
                            Some(value) => packer.packed(value.packed()),
                            None => packer.packed(packed),
                        }
                    }
                    for target in behind {
                        match &values[*target] {
                            Some(value) => packer.packed(value.packed()),
                            None => packer.value(Value::Null),
                        }
                    }
                }
                None => document(&targets, values, row, packer),
            }
            Ok(())
        })
    }
}

fn document(
    targets: &[&str],
    mut values: Vec<Option<OwnedValue>>,
    row: &Row<'_>,
    packer: &mut Packer<'_>,
) {
    for (name, packed) in row.packed_fields() {
        packer.name(name);
        let target = targets.iter().position(|it| *it == name);
        match target.and_then(|it| values[it].take()) {
            Some(value) => packer.packed(value.packed()),
            None => packer.packed(packed),
        }
    }
    for (name, value) in targets.iter().zip(&values) {
        if let Some(value) = value {
            packer.name(name);
            packer.packed(value.packed());
        }
    }
}
