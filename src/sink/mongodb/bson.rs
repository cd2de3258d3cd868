//! Values as BSON, written straight into the bytes of a command.
//!
//! | value | BSON |
//! |---|---|
//! | each type of BSON, the old ones too | its own |
//! | unsigned above 2^63-1, exact decimals | Decimal128, where it has all of their digits |
//! | days, wall clocks, spans of time | text, as ISO 8601 writes it: BSON's date is a point in time |
//! | points in time | date, where milliseconds say it all |
//! | JSON | what it says: a document, a list, a number with all of its digits |

use std::str::FromStr;

use mongodb::bson::Decimal128;

use super::json;
use crate::model::{Fields, Value};

/// Bytes of BSON while they are written.
#[derive(Debug, Default)]
pub(super) struct Bson(pub Vec<u8>);

/// Deeper than a server takes behind what a command puts around it.
const DEPTH: usize = 150;

impl Bson {
    /// Begins a document; `close` ends it.
    pub fn open(&mut self) -> usize {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        at
    }

    /// Ends what was begun at `at`.
    pub fn close(&mut self, at: usize) {
        self.0.push(0);
        let length = (self.0.len() - at) as i32;
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Begins a document that is the value of `name`, which has no zero byte.
    pub fn document(&mut self, name: &str) -> usize {
        self.head(0x03, name);
        self.open()
    }

    /// Begins a list that is the value of `name`.
    pub fn list(&mut self, name: &str) -> usize {
        self.head(0x04, name);
        self.open()
    }

    /// A text of ours.
    pub fn text(&mut self, name: &str, text: &str) {
        self.head(0x02, name);
        self.sized(text);
    }

    pub fn number(&mut self, name: &str, number: i64) {
        self.head(0x12, name);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn flag(&mut self, name: &str, flag: bool) {
        self.head(0x08, name);
        self.0.push(u8::from(flag));
    }

    /// A field of a record.
    ///
    /// # Errors
    /// Why BSON cannot hold it; what was appended is of no use then.
    pub fn field(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        self.nested(name, value, 0)
    }

    fn nested(&mut self, name: &str, value: Value<'_>, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("it is nested deeper than {DEPTH} levels"));
        }
        if name.contains('\0') {
            return Err("MongoDB takes no zero byte in a name".to_owned());
        }
        match value {
            Value::Array(items) => {
                let at = self.list(name);
                for (index, item) in items.enumerate() {
                    self.nested(&index.to_string(), item, depth + 1)?;
                }
                self.close(at);
            }
            Value::Document(fields) => {
                self.head(0x03, name);
                self.fields(fields, depth + 1)?;
            }
            Value::CodeWithScope(code, scope) => {
                self.head(0x0f, name);
                let at = self.0.len();
                self.0.extend_from_slice(&[0; 4]);
                self.sized(code);
                self.fields(scope, depth + 1)?;
                let length = (self.0.len() - at) as i32;
                self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
            }
            Value::Json(text) => json::field(self, name, text, depth)?,
            plain => self.plain(name, plain)?,
        }
        Ok(())
    }

    fn fields(&mut self, fields: Fields<'_>, depth: usize) -> Result<(), String> {
        let at = self.open();
        for (name, value) in fields {
            self.nested(name, value, depth)?;
        }
        self.close(at);
        Ok(())
    }

    fn plain(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.head(0x0a, name),
            Value::Undefined => self.head(0x06, name),
            Value::MinKey => self.head(0xff, name),
            Value::MaxKey => self.head(0x7f, name),
            Value::Bool(it) => self.flag(name, it),
            Value::I32(it) => self.bytes(0x10, name, &it.to_le_bytes()),
            Value::Year(it) => self.bytes(0x10, name, &i32::from(it).to_le_bytes()),
            Value::I64(it) => self.number(name, it),
            Value::U64(it) | Value::Bit(it) => match i64::try_from(it) {
                Ok(it) => self.number(name, it),
                Err(_) => return self.decimal(name, &it.to_string()),
            },
            // Its own few digits: widened bit by bit, 0.1 would be 0.10000000149.
            Value::F32(it) => {
                let digits = f64::from_str(&it.to_string()).unwrap_or(f64::from(it));
                self.bytes(0x01, name, &digits.to_le_bytes());
            }
            Value::F64(it) => self.bytes(0x01, name, &it.to_le_bytes()),
            Value::Decimal(digits) => return self.decimal(name, digits),
            Value::String(it) | Value::Enum(it) => self.text(name, it),
            Value::Symbol(it) => self.tagged_text(0x0e, name, it),
            Value::Code(it) => self.tagged_text(0x0d, name, it),
            Value::Bytes(subtype, it) => self.binary(name, subtype, it),
            Value::Geometry(it) => self.binary(name, 0, it),
            Value::Date(it) => self.text(name, &it.to_string()),
            Value::Time(it) => self.text(name, &it.to_string()),
            Value::DateTime(it) => self.text(name, &it.to_string()),
            Value::Instant(it) => match it.to_millis().filter(|_| it.micros % 1000 == 0) {
                Some(millis) => self.bytes(0x09, name, &millis.to_le_bytes()),
                None => return Err(FINE.to_owned()),
            },
            Value::ObjectId(it) => self.bytes(0x07, name, &it),
            Value::Timestamp(seconds, increment) => {
                let both = u64::from(seconds) << 32 | u64::from(increment);
                self.bytes(0x11, name, &both.to_le_bytes());
            }
            Value::Regex(pattern, options) => {
                if pattern.contains('\0') || options.contains('\0') {
                    return Err("a pattern has no zero byte".to_owned());
                }
                self.head(0x0b, name);
                for part in [pattern, options] {
                    self.0.extend_from_slice(part.as_bytes());
                    self.0.push(0);
                }
            }
            Value::DbPointer(namespace, id) => {
                self.tagged_text(0x0c, name, namespace);
                self.0.extend_from_slice(&id);
            }
            Value::Json(_) | Value::Array(_) | Value::Document(_) | Value::CodeWithScope(..) => {
                return Err("it is nested".to_owned());
            }
        }
        Ok(())
    }

