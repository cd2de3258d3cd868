//! Domains of days and times at their limits.

use super::*;
use crate::model::{Date, Instant, Time};

#[test]
fn only_texts_that_are_days_and_times_are_taken_for_some() {
    let itself = |it| (Value::String(it), it);
    let wrong = [
        "1701010101",
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
    for holds in [Holds::Date, Holds::DateTime, Holds::Timestamp, Holds::Time] {
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
        &Holds::DateTime,
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
        &Holds::Timestamp,
        ["1970-01-01 00:00:01", "0000-00-00 00:00:00", "0000-00-00"].map(itself),
    );
    refuses(
        &Holds::Timestamp,
        [
            "1970-01-01 00:00:00",
            "2025-00-15 09:30:15",
            "2025-02-31 00:00:00",
            "1969-12-31 23:59:59",
        ]
        .map(Value::String),
    );
    takes(
        &Holds::Time,
        ["09:30:15", "-838:59:59.000001", "838:59:59", "00:00:00.5"].map(itself),
    );
    refuses(
        &Holds::Time,
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
    refuses(&Holds::DateTime, [time]);
    refuses(&Holds::Time, [Value::Date(day), Value::DateTime(clock(0))]);
    assert!(taken(&Holds::Date, Value::DateTime(clock(0))).is_some());
    assert!(taken(&Holds::DateTime, Value::Date(day)).is_some());
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
    for holds in [Holds::DateTime, Holds::Timestamp] {
        let admitted = domain(holds).admit(&count, texts);
        let Ok(Admitted::Clock(clock)) = admitted else {
            panic!("{admitted:?}");
        };
        assert_eq!(clock.to_string(), "2025-08-26 09:30:15.123000");
    }
    for holds in [Holds::Date, Holds::Time] {
        assert!(domain(holds).admit(&count, texts).is_err());
    }
}
