//! Values as text, nested ones as plain JSON, for columns that hold JSON or text.
//!
//! What JSON has no type for is text: decimals keep their digits, identifiers and binary are
//! hexadecimal, times are ISO 8601.

use std::io::{self, Write};

use crate::model::Value;

/// Appends `value` as JSON.
///
/// # Errors
/// Why JSON cannot hold it; what was appended is of no use then.
pub fn write_json(value: Value<'_>, out: &mut impl Write) -> Result<(), &'static str> {
    nested(value, out, 0)
}

/// Appends the text of a value that is neither text itself nor nested.
///
/// # Errors
/// Why there is none.
pub fn write_text(value: Value<'_>, text: &mut String) -> Result<(), &'static str> {
    use std::fmt::Write;
    let written = match value.widened() {
        Value::Bool(it) => write!(text, "{}", u8::from(it)),
        Value::I64(it) => write!(text, "{it}"),
        Value::U64(it) | Value::Bit(it) => write!(text, "{it}"),
        // The shortest digits that read back, with an exponent where they would be many.
        Value::F32(it) => write!(text, "{it:?}"),
        Value::F64(it) => write!(text, "{it:?}"),
        Value::Date(it) => write!(text, "{it}"),
        Value::Time(it) => write!(text, "{it}"),
        Value::DateTime(it) => write!(text, "{it}"),
        Value::Instant(it) => write!(text, "{it}"),
        Value::Year(it) => write!(text, "{it:04}"),
        Value::Timestamp(seconds, increment) => write!(text, "{seconds}:{increment}"),
        Value::ObjectId(it) => it.iter().try_for_each(|byte| write!(text, "{byte:02x}")),
        other => return Err(unsupported(&other)),
    };
    written.map_err(|_| FULL)
}

/// How many bytes `write_json` appends; 0 where it fails.
pub(super) fn json_length(value: Value<'_>) -> usize {
    let mut counted = Counted(0);
    match write_json(value, &mut counted) {
        Ok(()) => counted.0,
        Err(_) => 0,
    }
}

/// Deeper than any server reads.
const DEPTH: usize = 128;

fn nested(value: Value<'_>, out: &mut impl Write, depth: usize) -> Result<(), &'static str> {
    if depth > DEPTH {
        return Err("it is nested deeper than 128 levels");
    }
    match value {
        Value::Array(items) => {
            put(out.write_all(b"["))?;
            for (index, item) in items.enumerate() {
                comma(out, index)?;
                nested(item, out, depth + 1)?;
            }
            put(out.write_all(b"]"))
        }
        Value::Document(fields) => {
            put(out.write_all(b"{"))?;
            for (index, (name, value)) in fields.enumerate() {
                comma(out, index)?;
                text(out, name)?;
                put(out.write_all(b":"))?;
                nested(value, out, depth + 1)?;
            }
            put(out.write_all(b"}"))
        }
        Value::DbPointer(namespace, id) => {
            put(out.write_all(b"{\"$ref\":"))?;
            text(out, namespace)?;
            put(out.write_all(b",\"$id\":"))?;
            hex(out, &id)?;
            put(out.write_all(b"}"))
        }
        scalar => plain(scalar.widened(), out),
    }
}

fn plain(value: Value<'_>, out: &mut impl Write) -> Result<(), &'static str> {
    match value {
        Value::Null => put(out.write_all(b"null")),
        Value::Bool(it) => put(write!(out, "{it}")),
        Value::I64(it) => put(write!(out, "{it}")),
        Value::U64(it) | Value::Bit(it) => put(write!(out, "{it}")),
        Value::Year(it) => put(write!(out, "{it}")),
        Value::F32(it) if it.is_finite() => number(out, &it),
        Value::F64(it) if it.is_finite() => number(out, &it),
        Value::F32(_) | Value::F64(_) => Err("JSON has no number that is infinite or none at all"),
        Value::Json(it) => put(out.write_all(it.as_bytes())),
        Value::String(it) | Value::Enum(it) | Value::Decimal(it) => text(out, it),
        Value::Date(it) => put(write!(out, "\"{it}\"")),
        Value::Time(it) => put(write!(out, "\"{it}\"")),
        Value::DateTime(it) => put(write!(out, "\"{it}\"")),
        Value::Instant(it) => put(write!(out, "\"{it}\"")),
        Value::Timestamp(seconds, increment) => put(write!(out, "\"{seconds}:{increment}\"")),
        Value::ObjectId(it) => hex(out, &it),
        Value::Bytes(_, it) | Value::Geometry(it) => hex(out, it),
        other => Err(unsupported(&other)),
    }
}

/// Why no column holds a value of this type.
fn unsupported(value: &Value<'_>) -> &'static str {
    match value {
        Value::Regex(..) => "no column holds a regex",
        Value::Code(_) | Value::CodeWithScope(..) => "no column holds code",
        Value::MinKey => "no column holds a min key",
        Value::MaxKey => "no column holds a max key",
        _ => "no column holds this type",
    }
}

fn comma(out: &mut impl Write, index: usize) -> Result<(), &'static str> {
    if index == 0 {
        return Ok(());
    }
    put(out.write_all(b","))
}

fn text(out: &mut impl Write, text: &str) -> Result<(), &'static str> {
    serde_json::to_writer(out, text).map_err(|_| FULL)
}

fn number(out: &mut impl Write, number: &impl serde::Serialize) -> Result<(), &'static str> {
    serde_json::to_writer(out, number).map_err(|_| FULL)
}

fn hex(out: &mut impl Write, bytes: &[u8]) -> Result<(), &'static str> {
    put(out.write_all(b"\""))?;
    for byte in bytes {
        put(write!(out, "{byte:02x}"))?;
    }
    put(out.write_all(b"\""))
}

/// A buffer in memory takes whatever it is given.
const FULL: &str = "it cannot be written as text";

fn put(written: io::Result<()>) -> Result<(), &'static str> {
    written.map_err(|_| FULL)
}

struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Packer, Records, Schema};

    /// The JSON of the first field of a record.
    fn json(fill: impl FnOnce(&mut Packer<'_>)) -> Result<String, &'static str> {
        let mut records = Records::new(std::sync::Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(crate::model::Op::Upsert, 0, |packer| {
            packer.name("it");
            fill(packer);
            Ok(())
        });
        pushed.expect("nothing fails");
        let row = records.get(0).expect("one row");
        let value = row.get("it").expect("one field");
        let mut out = Vec::new();
        write_json(value, &mut out)?;
        assert_eq!(json_length(value), out.len());
        Ok(String::from_utf8(out).expect("JSON is UTF-8"))
    }

    #[test]
    fn every_nested_type_has_its_json() {
        let text = json(|packer| {
            packer.document(|it| {
                let fields = [
                    ("text", Value::String("a\"\u{1}中")),
                    ("many", Value::U64(u64::MAX)),
                    ("real", Value::F64(1.5)),
                    ("small", Value::F32(0.1)),
                    ("exact", Value::Decimal("1.10")),
                    ("at", Value::Instant(Instant::from_millis(0))),
                    ("id", Value::ObjectId([0xab; 12])),
                    ("raw", Value::Json("[1.0]")),
                ];
                for (name, value) in fields {
                    it.name(name);
                    it.value(value);
                }
            });
        });
        let expected = concat!(
            r#"{"text":"a\"\u0001中","many":18446744073709551615,"real":1.5,"small":0.1,"#,
            r#""exact":"1.10","at":"1970-01-01T00:00:00Z","id":"abababababababababababab","#,
            r#""raw":[1.0]}"#
        );
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for value in [Value::F64(f64::NAN), Value::MinKey, Value::Regex("a", "")] {
            assert!(json(|it| it.array(|it| it.value(value))).is_err());
        }
    }

    #[test]
    fn a_value_nested_too_deep_is_refused_and_not_followed() {
        fn deeper(packer: &mut Packer<'_>, levels: usize) {
            packer.array(|it| {
                if levels > 1 {
                    deeper(it, levels - 1);
                }
            });
        }
        assert!(json(|it| deeper(it, 100)).is_ok());
        assert!(json(|it| deeper(it, 200)).is_err());
    }
}
