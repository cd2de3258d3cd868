//! Every BSON type packed, and bytes that are none.

use std::sync::Arc;

use mongodb::bson::{
    Binary, Bson, DbPointer, Decimal128, Document, JavaScriptCodeWithScope, RawDocumentBuf, Regex,
    Timestamp, doc, oid::ObjectId, spec::BinarySubtype,
};
use proptest::prelude::*;

use super::*;
use crate::{
    codec::{
        Encoder,
        json::{Documents, Json},
    },
    model::{Op, Records, Schema},
};

fn packed(document: &[u8]) -> Result<Records, Malformed> {
    let mut records = Records::new(Arc::new(Schema::document("c", ["_id"])));
    records.push(Op::Upsert, 0, |packer| pack_fields(document, packer))?;
    Ok(records)
}

fn bytes(document: &Document) -> Vec<u8> {
    let raw = RawDocumentBuf::try_from(document).expect("a document");
    raw.into_bytes()
}

fn regex_of(pattern: &str, options: &str) -> Regex {
    Regex {
        pattern: pattern.try_into().expect("no zero"),
        options: options.try_into().expect("no zero"),
    }
}

/// The value of `v`, as it is shown for debugging.
fn check(value: impl Into<Bson>, expectation: Value<'_>) {
    let records = packed(&bytes(&doc! { "v": value })).expect("BSON");
    let row = records.get(0).expect("one row");
    assert_eq!(row.get("v"), Some(expectation));
}

#[test]
fn every_type_has_its_value() {
    check(1.5, Value::F64(1.5));
    check("文", Value::String("文"));
    check(Bson::Symbol("s".into()), Value::Symbol("s"));
    check(ObjectId::from_bytes([7; 12]), Value::ObjectId([7; 12]));
    check(true, Value::Bool(true));
    check(Bson::Null, Value::Null);
    check(Bson::Undefined, Value::Undefined);
    check(-5_i32, Value::I32(-5));
    check(i64::MIN, Value::I64(i64::MIN));
    check(Bson::MinKey, Value::MinKey);
    check(Bson::MaxKey, Value::MaxKey);
    check(Bson::JavaScriptCode("f()".into()), Value::Code("f()"));
    let date = mongodb::bson::DateTime::from_millis(-1);
    check(date, Value::Instant(Instant::from_millis(-1)));
    let time = Timestamp {
        time: 9,
        increment: 3,
    };
    check(time, Value::Timestamp(9, 3));
    let decimal: Decimal128 = "-1.50E+10".parse().expect("a decimal");
    check(decimal, Value::Decimal("-1.50E+10"));
    let pattern = regex_of("a.b", "im");
    check(pattern, Value::Regex("a.b", "im"));
}

#[test]
fn binary_keeps_its_subtype_and_loses_the_old_inner_length() {
    for subtype in [0, 2, 4, 128] {
        let binary = Binary {
            subtype: BinarySubtype::from(subtype),
            bytes: vec![1, 2, 3],
        };
        check(binary, Value::Bytes(subtype, &[1, 2, 3]));
    }
}

#[test]
fn nested_values_keep_their_order_and_types() {
    let records = packed(&bytes(
        &doc! { "v": { "b": [1, { "x": Bson::Null }], "a": 2_i64 } },
    ));
    let records = records.expect("BSON");
    let row = records.get(0).expect("one row");
    let Some(Value::Document(mut fields)) = row.get("v") else {
        panic!("no document");
    };
    let Some(("b", Value::Array(items))) = fields.next() else {
        panic!("no array");
    };
    let types: Vec<_> = items.map(|it| it.type_name()).collect();
    assert_eq!(types, ["integer", "document"]);
    assert_eq!(fields.next(), Some(("a", Value::I64(2))));
}

#[test]
fn code_with_scope_and_db_pointers_keep_their_parts() {
    let code = JavaScriptCodeWithScope {
        code: "f()".into(),
        scope: doc! { "x": 1 },
    };
    let mut document = doc! { "code": code };
    let pointer = r#"{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"68a1f0c2e4b0a1b2c3d4e5f6"}}}"#;
    let pointer: DbPointer = serde_json::from_str(pointer).expect("a pointer");
    document.insert("pointer", pointer);
    let records = packed(&bytes(&document)).expect("BSON");
    let row = records.get(0).expect("one row");
    let Some(Value::CodeWithScope("f()", scope)) = row.get("code") else {
        panic!("no code");
    };
    assert_eq!(scope.get("x"), Some(Value::I32(1)));
    let id = ObjectId::parse_str("68a1f0c2e4b0a1b2c3d4e5f6").expect("an id");
    let pointer = Value::DbPointer("db.c", id.bytes());
    assert_eq!(row.get("pointer"), Some(pointer));
}

