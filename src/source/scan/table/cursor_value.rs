//! A cursor value: one value that a table is ordered by, and its text in a position.

use crate::model::{Date, DateTime, Decimal, Time, Value};

/// A value of an ordering column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) enum CursorValue {
    I64(i64),
    U64(u64),
    F64(f64),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
    Date(Date),
    Time(Time),
    /// Also of TIMESTAMP columns, as UTC.
    DateTime(DateTime),
    Year(u16),
    /// Of an ENUM or a SET: kept by its text, ordered by its number.
    Member {
        text: String,
        number: u64,
    },
}

/// What the values of an ordering column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum ValueKind {
    I64,
    U64,
    F64,
    Decimal,
    Text,
    Bytes,
    Date,
    Time,
    DateTime,
    Year,
    Member,
}

const KINDS: [(ValueKind, &str); 11] = [
    (ValueKind::I64, "i64"),
    (ValueKind::U64, "u64"),
    (ValueKind::F64, "f64"),
    (ValueKind::Decimal, "decimal"),
    (ValueKind::Text, "text"),
    (ValueKind::Bytes, "bytes"),
    (ValueKind::Date, "date"),
    (ValueKind::Time, "time"),
    (ValueKind::DateTime, "datetime"),
    (ValueKind::Year, "year"),
    (ValueKind::Member, "member"),
];

impl ValueKind {
    /// The word for it in a position.
    pub fn word(self) -> &'static str {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, word)| word)
    }

    pub fn of_word(word: &str) -> Option<Self> {
        let found = KINDS.iter().find(|(_, it)| *it == word);
        found.map(|(kind, _)| *kind)
    }

    /// The value that `text` stands for; `None` where it is none of this kind. Only its column
    /// knows a member.
    pub fn parse(self, text: &str) -> Option<CursorValue> {
        Some(match self {
            Self::I64 => CursorValue::I64(text.parse().ok()?),
            Self::U64 => CursorValue::U64(text.parse().ok()?),
            // SQLite stores and orders infinities as well.
            Self::F64 => CursorValue::F64(text.parse().ok().filter(|it: &f64| !it.is_nan())?),
            Self::Decimal => CursorValue::Decimal(decimal(text)?.to_owned()),
            Self::Text => CursorValue::Text(text.to_owned()),
            Self::Bytes => CursorValue::Bytes(from_hex(text)?),
            Self::Date => CursorValue::Date(date(text)?),
            Self::Time => CursorValue::Time(time(text)?),
            Self::DateTime => CursorValue::DateTime(date_time(text)?),
            Self::Year => CursorValue::Year(text.parse().ok()?),
            Self::Member => return None,
        })
    }
}

impl CursorValue {
    /// The mark of a row's value; `None` where nothing can be ordered by it.
    pub fn of(value: Value<'_>) -> Option<Self> {
        Some(match value.widened() {
            Value::I64(it) => Self::I64(it),
            Value::U64(it) => Self::U64(it),
            // Servers compare single precision as double: widening is exact.
            Value::F32(it) => Self::F64(f64::from(it)),
            Value::F64(it) => Self::F64(it),
            Value::Decimal(it) => Self::Decimal(it.to_owned()),
            Value::String(it) | Value::Json(it) => Self::Text(it.to_owned()),
            Value::Bytes(_, it) => Self::Bytes(it.to_owned()),
            Value::Date(it) => Self::Date(it),
            Value::Time(it) => Self::Time(it),
            Value::DateTime(it) => Self::DateTime(it),
            Value::Instant(it) => Self::DateTime(it.to_utc()?),
            Value::Year(it) => Self::Year(it),
            Value::Bit(it) => Self::U64(it),
            _ => return None,
        })
    }

    pub fn kind(&self) -> ValueKind {
        match self {
            Self::I64(_) => ValueKind::I64,
            Self::U64(_) => ValueKind::U64,
            Self::F64(_) => ValueKind::F64,
            Self::Decimal(_) => ValueKind::Decimal,
            Self::Text(_) => ValueKind::Text,
            Self::Bytes(_) => ValueKind::Bytes,
            Self::Date(_) => ValueKind::Date,
            Self::Time(_) => ValueKind::Time,
            Self::DateTime(_) => ValueKind::DateTime,
            Self::Year(_) => ValueKind::Year,
            Self::Member { .. } => ValueKind::Member,
        }
    }

    /// The text that `ValueKind::parse` reads back.
    pub fn text(&self) -> String {
        match self {
            Self::I64(it) => it.to_string(),
            Self::U64(it) => it.to_string(),
            // `1e300` rather than three hundred zeros.
            Self::F64(it) => format!("{it:?}"),
            Self::Decimal(it) | Self::Text(it) => it.clone(),
            Self::Bytes(it) => it.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Date(it) => it.to_string(),
            Self::Time(it) => it.to_string(),
            Self::DateTime(it) => it.to_string(),
            Self::Year(it) => it.to_string(),
            Self::Member { text, .. } => text.clone(),
        }
    }
}

