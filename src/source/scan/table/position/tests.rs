//! Scan positions as text, and texts that are refused.

use super::*;
use crate::{model::Schema, source::scan::table::tests::table};

#[test]
fn a_position_reads_as_its_fields_and_values() {
    let table = table();
    let clock = ValueKind::DateTime
        .parse("2025-08-26 09:30:15.123")
        .expect("a time");
    let scan_position = ScanPosition::behind(vec![clock, CursorValue::U64(7)]);
    let position = scan_position.position(&table);
    assert_eq!(
        position.as_str(),
        r#"{"by":["updated_at","id"],"after":[{"datetime":"2025-08-26 09:30:15.123000"},{"u64":"7"}]}"#
    );
    assert_eq!(
        ScanPosition::parse(&position, &table).expect("our own"),
        scan_position
    );
}

#[test]
fn a_time_with_a_zone_is_taken_where_the_field_has_points_in_time() {
    let with = |kind| {
        let field = Field {
            name: "updated_at".to_owned(),
            kind,
        };
        let schema = Schema::table("t", vec![field], ["id"]);
        Table {
            schema: std::sync::Arc::new(schema),
            ..table()
        }
    };
    let at = |value: &str, kind| ScanPosition::at(value, &with(kind));
    let noon = ValueKind::DateTime
        .parse("2025-08-26 09:30")
        .expect("a time");
    let expected = ScanPosition::behind(vec![noon]);
    for value in [
        "2025-08-26T17:30+08:00",
        "2025-08-26 09:30Z",
        "2025-08-26 09:30",
    ] {
        assert_eq!(
            at(value, Kind::Instant).expect("a time"),
            expected,
            "{value}"
        );
    }
    assert_eq!(
        at("2025-08-26 09:30", Kind::DateTime).expect("a time"),
        expected
    );
    for (value, kind, reason) in [
        ("2025-08-26T17:30+08:00", Kind::DateTime, "has no time zone"),
        ("2025-08-26T09:30Z", Kind::DateTime, "has no time zone"),
        ("2025-02-30T09:30Z", Kind::Instant, "it is no datetime"),
    ] {
        let error = at(value, kind).expect_err(value).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn samples_are_kept_with_their_times() {
    let table = table();
    let value = |text| ValueKind::DateTime.parse(text).expect("a time");
    let sample = |at, text| Sample {
        at,
        value: value(text),
    };
    let scan_position = ScanPosition::Incremental(ScanState {
        values: TableCursor {
            after: vec![value("2025-08-26 09:30:15")],
            seen: Samples::from_iter([
                sample(1_756_200_615_000_001, "2025-08-26 09:30:16"),
                sample(1_756_200_616_000_000, "2025-08-26 09:30:17"),
            ]),
        },
        nulls: TableCursor {
            after: vec![CursorValue::U64(7)],
            seen: Samples::from_iter([Sample {
                at: 5,
                value: CursorValue::U64(9),
            }]),
        },
        sent: Some(Sent { life: 3, batch: 4 }),
    });
    let position = scan_position.position(&table);
    let text = position.as_str();
    assert!(
        text.contains(r#""seen":[{"at":"2025-08-26 09:30:15.000001","value":{"datetime":"#),
        "{text}"
    );
    assert_eq!(
        ScanPosition::parse(&position, &table).expect("our own"),
        scan_position
    );
}

#[test]
fn a_foreign_or_damaged_position_is_refused_with_its_remedy() {
    let table = table();
    for (text, reason) in [
        ("", "damaged"),
        ("None", "damaged"),
        ("{}", "damaged"),
        (r#"{"by":["updated_at","id"]}"#, "damaged"),
        (
            r#"{"by":["created_at","id"],"after":[]}"#,
            "made for (created_at, id)",
        ),
        (
            r#"{"by":["updated_at","id"],"after":[{"datetime":"soon"}]}"#,
            "damaged at `updated_at`",
        ),
        (
            r#"{"by":["updated_at","id"],"after":[{}]}"#,
            "damaged at `updated_at`",
        ),
        (
            r#"{"by":["updated_at","id"],"after":[{"i64":"7"}]}"#,
            "was of the type i64",
        ),
        (
            r#"{"by":["updated_at","id"],"after":[],"seen":[{"at":"soon","value":{"datetime":"2025-08-26"}}]}"#,
            "damaged at `seen`",
        ),
        (
            r#"{"full":{"by":["uid"],"after":[]},"then":{"by":["updated_at","id"],"after":[]}}"#,
            "made for (uid)",
        ),
    ] {
        let error = ScanPosition::parse(&Position::new(text), &table)
            .expect_err(text)
            .to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("cursor reset"), "{error}");
    }
}
