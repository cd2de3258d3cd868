//! Plain JSON read into a row.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::{Packer, Value};

/// Appends the fields of an object, names and values.
///
/// # Errors
/// Where the bytes are no JSON object; what has been appended is of no use then.
pub(super) fn fields(bytes: &[u8], packer: &mut Packer<'_>) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Object(packer).deserialize(&mut reader);
    read.and_then(|()| reader.end())
}

/// Reads an object's fields straight into a row.
struct Object<'p, 'b>(&'p mut Packer<'b>);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Name(self.0))?.is_some() {
            let raw: &'de RawValue = map.next_value()?;
            pack_raw(self.0, raw.get()).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

/// A field's name, packed as it is read.
pub(super) struct Name<'p, 'b>(pub &'p mut Packer<'b>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.0.name(name);
        Ok(())
    }
}

/// One JSON value, known to be valid, as a value of the model.
fn pack_raw(packer: &mut Packer<'_>, raw: &str) -> Result<(), serde_json::Error> {
    let value = match raw.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'{' | b'[') => Value::Json(raw),
        Some(b'"') => {
            let inner = &raw[1..raw.len() - 1];
            if inner.contains('\\') {
                let text: String = serde_json::from_str(raw)?;
                packer.value(Value::String(&text));
                return Ok(());
            }
            Value::String(inner)
        }
        _ => match (raw.parse(), raw.parse()) {
            // `-0` is none: JSON of a source has it as it was written.
            (Ok(signed), _) if raw != "-0" => Value::I64(signed),
            (_, Ok(unsigned)) => Value::U64(unsigned),
            _ => Value::Decimal(raw),
        },
    };
    packer.value(value);
    Ok(())
}
