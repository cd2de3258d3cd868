//! Values as MySQL and MariaDB take them, by column type.
//!
//! One column is always bound in one way, as far as that goes: MySQL plans a prepared statement
//! again whenever a parameter has changed its type, and compares text with a number as floats.

use std::fmt::Write;

use sqlx::{Arguments, Encode, MySql, Type, mysql::MySqlArguments};

use crate::{
    model::{Instant, Value},
    sink::{
        BytesText, JsonText, Texts,
        sql::{
            exact::{NOT_WHOLE, ROUNDED, double_keeps, has_fraction, single_keeps},
            incompatible::ValueError,
            table::{Column, ColumnType},
        },
        texts::{from_base64, from_hex},
        value_text::{json_length, write_json, write_text},
    },
};

/// The values of one statement, in order.
#[derive(Default)]
pub(in crate::sink) struct Bound {
    arguments: MySqlArguments,
    text: String,
    texts: Texts,
}

impl Bound {
    /// None yet, with room for as many values of as many bytes in all.
    pub(in crate::sink) fn with_room((values, bytes): (usize, usize), texts: Texts) -> Self {
        let mut bound = Self {
            texts,
            ..Self::default()
        };
        bound.arguments.reserve(values, bytes);
        bound
    }

    /// Appends `value` for `column`.
    ///
    /// # Errors
    /// Where no such column can hold it.
    pub(in crate::sink) fn push(
        &mut self,
        column: &Column,
        value: &Value<'_>,
    ) -> Result<(), ValueError> {
        let value = &value.widened();
        let pushed = match column.stored_type {
            ColumnType::Json => self.json(value),
            ColumnType::Text | ColumnType::Anything => self.text(value),
            ColumnType::Integer => self.integer(value),
            ColumnType::Float => self.single(value),
            ColumnType::Decimal(_) => self.number(value),
            ColumnType::Number => self.double(value),
            ColumnType::Clock => self.clock(value),
            ColumnType::Bytes | ColumnType::Vector => self.bytes(value),
        };
        pushed.map_err(|reason| ValueError::new(&column.name, reason))
    }

    /// Appends `value` to be compared with `column`. A text would be compared with a number by
    /// however much of it looks like one, and with 15 digits or so.
    ///
    /// # Errors
    /// Where no such column can hold it.
    pub(super) fn push_key(
        &mut self,
        column: &Column,
        value: &Value<'_>,
    ) -> Result<(), ValueError> {
        let value = &value.widened();
        if let (ColumnType::Integer, Value::String(text) | Value::Decimal(text)) =
            (column.stored_type, value)
            && text.parse::<i64>().is_err()
            && text.parse::<u64>().is_err()
        {
            let reason = "it is text, and the column's type a whole number";
            return Err(ValueError::new(&column.name, reason));
        }
        match (column.stored_type, value) {
            (ColumnType::Decimal(scale), Value::String(text) | Value::Decimal(text)) => {
                // MariaDB takes the largest decimal for whatever is larger: another row's key.
                let largest = 10_f64.powi(65 - i32::from(scale));
                let fits = |it: f64| it.abs() < largest;
                if text.parse().is_ok_and(fits) {
                    // All of its digits: the statement makes a decimal of it.
                    self.add(*text)
                } else {
                    Err("no decimal of the column's type is that".to_owned())
                }
            }
            (ColumnType::Float, Value::String(text) | Value::Decimal(text))
                if text.parse::<f32>().is_err() =>
            {
                Err("it is text, and the column's type a number".to_owned())
            }
            _ => return self.push(column, value),
        }
        .map_err(|reason| ValueError::new(&column.name, reason))
    }

    /// What the driver takes.
    pub(in crate::sink) fn into_arguments(self) -> MySqlArguments {
        self.arguments
    }

