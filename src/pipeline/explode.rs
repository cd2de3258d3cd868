//! `explode`: one record for each item of a list.

use std::sync::Arc;

use super::{
    per_record::{PerRecord, needs, with_fields},
    settings::ExplodeStep,
};
use crate::model::{Field, Kind, Op, Records, Row, Schema, Value};

/// The list's field, and what becomes of records without items.
pub(super) struct Explode(pub ExplodeStep);

impl PerRecord for Explode {
    type Plan = ();

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, ()), String> {
        needs(schema, [self.0.field.as_str()])?;
        let Some(fields) = schema.names() else {
            return Ok((schema.clone(), ()));
        };
        let mut fields = fields.to_vec();
        for field in fields.iter_mut().filter(|it| it.name == self.0.field) {
            field.kind = Kind::Any;
        }
        if let Some(name) = &self.0.number {
            if fields.iter().any(|it| it.name == *name) {
                return Err(format!("there would be two fields `{name}`"));
            }
            let (name, kind) = (name.clone(), Kind::I64);
            fields.push(Field { name, kind });
        }
        Ok((with_fields(schema, fields), ()))
    }

    fn record(&self, _plan: &(), row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        let number = self.0.number.as_deref();
        if number.is_some_and(|it| row.schema().names().is_none() && row.get(it).is_some()) {
            return Err(format!(
                "there would be two fields `{}`",
                number.unwrap_or("")
            ));
        }
        match row.get(&self.0.field).map(Value::widened) {
            _ if row.op() == Op::Delete => self.one(row, Value::Null, 0, out),
            Some(Value::Array(items)) if items.clone().next().is_some() => {
                for (item, number) in items.zip(1..) {
                    self.one(row, item, number, out);
                }
            }
            Some(Value::Array(_) | Value::Null) | None => {
                if self.0.keep_empty {
                    self.one(row, Value::Null, 0, out);
                }
            }
            Some(other) => {
                let field = &self.0.field;
                return Err(format!("field `{field}`: {} is no list", other.type_name()));
            }
        }
        Ok(())
    }
}

impl Explode {
    fn one(&self, row: &Row<'_>, item: Value<'_>, number: i64, out: &mut Records) {
        let named = row.schema().names().is_none();
        let pushed: Result<(), std::convert::Infallible> =
            out.push(row.op(), row.origin(), |packer| {
                for (name, packed) in row.packed_fields() {
                    if named {
                        packer.name(name);
                    }
                    match name == self.0.field {
                        true => packer.value(item),
                        false => packer.packed(packed),
                    }
                }
                if let Some(name) = &self.0.number {
                    if named {
                        packer.name(name);
                    }
                    match number {
                        0 => packer.value(Value::Null),
                        number => packer.value(Value::I64(number)),
                    }
                }
                Ok(())
            });
        let Ok(()) = pushed;
    }
}