    /// # Errors
    /// Where Decimal128 has fewer digits than it.
    pub fn decimal(&mut self, name: &str, digits: &str) -> Result<(), String> {
        match Decimal128::from_str(digits) {
            Ok(it) => {
                self.bytes(0x13, name, &it.bytes());
                Ok(())
            }
            Err(_) => Err("a decimal of MongoDB has 34 digits, and this has more".to_owned()),
        }
    }

    pub fn double(&mut self, name: &str, number: f64) {
        self.bytes(0x01, name, &number.to_le_bytes());
    }

    fn binary(&mut self, name: &str, subtype: u8, data: &[u8]) {
        self.head(0x05, name);
        // The old subtype repeats its length inside.
        let inner = if subtype == 2 {
            data.len() + 4
        } else {
            data.len()
        };
        self.0.extend_from_slice(&(inner as i32).to_le_bytes());
        self.0.push(subtype);
        if subtype == 2 {
            self.0.extend_from_slice(&(data.len() as i32).to_le_bytes());
        }
        self.0.extend_from_slice(data);
    }

    fn tagged_text(&mut self, tag: u8, name: &str, text: &str) {
        self.head(tag, name);
        self.sized(text);
    }

    fn sized(&mut self, text: &str) {
        self.0
            .extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    fn bytes(&mut self, tag: u8, name: &str, value: &[u8]) {
        self.head(tag, name);
        self.0.extend_from_slice(value);
    }

    pub fn head(&mut self, tag: u8, name: &str) {
        self.0.push(tag);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
    }
}

const FINE: &str = "a date of MongoDB has milliseconds, and this point in time has more, or is out of \
     its range: make it a text by the step `date`";

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, doc};

    use super::*;

    fn one(value: Value<'_>) -> Result<Document, String> {
        let mut bson = Bson::default();
        let at = bson.open();
        bson.field("it", value)?;
        bson.close(at);
        Ok(Document::from_reader(&bson.0[..]).expect("it is BSON"))
    }

    #[test]
    fn values_keep_what_they_say() {
        let decimal = |it: &str| Decimal128::from_str(it).expect("digits");
        assert_eq!(one(Value::I64(-7)), Ok(doc! { "it": -7_i64 }));
        assert_eq!(one(Value::F32(0.1)), Ok(doc! { "it": 0.1_f64 }));
        let large = doc! { "it": decimal("18446744073709551615") };
        assert_eq!(one(Value::U64(u64::MAX)), Ok(large));
        assert_eq!(
            one(Value::Decimal("1.50")),
            Ok(doc! { "it": decimal("1.50") })
        );
        assert_eq!(one(Value::String("ä")), Ok(doc! { "it": "ä" }));
        let json = r#"{"b": [1, 2.5, null, true, "x\n"], "a": {}, "n": 12345678901234567890}"#;
        let inner = doc! {
            "b": [1_i64, 2.5, mongodb::bson::Bson::Null, true, "x\n"],
            "a": {},
            "n": decimal("12345678901234567890"),
        };
        assert_eq!(one(Value::Json(json)), Ok(doc! { "it": inner }));
    }

    #[test]
    fn what_would_lose_digits_is_refused() {
        let fine = crate::model::Instant {
            seconds: 1,
            micros: 1,
        };
        let long = "1".repeat(40);
        let json = "[".repeat(400);
        for value in [
            Value::Instant(fine),
            Value::Decimal(&long),
            Value::Json(&long),
            Value::Json(&json),
            Value::Json("{\"a\":1,\"a\":2}"),
            Value::Json("{\"\\u0000\":1}"),
        ] {
            assert!(one(value).is_err(), "{value:?}");
        }
    }
}