    fn text(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<&str>),
            Value::String(it) | Value::Enum(it) | Value::Json(it) | Value::Decimal(it) => {
                self.add(*it)
            }
            // The server says whether they are text.
            Value::Bytes(_, it) | Value::Geometry(it) => self.add(*it),
            Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => self.written_json(value),
            other => {
                let other = *other;
                self.written(|text| write_text(other, text))
            }
        }
    }

    fn json(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<&str>),
            Value::String(_) if self.texts.json == JsonText::Value => self.written_json(value),
            Value::Decimal(it) if self.texts.json == JsonText::Value => self.add(*it),
            // Text is JSON already; where it is not, the server says so.
            Value::String(it) | Value::Json(it) => self.add(*it),
            Value::Bytes(..) | Value::Geometry(_) => {
                Err(format!("{BYTES}, and the column's type JSON"))
            }
            other => self.written_json(other),
        }
    }

    fn integer(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<i64>),
            Value::Bool(it) => self.add(i64::from(*it)),
            Value::I64(it) => self.add(*it),
            Value::U64(it) | Value::Bit(it) => self.add(*it),
            Value::Year(it) => self.add(i64::from(*it)),
            // The server would round it.
            Value::F64(it) if it.is_finite() && it.fract() != 0.0 => Err(NOT_WHOLE.to_owned()),
            Value::F32(it) if it.is_finite() && it.fract() != 0.0 => Err(NOT_WHOLE.to_owned()),
            Value::F64(it) if it.is_finite() => self.add(*it),
            Value::String(it) | Value::Decimal(it) => match (it.parse(), it.parse()) {
                (Ok(signed), _) => self.add::<i64>(signed),
                (_, Ok(unsigned)) => self.add::<u64>(unsigned),
                _ if has_fraction(it) => Err(NOT_WHOLE.to_owned()),
                _ => self.add(*it),
            },
            other => self.finite_text(other),
        }
    }

    /// As wide as the server reckons: the few digits of the largest number are more than it takes.
    fn single(&mut self, value: &Value<'_>) -> Result<(), String> {
        if whole(value).is_some_and(|it| !single_keeps(it)) {
            return Err(ROUNDED.to_owned());
        }
        let single = match value {
            Value::F32(it) => Some(*it),
            Value::F64(it) if *it != 0.0 && *it as f32 == 0.0 => {
                return Err("it is too small for single precision".to_owned());
            }
            Value::String(it) | Value::Decimal(it) => it.parse().ok(),
            _ => None,
        };
        match single.filter(|it| it.is_finite()) {
            Some(single) => self.add(f64::from(single)),
            None => self.number(value),
        }
    }

    fn double(&mut self, value: &Value<'_>) -> Result<(), String> {
        if whole(value).is_none_or(double_keeps) {
            self.number(value)
        } else {
            Err(ROUNDED.to_owned())
        }
    }

    fn number(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<f64>),
            Value::F64(it) if it.is_finite() => self.add(*it),
            Value::I64(it) => self.add(*it),
            Value::U64(it) | Value::Bit(it) => self.add(*it),
            Value::Bool(it) => self.add(i64::from(*it)),
            // Single precision goes as its own few digits, whatever the column's precision is.
            other => self.finite_text(other),
        }
    }

    fn clock(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<&str>),
            Value::Instant(it) => self.instant(*it),
            // The servers do not know the `Z`.
            Value::String(it) if it.ends_with('Z') => match Instant::parse(it) {
                Some(instant) => self.instant(instant),
                None => self.add(*it),
            },
            Value::I64(it) => match self.texts.epoch {
                Some(parts) => self.instant(Instant {
                    seconds: it.div_euclid(parts),
                    micros: (it.rem_euclid(parts) * (1_000_000 / parts)) as u32,
                }),
                None => Err(NO_TIME.to_owned()),
            },
            // The server would take its digits for those of a date: 1101010101 for a day in 2011.
            Value::U64(_)
            | Value::Year(_)
            | Value::Bit(_)
            | Value::Bool(_)
            | Value::F32(_)
            | Value::F64(_) => Err(NO_TIME.to_owned()),
            Value::Bytes(..) | Value::Geometry(_) => {
                Err(format!("{BYTES}, and the column's type a time"))
            }
            other => self.text(other),
        }
    }

    /// The session is in UTC.
    fn instant(&mut self, instant: Instant) -> Result<(), String> {
        let clock = instant
            .to_utc()
            .ok_or("the instant lies outside the years 1 to 9999")?;
        self.written(|text| write!(text, "{clock}").map_err(|_| FULL))
    }

    fn bytes(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::Null => self.add(None::<&[u8]>),
            Value::String(it) if self.texts.bytes == BytesText::Base64 => {
                self.add(&from_base64(it)?[..])
            }
            Value::String(it) if self.texts.bytes == BytesText::Hex => self.add(&from_hex(it)?[..]),
            Value::Bytes(_, it) | Value::Geometry(it) => self.add(*it),
            Value::ObjectId(it) => self.add(&it[..]),
            Value::Bool(_)
            | Value::I64(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::Bit(_)
            | Value::Year(_) => Err("it is a number, and the column holds bytes".to_owned()),
            other => self.text(other),
        }
    }

    fn finite_text(&mut self, value: &Value<'_>) -> Result<(), String> {
        match value {
            Value::F32(it) if !it.is_finite() => Err(NOT_FINITE.to_owned()),
            Value::F64(_) => Err(NOT_FINITE.to_owned()),
            Value::Bytes(..) | Value::Geometry(_) => {
                Err(format!("{BYTES}, and the column's type a number"))
            }
            other => self.text(other),
        }
    }

    fn written_json(&mut self, value: &Value<'_>) -> Result<(), String> {
        let mut json = std::mem::take(&mut self.text).into_bytes();
        json.clear();
        write_json(*value, &mut json)?;
        let Ok(text) = std::str::from_utf8(&json) else {
            return Err("it is not UTF-8".to_owned());
        };
        let added = self.add(text);
        self.text = String::from_utf8(json).unwrap_or_default();
        added
    }

    fn written(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        write(&mut text)?;
        let added = self.add(text.as_str());
        self.text = text;
        added
    }

    fn add<'v, T: Encode<'v, MySql> + Type<MySql>>(&mut self, value: T) -> Result<(), String> {
        self.arguments.add(value).map_err(|error| error.to_string())
    }
}

/// The whole number that a value is, also as text.
fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::I64(it) => Some(i128::from(*it)),
        Value::U64(it) | Value::Bit(it) => Some(i128::from(*it)),
        Value::String(it) | Value::Decimal(it) => it.parse().ok(),
        _ => None,
    }
}

/// A buffer in memory takes whatever it is given.
const FULL: &str = "it cannot be written as text";
const BYTES: &str = "it is bytes";
const NO_TIME: &str = "it is a number, and the column's type a time: say what it counts with `instants` of \
    the format `json`, or make a time of it with a step";
const NOT_FINITE: &str = "the column holds no number that is infinite or none at all";

/// How many bytes a value takes on the wire, at most.
pub(super) fn size(value: &Value<'_>) -> usize {
    // A value's type stands beside it (2), and the length before text (9 at most).
    11 + match value {
        Value::String(it)
        | Value::Json(it)
        | Value::Enum(it)
        | Value::Decimal(it)
        | Value::Symbol(it)
        | Value::Code(it) => it.len(),
        Value::Bytes(_, it) | Value::Geometry(it) => it.len(),
        Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => json_length(*value),
        _ => 40,
    }
}
