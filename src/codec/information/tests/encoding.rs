//! Which bytes a record becomes, rule by rule.

use super::*;
use crate::model::{Date, DateTime, Time};

/// `name` set to `value` is `expectation` at `path` of the message.
fn check(name: &str, value: Value<'_>, path: &str, expectation: &str) {
    let shown = member(&json(&with_value(name, value)), path);
    assert_eq!(shown, expectation, "{name} {value:?}");
}

/// `records` are refused by both formats, at `path`.
fn check_refused(records: &Records, path: &str, why: &str) {
    for format in [&InformationJson as &dyn Encoder, &InformationProtobuf] {
        match encoded(format, records) {
            Err(CodecError::Unencodable { field, reason }) => {
                assert_eq!(field, path, "{reason}");
                assert!(reason.contains(why), "{path}: {reason}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// A list of one document with the member `x`.
fn nested(value: Value<'_>) -> impl Fn(&mut Packer<'_>) {
    move |it| {
        it.array(|it| {
            it.document(|it| {
                it.name("x");
                it.value(value);
            });
        });
    }
}

const AT: DateTime = DateTime {
    date: Date {
        year: 2025,
        month: 8,
        day: 26,
    },
    hour: 9,
    minute: 30,
    second: 15,
    micros: 123,
};

#[test]
fn the_fixtures_have_their_very_bytes() {
    for (name, records, value) in fixtures() {
        assert_eq!(json(&records), value, "{name}");
    }
}

#[test]
fn an_object_id_is_the_uid_and_else_the_field_of_that_name() {
    assert_eq!(
        member(&json(&with_value("uid", Value::String("mine"))), "uid"),
        "\"abababababababababababab\""
    );
    let own = |id: Value<'_>, uid: Option<Value<'_>>| {
        record(|it| {
            it.name("_id");
            it.value(id);
            if let Some(uid) = uid {
                it.name("uid");
                it.value(uid);
            }
            it.name("create_time");
            it.value(Value::I64(0));
        })
    };
    let text = json(&own(Value::I64(5), Some(Value::String("mi\"ne"))));
    assert_eq!(member(&text, "uid"), r#""mi\"ne""#);
    check_refused(&own(Value::I64(5), None), "uid", "missing");
    check_refused(&own(Value::String("x"), Some(Value::Null)), "uid", "null");
    check_refused(&own(Value::Null, Some(Value::I64(1))), "uid", "integer");
}

#[test]
fn a_name_is_text_or_missing() {
    check("other", Value::Null, "name", r#""""#);
    check(
        "info_name",
        Value::String("a/b\u{7f}\u{1}\u{2028}😀"),
        "name",
        "\"a/b\u{7f}\\u0001\u{2028}😀\"",
    );
    check_refused(&with_value("info_name", Value::Null), "info_name", "null");
    check_refused(
        &with_value("info_name", Value::I64(1)),
        "info_name",
        "integer",
    );
    // What a source packs of a text that is no UTF-8.
    check_refused(
        &with_value("info_name", Value::Bytes(0, b"\xff")),
        "info_name",
        "binary",
    );
}

#[test]
fn a_time_of_creation_is_a_clock_in_utc() {
    let created = |value| {
        let records = record(|it| {
            it.name("_id");
            it.value(ID);
            it.name("create_time");
            it.value(value);
        });
        member(&json(&records), "created_at")
    };
    for (value, expectation) in [
        (
            Value::Instant(Instant::from_millis(1_756_200_615_123)),
            "2025-08-26 09:30:15.123000",
        ),
        (
            Value::Instant(Instant::from_millis(0)),
            "1970-01-01 00:00:00",
        ),
        (
            Value::Instant(Instant::from_millis(-62_135_596_800_000)),
            "0001-01-01 00:00:00",
        ),
        (Value::DateTime(AT), "2025-08-26 09:30:15.000123"),
        (Value::Date(AT.date), "2025-08-26"),
        (Value::String(" as it is "), " as it is "),
        (Value::String(""), ""),
        (Value::I64(1_756_200_615), "1756200615"),
        (Value::F64(1e16), "1e+16"),
        (Value::F64(1.0), "1.0"),
        (Value::F64(1e-5), "1e-05"),
        (Value::Decimal("1.50"), "1.50"),
    ] {
        assert_eq!(created(value), format!("\"{expectation}\""), "{value:?}");
    }
}

#[test]
fn without_a_time_of_creation_there_is_no_message() {
    let created = |value| {
        record(|it| {
            it.name("_id");
            it.value(ID);
            if let Some(value) = value {
                it.name("create_time");
                it.value(value);
            }
        })
    };
    check_refused(&created(None), "create_time", "missing");
    for (value, why) in [
        (Value::Null, "null"),
        (Value::F64(f64::NAN), "finite"),
        (Value::Decimal("Infinity"), "finite"),
        (Value::Bool(true), "boolean"),
        (ID, "ObjectId"),
        (Value::Instant(Instant::from_millis(i64::MAX)), "1 to 9999"),
    ] {
        check_refused(&created(Some(value)), "create_time", why);
    }
}

#[test]
fn tag_values_are_what_pythons_json_prints() {
    let tags = |pack: &dyn Fn(&mut Packer<'_>)| {
        let text = member(&json(&with("column_info", pack)), "tag_values");
        serde_json::from_str::<String>(&text).expect("text")
    };
    for (value, expectation) in [
        (Value::Null, "null"),
        (Value::Bool(false), "false"),
        (Value::U64(u64::MAX), "18446744073709551615"),
        (Value::F64(1e100), "1e+100"),
        (Value::F64(1e16), "1e+16"),
        (Value::F64(1e-7), "1e-07"),
        (Value::F64(1e-5), "1e-05"),
        (Value::F64(0.0001), "0.0001"),
        (Value::F64(-0.0), "-0.0"),
        (Value::F32(1.1), "1.1"),
        (
            Value::String("é\u{7f}\u{8}\u{c}\n\r\t\u{1}\"\\/文😀"),
            r#""\u00e9\u007f\b\f\n\r\t\u0001\"\\/\u6587\ud83d\ude00""#,
        ),
        (
            Value::Json(r#" {"b":[1,2.50],"a":"文"} "#),
            r#"{"b": [1, 2.5], "a": "\u6587"}"#,
        ),
    ] {
        assert_eq!(tags(&|it| it.value(value)), expectation, "{value:?}");
    }
    let empty = |it: &mut Packer<'_>| {
        it.array(|it| {
            it.array(|_| {});
            it.document(|_| {});
        });
    };
    assert_eq!(tags(&empty), "[[], {}]");
    check("other", Value::Null, "tag_values", r#""[]""#);
}

#[test]
fn tag_values_refuse_what_pythons_json_refuses() {
    for value in [
        Value::F64(f64::NAN),
        Value::F64(f64::INFINITY),
        Value::Instant(Instant::from_millis(0)),
        Value::DateTime(AT),
        Value::Date(AT.date),
        Value::Decimal("1"),
        Value::Bytes(0, b"x"),
        Value::Regex("a", ""),
        ID,
    ] {
        check_refused(&with_value("column_info", value), "column_info", "");
        check_refused(&with("column_info", nested(value)), "column_info.0.x", "");
    }
    check_refused(
        &with_value("column_info", Value::Json("[")),
        "column_info",
        "no JSON",
    );
}

#[test]
fn a_date_loses_its_words_and_spaces_in_that_order() {
    for (value, expectation) in [
        (Value::Null, "null"),
        (Value::String(""), r#""""#),
        (Value::String("日期 2025-08-26"), r#""2025-08-26""#),
        (
            Value::String("来源：网站 日期：2025 年"),
            r#""网站：2025年""#,
        ),
        // What removing one brings together is removed by a later one, not by an earlier one.
        (Value::String("日来源：期1"), r#""1""#),
        (Value::String("来日期源：1"), r#""来源：1""#),
        (Value::String("日 期1"), r#""日期1""#),
        (
            Value::String("\u{3000}\t 1\u{a0}"),
            "\"\u{3000}\\t1\u{a0}\"",
        ),
        (Value::String("来源: \"x\" \\ "), r#""来源:\"x\"\\""#),
        (Value::I64(20_250_826), r#""20250826""#),
        (Value::F64(1e16), r#""1e+16""#),
        (Value::Date(AT.date), r#""2025-08-26""#),
        (Value::DateTime(AT), r#""2025-08-2609:30:15.000123""#),
        (
            Value::Instant(Instant::from_millis(0)),
            r#""1970-01-0100:00:00""#,
        ),
    ] {
        check("info_date", value, "data.info_date", expectation);
    }
    check("other", Value::Null, "data.info_date", r#""""#);
    check_refused(&with_value("info_date", ID), "info_date", "ObjectId");
    check_refused(&with("info_date", nested(ID)), "info_date", "array");
}

#[test]
fn sections_hold_numbers_and_dates_in_their_own_forms() {
    for (value, expectation) in [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::I64(i64::MIN), "-9223372036854775808"),
        (Value::F64(2.0), "2.0"),
        (Value::F64(1e16), "1e16"),
        (Value::F64(1e-7), "1e-7"),
        (Value::F64(1e-5), "0.00001"),
        (Value::F64(-0.0), "-0.0"),
        (Value::F64(1e15), "1000000000000000.0"),
        (Value::F32(0.1), "0.1"),
        (
            Value::Instant(Instant::from_millis(1_756_200_615_123)),
            r#""2025-08-26T09:30:15.123000""#,
        ),
        (
            Value::Instant(Instant::from_millis(0)),
            r#""1970-01-01T00:00:00""#,
        ),
        (Value::DateTime(AT), r#""2025-08-26T09:30:15.000123""#),
        (Value::Date(AT.date), r#""2025-08-26""#),
        (
            Value::Json("{\"b\": 1.0, \"a\": 1E16}"),
            r#"{"b":1.0,"a":1e16}"#,
        ),
    ] {
        for (name, path) in [
            ("info_section", "data.info_section"),
            ("link_data", "link_data"),
        ] {
            let shown = member(&json(&with(name, nested(value))), path);
            assert_eq!(shown, format!("[{{\"x\":{expectation}}}]"), "{value:?}");
        }
    }
}

#[test]
fn lists_may_be_missing_or_null_and_nothing_else() {
    for (name, path) in [
        ("info_section", "data.info_section"),
        ("link_data", "link_data"),
    ] {
        check("other", Value::Null, path, "[]");
        check(name, Value::Null, path, "[]");
        check(name, Value::Json("null"), path, "[]");
        check(
            name,
            Value::Json(" [ {\"b\":1 , \"a\" :[]} ] "),
            path,
            r#"[{"b":1,"a":[]}]"#,
        );
        for value in [
            Value::String("[]"),
            Value::I64(1),
            Value::Json("{}"),
            Value::Json("[1"),
        ] {
            check_refused(&with_value(name, value), name, "list");
        }
    }
    let mixed = |it: &mut Packer<'_>| it.array(|it| it.value(Value::String("x")));
    check_refused(&with("link_data", mixed), "link_data.0", "not a document");
    check_refused(
        &with_value("link_data", Value::Json("[{}, []]")),
        "link_data.1",
        "not a document",
    );
    let text = json(&with("info_section", mixed));
    assert_eq!(member(&text, "data.info_section"), r#"["x"]"#);
}

#[test]
fn lists_refuse_what_json_cannot_hold() {
    let time = Time {
        negative: false,
        hours: 1,
        minutes: 0,
        seconds: 0,
        micros: 0,
    };
    for value in [
        ID,
        Value::Bytes(0, b"x"),
        Value::Regex("a", "i"),
        Value::Code("f()"),
        Value::Timestamp(1, 2),
        Value::MinKey,
        Value::MaxKey,
        Value::Decimal("1.0"),
        Value::F64(f64::NAN),
        Value::F64(f64::NEG_INFINITY),
        Value::F32(f32::NAN),
        Value::Time(time),
        Value::Instant(Instant::from_millis(i64::MIN)),
        Value::Json("1e999"),
    ] {
        for name in ["info_section", "link_data"] {
            check_refused(&with(name, nested(value)), &format!("{name}.0.x"), "");
        }
    }
}

#[test]
fn nesting_without_end_is_refused() {
    fn deep(it: &mut Packer<'_>, depth: usize) {
        it.array(|it| match depth {
            0 => {}
            _ => deep(it, depth - 1),
        });
    }
    for name in ["info_section", "column_info"] {
        let records = with(name, |it| deep(it, 5000));
        assert!(encoded(&InformationJson, &records).is_err());
        let text = "[".repeat(100_000) + &"]".repeat(100_000);
        let records = with_value(name, Value::Json(&text));
        assert!(encoded(&InformationJson, &records).is_err());
        assert!(encoded(&InformationProtobuf, &records).is_err());
        let records = with(name, |it| deep(it, 150));
        assert!(encoded(&InformationJson, &records).is_ok());
    }
}

#[test]
fn texts_have_their_defaults() {
    for (name, path, missing, null, empty) in [
        ("info_author", "data.info_author", r#""""#, "null", r#""""#),
        ("description", "data.description", r#""""#, "null", r#""""#),
        (
            "page_url",
            "metadata.details_page",
            r#""""#,
            "null",
            r#""""#,
        ),
        (
            "marc_code",
            "metadata.marc_code",
            r#""zh""#,
            r#""zh""#,
            r#""zh""#,
        ),
    ] {
        check("other", Value::Null, path, missing);
        check(name, Value::Null, path, null);
        check(name, Value::String(""), path, empty);
        check(name, Value::String("a\"b&"), path, r#""a\"b&""#);
        check_refused(&with_value(name, Value::I64(1)), name, "not text");
    }
}
