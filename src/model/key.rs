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

/// Appends the first of these fields that has a value, as its plain text; a dotted path leads into
/// documents. Answers whether there is one.
pub fn write_first(row: &Row<'_>, fields: &[String], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for value in fields.iter().filter_map(|path| value_at(row, path)) {
        if write_plain(value, out) {
            return true;
        }
        out.truncate(start);
    }
    false
}

fn value_at<'r>(row: &Row<'r>, path: &str) -> Option<Value<'r>> {
    if let Some(value) = row.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let mut value = row.get(names.next()?)?;
    for name in names {
        let Value::Document(fields) = value else {
            return None;
        };
        value = fields.get(name)?;
    }
    Some(value)
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
        Value::I32(it) => write!(out, "{it}"),
        Value::I64(it) => write!(out, "{it}"),
        Value::U64(it) | Value::Bit(it) => write!(out, "{it}"),
        Value::F32(it) => write!(out, "{it}"),
        Value::F64(it) => write!(out, "{it}"),
        Value::Bool(it) => write!(out, "{it}"),
        Value::Decimal(it)
        | Value::String(it)
        | Value::Enum(it)
        | Value::Json(it)
        | Value::Symbol(it) => out.write_all(it.as_bytes()),
        Value::Date(it) => write!(out, "{it}"),
        Value::Time(it) => write!(out, "{it}"),
        Value::DateTime(it) => write!(out, "{it}"),
        Value::Instant(it) => write!(out, "{it}"),
        Value::Year(it) => write!(out, "{it}"),
        Value::Timestamp(seconds, increment) => write!(out, "{seconds}:{increment}"),
        Value::ObjectId(it) => return write_hex(&it, out),
        Value::Bytes(_, it) => return write_hex(it, out),
        Value::Null
        | Value::Undefined
        | Value::DbPointer(..)
        | Value::CodeWithScope(..)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Op, Packer, Records, Schema};

    /// The key of a record of these fields, told apart by `key`; `None` where it has none.
    fn key(key: &[&str], fields: &[(&str, Value<'_>)]) -> Option<String> {
        let mut records = Records::new(Arc::new(Schema::document("t", key.iter().copied())));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            for (name, value) in fields {
                packer.name(name);
                packer.value(*value);
            }
            Ok(())
        });
        pushed.expect("nothing fails");
        let mut out = b"before".to_vec();
        let found = write_key(&records.get(0).expect("one"), &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        let text = text.strip_prefix("before").expect("what was there stays");
        assert!(found || text.is_empty(), "no key leaves nothing behind");
        found.then(|| text.to_owned())
    }

    #[test]
    fn one_field_is_its_plain_text() {
        for (value, text) in [
            (Value::I64(-7), "-7"),
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::String("a \"b\""), "a \"b\""),
            (Value::String(""), ""),
            (Value::Decimal("1.50"), "1.50"),
            (Value::Bool(true), "true"),
            (Value::Bit(5), "5"),
            (Value::ObjectId([0xab; 12]), "abababababababababababab"),
            (Value::Bytes(0, b"\x00\xff"), "00ff"),
            (Value::Timestamp(9, 2), "9:2"),
        ] {
            assert_eq!(key(&["id"], &[("id", value)]).as_deref(), Some(text));
        }
    }

    #[test]
    fn several_fields_are_a_list_of_texts_in_key_order() {
        let fields = [("b", Value::String("x\",\"y")), ("a", Value::I64(1))];
        let list = key(&["a", "b"], &fields);
        assert_eq!(list.as_deref(), Some(r#"["1","x\",\"y"]"#));
        let bytes = [("a", Value::Bytes(0, b"\xff")), ("b", Value::Bool(false))];
        let list = key(&["a", "b"], &bytes);
        assert_eq!(list.as_deref(), Some(r#"["ff","false"]"#));
    }

    #[test]
    fn different_keys_never_share_a_text() {
        let one = [("a", Value::String("1\",\"2")), ("b", Value::String("3"))];
        let other = [("a", Value::String("1")), ("b", Value::String("2\",\"3"))];
        assert_ne!(key(&["a", "b"], &one), key(&["a", "b"], &other));
    }

    #[test]
    fn a_missing_null_or_nested_field_makes_no_key() {
        let mut list = Vec::new();
        Packer::new(&mut list).array(|it| it.value(Value::I64(1)));
        let nested = crate::model::packed::Unpacker::new(&list).value();
        assert_eq!(key(&[], &[("id", Value::I64(1))]), None);
        assert_eq!(key(&["id"], &[("other", Value::I64(1))]), None);
        for value in [Value::Null, nested, Value::MinKey, Value::Regex("a", "i")] {
            assert_eq!(key(&["id"], &[("id", value)]), None);
            let second = [("a", Value::I64(1)), ("id", value)];
            assert_eq!(key(&["a", "id"], &second), None);
        }
    }

    #[test]
    fn the_first_field_with_a_value_is_found_also_inside_a_document() {
        let mut inner = Vec::new();
        Packer::new(&mut inner).document(|it| {
            it.name("at");
            it.value(Value::I64(9));
        });
        let nested = crate::model::packed::Unpacker::new(&inner).value();
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            for (name, value) in [("null", Value::Null), ("a", nested), ("b", Value::I64(1))] {
                packer.name(name);
                packer.value(value);
            }
            Ok(())
        });
        pushed.expect("nothing fails");
        let row = records.get(0).expect("one");
        for (fields, text) in [
            (&["null", "b"][..], Some("1")),
            (&["a.at", "b"], Some("9")),
            (&["a", "none", "null.at", "a.none"], None),
        ] {
            let fields: Vec<_> = fields.iter().map(|it| (*it).to_owned()).collect();
            let mut out = Vec::new();
            assert_eq!(write_first(&row, &fields, &mut out), text.is_some());
            assert_eq!(out, text.unwrap_or_default().as_bytes());
        }
    }
}
