//! Values into CEL and out of it: exactly, or not at all.
//!
//! A decimal is handed over as its text, as CEL has none: `double(price) > 9.5` says where digits
//! may be lost. Days and clocks without a zone are texts too.

use std::{collections::HashMap, sync::Arc};

use cel::objects::{Key, Map};

use super::text::hex;
use crate::model::{Instant, OwnedValue, Packer, Value};

pub(super) fn to_cel(value: Value<'_>) -> Result<cel::Value, String> {
    Ok(match value {
        Value::Null | Value::Undefined => cel::Value::Null,
        Value::Bool(it) => cel::Value::Bool(it),
        Value::I32(it) => cel::Value::Int(it.into()),
        Value::I64(it) => cel::Value::Int(it),
        Value::U64(it) | Value::Bit(it) => cel::Value::UInt(it),
        Value::Year(it) => cel::Value::Int(it.into()),
        Value::F32(it) => cel::Value::Float(it.into()),
        Value::F64(it) => cel::Value::Float(it),
        Value::Decimal(it)
        | Value::String(it)
        | Value::Symbol(it)
        | Value::Enum(it)
        | Value::Json(it) => text(it),
        Value::Date(it) => text(&it.to_string()),
        Value::Time(it) => text(&it.to_string()),
        Value::DateTime(it) => text(&it.to_string()),
        Value::ObjectId(it) => text(&hex(&it)),
        Value::Instant(it) => {
            let time = chrono::DateTime::from_timestamp(it.seconds, it.micros * 1000);
            let time = time.ok_or("a time that CEL cannot hold")?;
            cel::Value::Timestamp(time.fixed_offset())
        }
        Value::Bytes(_, it) | Value::Geometry(it) => cel::Value::Bytes(Arc::new(it.to_vec())),
        Value::Array(items) => {
            let items: Result<Vec<_>, String> = items.map(to_cel).collect();
            cel::Value::List(Arc::new(items?))
        }
        Value::Document(fields) => {
            let mut map = HashMap::new();
            for (name, value) in fields {
                let key = Key::String(Arc::new(name.to_owned()));
                map.entry(key).or_insert(to_cel(value)?);
            }
            cel::Value::Map(Map { map: Arc::new(map) })
        }
        Value::Timestamp(..)
        | Value::Regex(..)
        | Value::Code(_)
        | Value::CodeWithScope(..)
        | Value::DbPointer(..)
        | Value::MinKey
        | Value::MaxKey => return Err(format!("CEL has no {}", value.type_name())),
    })
}

fn text(text: &str) -> cel::Value {
    cel::Value::String(Arc::new(text.to_owned()))
}

/// What a JSON text says; `None` where it is none. A number that is no whole one of 64 bits is
/// the nearest double.
pub(super) fn from_json(written: &str) -> Option<cel::Value> {
    Some(json(serde_json::from_str(written).ok()?))
}

fn json(value: serde_json::Value) -> cel::Value {
    match value {
        serde_json::Value::Null => cel::Value::Null,
        serde_json::Value::Bool(it) => cel::Value::Bool(it),
        serde_json::Value::Number(it) => match (it.as_i64(), it.as_u64()) {
            (Some(it), _) => cel::Value::Int(it),
            (None, Some(it)) => cel::Value::UInt(it),
            (None, None) => cel::Value::Float(it.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(it) => cel::Value::String(Arc::new(it)),
        serde_json::Value::Array(items) => {
            cel::Value::List(Arc::new(items.into_iter().map(json).collect()))
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter();
            let map = fields.map(|(name, it)| (Key::String(Arc::new(name)), json(it)));
            cel::Value::Map(Map {
                map: Arc::new(map.collect()),
            })
        }
    }
}

pub(super) fn from_cel(value: &cel::Value) -> Result<OwnedValue, String> {
    OwnedValue::filled(|packer| pack(value, packer))
}

fn pack(value: &cel::Value, packer: &mut Packer<'_>) -> Result<(), String> {
    match value {
        cel::Value::Null => packer.value(Value::Null),
        cel::Value::Bool(it) => packer.value(Value::Bool(*it)),
        cel::Value::Int(it) => packer.value(Value::I64(*it)),
        cel::Value::UInt(it) => packer.value(Value::U64(*it)),
        cel::Value::Float(it) => packer.value(Value::F64(*it)),
        cel::Value::String(it) => packer.value(Value::String(it)),
        cel::Value::Bytes(it) => packer.value(Value::Bytes(0, it)),
        cel::Value::Timestamp(it) => {
            let nanos = it.timestamp_subsec_nanos();
            if !nanos.is_multiple_of(1000) || nanos >= 1_000_000_000 {
                return Err("a time between two microseconds".to_owned());
            }
            packer.value(Value::Instant(Instant {
                seconds: it.timestamp(),
                micros: nanos / 1000,
            }));
        }
        cel::Value::List(items) => {
            return packer.array(|packer| items.iter().try_for_each(|it| pack(it, packer)));
        }
        cel::Value::Map(map) => return pack_map(map, packer),
        _ => return Err("it gives what no field can hold".to_owned()),
    }
    Ok(())
}

/// Its fields are in the order of their names, so that equal records give equal bytes.
fn pack_map(map: &Map, packer: &mut Packer<'_>) -> Result<(), String> {
    let mut fields = Vec::with_capacity(map.map.len());
    for (key, value) in map.map.iter() {
        let Key::String(name) = key else {
            return Err("it gives a map whose keys are not all texts".to_owned());
        };
        fields.push((name.as_str(), value));
    }
    fields.sort_by_key(|(name, _)| *name);
    packer.document(|packer| {
        for (name, value) in fields {
            packer.name(name);
            pack(value, packer)?;
        }
        Ok(())
    })
}
