//! The bytes of a message key, out of a record's key fields.

use std::io::Write;

use super::{Row, Value};

/// Appends the key of `row`: one field as its plain text, several as a JSON array of texts.
/// Answers whether there is one; a record without key fields, or with one of them missing, null
/// or of a nested type, has none.
pub fn write_key(row: &Row<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let composite = row.schema().key().len() > 1;
    let mut fields = 0;
    for value in row.key() {
        if composite {
            out.push(if fields == 0 { b'[' } else { b',' });
        }
        fields += 1;
        let written = match value {
            Some(value) if composite => write_quoted(value, out),
            Some(value) => write_plain(value, out),
            None => false,
        };
        if !written {
            out.truncate(start);
            return false;
        }
    }
    if composite {
        out.push(b']');
    }
    fields > 0
}

fn write_quoted(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    let mut plain = Vec::new();
    if !write_plain(value, &mut plain) {
        return false;
    }
    // Binary keys are hex already, so that the text is always UTF-8.
    let text = String::from_utf8_lossy(&plain);
    serde_json::to_writer(&mut *out, &text).is_ok()
}

fn write_plain(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    let written = match value {
        Value::I64(it) => write!(out, "{it}"),
        Value::U64(it) | Value::Bit(it) => write!(out, "{it}"),
        Value::F32(it) => write!(out, "{it}"),
        Value::F64(it) => write!(out, "{it}"),
        Value::Bool(it) => write!(out, "{it}"),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) | Value::Json(it) => {
            out.write_all(it.as_bytes())
        }
        Value::Date(it) => write!(out, "{it}"),
        Value::Time(it) => write!(out, "{it}"),
        Value::DateTime(it) => write!(out, "{it}"),
        Value::Instant(it) => write!(out, "{it}"),
        Value::Year(it) => write!(out, "{it}"),
        Value::Timestamp(seconds, increment) => write!(out, "{seconds}:{increment}"),
        Value::ObjectId(it) => return write_hex(&it, out),
        Value::Bytes(_, it) => return write_hex(it, out),
        Value::Null
        | Value::Geometry(_)
        | Value::Regex(..)
        | Value::Code(_)
        | Value::MinKey
        | Value::MaxKey
        | Value::Array(_)
        | Value::Document(_) => return false,
    };
    written.is_ok()
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes
            .iter()
            .flat_map(|it| [DIGITS[usize::from(it >> 4)], DIGITS[usize::from(it & 0x0f)]]),
    );
    true
}
