//! Plain JSON: one object a record, names as the source spells them.
//!
//! | value | JSON |
//! |---|---|
//! | integers, floats | number, the shortest that reads back; NaN and Infinity are refused |
//! | decimal | text, every digit |
//! | text, enum | text |
//! | binary, geometry | text, base64 |
//! | ObjectId | text, 24 hex |
//! | date, time, datetime | text: `2025-08-26`, `09:30:15.123000`, `2025-08-26 09:30:15` |
//! | instant | text, RFC 3339 in UTC |
//! | year, bit | number |
//! | JSON | as it is |
//! | BSON timestamp, regex, code, min and max key | an object, as canonical extended JSON has them |
//!
//! Decoded, a text is text, a whole number an integer, any other number a decimal with its very
//! digits, and an array or object stays JSON text.

use std::{fmt, io::Write};

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{CodecError, Decoder, Encoder, is_plain};
use crate::model::{Kind, Message, Op, Packer, Records, Row, Value};

/// The format `json`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

/// Nesting beyond this is refused, on the way out as on the way in.
const DEPTH: usize = 120;

impl Encoder for Json {
    fn encode(&self, row: &Row<'_>, _topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut first = true;
        out.push(b'{');
        for (name, value) in row.fields() {
            write_name(name, &mut first, out);
            write_value(value, out, 0).map_err(|reason| CodecError::Unencodable {
                field: name.to_owned(),
                reason,
            })?;
        }
        out.push(b'}');
        Ok(())
    }
}

impl Decoder for Json {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return super::decode_deletion("json", message, origin, out);
        };
        let mut reader = serde_json::Deserializer::from_slice(value);
        out.push(Op::Upsert, origin, |packer| {
            let read = Object(packer).deserialize(&mut reader);
            read.and_then(|()| reader.end())
        })
        .map_err(|error| CodecError::Undecodable {
            format: "json",
            reason: error.to_string(),
        })
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        None
    }
}

fn write_name(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    write_text(name, out);
    out.push(b':');
}

