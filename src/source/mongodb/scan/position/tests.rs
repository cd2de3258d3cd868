//! Scan positions as text, and texts that are refused.

use mongodb::bson::{
    Binary, DateTime, Decimal128, Timestamp, doc, oid::ObjectId, spec::BinarySubtype,
};

use super::*;

fn order(field: &str) -> Order {
    Order {
        source: "crawler.list".into(),
        field: field.into(),
    }
}

fn full(after: Option<Bson>, then: CursorValues) -> ScanPosition {
    let then = ScanState::behind(then);
    ScanPosition::Full(Full {
        chunks: vec![Chunk::behind(after.map(|it| vec![it]))],
        rows: 0,
        then,
    })
}

fn incremental(cursor_values: CursorValues) -> ScanPosition {
    ScanPosition::Incremental(ScanState::behind(cursor_values))
}

fn id() -> Bson {
    Bson::ObjectId(ObjectId::from_bytes([0xab; 12]))
}

#[test]
fn a_position_reads_as_its_field_and_values() {
    let order = order("_id");
    let scan_position = incremental(CursorValues::at(vec![id()]));
    let text = r#"{"field":"_id","after":[{"$oid":"abababababababababababab"}]}"#;
    assert_eq!(scan_position.position(&order).as_str(), text);
    let scan_position = full(None, CursorValues::at(vec![id()]));
    let text = r#"{"field":"_id","full":[],"then":[{"$oid":"abababababababababababab"}]}"#;
    assert_eq!(scan_position.position(&order).as_str(), text);
}

#[test]
fn values_of_every_ordered_type_come_back() {
    let order = order("updated.at");
    let decimal: Decimal128 = "1.10".parse().expect("a decimal");
    for value in [
        id(),
        Bson::Int32(5),
        Bson::Int64(5),
        Bson::Int64(i64::MIN),
        Bson::Double(5.0),
        Bson::Double(1e300),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Decimal128(decimal),
        Bson::String("文 \"x\"".into()),
        Bson::DateTime(DateTime::from_millis(1_756_200_615_123)),
        Bson::DateTime(DateTime::from_millis(i64::MAX)),
        Bson::DateTime(DateTime::from_millis(-1)),
        Bson::Boolean(true),
        Bson::Timestamp(Timestamp {
            time: u32::MAX,
            increment: 1,
        }),
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![0, 255, b')'],
        }),
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: Vec::new(),
        }),
        Bson::Binary(Binary {
            subtype: BinarySubtype::UserDefined(0x80),
            bytes: vec![1],
        }),
        Bson::Binary(Binary {
            subtype: BinarySubtype::Uuid,
            bytes: vec![1; 16],
        }),
        Bson::Document(doc! { "b": 1_i64, "a": [2.0, "x"] }),
    ] {
        for scan_position in [
            incremental(CursorValues::at(vec![value.clone(), id()])),
            full(Some(value.clone()), CursorValues::at(vec![value.clone()])),
            ScanPosition::Full(Full {
                chunks: vec![
                    Chunk {
                        after: None,
                        up_to: Some(vec![value.clone()]),
                    },
                    Chunk::behind(Some(vec![value.clone()])),
                ],
                rows: 5,
                then: ScanState::default(),
            }),
        ] {
            let position = scan_position.position(&order);
            let back = ScanPosition::parse(&position, &order).expect("our own");
            assert_eq!(back, scan_position, "{position}");
        }
    }
}

