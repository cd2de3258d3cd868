//! Values of columns of days and times, and the texts that are such values.

use super::{Admitted, Refusal, not_a};
use crate::model::{Date, DateTime, Instant, Time, Value};

const NO_DATE: &str = "it is no day as 2025-08-26";
const NO_TIME: &str = "it is no time as 09:30:15 or -838:59:59.000001";
const NO_CLOCK: &str =
    "it is no time as 2025-08-26 09:30:15, 2025-08-26T09:30:15.123Z or 2025-08-26";
const HAS_CLOCK: &str = "the column holds days alone, and it has a time of day";
const FAR: &str = "the instant lies outside the years 1 to 9999";
const OVER: &str = "its fraction would be rounded up to a time that there is none of";
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

/// Spans of time with so many digits of a second's fraction. Further ones are rounded here: MySQL rounds
/// them as well, and MariaDB cuts them off.
pub(super) fn time(value: Value<'_>, places: u8) -> Result<Admitted<'_>, Refusal> {
    let (time, admitted) = match value {
        Value::Time(it) => (it, Admitted::Written(value)),
        Value::String(it) | Value::Enum(it) => {
            let time = read_time(it.as_bytes()).ok_or(NO_TIME)?;
            (time, Admitted::Text(it))
        }
        other => return Err(not_a("a span of time", &other)),
    };
    if is_kept(time.micros, places) {
        Ok(admitted)
    } else {
        let rounded = rounded_time(time, places).ok_or(OVER)?;
        Ok(Admitted::Written(Value::Time(rounded)))
    }
}

/// Wall clocks with so many digits of a second's fraction, rounded likewise.
pub(super) fn datetime(
    value: Value<'_>,
    places: u8,
    epoch: Option<i64>,
) -> Result<Admitted<'_>, Refusal> {
    Ok(kept(value, places, epoch)?.1)
}

/// Points in time, likewise.
pub(super) fn timestamp(
    value: Value<'_>,
    places: u8,
    epoch: Option<i64>,
) -> Result<Admitted<'_>, Refusal> {
    let (clock, admitted) = kept(value, places, epoch)?;
    let is_point = Instant::from_utc(clock).is_some_and(|it| it.seconds > 0);
    if is_point || clock == ZERO {
        Ok(admitted)
    } else {
        Err(NO_POINT.into())
    }
}

/// The wall clock that a column keeps of a value.
fn kept(
    value: Value<'_>,
    places: u8,
    epoch: Option<i64>,
) -> Result<(DateTime, Admitted<'_>), Refusal> {
    let (clock, text) = clock(value, epoch, "a time")?;
    if is_kept(clock.micros, places) {
        Ok((clock, text.map_or(Admitted::Clock(clock), Admitted::Text)))
    } else {
        let rounded = rounded_clock(clock, places).ok_or(OVER)?;
        Ok((rounded, Admitted::Clock(rounded)))
    }
}

/// A wall clock with so many digits of a second's fraction; `None` where it rounds up to none.
pub fn rounded_clock(clock: DateTime, places: u8) -> Option<DateTime> {
    match rounded(clock.micros, places) {
        Some(micros) => Some(DateTime { micros, ..clock }),
        None => {
            let second = Instant::from_utc(DateTime { micros: 0, ..clock })?;
            let next = Instant {
                seconds: second.seconds + 1,
                ..second
            };
            next.to_utc()
        }
    }
}

/// A span of time, likewise.
pub fn rounded_time(time: Time, places: u8) -> Option<Time> {
    if let Some(micros) = rounded(time.micros, places) {
        return Some(Time { micros, ..time });
    }
    let seconds = u32::from(time.hours) * 3600 + u32::from(time.minutes) * 60;
    let seconds = seconds + u32::from(time.seconds) + 1;
    (seconds < 839 * 3600).then_some(Time {
        hours: (seconds / 3600) as u16,
        minutes: (seconds / 60 % 60) as u8,
        seconds: (seconds % 60) as u8,
        micros: 0,
        ..time
    })
}

fn unit(places: u8) -> u32 {
    10_u32.pow(6 - u32::from(places.min(6)))
}

fn is_kept(micros: u32, places: u8) -> bool {
    micros.is_multiple_of(unit(places))
}

/// `None` where that is a whole second.
fn rounded(micros: u32, places: u8) -> Option<u32> {
    let unit = unit(places);
    let rounded = (micros + unit / 2) / unit * unit;
    (rounded < 1_000_000).then_some(rounded)
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

/// The number of at most six digits.
fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > 6 {
        return None;
    }
    let number = |sum: u32, it: &u8| it.is_ascii_digit().then(|| sum * 10 + u32::from(it - b'0'));
    bytes.iter().try_fold(0, number)
}
