//! Values of fields that keep a value's type, as documents do: numbers by their value, all else by its
//! type and bytes. Fields of a document within one are in their order, which tells two apart.

use std::fmt::Write;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::canonical::{numeral, shown as shown_value, tag, tagged};
use crate::model::Value;

/// Deeper than any document goes.
const DEPTH: usize = 200;

/// Appends `value`; `None` where no document holds it.
pub(super) fn write(value: Value<'_>, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    if depth > DEPTH {
        return None;
    }
    match value.widened() {
        Value::Null => out.push(tag::NULL),
        Value::Bool(it) => tagged(tag::TRUTH, &[u8::from(it)], out)?,
        Value::String(it) | Value::Enum(it) => tagged(tag::TEXT, it.as_bytes(), out)?,
        // A point in time is all the time that a document has a type for.
        Value::Date(it) => tagged(tag::TEXT, it.to_string().as_bytes(), out)?,
        Value::Time(it) => tagged(tag::TEXT, it.to_string().as_bytes(), out)?,
        Value::DateTime(it) => tagged(tag::TEXT, it.to_string().as_bytes(), out)?,
        Value::Instant(it) => tagged(tag::CLOCK, it.to_string().as_bytes(), out)?,
        Value::Bytes(subtype, it) => binary(subtype, it, out),
        Value::Geometry(it) => binary(0, it, out),
        Value::ObjectId(it) => tagged(tag::IDENTIFIER, &it, out)?,
        Value::Json(it) => json(it, out, depth)?,
        Value::Array(items) => {
            out.push(tag::LIST);
            for item in items {
                sized(out, |out| write(item, out, depth + 1))?;
            }
        }
        Value::Document(fields) => document(fields, out, depth)?,
        Value::Timestamp(seconds, increment) => {
            other(&format!("timestamp {seconds}:{increment}"), out);
        }
        Value::Regex(pattern, options) => other(&format!("regex /{pattern}/{options}"), out),
        Value::Code(it) => other(&format!("code {it}"), out),
        Value::CodeWithScope(code, scope) => {
            out.push(tag::OTHER);
            sized(out, |out| {
                out.extend_from_slice(b"code ");
                out.extend_from_slice(code.as_bytes());
                Some(())
            })?;
            sized(out, |out| document(scope, out, depth + 1))?;
        }
        Value::DbPointer(namespace, id) => other(&format!("pointer {namespace} {id:02x?}"), out),
        Value::MinKey => other("min key", out),
        Value::MaxKey => other("max key", out),
        number => numeral(number, out)?,
    }
    Some(())
}

/// Appends a document of these fields.
pub(super) fn document<'v>(
    fields: impl IntoIterator<Item = (&'v str, Value<'v>)>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Option<()> {
    out.push(tag::DOCUMENT);
    for (name, value) in fields {
        named(name, out)?;
        sized(out, |out| write(value, out, depth + 1))?;
    }
    Some(())
}

/// What begins with one of these tags, as a person reads it.
pub(super) fn shown(of: u8, rest: &[u8]) -> Option<String> {
    Some(match of {
        tag::TRUTH => (rest != [0]).to_string(),
        tag::BINARY => {
            let (subtype, bytes) = rest.split_first()?;
            let hex = bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            match subtype {
                0 => format!("0x{hex}"),
                _ => format!("0x{hex} (of subtype {subtype})"),
            }
        }
        tag::IDENTIFIER => rest.iter().fold("ObjectId ".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
        tag::LIST => format!("[{}]", parts(rest)?.join(", ")),
        tag::DOCUMENT => {
            let parts = parts(rest)?;
            let (pairs, _) = parts.as_chunks::<2>();
            let pair = |[name, value]: &[String; 2]| format!("{name}: {value}");
            format!(
                "{{{}}}",
                pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
            )
        }
        _ => parts(rest)?.join(" "),
    })
}

/// What stands one behind the other, each with its length in front.
fn parts(mut rest: &[u8]) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (part, behind) = behind.split_at_checked(length)?;
        parts.push(match part.first() {
            Some(0..=tag::OTHER) => shown_value(part)?,
            _ => String::from_utf8_lossy(part).into_owned(),
        });
        rest = behind;
    }
    Some(parts)
}

/// With its length in front: what ends one value never begins the next.
fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = u32::try_from(out.len() - at - 4).ok()?;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Some(())
}

fn named(name: &str, out: &mut Vec<u8>) -> Option<()> {
    sized(out, |out| {
        out.extend_from_slice(name.as_bytes());
        Some(())
    })
}

fn binary(subtype: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[tag::BINARY, subtype]);
    out.extend_from_slice(bytes);
}

fn other(text: &str, out: &mut Vec<u8>) {
    out.push(tag::OTHER);
    let _ = named(text, out);
}

