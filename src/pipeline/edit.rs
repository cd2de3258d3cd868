//! Steps that change fields where they stand: which stay, under which name, with which value.

use std::{convert::Infallible, sync::Arc};

use super::per_record::{PerRecord, needs};
use crate::model::{Field, Kind, Packed, Packer, Records, Row, Schema};

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On<'s> {
    /// It stays as it is.
    Copy,
    /// It goes.
    Drop,
    /// It gets another name.
    As(&'s str),
    /// It gets another value.
    Change,
}

/// A step by field.
pub(super) trait FieldStep: Send + Sync {
    /// What becomes of the field of this name.
    fn on(&self, name: &str) -> On<'_>;

    /// The fields that a table must have.
    fn named(&self) -> Vec<&str>;

    /// What a changed field's values are: as they were, where a step says nothing else.
    fn kind(&self, _name: &str, before: Kind) -> Kind {
        before
    }

    /// Appends the new value of a field that is changed, as it was where a step says nothing else;
    /// the error is why it has none.
    fn change(&self, _name: &str, value: Packed<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        out.packed(value);
        Ok(())
    }
}

/// A `FieldStep`, run over each record.
pub(super) struct Edit<T>(pub T);

/// What becomes of each column of a table, in order; `None` for documents.
pub(super) struct EditPlan(Option<Vec<Column>>);

enum Column {
    Copy,
    Drop,
    Change(String),
}

impl<T: FieldStep> PerRecord for Edit<T> {
    type Plan = EditPlan;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, EditPlan), String> {
        needs(schema, self.0.named())?;
        let mut key = schema.key().to_vec();
        for name in &mut key {
            match self.0.on(name) {
                On::Drop => {
                    return Err(format!("`{name}` is of the record's key and must stay"));
                }
                On::As(other) => *name = other.to_owned(),
                On::Copy | On::Change => (),
            }
        }
        let Some(fields) = schema.names() else {
            let schema = if key == schema.key() {
                schema.clone()
            } else {
                Arc::new(Schema::document(schema.name(), key))
            };
            return Ok((schema, EditPlan(None)));
        };
        let mut columns = Vec::with_capacity(fields.len());
        let mut kept: Vec<Field> = Vec::with_capacity(fields.len());
        for field in fields {
            let (column, name, kind) = match self.0.on(&field.name) {
                On::Copy => (Column::Copy, field.name.as_str(), field.kind),
                On::As(other) => (Column::Copy, other, field.kind),
                On::Change => {
                    let kind = self.0.kind(&field.name, field.kind);
                    (
                        Column::Change(field.name.clone()),
                        field.name.as_str(),
                        kind,
                    )
                }
                On::Drop => {
                    columns.push(Column::Drop);
                    continue;
                }
            };
            if kept.iter().any(|it| it.name == name) {
                return Err(format!("there would be two fields `{name}`"));
            }
            let name = name.to_owned();
            kept.push(Field { name, kind });
            columns.push(column);
        }
        let schema = Schema::table(schema.name(), kept, key);
        Ok((Arc::new(schema), EditPlan(Some(columns))))
    }

    fn record(&self, plan: &EditPlan, row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        out.push(row.op(), row.origin(), |packer| match &plan.0 {
            Some(columns) => self.columns(columns, row, packer),
            None => self.document(row, packer),
        })
    }

    /// Only names change: what is deleted is found by the same value under its new one.
    fn deletion(&self, row: &Row<'_>, out: &mut Records) {
        // The key of a message without a value is a text, whatever the key's type is: under its own
        // name the target knows to read it.
        let is_tombstone = row.fields().map(|(name, _)| name).eq([TOMBSTONE]);
        if is_tombstone {
            return out.copy(row);
        }
        let pushed: Result<(), Infallible> = out.push(row.op(), row.origin(), |packer| {
            for (name, value) in row.packed_fields() {
                packer.name(match self.0.on(name) {
                    On::As(other) => other,
                    _ => name,
                });
                packer.packed(value);
            }
            Ok(())
        });
        let Ok(()) = pushed;
    }
}

/// The field in which a message without a value has its key, as text.
const TOMBSTONE: &str = "key";

impl<T: FieldStep> Edit<T> {
    fn columns(
        &self,
        columns: &[Column],
        row: &Row<'_>,
        packer: &mut Packer<'_>,
    ) -> Result<(), String> {
        for (column, (_, value)) in columns.iter().zip(row.packed_fields()) {
            match column {
                Column::Copy => packer.packed(value),
                Column::Drop => (),
                Column::Change(name) => self.changed(name, value, packer)?,
            }
        }
        Ok(())
    }

    fn document(&self, row: &Row<'_>, packer: &mut Packer<'_>) -> Result<(), String> {
        for (name, value) in row.packed_fields() {
            match self.0.on(name) {
                On::Drop => (),
                On::Copy => {
                    packer.name(name);
                    packer.packed(value);
                }
                On::As(other) => {
                    // One that goes or gets another name itself makes room.
                    let stays = matches!(self.0.on(other), On::Copy | On::Change);
                    if stays && row.packed_fields().any(|(it, _)| it == other) {
                        return Err(format!("there would be two fields `{other}`"));
                    }
                    packer.name(other);
                    packer.packed(value);
                }
                On::Change => {
                    packer.name(name);
                    self.changed(name, value, packer)?;
                }
            }
        }
        Ok(())
    }

    fn changed(&self, name: &str, value: Packed<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        let changed = self.0.change(name, value, out);
        changed.map_err(|reason| format!("field `{name}`: {reason}"))
    }
}
