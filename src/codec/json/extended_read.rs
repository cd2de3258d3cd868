//! MongoDB's extended JSON read into a row: each value is what it was.
//!
//! What looks like a type but is none (`{"$oid":"x"}`, `{"$numberInt":"1","a":2}`) is a document:
//! MongoDB's own documents may have such names.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Error, value::RawValue};

use super::{DEPTH, read::Name};
use crate::model::{Instant, Packer, Value};

/// Appends the fields of an object, names and values.
///
/// # Errors
/// Where the bytes are no JSON object; what has been appended is of no use then.
pub(super) fn fields(bytes: &[u8], packer: &mut Packer<'_>) -> Result<(), Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Nested(packer, 0).deserialize_object(&mut reader);
    read.and_then(|()| reader.end())
}

/// The fields of an object, or the items of a list, which lie that many levels deep.
struct Nested<'p, 'b>(&'p mut Packer<'b>, usize);

impl Nested<'_, '_> {
    fn deserialize_object<'de, D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Name(self.0))?.is_some() {
            let raw: &'de RawValue = map.next_value()?;
            pack(self.0, raw.get(), self.1).map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(raw) = items.next_element::<&'de RawValue>()? {
            pack(self.0, raw.get(), self.1).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Appends one JSON value, known to be valid.
fn pack(packer: &mut Packer<'_>, raw: &str, depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(Error::custom(format!("nested deeper than {DEPTH} levels")));
    }
    let inside = |packer: &mut Packer<'_>| {
        Nested(packer, depth + 1).deserialize(&mut serde_json::Deserializer::from_str(raw))
    };
    let value = match raw.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'[') => return packer.array(inside),
        Some(b'{') => {
            if typed(packer, raw, depth)? {
                return Ok(());
            } else {
                return packer.document(inside);
            }
        }
        Some(b'"') => {
            let text: Text<'_> = serde_json::from_str(raw)?;
            packer.value(Value::String(&text.0));
            return Ok(());
        }
        _ => number(raw),
    };
    packer.value(value);
    Ok(())
}

