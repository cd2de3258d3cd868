//! `explode`: one record for each item of a list.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    per_record::{PerRecord, needs, with_fields},
    settings::ExplodeStep,
};
use crate::model::{Field, Kind, Op, OwnedValue, Records, Row, Schema, Value};

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
            // A list inside a message of JSON is kept as its text, digits and all.
            Some(Value::Json(text)) => self.json(row, text, out)?,
            Some(other) => {
                let field = &self.0.field;
                return Err(format!("field `{field}`: {} is no list", other.type_name()));
            }
        }
        Ok(())
    }
}

/// A value out of JSON: its text, or as `plain` has it.
pub(super) fn read_json(written: &RawValue) -> OwnedValue {
    match serde_json::from_str::<String>(written.get()) {
        Ok(text) => OwnedValue::new(Value::String(&text)),
        Err(_) => OwnedValue::new(plain(written.get())),
    }
}

/// An item that is no text: a number with all its digits, or what is nested as JSON again.
fn plain(written: &str) -> Value<'_> {
    match (written, written.parse(), written.parse()) {
        ("null", ..) => Value::Null,
        ("true", ..) => Value::Bool(true),
        ("false", ..) => Value::Bool(false),
        (_, Ok(number), _) => Value::I64(number),
        (_, _, Ok(number)) => Value::U64(number),
        _ if written.starts_with(['[', '{']) => Value::Json(written),
        _ => Value::Decimal(written),
    }
}

impl Explode {
    fn json(&self, row: &Row<'_>, text: &str, out: &mut Records) -> Result<(), String> {
        let items: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|_| format!("field `{}`: json is no list", self.0.field))?;
        if items.is_empty() && self.0.keep_empty {
            self.one(row, Value::Null, 0, out);
        }
        for (item, number) in items.into_iter().zip(1..) {
            self.one(row, read_json(item).packed().value(), number, out);
        }
        Ok(())
    }

    fn one(&self, row: &Row<'_>, item: Value<'_>, number: i64, out: &mut Records) {
        let named = row.schema().names().is_none();
        let pushed: Result<(), std::convert::Infallible> =
            out.push(row.op(), row.origin(), |packer| {
                for (name, packed) in row.packed_fields() {
                    if named {
                        packer.name(name);
                    }
                    if name == self.0.field {
                        packer.value(item)
                    } else {
                        packer.packed(packed)
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