/// What JSON says, as the value that a document has of it.
fn json(text: &str, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    if depth > DEPTH {
        return None;
    }
    let text = text.trim();
    match text.as_bytes().first()? {
        b'{' => {
            let Object(fields) = serde_json::from_str(text).ok()?;
            out.push(tag::DOCUMENT);
            for (name, value) in fields {
                named(&name, out)?;
                sized(out, |out| json(value.get(), out, depth + 1))?;
            }
            Some(())
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push(tag::LIST);
            for item in items {
                sized(out, |out| json(item.get(), out, depth + 1))?;
            }
            Some(())
        }
        b'"' => {
            let text: String = serde_json::from_str(text).ok()?;
            tagged(tag::TEXT, text.as_bytes(), out)
        }
        b't' | b'f' => {
            let truth: bool = serde_json::from_str(text).ok()?;
            tagged(tag::TRUTH, &[u8::from(truth)], out)
        }
        b'n' => tagged(tag::NULL, b"", out),
        _ => numeral(Value::Decimal(text), out),
    }
}

/// The fields of an object in their order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Instant, Op, Packer, Records, Schema};

    fn of(value: Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write(value, &mut out, 0).expect("a document holds it");
        out
    }

    /// What a value becomes that is made piece by piece.
    fn packed(fill: impl FnOnce(&mut Packer<'_>)) -> Vec<u8> {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            packer.name("it");
            fill(packer);
            Ok(())
        });
        pushed.expect("nothing fails");
        of(records.get(0).and_then(|it| it.get("it")).expect("one"))
    }

    fn fields(names: [&str; 2]) -> Vec<u8> {
        packed(|it| {
            it.document(|it| {
                for name in names {
                    it.name(name);
                    it.value(Value::I64(1));
                }
            });
        })
    }

    #[test]
    fn numbers_are_one_whatever_their_type() {
        assert_eq!(of(Value::I64(1)), of(Value::I32(1)));
        assert_eq!(of(Value::I64(1)), of(Value::F64(1.0)));
        assert_eq!(of(Value::Decimal("1.50")), of(Value::F64(1.5)));
        assert_eq!(of(Value::F32(0.1)), of(Value::F64(0.1)));
        assert_eq!(of(Value::F64(f64::NAN)), of(Value::Decimal("NaN")));
        assert_ne!(
            of(Value::F64(0.1)),
            of(Value::Decimal("0.10000000000000001"))
        );
    }

    #[test]
    fn types_tell_values_apart() {
        let all = [
            Value::Null,
            Value::String("1"),
            Value::I64(1),
            Value::Bool(true),
            Value::Bytes(0, b"1"),
            Value::Bytes(4, b"1"),
            Value::String(""),
            Value::Instant(Instant::from_millis(0)),
            Value::String("1970-01-01T00:00:00Z"),
            Value::ObjectId([1; 12]),
            Value::Bytes(0, &[1; 12]),
            Value::Timestamp(1, 2),
            Value::Code("1"),
            Value::Json("[]"),
            Value::Json("{}"),
            Value::Json("\"{}\""),
            Value::MinKey,
            Value::MaxKey,
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[..index] {
                assert_ne!(of(*one), of(*other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn json_is_the_document_that_it_says() {
        assert_eq!(
            of(Value::Json(r#" {"a":1, "b": 1.0} "#)),
            fields(["a", "b"])
        );
        assert_ne!(of(Value::Json(r#"{"b":1,"a":1}"#)), fields(["a", "b"]));
        assert_eq!(of(Value::Json("null")), of(Value::Null));
        assert_eq!(of(Value::Json("\"\\u00e4\"")), of(Value::String("ä")));
        let mut out = Vec::new();
        assert_eq!(write(Value::Json(&"[".repeat(400)), &mut out, 0), None);
    }

    #[test]
    fn what_ends_one_value_never_begins_the_next() {
        let list = |texts: [&str; 2]| {
            packed(|it| it.array(|it| texts.iter().for_each(|text| it.value(Value::String(text)))))
        };
        assert_ne!(list(["a", "bc"]), list(["ab", "c"]));
        assert_ne!(fields(["a", "b"]), fields(["b", "a"]));
    }

    #[test]
    fn a_person_reads_what_differs() {
        let text = |value| shown_value(&of(value));
        assert_eq!(text(Value::Bool(true)).as_deref(), Some("true"));
        let inner = r#"{"emp_no": 7, "of": ["x", null, true]}"#;
        let shown = "{emp_no: 7, of: [\"x\", NULL, true]}";
        assert_eq!(text(Value::Json(inner)).as_deref(), Some(shown));
        assert_eq!(
            text(Value::Timestamp(1, 2)).as_deref(),
            Some("timestamp 1:2")
        );
        assert_eq!(
            text(Value::Bytes(4, &[1])).as_deref(),
            Some("0x01 (of subtype 4)")
        );
    }
}