/// A number of relaxed extended JSON: whole ones are as narrow as they can be.
fn number(raw: &str) -> Value<'_> {
    if let Ok(narrow) = raw.parse() {
        return Value::I32(narrow);
    }
    if let Ok(whole) = raw.parse() {
        return Value::I64(whole);
    }
    let is_whole = raw.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    match raw.parse::<f64>() {
        Ok(float) if !is_whole && float.is_finite() => Value::F64(float),
        // No double has these digits.
        _ => Value::Decimal(raw),
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// Every type that extended JSON has an object for; one that has other names too is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed<'a> {
    #[serde(borrow, rename = "$oid")]
    oid: Option<Text<'a>>,
    #[serde(borrow, rename = "$symbol")]
    symbol: Option<Text<'a>>,
    #[serde(borrow, rename = "$numberInt")]
    int: Option<Text<'a>>,
    #[serde(borrow, rename = "$numberLong")]
    long: Option<Text<'a>>,
    #[serde(borrow, rename = "$numberDouble")]
    double: Option<Text<'a>>,
    #[serde(borrow, rename = "$numberDecimal")]
    decimal: Option<Text<'a>>,
    #[serde(borrow, rename = "$binary")]
    binary: Option<BinaryOf<'a>>,
    #[serde(borrow, rename = "$code")]
    code: Option<Text<'a>>,
    #[serde(borrow, rename = "$scope")]
    scope: Option<&'a RawValue>,
    #[serde(rename = "$timestamp")]
    timestamp: Option<TimestampOf>,
    #[serde(borrow, rename = "$regularExpression")]
    regex: Option<RegexOf<'a>>,
    #[serde(borrow, rename = "$dbPointer")]
    pointer: Option<PointerOf<'a>>,
    #[serde(borrow, rename = "$date")]
    date: Option<DateOf<'a>>,
    #[serde(rename = "$minKey")]
    least: Option<u8>,
    #[serde(rename = "$maxKey")]
    greatest: Option<u8>,
    #[serde(rename = "$undefined")]
    undefined: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BinaryOf<'a> {
    #[serde(borrow)]
    base64: Text<'a>,
    #[serde(borrow, rename = "subType")]
    subtype: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampOf {
    t: u32,
    i: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegexOf<'a> {
    #[serde(borrow)]
    pattern: Text<'a>,
    #[serde(borrow)]
    options: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointerOf<'a> {
    #[serde(borrow, rename = "$ref")]
    namespace: Text<'a>,
    #[serde(borrow, rename = "$id")]
    id: IdOf<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdOf<'a> {
    #[serde(borrow, rename = "$oid")]
    oid: Text<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DateOf<'a> {
    #[serde(borrow)]
    Text(Text<'a>),
    #[serde(borrow)]
    Millis(MillisOf<'a>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MillisOf<'a> {
    #[serde(borrow, rename = "$numberLong")]
    millis: Text<'a>,
}

/// Appends the value of an object that stands for a type of its own; answers whether it does.
fn typed(packer: &mut Packer<'_>, raw: &str, depth: usize) -> Result<bool, Error> {
    let first = raw[1..].trim_start();
    if !first.starts_with("\"$") {
        return Ok(false);
    }
    let Ok(typed) = serde_json::from_str::<Typed<'_>>(raw) else {
        return Ok(false);
    };
    if let (Some(code), Some(scope)) = (&typed.code, typed.scope) {
        if !scope.get().starts_with('{') || names(raw) != 2 {
            return Ok(false);
        }
        let reader = &mut serde_json::Deserializer::from_str(scope.get());
        if depth >= DEPTH {
            return Err(Error::custom(format!("nested deeper than {DEPTH} levels")));
        }
        let fill = |it: &mut Packer<'_>| Nested(it, depth + 2).deserialize_object(reader);
        packer.code_with_scope(&code.0, fill)?;
        return Ok(true);
    }
    if names(raw) != 1 {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    match typed.value(&mut bytes) {
        Some(value) => packer.value(value),
        None => return Ok(false),
    }
    Ok(true)
}

/// How many fields an object has.
fn names(raw: &str) -> usize {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
            let mut many = 0;
            while map
                .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                .is_some()
            {
                many += 1;
            }
            Ok(many)
        }
    }
    serde_json::Deserializer::from_str(raw)
        .deserialize_map(Names)
        .unwrap_or_default()
}

impl Typed<'_> {
    /// What it stands for; `None` where its text is not that of its type. Bytes go by way of `bytes`.
    fn value<'v>(&'v self, bytes: &'v mut Vec<u8>) -> Option<Value<'v>> {
        if let Some(it) = &self.oid {
            return Some(Value::ObjectId(object_id(&it.0)?));
        }
        if let Some(it) = &self.symbol {
            return Some(Value::Symbol(&it.0));
        }
        if let Some(it) = &self.int {
            return Some(Value::I32(it.0.parse().ok()?));
        }
        if let Some(it) = &self.long {
            return Some(Value::I64(it.0.parse().ok()?));
        }
        if let Some(it) = &self.double {
            return Some(Value::F64(double(&it.0)?));
        }
        if let Some(it) = &self.decimal {
            let finite = it.0.bytes().any(|it| it.is_ascii_digit()) && double(&it.0).is_some();
            let other = matches!(&*it.0, "NaN" | "Infinity" | "-Infinity");
            return (finite || other).then_some(Value::Decimal(&it.0));
        }
        if let Some(it) = &self.binary {
            let subtype = Some(&it.subtype.0).filter(|it| it.len() <= 2)?;
            let subtype = u8::from_str_radix(subtype, 16).ok()?;
            *bytes = BASE64_STANDARD.decode(&*it.base64.0).ok()?;
            return Some(Value::Bytes(subtype, bytes));
        }
        if let Some(it) = &self.timestamp {
            return Some(Value::Timestamp(it.t, it.i));
        }
        if let Some(it) = &self.regex {
            return Some(Value::Regex(&it.pattern.0, &it.options.0));
        }
        if let Some(it) = &self.pointer {
            return Some(Value::DbPointer(&it.namespace.0, object_id(&it.id.oid.0)?));
        }
        match &self.date {
            Some(DateOf::Text(it)) => return Some(Value::Instant(Instant::parse(&it.0)?)),
            Some(DateOf::Millis(it)) => {
                let millis = it.millis.0.parse().ok()?;
                return Some(Value::Instant(Instant::from_millis(millis)));
            }
            None => {}
        }
        if let Some(it) = &self.code {
            return Some(Value::Code(&it.0));
        }
        match (self.least, self.greatest, self.undefined) {
            (Some(1), ..) => Some(Value::MinKey),
            (_, Some(1), _) => Some(Value::MaxKey),
            (.., Some(true)) => Some(Value::Undefined),
            _ => None,
        }
    }
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust reads other words for these as well.
        _ if text.bytes().any(|it| it.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn object_id(hex: &str) -> Option<[u8; 12]> {
    let digits = hex.as_bytes();
    if digits.len() != 24 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut id = [0; 12];
    for (byte, at) in id.iter_mut().zip((0..24).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(id)
}
