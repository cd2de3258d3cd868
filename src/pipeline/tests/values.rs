//! Cases of `cast` and `date`: a value, and what comes of it.

use std::sync::Arc;

use crate::{
    model::{Date, DateTime, Instant, Op, OwnedValue, Schema, Time, Value},
    pipeline::*,
};

/// What one step makes of the field `a`; the error is why the record failed.
pub(in crate::pipeline) fn made(
    step: StepSettings,
    value: Value<'_>,
) -> Result<OwnedValue, String> {
    let mut records = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        packer.name("a");
        packer.value(value);
        Ok(())
    });
    pushed.unwrap();
    let (after, failed) = run(&steps(&[step]), records).unwrap();
    match failed.first() {
        Some(it) => Err(it.reason.clone()),
        None => {
            let field = after.get(0).and_then(|it| it.packed_fields().next());
            Ok(field.map(|(_, it)| it.into()).unwrap_or_default())
        }
    }
}

fn cast(value: Value<'_>, target: Target) -> Result<OwnedValue, String> {
    made(StepSettings::Cast(vec![("a".into(), target)]), value)
}

fn date(value: Value<'_>, from: &str, to: &str, zones: [&str; 2]) -> Result<OwnedValue, String> {
    let step = DateStep {
        fields: vec!["a".into()],
        from: (!from.is_empty()).then(|| Form::parse(from).unwrap()),
        to: Form::parse(to).unwrap(),
        zone: zones[0].parse().ok(),
        to_zone: zones[1].parse().ok(),
    };
    made(StepSettings::Date(step), value)
}

fn text(it: &str) -> Value<'_> {
    Value::String(it)
}

pub(in crate::pipeline) fn day(year: u16, month: u8, day: u8) -> Date {
    Date { year, month, day }
}

pub(in crate::pipeline) fn clock(date: Date, hour: u8) -> DateTime {
    DateTime {
        date,
        hour,
        minute: 0,
        second: 0,
        micros: 0,
    }
}

#[test]
fn values_are_cast_exactly() {
    use Target as To;
    let instant = Instant {
        seconds: 1_756_200_600,
        micros: 5,
    };
    for (value, target, expected) in [
        (text("-7"), To::Integer, Value::I64(-7)),
        (Value::I32(7), To::Integer, Value::I32(7)),
        (Value::Decimal("7.00"), To::Integer, Value::I64(7)),
        (Value::F64(7.0), To::Unsigned, Value::U64(7)),
        (
            text("18446744073709551615"),
            To::Unsigned,
            Value::U64(u64::MAX),
        ),
        (Value::Bool(true), To::Integer, Value::I64(1)),
        (Value::Bit(5), To::Integer, Value::I64(5)),
        (text("false"), To::Boolean, Value::Bool(false)),
        (Value::I64(1), To::Boolean, Value::Bool(true)),
        (text("1.50"), To::Decimal, Value::Decimal("1.50")),
        (
            Value::U64(u64::MAX),
            To::Decimal,
            Value::Decimal("18446744073709551615"),
        ),
        (Value::F64(0.1), To::Decimal, Value::Decimal("0.1")),
        (Value::Decimal("0.1"), To::Float64, Value::F64(0.1)),
        (Value::F64(0.5), To::Float32, Value::F32(0.5)),
        (Value::Decimal("1.50"), To::Text, text("1.50")),
        (
            Value::Instant(instant),
            To::Text,
            text("2025-08-26T09:30:00.000005Z"),
        ),
        (
            Value::ObjectId([1; 12]),
            To::Text,
            text("010101010101010101010101"),
        ),
        (
            text("010101010101010101010101"),
            To::ObjectId,
            Value::ObjectId([1; 12]),
        ),
        (text("ab"), To::Binary, Value::Bytes(0, b"ab")),
        (Value::Bytes(4, b"ab"), To::Binary, Value::Bytes(4, b"ab")),
        (text("0000-00-00"), To::Date, Value::Date(day(0, 0, 0))),
        (
            Value::Date(day(2025, 8, 26)),
            To::DateTime,
            Value::DateTime(clock(day(2025, 8, 26), 0)),
        ),
        (
            Value::DateTime(clock(day(2025, 8, 26), 0)),
            To::Date,
            Value::Date(day(2025, 8, 26)),
        ),
        (
            text("2025-08-26 09:00:00"),
            To::DateTime,
            Value::DateTime(clock(day(2025, 8, 26), 9)),
        ),
        (
            text("2025-08-26T09:30:00.000005Z"),
            To::Instant,
            Value::Instant(instant),
        ),
        (
            text("-838:59:59"),
            To::Time,
            Value::Time(Time {
                negative: true,
                hours: 838,
                minutes: 59,
                seconds: 59,
                micros: 0,
            }),
        ),
        (Value::I64(2025), To::Year, Value::Year(2025)),
        (Value::U64(5), To::Bit, Value::Bit(5)),
        (text("[1.0,{}]"), To::Json, Value::Json("[1.0,{}]")),
        (Value::Decimal("1.0"), To::Json, Value::Json("1.0")),
        (Value::Null, To::Year, Value::Null),
        (Value::Undefined, To::Text, Value::Null),
        (Value::Symbol("7"), To::Integer, Value::I64(7)),
    ] {
        let made = cast(value, target).unwrap_or_else(|it| panic!("{value:?} {target:?}: {it}"));
        assert_eq!(made, OwnedValue::new(expected), "{value:?} {target:?}");
    }
}