fn write_value(value: Value<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(it) => out.extend_from_slice(if it { b"true" } else { b"false" }),
        Value::I64(it) => write_number(it, out),
        Value::U64(it) | Value::Bit(it) => write_number(it, out),
        Value::Year(it) => write_number(it, out),
        Value::F32(it) if it.is_finite() => write_number(it, out),
        Value::F64(it) if it.is_finite() => write_number(it, out),
        Value::F32(_) | Value::F64(_) => return Err("JSON has no NaN and no Infinity".into()),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) => write_text(it, out),
        Value::Bytes(_, it) | Value::Geometry(it) => write_base64(it, out),
        Value::Date(it) => write_shown(it, out),
        Value::Time(it) => write_shown(it, out),
        Value::DateTime(it) => write_shown(it, out),
        Value::Instant(it) => write_shown(it, out),
        Value::Json(it) => write_json(it, out)?,
        Value::ObjectId(it) => write_hex(&it, out),
        Value::Timestamp(seconds, increment) => {
            let text = format!("{{\"$timestamp\":{{\"t\":{seconds},\"i\":{increment}}}}}");
            out.extend_from_slice(text.as_bytes());
        }
        Value::Regex(pattern, options) => {
            out.extend_from_slice(b"{\"$regularExpression\":{\"pattern\":");
            write_text(pattern, out);
            out.extend_from_slice(b",\"options\":");
            write_text(options, out);
            out.extend_from_slice(b"}}");
        }
        Value::Code(it) => {
            out.extend_from_slice(b"{\"$code\":");
            write_text(it, out);
            out.push(b'}');
        }
        Value::MinKey => out.extend_from_slice(b"{\"$minKey\":1}"),
        Value::MaxKey => out.extend_from_slice(b"{\"$maxKey\":1}"),
        Value::Array(items) => {
            let mut first = true;
            out.push(b'[');
            for item in items {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                write_value(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Document(fields) => {
            let mut first = true;
            out.push(b'{');
            for (name, value) in fields {
                write_name(name, &mut first, out);
                write_value(value, out, depth + 1)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// JSON of a source is passed on as it is, once it is known to be JSON.
fn write_json(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let valid: Result<&RawValue, _> = serde_json::from_str(text);
    match valid {
        Ok(raw) => out.extend_from_slice(raw.get().as_bytes()),
        Err(error) => return Err(format!("not valid JSON: {error}")),
    }
    Ok(())
}

fn write_number(number: impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing a number into memory cannot fail.
    let _ = serde_json::to_writer(out, &number);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing text into memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

fn write_shown(shown: impl fmt::Display, out: &mut Vec<u8>) {
    out.push(b'"');
    // Writing into memory cannot fail.
    let _ = write!(out, "{shown}");
    out.push(b'"');
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        let (high, low) = (usize::from(byte >> 4), usize::from(byte & 0x0f));
        out.extend_from_slice(&[DIGITS[high], DIGITS[low]]);
    }
    out.push(b'"');
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // Fails only where there is too little room.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
    out.push(b'"');
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
struct Name<'p, 'b>(&'p mut Packer<'b>);

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Headers, Instant, Place, Schema};

    fn encoded(value: Value<'_>) -> Result<String, String> {
        let mut out = Vec::new();
        write_value(value, &mut out, 0)?;
        Ok(String::from_utf8(out).expect("JSON is UTF-8"))
    }

    fn decoded(text: &[u8]) -> Result<Records, CodecError> {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let message = Message {
            key: None,
            value: Some(text),
            headers: Headers::default(),
            place: Place::default(),
        };
        Json.decode(&message, 0, &mut records).map(|()| records)
    }

    #[test]
    fn each_value_has_its_text() {
        let cases = [
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::F64(1.5e300), "1.5e+300"),
            (Value::F64(-0.0), "-0.0"),
            (Value::F32(0.1), "0.1"),
            (Value::Decimal("1.50"), "\"1.50\""),
            (Value::Bytes(0, b"\x00\xff"), "\"AP8=\""),
            (Value::Bytes(0, b"abc"), "\"YWJj\""),
            (Value::Bytes(0, b"a"), "\"YQ==\""),
            (Value::ObjectId([0xab; 12]), "\"abababababababababababab\""),
            (
                Value::Instant(Instant::from_millis(1_756_200_615_123)),
                "\"2025-08-26T09:30:15.123000Z\"",
            ),
            (Value::Json("{\"a\": 1.0}"), "{\"a\": 1.0}"),
        ];
        for (value, text) in cases {
            assert_eq!(encoded(value).as_deref(), Ok(text), "{value:?}");
        }
    }

    #[test]
    fn what_json_has_no_word_for_is_refused() {
        assert!(encoded(Value::F64(f64::NAN)).is_err());
        assert!(encoded(Value::Json("{")).is_err());
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = b"{\"a\":18446744073709551615,\"b\":-1,\"c\":1.50,\"d\":123456789012345678901234567890}";
        let records = decoded(text).expect("valid");
        let row = records.get(0).expect("one row");
        assert_eq!(row.get("a"), Some(Value::U64(u64::MAX)));
        assert_eq!(row.get("b"), Some(Value::I64(-1)));
        assert_eq!(row.get("c"), Some(Value::Decimal("1.50")));
        let digits = "123456789012345678901234567890";
        assert_eq!(row.get("d"), Some(Value::Decimal(digits)));
        let zero = decoded(b"{\"a\":-0}").expect("valid");
        let zero = zero.get(0).and_then(|it| it.get("a"));
        assert_eq!(zero, Some(Value::Decimal("-0")));
    }

    #[test]
    fn nesting_of_many_levels_overflows_no_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(
            decoded(deep.as_bytes()).is_ok(),
            "a field of JSON is not looked into"
        );
        assert!(decoded(&deep.as_bytes()[1..]).is_err());
        assert!(decoded(b"[1]").is_err());
        assert!(decoded(b"{} {}").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let _ = decoded(&bytes);
        }

        #[test]
        fn text_comes_back(text: String, name: String) {
            let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
            let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
                packer.name(&name);
                packer.value(Value::String(&text));
                Ok(())
            });
            prop_assert!(pushed.is_ok());
            let mut out = Vec::new();
            Json.encode(&records.get(0).expect("one row"), "t", &mut out).expect("text is JSON");
            let again = decoded(&out).expect("our own JSON");
            let row = again.get(0).expect("one row");
            prop_assert_eq!(row.get(&name), Some(Value::String(&text)));
        }
    }
}