#[test]
fn each_type_is_written_as_older_positions_have_it() {
    let binary = |subtype, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        Bson::Binary(Binary { subtype, bytes })
    };
    let decimal: Decimal128 = "1.10".parse().expect("a decimal");
    for (value, expected) in [
        (Bson::Int32(-5), r#"{"$numberInt":"-5"}"#),
        (
            Bson::Int64(i64::MIN),
            r#"{"$numberLong":"-9223372036854775808"}"#,
        ),
        (Bson::Double(5.0), r#"{"$numberDouble":"5.0"}"#),
        (Bson::Double(-0.0), r#"{"$numberDouble":"-0.0"}"#),
        (Bson::Double(1e300), r#"{"$numberDouble":"1e300"}"#),
        (Bson::Double(5e-324), r#"{"$numberDouble":"5e-324"}"#),
        (
            Bson::Double(f64::INFINITY),
            r#"{"$numberDouble":"Infinity"}"#,
        ),
        (
            Bson::Double(f64::NEG_INFINITY),
            r#"{"$numberDouble":"-Infinity"}"#,
        ),
        (Bson::Decimal128(decimal), r#"{"$numberDecimal":"1.10"}"#),
        (Bson::Boolean(true), "true"),
        ("a\"文".into(), r#""a\"文""#),
        (
            Bson::DateTime(DateTime::from_millis(-1)),
            r#"{"$date":{"$numberLong":"-1"}}"#,
        ),
        (
            Bson::Timestamp(Timestamp {
                time: 7,
                increment: 1,
            }),
            r#"{"$timestamp":{"t":7,"i":1}}"#,
        ),
        (
            binary(BinarySubtype::Generic, &[0, 255, b')']),
            r#"{"$binary":{"base64":"AP8p","subType":"00"}}"#,
        ),
        (
            binary(BinarySubtype::UserDefined(0x80), &[]),
            r#"{"$binary":{"base64":"","subType":"80"}}"#,
        ),
        (
            Bson::Document(doc! { "b": 1_i64, "a": [2.0, "x"] }),
            r#"{"b":{"$numberLong":"1"},"a":[{"$numberDouble":"2.0"},"x"]}"#,
        ),
    ] {
        let written = serde_json::to_string(&CanonicalValue(&value)).expect("it has a text");
        assert_eq!(written, expected);
    }
}

#[test]
fn marks_of_several_classes_and_what_was_seen_come_back() {
    let order = order("at");
    let cursor_values = vec![vec![Bson::Int64(5), id()], vec!["a".into(), id()]];
    let value = vec![Bson::Int64(9), id()];
    let at = 1_756_200_615_123;
    let cursor_values =
        CursorValues::of_parts(cursor_values, vec![Sample { at, value }]).expect("marks");
    let scan_position = incremental(cursor_values.clone());
    let (long, oid) = (
        r#"{"$numberLong":"9"}"#,
        r#"{"$oid":"abababababababababababab"}"#,
    );
    let text = scan_position.position(&order);
    let expected = format!(
        r#"{{"field":"at","after":[{{"$numberLong":"5"}},{oid}],"also":[["a",{oid}]],"seen":[[{at},[{long},{oid}]]]}}"#
    );
    assert_eq!(text.as_str(), expected);
    for scan_position in [scan_position, full(Some(id()), cursor_values)] {
        let position = scan_position.position(&order);
        assert_eq!(
            ScanPosition::parse(&position, &order).expect("our own"),
            scan_position
        );
    }
}

#[test]
fn what_has_no_value_and_what_was_sent_early_come_back() {
    let order = order("at");
    let (at, value) = (1_756_200_615_123, vec![Bson::Int64(9)]);
    let nulls = vec![vec![Bson::Int64(5)], vec![id()]];
    let state = ScanState {
        values: CursorValues::at(vec![Bson::Int64(5), id()]),
        nulls: CursorValues::of_parts(nulls, vec![Sample { at, value }]).expect("marks"),
        sent: Some(Sent { life: 3, batch: 4 }),
    };
    let scan_position = ScanPosition::Incremental(state);
    let position = scan_position.position(&order);
    assert!(
        position.as_str().ends_with(
            r#""nulls":[[{"$numberLong":"5"}],[{"$oid":"abababababababababababab"}]],"nulls-seen":[[1756200615123,[{"$numberLong":"9"}]]],"sent":{"life":3,"batch":4}}"#
        ),
        "{position}"
    );
    assert_eq!(
        ScanPosition::parse(&position, &order).expect("our own"),
        scan_position
    );
}

#[test]
fn a_damaged_position_or_one_of_another_field_is_refused() {
    for (text, why) in [
        ("", "damaged"),
        ("None", "damaged"),
        (r#"{"field":"_id"}"#, "damaged"),
        (r#"{"field":"_id","after":[1,2]}"#, "damaged"),
        (r#"{"field":"_id","after":null}"#, "damaged"),
        (r#"{"field":"_id","full":[1,2],"then":[]}"#, "damaged"),
        (r#"{"field":"_id","after":[],"then":[]}"#, "damaged"),
        (r#"{"field":"_id","after":[{"$oid":"zz"}]}"#, "damaged"),
        (r#"{"field":"_id","after":[1],"also":[[2]]}"#, "damaged"),
        (r#"{"field":"_id","after":[],"also":[[2]]}"#, "damaged"),
        (r#"{"field":"_id","after":[1],"seen":[[5,[]]]}"#, "damaged"),
        (r#"{"field":"_id","chunks":[],"then":[]}"#, "damaged"),
        (r#"{"field":"_id","chunks":[{}]}"#, "damaged"),
        (r#"{"field":"_id","chunks":[{},{}],"then":[]}"#, "damaged"),
        (
            r#"{"field":"_id","chunks":[{"up-to":[1]}],"then":[]}"#,
            "damaged",
        ),
        (
            r#"{"field":"_id","chunks":[{}],"full":[],"then":[]}"#,
            "damaged",
        ),
        (r#"{"field":"_id","after":[],"rows":1}"#, "damaged"),
        (r#"{"field":"_id","after":[1],"nulls":[[1,2]]}"#, "damaged"),
        (
            r#"{"field":"_id","after":[1],"sent":{"life":1}}"#,
            "damaged",
        ),
        (r#"{"by":["id"],"after":[{"u64":"7"}]}"#, "another kind"),
        (r#"{"field":"at","after":[]}"#, "made for the field `at`"),
    ] {
        let refused = ScanPosition::parse(&Position::new(text), &order("_id"));
        let said = refused.expect_err(text).to_string();
        assert!(
            said.contains(why) && said.contains("cursor reset"),
            "{said}"
        );
    }
}
