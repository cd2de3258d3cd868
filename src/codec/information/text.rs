//! Values as JSON text in the message's two styles.

use std::io::Write;

use super::{
    json_text::{DEPTH, write_json},
    number::{Layout, write_float},
};
use crate::{
    codec::is_plain,
    model::{DateTime, Value},
};

/// How JSON text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As the older producer's message: compact, UTF-8 as it is.
    Compact,
    /// As Python's `json.dumps` inside `tag_values`: a space behind `,` and `:`, ASCII only.
    Python,
}

/// Why a value cannot be printed, and where inside of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Dotted; empty for the value itself.
    pub path: String,
    pub reason: String,
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
        }
    }

    fn inside(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{name}.{path}"),
        };
        self
    }
}

impl Style {
    pub fn comma(self) -> &'static [u8] {
        match self {
            Self::Compact => b",",
            Self::Python => b", ",
        }
    }

    pub fn colon(self) -> &'static [u8] {
        match self {
            Self::Compact => b":",
            Self::Python => b": ",
        }
    }

    pub fn layout(self) -> Layout {
        match self {
            Self::Compact => Layout::Short,
            Self::Python => Layout::Python,
        }
    }

    /// Appends `text` between quotes.
    pub fn write_text(self, text: &str, out: &mut Vec<u8>) {
        out.push(b'"');
        match self {
            Self::Compact => write_escaped(text, out),
            Self::Python => write_ascii(text, out),
        }
        out.push(b'"');
    }

    /// Appends `value`, which lies `depth` levels deep.
    pub fn write(self, value: Value<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH {
            return Err(Refusal::new(format!("nested deeper than {DEPTH} levels")));
        }
        match value.widened() {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::I64(it) => write_shown(it, out),
            Value::U64(it) => write_shown(it, out),
            Value::Year(it) => write_shown(it, out),
            Value::F32(it) if it.is_finite() => write_float(it, self.layout(), out),
            Value::F64(it) if it.is_finite() => write_float(it, self.layout(), out),
            Value::F32(_) | Value::F64(_) => return Err(Refusal::new("JSON has no such number")),
            Value::String(it) | Value::Enum(it) => self.write_text(it, out),
            Value::Json(it) => write_json(it, self, out).map_err(Refusal::new)?,
            Value::Date(_) | Value::DateTime(_) | Value::Instant(_) => {
                self.write_date(value, out)?
            }
            Value::Array(items) => {
                out.push(b'[');
                for (index, item) in items.enumerate() {
                    if index > 0 {
                        out.extend_from_slice(self.comma());
                    }
                    self.write(item, out, depth + 1)
                        .map_err(|it| it.inside(&index.to_string()))?;
                }
                out.push(b']');
            }
            Value::Document(fields) => {
                out.push(b'{');
                for (index, (name, value)) in fields.enumerate() {
                    if index > 0 {
                        out.extend_from_slice(self.comma());
                    }
                    self.write_text(name, out);
                    out.extend_from_slice(self.colon());
                    self.write(value, out, depth + 1)
                        .map_err(|it| it.inside(name))?;
                }
                out.push(b'}');
            }
            Value::Decimal(_)
            | Value::Bytes(..)
            | Value::Time(_)
            | Value::Bit(_)
            | Value::Geometry(_)
            | Value::ObjectId(_)
            | Value::Timestamp(..)
            | Value::Regex(..)
            | Value::Code(_)
            | Value::CodeWithScope(..)
            | Value::DbPointer(..)
            | Value::I32(_)
            | Value::Symbol(_)
            | Value::Undefined
            | Value::MinKey
            | Value::MaxKey => return Err(Refusal::new(unsupported(value))),
        }
        Ok(())
    }

    /// ISO 8601; Python's `json.dumps` takes no date at all.
    fn write_date(self, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self == Self::Python {
            return Err(Refusal::new(unsupported(value)));
        }
        out.push(b'"');
        write_clock(value, b'T', out).map_err(Refusal::new)?;
        out.push(b'"');
        Ok(())
    }
}

/// The reason for a value of a type that the message has no place for.
pub(super) fn unsupported(value: Value<'_>) -> String {
    format!(
        "the message cannot hold a value of the type {}",
        value.type_name()
    )
}

/// Appends a date, or a date and a time in UTC with `between` between them and six digits of
/// fraction where it is not zero.
pub(super) fn write_clock(value: Value<'_>, between: u8, out: &mut Vec<u8>) -> Result<(), String> {
    let clock: DateTime = match value {
        Value::Date(it) => {
            write_shown(it, out);
            return Ok(());
        }
        Value::DateTime(it) => it,
        Value::Instant(it) => it.to_utc().ok_or("a time outside of the years 1 to 9999")?,
        other => return Err(unsupported(other)),
    };
    let start = out.len();
    write_shown(clock, out);
    // Behind `YYYY-MM-DD`.
    if let Some(gap) = out.get_mut(start + 10) {
        *gap = between;
    }
    Ok(())
}

/// Appends what `value` shows.
pub(super) fn write_shown(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// Appends `text`, escaped where JSON asks for it and nowhere else.
pub(super) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    if is_plain(rest) {
        out.extend_from_slice(rest);
        return;
    }
    while let Some(at) = rest.iter().position(|it| escape(*it) != 0) {
        out.extend_from_slice(&rest[..at]);
        write_escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn write_ascii(text: &str, out: &mut Vec<u8>) {
    for it in text.chars() {
        match u8::try_from(it) {
            Ok(byte) if escape(byte) != 0 => write_escape(byte, out),
            Ok(byte @ 0x20..=0x7e) => out.push(byte),
            _ => {
                for unit in it.encode_utf16(&mut [0; 2]) {
                    write_unit(*unit, out);
                }
            }
        }
    }
}

/// What stands behind the backslash: `u` and four digits follow themselves; 0 for no escape.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes[b'\n' as usize] = b'n';
    escapes[b'\r' as usize] = b'r';
    escapes[b'\t' as usize] = b't';
    escapes[0x08] = b'b';
    escapes[0x0c] = b'f';
    escapes
};

fn escape(byte: u8) -> u8 {
    ESCAPES[usize::from(byte)]
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match escape(byte) {
        b'u' => write_unit(u16::from(byte), out),
        short => out.extend_from_slice(&[b'\\', short]),
    }
}

fn write_unit(unit: u16, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[usize::from(unit >> shift & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
