//! A value as the target's column would keep it: one text or sequence of bytes for each value.
//!
//! Both sides go through here, the value that is on its way and the one that lies there, so that
//! they are equal where the column kept what it was given.

use std::{fmt::Write as _, io::Write as _};

use super::{json, typed};
use crate::{
    digest::{Keeps, Padding},
    model::{
        BytesText, DateTime, Decimal, Instant, JsonText, Texts, Time, Value,
        domain::{JsonNumbers, read_clock, rounded_clock, rounded_time},
        from_base64, from_hex,
    },
    sink::{write_json, write_text},
};

/// What a canonical value begins with; NULL is nothing else.
pub(super) mod tag {
    pub const NULL: u8 = 0;
    pub const NUMBER: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const BYTES: u8 = 4;
    pub const JSON: u8 = 5;
    pub const CLOCK: u8 = 6;
    /// What no such column holds: equal to nothing that lies there.
    pub const UNSUPPORTED: u8 = 9;
    // Of fields that keep the type of a value; those before mean what they mean above.
    pub const TRUTH: u8 = 10;
    pub const BINARY: u8 = 11;
    pub const IDENTIFIER: u8 = 12;
    pub const LIST: u8 = 13;
    pub const DOCUMENT: u8 = 14;
    pub const OTHER: u8 = 15;
}

/// Appends `value` as a column that keeps `keeps` would have it: a tag, and its bytes.
pub(super) fn write(value: Value<'_>, keeps: Keeps, texts: Texts, out: &mut Vec<u8>) {
    let value = value.widened();
    if matches!(value, Value::Null) {
        out.push(tag::NULL);
        return;
    }
    let start = out.len();
    let kept = match keeps {
        Keeps::Whole => whole(value, out),
        Keeps::Decimal(places) => numbered(value, Some(places), out),
        Keeps::Single => single(value, out),
        Keeps::Double => double(value, out),
        Keeps::Text(padding) => text(value, padding, out),
        Keeps::Bytes(padding) => bytes(value, padding, texts.bytes, out),
        Keeps::Json(numbers) => json(value, numbers, texts.json, out),
        Keeps::Day => day(value, texts.epoch, out),
        Keeps::Clock(places) => clock(value, places, texts.epoch, out),
        Keeps::Duration(places) => duration(value, places, out),
        Keeps::Numeric => numeric(value, out),
        Keeps::Anything => anything(value, out),
        Keeps::Typed => typed::write(value, out, 0),
    };
    if kept.is_none() {
        out.truncate(start);
        unsupported(value, out);
    }
}

/// Appends a value that no such column holds.
pub(super) fn unsupported(value: Value<'_>, out: &mut Vec<u8>) {
    out.push(tag::UNSUPPORTED);
    let _ = text(value, Padding::None, out);
}

/// A canonical value as a person reads it.
pub(super) fn shown(canonical: &[u8]) -> Option<String> {
    let (tag, rest) = canonical.split_first()?;
    Some(match *tag {
        tag::TRUTH..=tag::OTHER => typed::shown(*tag, rest)?,
        tag::NULL => "NULL".to_owned(),
        tag::FLOAT => match <[u8; 8]>::try_from(rest) {
            Ok(bits) => f64::from_bits(u64::from_be_bytes(bits)).to_string(),
            Err(_) => String::new(),
        },
        tag::BYTES => rest.iter().fold("0x".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
        // A text that is empty, or says NULL, is told from NULL.
        tag::TEXT => format!("{:?}", String::from_utf8_lossy(rest)),
        // The tag of the text stands in it once more.
        tag::UNSUPPORTED => format!(
            "{:?} (no such column holds it)",
            String::from_utf8_lossy(rest.get(1..).unwrap_or_default())
        ),
        _ => String::from_utf8_lossy(rest).into_owned(),
    })
}

pub(super) fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.push(tag);
    out.extend_from_slice(bytes);
    Some(())
}

/// The digits of a number, or of a text that is one.
pub(super) fn digits(value: Value<'_>) -> Option<String> {
    Some(match value {
        Value::Bool(it) => u8::from(it).to_string(),
        Value::I64(it) => it.to_string(),
        Value::U64(it) | Value::Bit(it) => it.to_string(),
        Value::Year(it) => it.to_string(),
        Value::F32(it) => it.to_string(),
        Value::F64(it) => it.to_string(),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) => it.to_owned(),
        Value::Json(it) => it.to_owned(),
        _ => return None,
    })
}

/// A number, or a text that is one, rounded to `places` where these are given; `None` where it is none, or is
/// infinite, and nothing is appended.
pub(super) fn numbered(value: Value<'_>, places: Option<u8>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    out.push(tag::NUMBER);
    let written = match value {
        Value::I64(it) => write!(out, "{it}").ok(),
        Value::U64(it) | Value::Bit(it) => write!(out, "{it}").ok(),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) | Value::Json(it) => {
            Decimal::read(it).and_then(|it| it.write_plain(places, out))
        }
        other => digits(other).and_then(|it| Decimal::read(&it)?.write_plain(places, out)),
    };
    if written.is_none() {
        out.truncate(start);
    }
    written
}

fn whole(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        // Servers round floats to the even neighbour, decimals away from zero.
        Value::F64(it) => numbered(Value::F64(it.round_ties_even()), Some(0), out),
        other => numbered(other, Some(0), out),
    }
}

fn single(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let single = match value {
        Value::F32(it) => it,
        Value::F64(it) => it as f32,
        other => digits(other)?.parse().ok()?,
    };
    // By its own few digits, so that it is shown as it is written.
    float(single.to_string().parse().ok()?, out)
}