#[test]
fn what_would_lose_something_is_no_cast() {
    use Target as To;
    for (value, target, reason) in [
        (text("secret"), To::Integer, "a text that is no integer"),
        (
            Value::Decimal("1.5"),
            To::Integer,
            "a decimal that is no integer",
        ),
        (
            Value::U64(u64::MAX),
            To::Integer,
            "an unsigned integer that is no integer",
        ),
        (
            Value::I64(-1),
            To::Unsigned,
            "an integer that is no unsigned",
        ),
        (Value::I64(2), To::Boolean, "an integer that is no boolean"),
        (
            Value::F64(f64::NAN),
            To::Decimal,
            "a float that is no decimal",
        ),
        (
            Value::I64((1 << 53) + 1),
            To::Float64,
            "an integer that is no float64",
        ),
        (Value::F64(0.1), To::Float32, "a float that is no float32"),
        (
            Value::Regex("a", ""),
            To::Text,
            "a value of type regex has no text",
        ),
        (
            Value::DateTime(clock(day(2025, 8, 26), 9)),
            To::Date,
            "a datetime has a clock too: the step `date` cuts it off",
        ),
        (
            Value::DateTime(clock(day(2025, 8, 26), 9)),
            To::Instant,
            "a datetime has no zone: the step `date` has `zone`",
        ),
        (Value::I64(1900), To::Year, "an integer that is no year"),
        (text("{"), To::Json, "a text that is no json"),
        (text("01"), To::ObjectId, "a text that is no object-id"),
        (Value::MinKey, To::Integer, "a min key that is no integer"),
    ] {
        assert_eq!(
            cast(value, target),
            Err(format!("field `a`: {reason}")),
            "{value:?}"
        );
    }
}

