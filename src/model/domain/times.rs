//! Values of columns of days and times, and the texts that are such values.

use super::{Admitted, Refusal, not_a};
use crate::model::{Date, DateTime, Instant, Time, Value};

const NO_DATE: &str = "it is no day as 2025-08-26";
const NO_TIME: &str = "it is no time as 09:30:15 or -838:59:59.000001";
const NO_CLOCK: &str =
    "it is no time as 2025-08-26 09:30:15, 2025-08-26T09:30:15.123Z or 2025-08-26";
const HAS_CLOCK: &str = "the column holds days alone, and it has a time of day";
const FAR: &str = "the instant lies outside the years 1 to 9999";
const NO_POINT: &str = "a TIMESTAMP is a day of the calendar from 1970-01-01 00:00:01 on, or zero";
const NUMBER: &str = "it is a number, and the column's type a time: say what it counts with `instants` of \
    the format `json`, or make a time of it with a step";

/// Days.
pub(super) fn date(value: Value<'_>, epoch: Option<i64>) -> Result<Admitted<'_>, Refusal> {
    let clock = match value {
        Value::Date(_) => return Ok(Admitted::Written(value)),
        Value::String(it) | Value::Enum(it) if it.len() <= 10 => {
            return match read_date(it.as_bytes()) {
                Some(_) => Ok(Admitted::Text(it)),
                None => Err(NO_DATE.into()),
            };
        }
        other => clock(other, epoch, "a day")?.0,
    };
    if (clock.hour, clock.minute, clock.second, clock.micros) == (0, 0, 0, 0) {
        Ok(Admitted::Written(Value::Date(clock.date)))
    } else {
        Err(HAS_CLOCK.into())
    }
}

/// Spans of time.
pub(super) fn time(value: Value<'_>) -> Result<Admitted<'_>, Refusal> {
    match value {
        Value::Time(_) => Ok(Admitted::Written(value)),
        Value::String(it) | Value::Enum(it) => match read_time(it.as_bytes()) {
            Some(_) => Ok(Admitted::Text(it)),
            None => Err(NO_TIME.into()),
        },
        other => Err(not_a("a span of time", &other)),
    }
}

/// Wall clocks.
pub(super) fn datetime(value: Value<'_>, epoch: Option<i64>) -> Result<Admitted<'_>, Refusal> {
    let (clock, text) = clock(value, epoch, "a time")?;
    Ok(text.map_or(Admitted::Clock(clock), Admitted::Text))
}

/// Points in time.
pub(super) fn timestamp(value: Value<'_>, epoch: Option<i64>) -> Result<Admitted<'_>, Refusal> {
    let (clock, text) = clock(value, epoch, "a time")?;
    let is_point = Instant::from_utc(clock).is_some_and(|it| it.seconds > 0);
    if is_point || clock == ZERO {
        Ok(text.map_or(Admitted::Clock(clock), Admitted::Text))
    } else {
        Err(NO_POINT.into())
    }
}

const ZERO: DateTime = midnight(Date {
    year: 0,
    month: 0,
    day: 0,
});

const fn midnight(date: Date) -> DateTime {
    DateTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    }
}

/// The wall clock in UTC that a value is, and its text where that says so without a zone.
fn clock<'v>(
    value: Value<'v>,
    epoch: Option<i64>,
    what: &str,
) -> Result<(DateTime, Option<&'v str>), Refusal> {
    let found = match (value, epoch) {
        (Value::DateTime(it), _) => Some(it),
        (Value::Instant(it), _) => it.to_utc(),
        (Value::Date(it), _) => Some(midnight(it)),
        (Value::String(it) | Value::Enum(it), _) => {
            let (clock, has_zone) = read_clock(it).ok_or(NO_CLOCK)?;
            return Ok((clock, (!has_zone).then_some(it)));
        }
        (Value::I64(it), Some(parts)) => Instant {
            seconds: it.div_euclid(parts),
            micros: (it.rem_euclid(parts) * (1_000_000 / parts)) as u32,
        }
        .to_utc(),
        // The servers would take its digits for those of a date: 1101010101 for a day in 2011.
        (
            Value::Bool(_)
            | Value::I64(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::Decimal(_)
            | Value::Bit(_)
            | Value::Year(_),
            _,
        ) => return Err(NUMBER.into()),
        (other, _) => return Err(not_a(what, &other)),
    };
    Ok((found.ok_or(FAR)?, None))
}

/// The wall clock in UTC that a text says in one of these forms, and whether it names a zone:
///
/// - `2025-08-26 09:30:15` or with a `T`, and up to six digits of a fraction
/// - the same with a `T` and behind it `Z` or an offset as `+02:00` (RFC 3339)
/// - `2025-08-26`, which is its midnight
pub fn read_clock(text: &str) -> Option<(DateTime, bool)> {
    let bytes = text.as_bytes();
    let (day, rest) = bytes.split_at_checked(10)?;
    let date = read_date(day)?;
    let Some((between, rest)) = rest.split_first() else {
        return Some((midnight(date), false));
    };
    let ((hours, rest), is_rfc) = match between {
        b' ' => (rest.split_at_checked(2)?, false),
        b'T' => (rest.split_at_checked(2)?, true),
        _ => return None,
    };
    let hour = u8::try_from(digits(hours)?).ok().filter(|it| *it < 24)?;
    let (minute, second, micros, zone) = read_minutes(rest)?;
    let clock = DateTime {
        date,
        hour,
        minute,
        second,
        micros,
    };
    let offset = match zone {
        [] => return Some((clock, false)),
        b"Z" if is_rfc => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if is_rfc => {
            let hours = digits(&[*h1, *h2]).filter(|it| *it < 24)?;
            let minutes = digits(&[*m1, *m2]).filter(|it| *it < 60)?;
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let local = Instant::from_utc(clock)?;
    let instant = Instant {
        seconds: local.seconds - offset,
        ..local
    };
    Some((instant.to_utc()?, true))
}

/// `2025-08-26`; zero and partial days too.
fn read_date(bytes: &[u8]) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else {
        return None;
    };
    let date = Date {
        year: digits(&[*y1, *y2, *y3, *y4])? as u16,
        month: digits(&[*m1, *m2])? as u8,
        day: digits(&[*d1, *d2])? as u8,
    };
    (date.month <= 12 && date.day <= 31).then_some(date)
}

/// `-838:59:59.000001`: two or three digits of hours.
fn read_time(bytes: &[u8]) -> Option<Time> {
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let width = bytes.iter().position(|it| *it == b':')?;
    let (hours, rest) = bytes.split_at_checked(width)?;
    let hours = digits(hours).filter(|it| matches!(width, 2 | 3) && *it <= 838)?;
    let (minutes, seconds, micros, rest) = read_minutes(rest)?;
    rest.is_empty().then_some(Time {
        negative,
        hours: hours as u16,
        minutes,
        seconds,
        micros,
    })
}

/// `:30:15.123`: minutes, seconds, microseconds, and what stands behind.
fn read_minutes(bytes: &[u8]) -> Option<(u8, u8, u32, &[u8])> {
    let [b':', m1, m2, b':', s1, s2, rest @ ..] = bytes else {
        return None;
    };
    let minutes = digits(&[*m1, *m2]).filter(|it| *it < 60)? as u8;
    let seconds = digits(&[*s1, *s2]).filter(|it| *it < 60)? as u8;
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some((minutes, seconds, 0, rest));
    };
    let width = fraction.iter().take_while(|it| it.is_ascii_digit()).count();
    let (fraction, rest) = fraction.split_at_checked(width)?;
    let missing = 6_usize.checked_sub(width).filter(|it| *it < 6)?;
    let micros = digits(fraction)? * 10_u32.pow(missing as u32);
    Some((minutes, seconds, micros, rest))
}

/// The number of a few digits.
fn digits(bytes: &[u8]) -> Option<u32> {
    let number = |sum: u32, it: &u8| it.is_ascii_digit().then(|| sum * 10 + u32::from(it - b'0'));
    bytes.iter().try_fold(0, number)
}
