//! Values as plain JSON, written straight from their packed bytes.

use std::{fmt, io::Write};

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use serde_json::value::RawValue;

use super::{Binary, DEPTH, Decimals, Instants, Json};
use crate::{
    codec::is_plain,
    model::{Decimal, Instant, Value},
};

pub(super) fn name(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    write_text(name, out);
    out.push(b':');
}

pub(super) fn value(
    value: Value<'_>,
    format: Json,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    match value {
        Value::Null | Value::Undefined => out.extend_from_slice(b"null"),
        Value::Bool(it) => out.extend_from_slice(if it { b"true" } else { b"false" }),
        Value::I32(it) => write_number(it, out),
        Value::I64(it) => write_number(it, out),
        Value::U64(it) | Value::Bit(it) => write_number(it, out),
        Value::Year(it) => write_number(it, out),
        Value::F32(it) if it.is_finite() => write_number(it, out),
        Value::F64(it) if it.is_finite() => write_number(it, out),
        Value::F32(_) | Value::F64(_) => return Err("JSON has no NaN and no Infinity".into()),
        Value::Decimal(it) if format.decimals == Decimals::Number => write_decimal(it, out)?,
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) | Value::Symbol(it) => {
            write_text(it, out);
        }
        Value::Bytes(_, it) | Value::Geometry(it) => match format.binary {
            Binary::Base64 => write_base64(it, out),
            Binary::Hex => write_hex(it, out),
        },
        Value::Date(it) => write_shown(it, out),
        Value::Time(it) => write_shown(it, out),
        Value::DateTime(it) => write_shown(it, out),
        Value::Instant(it) => write_instant(it, format.instants, out)?,
        Value::Json(it) => write_json(it, out)?,
        Value::ObjectId(it) => write_hex(&it, out),
        Value::Timestamp(seconds, increment) => write_timestamp(seconds, increment, out),
        Value::Regex(pattern, options) => write_regex(pattern, options, out),
        Value::Code(it) => {
            out.extend_from_slice(b"{\"$code\":");
            write_text(it, out);
            out.push(b'}');
        }
        Value::CodeWithScope(code, scope) => {
            out.extend_from_slice(b"{\"$code\":");
            write_text(code, out);
            out.extend_from_slice(b",\"$scope\":");
            self::value(Value::Document(scope), format, out, depth + 1)?;
            out.push(b'}');
        }
        Value::DbPointer(namespace, id) => {
            out.extend_from_slice(b"{\"$ref\":");
            write_text(namespace, out);
            out.extend_from_slice(b",\"$id\":");
            write_hex(&id, out);
            out.push(b'}');
        }
        Value::MinKey => out.extend_from_slice(b"{\"$minKey\":1}"),
        Value::MaxKey => out.extend_from_slice(b"{\"$maxKey\":1}"),
        Value::Array(items) => {
            let mut first = true;
            out.push(b'[');
            for item in items {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                self::value(item, format, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Document(fields) => {
            let mut first = true;
            out.push(b'{');
            for (name, value) in fields {
                self::name(name, &mut first, out);
                self::value(value, format, out, depth + 1)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// JSON of a source is passed on as it is, once it is known to be JSON.
fn write_json(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let valid: Result<&RawValue, _> = serde_json::from_str(text);
    match valid {
        Ok(raw) => out.extend_from_slice(raw.get().as_bytes()),
        Err(error) => return Err(format!("not valid JSON: {error}")),
    }
    Ok(())
}

pub(super) fn write_number(number: impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing a number into memory cannot fail.
    let _ = serde_json::to_writer(out, &number);
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing text into memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

fn write_shown(shown: impl fmt::Display, out: &mut Vec<u8>) {
    out.push(b'"');
    // Writing into memory cannot fail.
    let _ = write!(out, "{shown}");
    out.push(b'"');
}

pub(super) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        let (high, low) = (usize::from(byte >> 4), usize::from(byte & 0x0f));
        out.extend_from_slice(&[DIGITS[high], DIGITS[low]]);
    }
    out.push(b'"');
}

pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // Fails only where there is too little room.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
    out.push(b'"');
}

pub(super) fn write_timestamp(seconds: u32, increment: u32, out: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = write!(
        out,
        "{{\"$timestamp\":{{\"t\":{seconds},\"i\":{increment}}}}}"
    );
}

pub(super) fn write_regex(pattern: &str, options: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$regularExpression\":{\"pattern\":");
    write_text(pattern, out);
    out.extend_from_slice(b",\"options\":");
    write_text(options, out);
    out.extend_from_slice(b"}}");
}

fn write_decimal(digits: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if !Decimal::read(digits).is_some_and(|it| it.is_json()) {
        return Err(format!(
            "{digits} is no JSON number, which `decimals = \"number\"` asks for"
        ));
    }
    out.extend_from_slice(digits.as_bytes());
    Ok(())
}

fn write_instant(instant: Instant, as_what: Instants, out: &mut Vec<u8>) -> Result<(), String> {
    match as_what {
        Instants::Text => write_shown(instant, out),
        Instants::EpochMillis if !instant.micros.is_multiple_of(1000) => {
            return Err(format!(
                "{instant} is finer than the milliseconds of `instants = \"epoch-ms\"`"
            ));
        }
        Instants::EpochMillis => write_number(epoch(instant, 1000), out),
        Instants::EpochMicros => write_number(epoch(instant, 1_000_000), out),
    }
    Ok(())
}

/// Since 1970, in `parts` of a second.
fn epoch(instant: Instant, parts: i128) -> i128 {
    i128::from(instant.seconds) * parts + i128::from(instant.micros) * parts / 1_000_000
}
