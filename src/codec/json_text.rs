//! JSON text in two styles: as the older producer's messages have it, and as Python's
//! `json.dumps` writes it.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::model::Value;

/// How JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Compact, UTF-8 as it is; numbers in the shortest form, exponents without a plus sign;
    /// dates as ISO 8601.
    Message,
    /// A space after `,` and `:`, ASCII only, numbers as Python's `repr` writes them; no dates.
    Python,
}

/// Nesting beyond this is refused.
const DEPTH: usize = 120;

/// Appends a value.
///
/// # Errors
/// Why the style has no word for it; what was appended then is of no use.
pub(super) fn write_value(value: Value<'_>, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    write_nested(value, style, out, 0)
}

/// Appends a value that is JSON text, in this style.
///
/// # Errors
/// Where the text is not JSON, or nested too deeply.
pub(super) fn write_json_value(text: &str, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Rewrite { style, out }.deserialize(&mut reader);
    read.and_then(|()| reader.end())
        .map_err(|error| format!("not valid JSON: {error}"))
}

/// Appends a text with its quotes.
pub(super) fn write_text(text: &str, style: Style, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, letter) in text.char_indices() {
        let escape = letter < ' ' || letter == '"' || letter == '\\';
        if !escape && (style == Style::Message || (' '..='~').contains(&letter)) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + letter.len_utf8();
        write_escaped(letter, out);
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

fn write_escaped(letter: char, out: &mut Vec<u8>) {
    let short = match letter {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing into memory cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_nested(
    value: Value<'_>,
    style: Style,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        // Writing into memory cannot fail.
        Value::I64(it) => drop(write!(out, "{it}")),
        Value::U64(it) => drop(write!(out, "{it}")),
        Value::F64(it) if it.is_finite() => write_float(&format!("{it:e}"), style, out),
        Value::F32(it) if it.is_finite() => write_float(&format!("{it:e}"), style, out),
        Value::F32(_) | Value::F64(_) => return Err("JSON has no NaN and no Infinity".into()),
        Value::String(it) | Value::Enum(it) => write_text(it, style, out),
        Value::Json(it) => write_json_value(it, style, out)?,
        Value::Instant(it) if style == Style::Message => {
            let clock = it.to_utc().ok_or("a date outside the years 1 to 9999")?;
            let _ = write!(out, "\"{}\"", clock.to_string().replacen(' ', "T", 1));
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.enumerate() {
                separate(index, style, out);
                write_nested(item, style, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Document(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.enumerate() {
                separate(index, style, out);
                write_text(name, style, out);
                out.extend_from_slice(colon(style));
                write_nested(value, style, out, depth + 1)?;
            }
            out.push(b'}');
        }
        other => {
            return Err(format!(
                "it cannot hold a value of type {}",
                other.type_name()
            ));
        }
    }
    Ok(())
}

fn separate(index: usize, style: Style, out: &mut Vec<u8>) {
    if index > 0 {
        out.extend_from_slice(match style {
            Style::Message => b",",
            Style::Python => b", ",
        });
    }
}

fn colon(style: Style) -> &'static [u8] {
    match style {
        Style::Message => b":",
        Style::Python => b": ",
    }
}

/// Appends a number whose shortest digits stand in `scientific` (`-1.25e-7`).
fn write_float(scientific: &str, style: Style, out: &mut Vec<u8>) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let mut text = sign.to_owned();
    let smallest = match style {
        Style::Message => -5,
        Style::Python => -4,
    };
    let whole = exponent + 1;
    // Writing into memory cannot fail.
    let _ = if !(smallest..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        match style {
            Style::Message => write!(text, "{first}{dot}{rest}e{exponent}"),
            Style::Python => {
                let (sign, exponent) = (if exponent < 0 { '-' } else { '+' }, exponent.abs());
                write!(text, "{first}{dot}{rest}e{sign}{exponent:02}")
            }
        }
    } else if whole <= 0 {
        write!(
            text,
            "0.{}{digits}",
            "0".repeat(whole.unsigned_abs() as usize)
        )
    } else if digits.len() <= whole as usize {
        write!(text, "{digits:0<width$}.0", width = whole as usize)
    } else {
        let (before, after) = digits.split_at(whole as usize);
        write!(text, "{before}.{after}")
    };
    out.extend_from_slice(text.as_bytes());
}

/// Reads JSON and writes it again in a style, key order and all.
struct Rewrite<'o> {
    style: Style,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Rewrite<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rewrite<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<(), E> {
        self.scalar(Value::Bool(it))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<(), E> {
        self.scalar(Value::I64(it))
    }

    fn visit_u64<E: Error>(self, it: u64) -> Result<(), E> {
        self.scalar(Value::U64(it))
    }

    fn visit_f64<E: Error>(self, it: f64) -> Result<(), E> {
        self.scalar(Value::F64(it))
    }

    fn visit_str<E: Error>(self, it: &str) -> Result<(), E> {
        self.scalar(Value::String(it))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { style, out } = self;
        out.push(b'[');
        let mut before = out.len();
        let mut index = 0;
        loop {
            separate(index, style, out);
            if items.next_element_seed(Rewrite { style, out })?.is_none() {
                break;
            }
            (before, index) = (out.len(), index + 1);
        }
        // The separator before an element that did not come.
        out.truncate(before);
        out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self { style, out } = self;
        out.push(b'{');
        let mut index = 0;
        while let Some(name) = fields.next_key::<std::borrow::Cow<'_, str>>()? {
            separate(index, style, out);
            write_text(&name, style, out);
            out.extend_from_slice(colon(style));
            fields.next_value_seed(Rewrite { style, out })?;
            index += 1;
        }
        out.push(b'}');
        Ok(())
    }
}

impl Rewrite<'_> {
    fn scalar<E: Error>(self, value: Value<'_>) -> Result<(), E> {
        write_value(value, self.style, self.out).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value<'_>, style: Style) -> String {
        let mut out = Vec::new();
        write_value(value, style, &mut out).expect("it can be held");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn floats_have_the_digits_of_each_style() {
        let cases = [
            (1e16, "1e16", "1e+16"),
            (1e15, "1000000000000000.0", "1000000000000000.0"),
            (
                123_456_789_012_345_680.0,
                "1.2345678901234568e17",
                "1.2345678901234568e+17",
            ),
            (1e-7, "1e-7", "1e-07"),
            (1e-5, "0.00001", "1e-05"),
            (1.5e-5, "0.000015", "1.5e-05"),
            (1e-4, "0.0001", "0.0001"),
            (-0.0, "-0.0", "-0.0"),
            (0.0, "0.0", "0.0"),
            (2.0, "2.0", "2.0"),
            (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
            (1e100, "1e100", "1e+100"),
            (-1.25e-10, "-1.25e-10", "-1.25e-10"),
            (
                f64::MAX,
                "1.7976931348623157e308",
                "1.7976931348623157e+308",
            ),
            (5e-324, "5e-324", "5e-324"),
            (12.5, "12.5", "12.5"),
            (
                9_007_199_254_740_993.0,
                "9007199254740992.0",
                "9007199254740992.0",
            ),
        ];
        for (number, message, python) in cases {
            assert_eq!(written(Value::F64(number), Style::Message), message);
            assert_eq!(written(Value::F64(number), Style::Python), python);
        }
    }

    #[test]
    fn text_is_escaped_as_each_style_does() {
        let text = "é\u{7f}\u{1}\"\\\n\r\t\u{8}\u{c}/😀";
        assert_eq!(
            written(Value::String(text), Style::Message),
            "\"é\u{7f}\\u0001\\\"\\\\\\n\\r\\t\\b\\f/😀\""
        );
        assert_eq!(
            written(Value::String(text), Style::Python),
            "\"\\u00e9\\u007f\\u0001\\\"\\\\\\n\\r\\t\\b\\f/\\ud83d\\ude00\""
        );
    }

    #[test]
    fn json_text_keeps_its_order() {
        let text = r#" { "b" : [ 1 , 2.50, {} , [] ], "a": null, "é": 1E2 } "#;
        assert_eq!(
            written(Value::Json(text), Style::Message),
            r#"{"b":[1,2.5,{},[]],"a":null,"é":100.0}"#
        );
        assert_eq!(
            written(Value::Json(text), Style::Python),
            r#"{"b": [1, 2.5, {}, []], "a": null, "\u00e9": 100.0}"#
        );
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let mut out = Vec::new();
        assert!(write_json_value(&deep, Style::Message, &mut out).is_err());
    }
}
