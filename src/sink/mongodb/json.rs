//! JSON text as BSON: fields in their order, numbers with all of their digits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::bson::Bson;
use crate::model::Decimal;

/// No deeper than the server takes.
const DEPTH: usize = 150;

/// Appends what `text` says as the value of `name`.
///
/// # Errors
/// Why it cannot be held.
pub(in crate::sink) fn field(
    bson: &mut Bson,
    name: &str,
    text: &str,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("it is nested deeper than {DEPTH} levels"));
    }
    let text = text.trim();
    let broken = |error: serde_json::Error| format!("it is no JSON: {error}");
    match text.as_bytes().first() {
        Some(b'{') => {
            let Object(fields) = serde_json::from_str(text).map_err(broken)?;
            let at = bson.document(name);
            for (index, (name, value)) in fields.iter().enumerate() {
                if name.contains('\0') {
                    return Err("MongoDB takes no zero byte in a name".to_owned());
                }
                if fields[..index].iter().any(|(it, _)| it == name) {
                    return Err("a name stands twice in its JSON".to_owned());
                }
                field(bson, name, value.get(), depth + 1)?;
            }
            bson.close(at);
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
            let at = bson.list(name);
            for (index, item) in items.iter().enumerate() {
                field(bson, &index.to_string(), item.get(), depth + 1)?;
            }
            bson.close(at);
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(broken)?;
            bson.text(name, &text);
        }
        Some(b't' | b'f') => bson.flag(name, serde_json::from_str(text).map_err(broken)?),
        Some(b'n') => {
            let () = serde_json::from_str(text).map_err(broken)?;
            bson.head(0x0a, name);
        }
        _ => {
            let _: serde_json::Number = serde_json::from_str(text).map_err(broken)?;
            number(bson, name, text)?;
        }
    }
    Ok(())
}

/// A double has at least 15 digits; what has more stays a double where it reads back as it was.
fn number(bson: &mut Bson, name: &str, text: &str) -> Result<(), String> {
    if let Ok(whole) = text.parse::<i64>() {
        bson.number(name, whole);
        return Ok(());
    }
    let written = Decimal::read(text).ok_or("it is no number")?;
    let digits = written.whole().len() + written.fraction().len();
    let double: f64 = text.parse().unwrap_or(f64::INFINITY);
    let reads_back = double.to_string() == text || format!("{double:?}") == text;
    if double.is_finite() && !written.is_integer_text() && (digits <= 15 || reads_back) {
        bson.double(name, double);
        return Ok(());
    }
    bson.decimal(name, text)
}

/// The fields of an object in their order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