fn double(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::F64(it) => float(it, out),
        other => float(digits(other)?.parse().ok()?, out),
    }
}

fn float(it: f64, out: &mut Vec<u8>) -> Option<()> {
    // Both zeros are one number.
    let it = if it == 0.0 { 0.0 } else { it };
    tagged(tag::FLOAT, &it.to_bits().to_be_bytes(), out)
}

fn text(value: Value<'_>, padding: Padding, out: &mut Vec<u8>) -> Option<()> {
    out.push(tag::TEXT);
    let start = out.len();
    match value {
        Value::String(it) | Value::Enum(it) | Value::Json(it) | Value::Decimal(it) => {
            out.extend_from_slice(it.as_bytes());
        }
        Value::Bytes(_, it) | Value::Geometry(it) => out.extend_from_slice(it),
        Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => {
            write_json(value, out).ok()?;
        }
        other => {
            let mut text = String::new();
            write_text(other, &mut text).ok()?;
            out.extend_from_slice(text.as_bytes());
        }
    }
    if padding == Padding::Fixed {
        trim_end(out, start, b' ');
    }
    Some(())
}

fn bytes(value: Value<'_>, padding: Padding, texts: BytesText, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len() + 1;
    match (value, texts) {
        (Value::Bytes(_, it) | Value::Geometry(it), _) => tagged(tag::BYTES, it, out),
        (Value::String(it), BytesText::Base64) => tagged(tag::BYTES, &from_base64(it).ok()?, out),
        (Value::String(it), BytesText::Hex) => tagged(tag::BYTES, &from_hex(it).ok()?, out),
        (Value::ObjectId(it), _) => tagged(tag::BYTES, &it, out),
        (other, _) => {
            let at = out.len();
            text(other, Padding::None, out)?;
            out[at] = tag::BYTES;
            Some(())
        }
    }?;
    if padding == Padding::Fixed {
        trim_end(out, start, 0);
    }
    Some(())
}

fn trim_end(out: &mut Vec<u8>, start: usize, byte: u8) {
    while out.len() > start && out.last() == Some(&byte) {
        out.pop();
    }
}

fn json(value: Value<'_>, numbers: JsonNumbers, texts: JsonText, out: &mut Vec<u8>) -> Option<()> {
    let mut made = Vec::new();
    let written = match (value, texts) {
        (Value::Decimal(it) | Value::Json(it), _) | (Value::String(it), JsonText::Document) => {
            it.as_bytes()
        }
        (other, _) => {
            write_json(other, &mut made).ok()?;
            &made
        }
    };
    out.push(tag::JSON);
    let start = out.len();
    let text = std::str::from_utf8(written).ok();
    if text.and_then(|it| json::write(it, numbers, out)).is_none() {
        // No server's JSON; in a column of texts it may lie all the same.
        out.truncate(start);
        out.extend_from_slice(written);
    }
    Some(())
}

fn day(value: Value<'_>, epoch: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
    let date = match value {
        Value::Date(it) => it,
        other => clock_of(other, epoch)?.date,
    };
    tagged(tag::CLOCK, date.to_string().as_bytes(), out)
}

fn clock(value: Value<'_>, places: u8, epoch: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
    let clock = rounded_clock(clock_of(value, epoch)?, places)?;
    out.push(tag::CLOCK);
    write!(out, "{clock}").ok()
}

/// The wall clock in UTC, as sessions of servers are.
fn clock_of(value: Value<'_>, epoch: Option<i64>) -> Option<DateTime> {
    let midnight = |date| DateTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };
    match value {
        Value::DateTime(it) => Some(it),
        Value::Instant(it) => it.to_utc(),
        Value::Date(it) => Some(midnight(it)),
        Value::I64(it) => {
            let parts = epoch?;
            let instant = Instant {
                seconds: it.div_euclid(parts),
                micros: (it.rem_euclid(parts) * (1_000_000 / parts)) as u32,
            };
            instant.to_utc()
        }
        Value::String(it) | Value::Enum(it) => read_clock(it).map(|it| it.0),
        _ => None,
    }
}

fn duration(value: Value<'_>, places: u8, out: &mut Vec<u8>) -> Option<()> {
    let time = match value {
        Value::Time(it) => it,
        Value::String(it) | Value::Enum(it) => Time::parse(it)?,
        _ => return None,
    };
    let time = rounded_time(time, places)?;
    let is_zero = (time.hours, time.minutes, time.seconds, time.micros) == (0, 0, 0, 0);
    let negative = time.negative && !is_zero;
    tagged(
        tag::CLOCK,
        Time { negative, ..time }.to_string().as_bytes(),
        out,
    )
}

fn numeric(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match numbered(value, None, out) {
        Some(()) => Some(()),
        None => kept_text(value, out),
    }
}

fn anything(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::U64(it) | Value::Bit(it) if i64::try_from(it).is_err() => kept_text(value, out),
        Value::Bool(_)
        | Value::I64(_)
        | Value::U64(_)
        | Value::Bit(_)
        | Value::Year(_)
        | Value::F32(_)
        | Value::F64(_) => numeral(value, out),
        other => kept_text(other, out),
    }
}

/// A number; one that is none, or is infinite, by its word.
pub(super) fn numeral(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match numbered(value, None, out) {
        Some(()) => Some(()),
        None => tagged(tag::NUMBER, digits(value)?.as_bytes(), out),
    }
}

fn kept_text(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Bytes(_, it) | Value::Geometry(it) => tagged(tag::BYTES, it, out),
        other => text(other, Padding::None, out),
    }
}