/// The exact text, and the server's own bytes again out of it.
#[test]
fn canonical_extended_json_is_the_same_document() {
    let code = JavaScriptCodeWithScope {
        code: "g()".into(),
        scope: doc! { "x": 1 },
    };
    let binary = Binary {
        subtype: BinarySubtype::UserDefined(0x80),
        bytes: vec![0, 0xff],
    };
    let decimal: Decimal128 = "-1.50E+10".parse().expect("a decimal");
    let document = doc! {
        "z": -5_i32, "a": 5_i64, "whole": 5.0, "huge": f64::MAX, "tiny": 5e-324, "minus zero": -0.0,
        "none": f64::NAN, "least": f64::NEG_INFINITY, "decimal": decimal, "text": "\u{0}\"文",
        "symbol": Bson::Symbol("s".into()), "undefined": Bson::Undefined, "null": Bson::Null,
        "date": mongodb::bson::DateTime::from_millis(1_756_200_615_120),
        "before": mongodb::bson::DateTime::from_millis(-1), "code": Bson::JavaScriptCode("f()".into()),
        "scoped": code, "binary": binary, "regex": regex_of("a\"b", "im"), "": [1, { "$a.b": true }],
        "id": ObjectId::from_bytes([7; 12]), "min": Bson::MinKey, "max": Bson::MaxKey,
        "time": Timestamp { time: u32::MAX, increment: 7 },
    };
    let bytes = bytes(&document);
    let records = packed(&bytes).expect("BSON");
    let written = |documents| {
        let format = Json {
            documents,
            ..Json::PLAIN
        };
        let mut out = Vec::new();
        let row = records.get(0).expect("one row");
        format
            .encode(&row, "t", &mut out)
            .expect("BSON has an extended JSON");
        String::from_utf8(out).expect("UTF-8")
    };
    let canonical = written(Documents::Canonical);
    let expected = r#"{"z":{"$numberInt":"-5"},"a":{"$numberLong":"5"},"whole":{"$numberDouble":"5.0"},"huge":{"$numberDouble":"1.7976931348623157e+308"},"tiny":{"$numberDouble":"5e-324"},"minus zero":{"$numberDouble":"-0.0"},"none":{"$numberDouble":"NaN"},"least":{"$numberDouble":"-Infinity"},"decimal":{"$numberDecimal":"-1.50E+10"},"text":"\u0000\"文","symbol":{"$symbol":"s"},"undefined":{"$undefined":true},"null":null,"date":{"$date":{"$numberLong":"1756200615120"}},"before":{"$date":{"$numberLong":"-1"}},"code":{"$code":"f()"},"scoped":{"$code":"g()","$scope":{"x":{"$numberInt":"1"}}},"binary":{"$binary":{"base64":"AP8=","subType":"80"}},"regex":{"$regularExpression":{"pattern":"a\"b","options":"im"}},"":[{"$numberInt":"1"},{"$a.b":true}],"id":{"$oid":"070707070707070707070707"},"min":{"$minKey":1},"max":{"$maxKey":1},"time":{"$timestamp":{"t":4294967295,"i":7}}}"#;
    assert_eq!(canonical, expected);
    let reread: Document = serde_json::from_str(&canonical).expect("the driver reads it");
    assert_eq!(self::bytes(&reread), bytes);
    let relaxed = written(Documents::Relaxed);
    for part in [
        r#""z":-5,"a":5,"whole":5.0,"#,
        r#""date":{"$date":"2025-08-26T09:30:15.120Z"},"before":{"$date":{"$numberLong":"-1"}}"#,
        r#""none":{"$numberDouble":"NaN"},"#,
    ] {
        assert!(relaxed.contains(part), "{relaxed}");
    }
}

#[test]
fn text_that_is_not_utf8_becomes_bytes() {
    let mut document = bytes(&doc! { "v": "abc", "name": "d" });
    let at = document.windows(3).position(|it| it == b"abc").expect("it");
    document[at] = 0xff;
    let at = document
        .windows(4)
        .position(|it| it == b"name")
        .expect("it");
    document[at] = 0xfe;
    let records = packed(&document).expect("BSON");
    let row = records.get(0).expect("one row");
    assert_eq!(row.get("v"), Some(Value::Bytes(0, b"\xffbc")));
    let (name, value) = row.fields().nth(1).expect("two fields");
    assert_eq!(name, "\u{fffd}ame");
    assert!(matches!(value, Value::Bytes(0, [0x02, 0xfe, ..])));
}

#[test]
fn nesting_without_end_is_cut_off_as_bytes() {
    let mut document = vec![5, 0, 0, 0, 0];
    for _ in 0..10_000 {
        let length = (document.len() + 8) as i32;
        document = [&length.to_le_bytes()[..], b"\x03d\0", &document, b"\0"].concat();
    }
    let records = packed(&document).expect("BSON");
    let mut value = records.get(0).and_then(|it| it.get("d"));
    let mut depth = 0;
    while let Some(Value::Document(fields)) = value {
        value = fields.get("d");
        depth += 1;
    }
    assert_eq!(depth, DEPTH);
    assert!(matches!(value, Some(Value::Bytes(..))));
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = packed(&noise);
    }

    #[test]
    fn no_damaged_document_panics(at in 0_usize..300, to in any::<u8>()) {
        let code = JavaScriptCodeWithScope { code: "f()".into(), scope: doc! { "x": 1 } };
        let binary = Binary { subtype: BinarySubtype::BinaryOld, bytes: vec![1, 2, 3] };
        let pattern = regex_of("a", "i");
        let mut document = bytes(&doc! { "a": "b", "c": [1, 2.0, { "d": code }], "e": binary, "f": pattern });
        let at = at % document.len();
        document[at] = to;
        let _ = packed(&document);
    }
}
