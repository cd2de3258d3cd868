//! Domains of days and times at their limits.

use super::*;
use crate::model::{Date, Instant, Time};

#[test]
fn only_texts_that_are_days_and_times_are_taken_for_some() {
    let itself = |it| (Value::String(it), it);
    let wrong = [
        "1701010101",
        "17010101011701010101:30:15",
        "2025-08-26 09:30:15.17010101011701010101",
        "1700000000",
        "05/06/07",
        "1530",
        "2024^01^05",
        "2025-8-26",
        "25-08-26",
        "2025-13-01",
        "2025-08-32",
        "2025-08-26 ",
        " 2025-08-26",
        "2025-08-26 9:30:15",
        "2025-08-26 09:30",
        "2025-08-26 24:00:00",
        "2025-08-26 09:60:15",
        "2025-08-26 09:30:60",
        "2025-08-26 09:30:15.",
        "2025-08-26 09:30:15.1234567",
        "2025-08-26  09:30:15",
        "2025-08-26 09:30:15Z",
        "2025-08-26T09:30:15z",
        "2025-08-26T09:30:15+2",
        "2025-08-26T09:30:15+24:00",
        "2025-02-31T09:30:15Z",
    ];
    for holds in [
        Holds::Date,
        Holds::DateTime(6),
        Holds::Timestamp(6),
        Holds::Time(6),
    ] {
        refuses(&holds, wrong.map(Value::String));
        refuses(&holds, strangers());
        refuses(
            &holds,
            [
                Value::I64(20_250_826),
                Value::Decimal("1701010101.5"),
                Value::Json("1701010101.5"),
                Value::Bool(true),
                Value::Year(2025),
            ],
        );
    }
    takes(
        &Holds::Date,
        ["2025-08-26", "0000-00-00", "2025-00-15", "2025-02-31"].map(itself),
    );
    refuses(&Holds::Date, ["2025-08-26 09:30:15"].map(Value::String));
    takes(
        &Holds::DateTime(6),
        [
            itself("2025-08-26 09:30:15"),
            itself("2025-08-26T09:30:15.1"),
            itself("2025-08-26"),
            itself("0000-00-00 00:00:00"),
            itself("2025-00-15 09:30:15.123456"),
            (Value::String("2025-08-26T09:30:15Z"), "2025-08-26 09:30:15"),
            (
                Value::String("2025-08-26T00:30:15.5+02:00"),
                "2025-08-25 22:30:15.500000",
            ),
            (
                Value::String("2025-08-26T09:30:15-05:30"),
                "2025-08-26 15:00:15",
            ),
            (
                Value::Instant(Instant::from_millis(0)),
                "1970-01-01 00:00:00",
            ),
        ],
    );
    takes(
        &Holds::Timestamp(6),
        ["1970-01-01 00:00:01", "0000-00-00 00:00:00", "0000-00-00"].map(itself),
    );
    refuses(
        &Holds::Timestamp(6),
        [
            "1970-01-01 00:00:00",
            "2025-00-15 09:30:15",
            "2025-02-31 00:00:00",
            "1969-12-31 23:59:59",
        ]
        .map(Value::String),
    );
    takes(
        &Holds::Time(6),
        ["09:30:15", "-838:59:59.000001", "838:59:59", "00:00:00.5"].map(itself),
    );
    refuses(
        &Holds::Time(6),
        [
            "839:00:00",
            "9:30:15",
            "0009:30:15",
            "09:30",
            "+09:30:15",
            "1 09:30:15",
        ]
        .map(Value::String),
    );
}

#[test]
fn a_day_is_no_time_and_a_time_no_day() {
    let day = Date {
        year: 2010,
        month: 11,
        day: 12,
    };
    let clock = |hour| {
        let (minute, second, micros) = (0, 0, 0);
        DateTime {
            date: day,
            hour,
            minute,
            second,
            micros,
        }
    };
    let time = Value::Time(Time {
        negative: false,
        hours: 10,
        minutes: 11,
        seconds: 12,
        micros: 0,
    });
    refuses(&Holds::Date, [time, Value::DateTime(clock(1))]);
    refuses(&Holds::DateTime(6), [time]);
    refuses(
        &Holds::Time(6),
        [Value::Date(day), Value::DateTime(clock(0))],
    );
    assert!(taken(&Holds::Date, Value::DateTime(clock(0))).is_some());
    assert!(taken(&Holds::DateTime(6), Value::Date(day)).is_some());
}

#[test]
fn numbers_are_instants_where_they_were_declared_so() {
    let texts = Texts {
        epoch: Some(1_000),
        ..Texts::default()
    };
    let domain = |holds| Domain {
        holds,
        is_nullable: true,
    };
    let count = Value::I64(1_756_200_615_123);
    for holds in [Holds::DateTime(6), Holds::Timestamp(6)] {
        let admitted = domain(holds).admit(&count, texts);
        let Ok(Admitted::Clock(clock)) = admitted else {
            panic!("{admitted:?}");
        };
        assert_eq!(clock.to_string(), "2025-08-26 09:30:15.123000");
    }
    for holds in [Holds::Date, Holds::Time(6)] {
        assert!(domain(holds).admit(&count, texts).is_err());
    }
}

#[test]
fn further_digits_of_a_second_are_rounded_as_the_column_declares() {
    let cases = [
        (0, "2025-12-31 23:59:59.5", "2026-01-01 00:00:00"),
        (0, "2025-02-31 23:59:59.4", "2025-02-31 23:59:59"),
        (3, "2025-08-26 09:30:15.1235", "2025-08-26 09:30:15.124000"),
        (3, "2025-08-26 09:30:15.123", "2025-08-26 09:30:15.123"),
        (1, "2025-08-26T09:30:15.95Z", "2025-08-26 09:30:16"),
    ];
    for (places, text, kept) in cases {
        takes(&Holds::DateTime(places), [(Value::String(text), kept)]);
    }
    let over = [
        "9999-12-31 23:59:59.5",
        "2025-02-31 23:59:59.5",
        "2025-00-15 10:10:10.5",
    ];
    refuses(&Holds::DateTime(0), over.map(Value::String));
    let time = |text| taken(&Holds::Time(0), Value::String(text));
    let shown = time("-00:59:59.5").expect("it is a time");
    assert!(shown.contains("hours: 1"), "{shown}");
    assert_eq!(time("838:59:59.5"), None);
    assert_eq!(time("09:30:15.0").as_deref(), Some("09:30:15.0"));
}
