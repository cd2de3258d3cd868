//! What each value is as JSON, and what JSON is read as.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Headers, Instant, RecordOrigin, Schema, Value};

fn encoded(value: Value<'_>) -> Result<String, String> {
    let mut out = Vec::new();
    write::value(value, Json::PLAIN, &mut out, 0)?;
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

fn decoded(text: &[u8]) -> Result<Records, CodecError> {
    let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
    let message = Message {
        key: None,
        value: Some(text),
        headers: Headers::default(),
        record_origin: RecordOrigin::default(),
    };
    Json::PLAIN
        .decode(&message, 0, &mut records)
        .map(|()| records)
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
fn a_choice_changes_what_it_names() {
    let chosen = Json {
        decimals: Decimals::Number,
        instants: Instants::EpochMillis,
        binary: Binary::Hex,
        ..Json::PLAIN
    };
    let written = |value, format| {
        let mut out = Vec::new();
        write::value(value, format, &mut out, 0)?;
        Ok(String::from_utf8(out).expect("JSON is UTF-8"))
    };
    let fine = Instant {
        seconds: -1,
        micros: 999_999,
    };
    let micros = Json {
        instants: Instants::EpochMicros,
        ..Json::PLAIN
    };
    for (value, format, text) in [
        (Value::Decimal("-0.00"), chosen, "-0.00"),
        (Value::Decimal("1E+6144"), chosen, "1E+6144"),
        (Value::Bytes(0, b"\x00\xff"), chosen, "\"00ff\""),
        (Value::Instant(Instant::from_millis(-1)), chosen, "-1"),
        (Value::Instant(fine), micros, "-1"),
    ] {
        let written: Result<String, String> = written(value, format);
        assert_eq!(written.as_deref(), Ok(text), "{value:?}");
    }
    for refused in [
        Value::Decimal("NaN"),
        Value::Decimal("01"),
        Value::Decimal("1."),
        Value::Decimal("-Infinity"),
        Value::Instant(fine),
    ] {
        assert!(written(refused, chosen).is_err(), "{refused:?}");
    }
}

#[test]
fn what_json_has_no_word_for_is_refused() {
    assert!(encoded(Value::F64(f64::NAN)).is_err());
    assert!(encoded(Value::Json("{")).is_err());
}

#[test]
fn numbers_keep_their_digits() {
    let text =
        b"{\"a\":18446744073709551615,\"b\":-1,\"c\":1.50,\"d\":123456789012345678901234567890}";
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
        Json::PLAIN.encode(&records.get(0).expect("one row"), "t", &mut out).expect("text is JSON");
        let again = decoded(&out).expect("our own JSON");
        let row = again.get(0).expect("one row");
        prop_assert_eq!(row.get(&name), Some(Value::String(&text)));
    }
}
