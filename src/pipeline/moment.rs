//! How days and times are written: patterns, epochs, and the model's own types.

use std::fmt::Write;

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc,
    format::{Item, Parsed, StrftimeItems, parse},
};
use chrono_tz::Tz;

use crate::model::{self, Value};

/// A way to write a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The type date.
    Date,
    /// The type datetime.
    DateTime,
    /// The type instant.
    Instant,
    /// An integer: how many of these since 1970; so many make a second.
    Epoch(i64),
    /// A text by a pattern of chrono.
    Pattern(String),
}

/// What was read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// A point in time.
    Point(DateTime<Utc>),
    /// A clock whose zone is not known.
    Clock(NaiveDateTime),
}

/// Letters of the other style, the longest first, and chrono's.
const PATTERN_CHARACTERS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("DDDD", "%j"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("SSSSSS", "%6f"),
    ("SSS", "%3f"),
    ("ss", "%S"),
    ("ZZ", "%z"),
    ("Z", "%:z"),
    ("A", "%p"),
    ("T", "T"),
];

impl Form {
    /// A form as settings write it: `epoch-ms`, `instant`, `YYYY-MM`, `%Y-%m`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "instant" => Self::Instant,
            "epoch-s" => Self::Epoch(1),
            "epoch-ms" => Self::Epoch(1_000),
            "epoch-us" => Self::Epoch(1_000_000),
            "epoch-ns" => Self::Epoch(1_000_000_000),
            "" => return Err("must not be empty".to_owned()),
            _ => {
                let pattern = if text.contains('%') {
                    text.to_owned()
                } else {
                    from_pattern(text)?
                };
                if StrftimeItems::new(&pattern).any(|it| matches!(it, Item::Error)) {
                    return Err("is no pattern of dates".to_owned());
                }
                Self::Pattern(pattern)
            }
        })
    }

    /// Reads a value that is written in this form.
    pub(super) fn read(&self, value: Value<'_>) -> Result<Moment, String> {
        match self {
            Self::Epoch(units) => {
                let number = super::number::whole(value).ok_or("it is no whole number")?;
                let units = i128::from(*units);
                let seconds = i64::try_from(number.div_euclid(units)).map_err(|_| FAR)?;
                let rest = number.rem_euclid(units) * (1_000_000_000 / units);
                point(seconds, rest as u32)
            }
            Self::Pattern(pattern) => match value {
                Value::String(text) | Value::Symbol(text) | Value::Enum(text) => {
                    by_pattern(text, pattern)
                }
                other => Err(format!("a value of type {} is no text", other.type_name())),
            },
            Self::Date | Self::DateTime | Self::Instant => own(value),
        }
    }
}

const FAR: &str = "it is outside of the years that can be reckoned with";
/// What we reckon with: chrono goes further, and zones may move a time by a day.
const YEARS: std::ops::RangeInclusive<i32> = -99_999..=99_999;

fn point(seconds: i64, nanos: u32) -> Result<Moment, String> {
    let point = DateTime::from_timestamp(seconds, nanos).filter(|it| YEARS.contains(&it.year()));
    point.map(Moment::Point).ok_or_else(|| FAR.to_owned())
}

/// A value by its own type; a text as ISO 8601 has it.
pub(super) fn own(value: Value<'_>) -> Result<Moment, String> {
    match value {
        Value::Date(it) => Ok(Moment::Clock(day(it)?.into())),
        Value::DateTime(it) => Ok(Moment::Clock(clock(it)?)),
        Value::Instant(it) => point(it.seconds, it.micros.saturating_mul(1_000)),
        Value::String(text) => {
            if let Ok(it) = DateTime::parse_from_rfc3339(text) {
                return Ok(Moment::Point(it.to_utc()));
            }
            let read = match model::DateTime::parse(text) {
                Some(it) => clock(it)?,
                None => day(model::Date::parse(text).ok_or(NO_ISO)?)?.into(),
            };
            Ok(Moment::Clock(read))
        }
        other => Err(format!("a value of type {} is no time", other.type_name())),
    }
}

const NO_ISO: &str = "it is no time as 2025-08-26T09:30:00Z, 2025-08-26 09:30:00 or 2025-08-26: \
                      `from` says another form";

fn day(it: model::Date) -> Result<NaiveDate, String> {
    let day = NaiveDate::from_ymd_opt(it.year.into(), it.month.into(), it.day.into());
    day.ok_or_else(|| "it is a day that does not exist".to_owned())
}

fn clock(it: model::DateTime) -> Result<NaiveDateTime, String> {
    let nanos = it.micros.saturating_mul(1_000);
    let (hour, minute, second) = (it.hour.into(), it.minute.into(), it.second.into());
    let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanos);
    Ok(day(it.date)?.and_time(time.ok_or("it is a time that does not exist")?))
}