/// Digits with a point or without one, as servers print a decimal.
fn decimal(text: &str) -> Option<&str> {
    let number = Decimal::read(text)?;
    number.exponent().is_none().then_some(text)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|it| it.to_digit(16).map(|digit| digit as u8))
        .collect();
    let pairs = digits?;
    (pairs.len() % 2 == 0).then(|| pairs.chunks_exact(2).map(|it| it[0] << 4 | it[1]).collect())
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    Some(Date {
        year: number(parts.next()?, 9999)?,
        month: number(parts.next()?, 12)?,
        day: number(parts.next()?, 31)?,
    })
}

/// `2025-08-26 09:30:15.123`, with `T`, `Z` and shorter clocks too, as people write them.
fn date_time(text: &str) -> Option<DateTime> {
    let (day, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let clock = time(clock.strip_suffix('Z').unwrap_or(clock))?;
    Some(DateTime {
        date: date(day)?,
        hour: u8::try_from(clock.hours)
            .ok()
            .filter(|it| *it < 24 && !clock.negative)?,
        minute: clock.minutes,
        second: clock.seconds,
        micros: clock.micros,
    })
}

fn time(text: &str) -> Option<Time> {
    let (negative, text) = text
        .strip_prefix('-')
        .map_or((false, text), |it| (true, it));
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.splitn(3, ':');
    Some(Time {
        negative,
        hours: number(parts.next()?, 838)?,
        minutes: number(parts.next()?, 59)?,
        seconds: number(parts.next().unwrap_or("0"), 59)?,
        micros: number::<u32>(fraction, 999_999)
            .filter(|_| fraction.len() <= 6)?
            .checked_mul(10_u32.pow(6 - fraction.len() as u32))?,
    })
}

/// A number without a sign, up to `most`.
fn number<N: TryFrom<u32>>(text: &str, most: u32) -> Option<N> {
    let plain = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let number: u32 = plain.then(|| text.parse().ok()).flatten()?;
    N::try_from(number).ok().filter(|_| number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_read_back_as_it_was() {
        let clock = DateTime {
            date: Date {
                year: 2025,
                month: 8,
                day: 26,
            },
            hour: 9,
            minute: 30,
            second: 15,
            micros: 120,
        };
        let zero = Date {
            year: 0,
            month: 0,
            day: 0,
        };
        let longest = Time {
            negative: true,
            hours: 838,
            minutes: 59,
            seconds: 59,
            micros: 1,
        };
        for cursor_value in [
            CursorValue::I64(i64::MIN),
            CursorValue::U64(u64::MAX),
            CursorValue::F64(f64::from(0.1_f32)),
            CursorValue::F64(f64::MIN_POSITIVE),
            CursorValue::F64(f64::NEG_INFINITY),
            CursorValue::Decimal(
                "-99999999999999999999999999999999999.000000000000000000000000000001".into(),
            ),
            CursorValue::Text("a\"b\u{1F600}".into()),
            CursorValue::Bytes(vec![0, 255, 16]),
            CursorValue::Date(zero),
            CursorValue::Time(longest),
            CursorValue::DateTime(clock),
            CursorValue::DateTime(DateTime {
                date: zero,
                hour: 0,
                minute: 0,
                second: 0,
                micros: 0,
            }),
            CursorValue::Year(1901),
        ] {
            assert_eq!(
                cursor_value.kind().parse(&cursor_value.text()),
                Some(cursor_value.clone()),
                "{cursor_value:?}"
            );
            assert_eq!(
                ValueKind::of_word(cursor_value.kind().word()),
                Some(cursor_value.kind())
            );
        }
    }

    #[test]
    fn a_time_is_taken_as_people_write_it() {
        let of = |text| ValueKind::DateTime.parse(text).map(|it| it.text());
        assert_eq!(of("2025-08-26").as_deref(), Some("2025-08-26 00:00:00"));
        assert_eq!(
            of("2025-08-26T09:30Z").as_deref(),
            Some("2025-08-26 09:30:00")
        );
        assert_eq!(
            of("2025-08-26 09:30:15.5").as_deref(),
            Some("2025-08-26 09:30:15.500000")
        );
    }

    #[test]
    fn what_is_no_value_of_the_kind_is_refused() {
        for (kind, text) in [
            (ValueKind::I64, "7x"),
            (ValueKind::U64, "-1"),
            (ValueKind::F64, "NaN"),
            (ValueKind::Decimal, "1e5"),
            (ValueKind::Decimal, "."),
            (ValueKind::Bytes, "abc"),
            (ValueKind::Bytes, "äö"),
            (ValueKind::Date, "2025-13-01"),
            (ValueKind::Date, "2025-1"),
            (ValueKind::DateTime, "2025-08-26 24:00:00"),
            (ValueKind::DateTime, "2025-08-26 09:30:15.1234567"),
            (ValueKind::DateTime, "2025-08-26 09:30:15.+1"),
            (ValueKind::Time, "839:00:00"),
            (ValueKind::Year, "99999"),
        ] {
            assert_eq!(kind.parse(text), None, "{text}");
        }
    }
}
