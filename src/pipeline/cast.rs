//! `cast`: a value as another type: exactly, or not at all.

use std::borrow::Cow;

use super::{
    edit::{FieldStep, On},
    number,
    text::plain_text,
};
use crate::model::{Date, DateTime, Instant, Kind, Packed, Packer, Time, Value};

/// What values can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// True or false.
    Boolean,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits.
    Unsigned,
    /// An exact decimal.
    Decimal,
    /// Single precision.
    Float32,
    /// Double precision.
    Float64,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// A day.
    Date,
    /// A span of clock time.
    Time,
    /// A clock without a zone.
    DateTime,
    /// A point in time.
    Instant,
    /// MySQL's YEAR.
    Year,
    /// MySQL's BIT.
    Bit,
    /// JSON text.
    Json,
    /// BSON's ObjectId.
    ObjectId,
}

/// Fields, and what their values become.
pub(super) struct Cast(pub Vec<(String, Target)>);

impl FieldStep for Cast {
    fn on(&self, name: &str) -> On<'_> {
        match self.target(name) {
            Some(_) => On::Change,
            None => On::Copy,
        }
    }

    fn named(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn kind(&self, name: &str, before: Kind) -> Kind {
        self.target(name).map_or(before, Target::kind)
    }

    fn change(&self, name: &str, packed: Packed<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        let value = packed.value();
        match self.target(name) {
            Some(target) if !target.has(&value) => target.cast(value.widened(), out),
            _ => {
                out.packed(packed);
                Ok(())
            }
        }
    }
}

impl Cast {
    fn target(&self, name: &str) -> Option<Target> {
        let found = self.0.iter().find(|(it, _)| it == name);
        found.map(|(_, target)| *target)
    }
}

