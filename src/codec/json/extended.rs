//! Values as MongoDB's extended JSON (version 2), relaxed or canonical, byte for byte as its own
//! tools spell it, without a blank.
//!
//! Not by the crate `bson`: 565 ns for a document of 729 bytes, and 8,160 by way of its values (`cargo
//! bench --bench encode`); it sorts the fields of a document, and writes `1e+300` with three hundred zeros.

use std::io::Write;

use super::{
    DEPTH,
    write::{
        name, write_base64, write_hex, write_number, write_regex, write_text, write_timestamp,
    },
};
use crate::model::{Instant, Value};

/// Appends `value`, which lies `depth` levels deep.
///
/// # Errors
/// Where BSON has no such value: its reason.
pub(super) fn value<const RELAXED: bool>(
    value: Value<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(it) => out.extend_from_slice(if it { b"true" } else { b"false" }),
        Value::I32(it) if RELAXED => write_number(it, out),
        Value::I64(it) if RELAXED => write_number(it, out),
        Value::F64(it) if RELAXED && it.is_finite() => write_number(it, out),
        Value::I32(it) => {
            quoted(b"$numberInt", out, |out| write_number(it, out));
        }
        Value::I64(it) => quoted(b"$numberLong", out, |out| write_number(it, out)),
        Value::F64(it) => quoted(b"$numberDouble", out, |out| write_double(it, out)),
        Value::Decimal(it) => tagged(b"$numberDecimal", out, |out| write_text(it, out)),
        Value::String(it) => write_text(it, out),
        Value::Symbol(it) => tagged(b"$symbol", out, |out| write_text(it, out)),
        Value::Undefined => out.extend_from_slice(b"{\"$undefined\":true}"),
        Value::Bytes(subtype, it) => write_binary(subtype, it, out),
        Value::Instant(it) => write_date::<RELAXED>(it, out)?,
        Value::ObjectId(it) => tagged(b"$oid", out, |out| write_hex(&it, out)),
        Value::Timestamp(seconds, increment) => write_timestamp(seconds, increment, out),
        Value::Regex(pattern, options) => write_regex(pattern, options, out),
        Value::Code(it) => tagged(b"$code", out, |out| write_text(it, out)),
        Value::CodeWithScope(code, scope) => {
            out.extend_from_slice(b"{\"$code\":");
            write_text(code, out);
            out.extend_from_slice(b",\"$scope\":");
            self::value::<RELAXED>(Value::Document(scope), out, depth + 1)?;
            out.push(b'}');
        }
        Value::DbPointer(namespace, id) => tagged(b"$dbPointer", out, |out| {
            out.extend_from_slice(b"{\"$ref\":");
            write_text(namespace, out);
            out.extend_from_slice(b",\"$id\":");
            tagged(b"$oid", out, |out| write_hex(&id, out));
            out.push(b'}');
        }),
        Value::MinKey => out.extend_from_slice(b"{\"$minKey\":1}"),
        Value::MaxKey => out.extend_from_slice(b"{\"$maxKey\":1}"),
        Value::Array(items) => {
            let mut first = true;
            out.push(b'[');
            for item in items {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                self::value::<RELAXED>(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Document(fields) => {
            let mut first = true;
            out.push(b'{');
            for (field, value) in fields {
                name(field, &mut first, out);
                self::value::<RELAXED>(value, out, depth + 1)?;
            }
            out.push(b'}');
        }
        other => {
            return Err(format!(
                "extended JSON has no type for a value of the type {}: say `documents = \"plain\"`",
                other.type_name()
            ));
        }
    }
    Ok(())
}

/// An object of one field.
fn tagged(name: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
    write(out);
    out.push(b'}');
}

/// An object of one field, whose text needs no escapes.
fn quoted(name: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    tagged(name, out, |out| {
        out.push(b'"');
        write(out);
        out.push(b'"');
    });
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        write_number(number, out);
    } else {
        let name: &[u8] = match (number.is_nan(), number > 0.0) {
            (true, _) => b"NaN",
            (false, true) => b"Infinity",
            (false, false) => b"-Infinity",
        };
        out.extend_from_slice(name);
    }
}

fn write_binary(subtype: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$binary\":{\"base64\":");
    write_base64(bytes, out);
    out.extend_from_slice(b",\"subType\":");
    write_hex(&[subtype], out);
    out.extend_from_slice(b"}}");
}

/// Milliseconds are all that BSON has. Relaxed, the years 1970 to 9999 are RFC 3339, with three
/// digits of fraction where there is one.
fn write_date<const RELAXED: bool>(instant: Instant, out: &mut Vec<u8>) -> Result<(), String> {
    let millis = instant
        .to_millis()
        .filter(|_| instant.micros.is_multiple_of(1000))
        .ok_or_else(|| format!("{instant} is no date of BSON, which has milliseconds"))?;
    let clock = instant.to_utc().filter(|_| RELAXED && millis >= 0);
    tagged(b"$date", out, |out| match clock {
        None => quoted(b"$numberLong", out, |out| write_number(millis, out)),
        Some(clock) => {
            let date = clock.date;
            let (hour, minute, second) = (clock.hour, clock.minute, clock.second);
            // Writing into memory cannot fail.
            let _ = write!(out, "\"{date}T{hour:02}:{minute:02}:{second:02}");
            if clock.micros > 0 {
                let _ = write!(out, ".{:03}", clock.micros / 1000);
            }
            out.extend_from_slice(b"Z\"");
        }
    });
    Ok(())
}