#[test]
fn times_change_form_and_zone() {
    let shanghai = "Asia/Shanghai";
    let at = |seconds| Value::Instant(Instant { seconds, micros: 0 });
    for (value, from, to, zones, expected) in [
        (
            text("26/08/2025"),
            "DD/MM/YYYY",
            "YYYY-MM",
            ["", ""],
            text("2025-08"),
        ),
        (
            text("2025-08"),
            "YYYY-MM",
            "date",
            ["", ""],
            Value::Date(day(2025, 8, 1)),
        ),
        (
            text("2025"),
            "%Y",
            "datetime",
            ["", ""],
            Value::DateTime(clock(day(2025, 1, 1), 0)),
        ),
        (
            text("2025-08-26 17"),
            "YYYY-MM-DD HH",
            "instant",
            [shanghai, ""],
            at(1_756_198_800),
        ),
        (
            text("2025-08-26T17:00:00+08:00"),
            "",
            "instant",
            ["", ""],
            at(1_756_198_800),
        ),
        (
            text("2025-08-26 17:00 +0800"),
            "YYYY-MM-DD HH:mm ZZ",
            "epoch-s",
            ["", ""],
            Value::I64(1_756_198_800),
        ),
        (
            at(1_756_198_800),
            "",
            "YYYY-MM-DD HH:mm:ssZ",
            ["", shanghai],
            text("2025-08-26 17:00:00+08:00"),
        ),
        (
            at(1_756_198_800),
            "",
            "datetime",
            ["", ""],
            Value::DateTime(clock(day(2025, 8, 26), 9)),
        ),
        (
            Value::DateTime(clock(day(2025, 8, 26), 9)),
            "",
            "datetime",
            ["UTC", shanghai],
            Value::DateTime(clock(day(2025, 8, 26), 17)),
        ),
        (
            Value::I64(-1),
            "epoch-ms",
            "epoch-us",
            ["", ""],
            Value::I64(-1_000),
        ),
        (
            Value::I64(-1),
            "epoch-ns",
            "epoch-s",
            ["", ""],
            Value::I64(-1),
        ),
        (
            text("1756198800"),
            "epoch-s",
            "YYYY[年]MM[月]",
            ["", ""],
            text("2025年08月"),
        ),
        (Value::Null, "epoch-s", "date", ["", ""], Value::Null),
    ] {
        let made = date(value, from, to, zones).unwrap_or_else(|it| panic!("{value:?}: {it}"));
        assert_eq!(made, OwnedValue::new(expected), "{value:?} as {to}");
    }
    for (value, from, to, zones, reason) in [
        (
            text("2025-08-26 17"),
            "YYYY-MM-DD HH",
            "instant",
            ["", ""],
            "it has no zone: `zone` says which",
        ),
        (
            text("2025-11-02 01:30"),
            "YYYY-MM-DD HH:mm",
            "instant",
            ["America/New_York", ""],
            "it is twice in America/New_York",
        ),
        (
            text("2025-03-09 02:30"),
            "YYYY-MM-DD HH:mm",
            "instant",
            ["America/New_York", ""],
            "it is not in America/New_York",
        ),
        (
            Value::Date(day(0, 0, 0)),
            "",
            "YYYY-MM",
            ["", ""],
            "it is a day that does not exist",
        ),
        (
            text("2025-02-31"),
            "YYYY-MM-DD",
            "date",
            ["", ""],
            "it is a time that does not exist, or not enough of one",
        ),
        (
            text("x"),
            "YYYY-MM-DD",
            "date",
            ["", ""],
            "it is not written by the pattern",
        ),
        (
            Value::I64(1),
            "epoch-ns",
            "instant",
            ["", ""],
            "it is between two microseconds",
        ),
        (
            Value::I64(i64::MAX),
            "epoch-s",
            "date",
            ["", ""],
            "it is outside of the years that can be reckoned with",
        ),
        (
            Value::DateTime(clock(day(2025, 8, 26), 9)),
            "",
            "YYYY Z",
            ["", ""],
            "it has no zone that could be written: `zone` says which",
        ),
    ] {
        assert_eq!(
            date(value, from, to, zones),
            Err(format!("field `a`: {reason}")),
            "{value:?}"
        );
    }
    for wrong in ["YYYY-QQ", "", "[a", "---", "%Q"] {
        assert!(Form::parse(wrong).is_err(), "{wrong}");
    }
}