impl Target {
    /// The words of settings.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("boolean", Self::Boolean),
        ("integer", Self::Integer),
        ("unsigned", Self::Unsigned),
        ("decimal", Self::Decimal),
        ("float32", Self::Float32),
        ("float64", Self::Float64),
        ("text", Self::Text),
        ("binary", Self::Binary),
        ("date", Self::Date),
        ("time", Self::Time),
        ("datetime", Self::DateTime),
        ("instant", Self::Instant),
        ("year", Self::Year),
        ("bit", Self::Bit),
        ("json", Self::Json),
        ("object-id", Self::ObjectId),
    ];

    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, it)| *it == self);
        found.map_or("", |(word, _)| word)
    }

    fn kind(self) -> Kind {
        match self {
            Self::Boolean => Kind::Bool,
            Self::Integer => Kind::I64,
            Self::Unsigned => Kind::U64,
            Self::Decimal => Kind::Decimal,
            Self::Float32 => Kind::F32,
            Self::Float64 => Kind::F64,
            Self::Text => Kind::String,
            Self::Binary => Kind::Bytes,
            Self::Date => Kind::Date,
            Self::Time => Kind::Time,
            Self::DateTime => Kind::DateTime,
            Self::Instant => Kind::Instant,
            Self::Json => Kind::Json,
            Self::Year | Self::Bit | Self::ObjectId => Kind::Any,
        }
    }

    /// Whether `value` is of this type already, so that it stays as it is packed.
    fn has(self, value: &Value<'_>) -> bool {
        matches!(
            (self, value),
            (_, Value::Null)
                | (Self::Boolean, Value::Bool(_))
                | (Self::Integer, Value::I32(_) | Value::I64(_))
                | (Self::Unsigned, Value::U64(_))
                | (Self::Decimal, Value::Decimal(_))
                | (Self::Float32, Value::F32(_))
                | (Self::Float64, Value::F64(_))
                | (Self::Text, Value::String(_))
                | (Self::Binary, Value::Bytes(..))
                | (Self::Date, Value::Date(_))
                | (Self::Time, Value::Time(_))
                | (Self::DateTime, Value::DateTime(_))
                | (Self::Instant, Value::Instant(_))
                | (Self::Year, Value::Year(_))
                | (Self::Bit, Value::Bit(_))
                | (Self::Json, Value::Json(_))
                | (Self::ObjectId, Value::ObjectId(_))
        )
    }

    /// Appends what `value` is in this type; the error has no part of the value.
    fn cast(self, value: Value<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        let mismatch = || format!("{} that is no {}", a(value.type_name()), self.word());
        let no_zone = "has no zone: the step `date` has `zone`";
        let cast = match (self, value) {
            // An undefined, of BSON.
            (_, Value::Null) => Value::Null,
            (Self::Boolean, _) => Value::Bool(truth(value).ok_or_else(mismatch)?),
            (Self::Integer, _) => Value::I64(whole(value).ok_or_else(mismatch)?),
            (Self::Unsigned, _) => Value::U64(whole(value).ok_or_else(mismatch)?),
            (Self::Bit, _) => Value::Bit(whole(value).ok_or_else(mismatch)?),
            (Self::Year, _) => {
                let year = whole::<u16>(value).filter(|it| matches!(it, 0 | 1901..=2155));
                Value::Year(year.ok_or_else(mismatch)?)
            }
            (Self::Decimal, _) => {
                let digits = number::decimal(value).ok_or_else(mismatch)?;
                out.value(Value::Decimal(&digits));
                return Ok(());
            }
            (Self::Float64, _) => Value::F64(number::double(value).ok_or_else(mismatch)?),
            (Self::Float32, _) => Value::F32(number::single(value).ok_or_else(mismatch)?),
            (Self::Text, _) => {
                out.value(Value::String(&plain_text(value)?));
                return Ok(());
            }
            (Self::Binary, Value::String(it) | Value::Enum(it) | Value::Json(it)) => {
                Value::Bytes(0, it.as_bytes())
            }
            (Self::Binary, Value::Geometry(it)) => Value::Bytes(0, it),
            (Self::Binary, Value::ObjectId(it)) => {
                out.value(Value::Bytes(0, &it));
                return Ok(());
            }
            (Self::Date, Value::DateTime(it)) if is_midnight(&it) => Value::Date(it.date),
            (Self::Date, Value::DateTime(_)) => {
                return Err("a datetime has a clock too: the step `date` cuts it off".to_owned());
            }
            (Self::DateTime, Value::Date(date)) => Value::DateTime(DateTime {
                date,
                hour: 0,
                minute: 0,
                second: 0,
                micros: 0,
            }),
            (Self::Date | Self::DateTime, Value::Instant(_)) => {
                return Err(format!("an instant {no_zone}"));
            }
            (Self::Instant, Value::Date(_) | Value::DateTime(_)) => {
                return Err(format!("{} {no_zone}", a(value.type_name())));
            }
            (Self::Date, Value::String(it)) => Value::Date(Date::parse(it).ok_or_else(mismatch)?),
            (Self::Time, Value::String(it)) => Value::Time(Time::parse(it).ok_or_else(mismatch)?),
            (Self::DateTime, Value::String(it)) => {
                Value::DateTime(DateTime::parse(it).ok_or_else(mismatch)?)
            }
            (Self::Instant, Value::String(it)) => {
                Value::Instant(Instant::parse(it).ok_or_else(mismatch)?)
            }
            (Self::Json, _) => {
                out.value(Value::Json(&json(value).ok_or_else(mismatch)?));
                return Ok(());
            }
            (Self::ObjectId, Value::String(it)) => {
                Value::ObjectId(object_id(it).ok_or_else(mismatch)?)
            }
            (Self::ObjectId, Value::Bytes(_, it)) => {
                Value::ObjectId(it.try_into().map_err(|_| mismatch())?)
            }
            _ => return Err(mismatch()),
        };
        out.value(cast);
        Ok(())
    }
}

fn a(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u', 'O']) && !noun.starts_with("un");
    let article = if vowel || noun.starts_with("und") || noun.starts_with("uns") {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

fn truth(value: Value<'_>) -> Option<bool> {
    match value {
        Value::String("true") => Some(true),
        Value::String("false") => Some(false),
        _ => match number::whole(value)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

fn whole<T: TryFrom<i128>>(value: Value<'_>) -> Option<T> {
    T::try_from(number::whole(value)?).ok()
}

fn is_midnight(clock: &DateTime) -> bool {
    (clock.hour, clock.minute, clock.second, clock.micros) == (0, 0, 0, 0)
}

/// JSON of a text that is JSON, of a number or of a truth value.
fn json(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::String(it) => {
            let read = serde_json::from_str::<serde::de::IgnoredAny>(it);
            read.is_ok().then_some(Cow::Borrowed(it))
        }
        Value::Bool(_) | Value::I64(_) | Value::U64(_) => plain_text(value).ok(),
        Value::Decimal(it) => {
            serde_json::from_str::<serde::de::IgnoredAny>(it).ok()?;
            number::decimal(value)
        }
        _ => None,
    }
}

fn object_id(text: &str) -> Option<[u8; 12]> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|it| it.to_digit(16).map(|it| it as u8))
        .collect();
    let pairs: Vec<u8> = digits?
        .chunks(2)
        .map(|it| it.iter().fold(0, |sum, it| sum << 4 | it))
        .collect();
    (text.len() == 24).then_some(pairs)?.try_into().ok()
}