/// What the pattern leaves out is the first: of the year, of the month, of the day.
fn by_pattern(text: &str, pattern: &str) -> Result<Moment, String> {
    let mut read = Parsed::new();
    let mismatch = |_| "it is not written by the pattern".to_owned();
    parse(&mut read, text, StrftimeItems::new(pattern)).map_err(mismatch)?;
    // What is set already stays: setting it again is refused.
    if read.to_naive_date().is_err() {
        let _ = read.set_day(1);
    }
    if read.to_naive_date().is_err() {
        let _ = read.set_month(1);
    }
    if read.to_naive_time().is_err() {
        let _ = read.set_minute(0);
        let _ = read.set_hour(0);
    }
    let none = |_| "it is a time that does not exist, or not enough of one".to_owned();
    let (day, time) = (
        read.to_naive_date().map_err(none)?,
        read.to_naive_time().map_err(none)?,
    );
    let clock = day.and_time(time);
    if !YEARS.contains(&clock.year()) {
        return Err(FAR.to_owned());
    }
    match read.to_fixed_offset() {
        Err(_) => Ok(Moment::Clock(clock)),
        Ok(offset) => {
            let utc = clock.checked_sub_offset(offset).ok_or(FAR)?;
            Ok(Moment::Point(utc.and_utc()))
        }
    }
}

impl Moment {
    /// The point in time; a clock is one of `zone`.
    pub(super) fn point(self, zone: Option<Tz>) -> Result<DateTime<Utc>, String> {
        match (self, zone) {
            (Self::Point(it), _) => Ok(it),
            (Self::Clock(_), None) => Err("it has no zone: `zone` says which".to_owned()),
            (Self::Clock(it), Some(zone)) => match zone.from_local_datetime(&it) {
                chrono::LocalResult::Single(it) => Ok(it.to_utc()),
                chrono::LocalResult::Ambiguous(..) => Err(format!("it is twice in {zone}")),
                chrono::LocalResult::None => Err(format!("it is not in {zone}")),
            },
        }
    }

    /// It on the clocks of `zone`; a clock whose zone is not known stays as it is.
    pub(super) fn local(self, zone: Option<Tz>) -> NaiveDateTime {
        match self {
            Self::Clock(it) => it,
            Self::Point(it) => it.with_timezone(&zone.unwrap_or(Tz::UTC)).naive_local(),
        }
    }

    /// Its text by `pattern`.
    pub(super) fn text(self, pattern: &str, zone: Option<Tz>) -> Result<String, String> {
        let mut text = String::new();
        let written = match self {
            Self::Clock(it) => write!(text, "{}", it.format(pattern)),
            Self::Point(it) => {
                let local = it.with_timezone(&zone.unwrap_or(Tz::UTC));
                write!(text, "{}", local.format(pattern))
            }
        };
        written
            .map_err(|_| "it has no zone that could be written: `zone` says which".to_owned())?;
        Ok(text)
    }
}

/// A day of the model, where it has that year.
pub(super) fn to_day(it: NaiveDate) -> Result<model::Date, String> {
    let year = u16::try_from(it.year()).ok().filter(|it| *it <= 9_999);
    Ok(model::Date {
        year: year.ok_or("its year is not one of 0 to 9999")?,
        month: it.month() as u8,
        day: it.day() as u8,
    })
}

/// A clock of the model.
pub(super) fn to_clock(it: NaiveDateTime) -> Result<model::DateTime, String> {
    Ok(model::DateTime {
        date: to_day(it.date())?,
        hour: it.hour() as u8,
        minute: it.minute() as u8,
        second: it.second() as u8,
        micros: micros(it.nanosecond())?,
    })
}

/// Microseconds; a leap second or a part of a microsecond has no place in the model.
pub(super) fn micros(nanos: u32) -> Result<u32, String> {
    if nanos.is_multiple_of(1_000) && nanos < 1_000_000_000 {
        Ok(nanos / 1_000)
    } else {
        Err("it is between two microseconds".to_owned())
    }
}

/// A pattern of letters (`YYYY-MM`) as chrono has it; what stands in brackets is itself.
fn from_pattern(text: &str) -> Result<String, String> {
    let (mut rest, mut pattern) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (literal, after) = inner.split_once(']').ok_or("has a `[` without `]`")?;
            pattern.push_str(literal);
            rest = after;
        } else if let Some((dead_letters, own)) = PATTERN_CHARACTERS
            .iter()
            .find(|(it, _)| rest.starts_with(it))
        {
            pattern.push_str(own);
            rest = &rest[dead_letters.len()..];
        } else if first.is_alphabetic() {
            let all: Vec<&str> = PATTERN_CHARACTERS.iter().map(|(it, _)| *it).collect();
            let all = all.join(" ");
            return Err(format!("has `{first}`, and none of {all} or [text]"));
        } else {
            pattern.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if pattern.contains('%') {
        Ok(pattern)
    } else {
        Err("has no letters of a date, such as YYYY-MM-DD".to_owned())
    }
}
