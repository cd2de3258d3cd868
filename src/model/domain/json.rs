//! Values of columns of JSON, and the numbers in them that a server would round.

use super::{Admitted, Refusal};
use crate::model::{Decimal, JsonText, Value};

/// How a column of JSON keeps numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonNumbers {
    /// As they are written.
    Written,
    /// As whole numbers of 64 bits, and all others in double precision.
    Doubles,
}

/// JSON of any type.
pub(super) fn json(
    value: Value<'_>,
    numbers: JsonNumbers,
    texts: JsonText,
) -> Result<Admitted<'_>, Refusal> {
    let text = match (value, texts) {
        (Value::Decimal(it), JsonText::Value) => it,
        // Text is JSON already; where it is not, the server says so.
        (Value::String(it), JsonText::Document) | (Value::Json(it), _) => it,
        (Value::Bytes(..) | Value::Geometry(_), _) => {
            return Err("it is bytes, and the column's type JSON".into());
        }
        (other, _) => return Ok(Admitted::Json(other)),
    };
    // MySQL takes it for the end of the text.
    if text.as_bytes().contains(&0) {
        return Err("it has a zero byte, and is no JSON".into());
    }
    if numbers == JsonNumbers::Doubles
        && has_long_run(text.as_bytes())
        && let Some(number) = lost_number(text)
    {
        return Err(format!("the column would lose digits of the number {number}").into());
    }
    Ok(Admitted::Text(text))
}

/// Digits that a double may lose without a word, as long as it is the nearest one: a number of JSON has
/// no more where it was one.
const DIGITS: usize = 18;

/// Whether a run of characters of numbers is longer than every number that is surely kept. Only each
/// so manyth byte of other texts is looked at.
fn has_long_run(bytes: &[u8]) -> bool {
    let mut at = DIGITS;
    while let Some(byte) = bytes.get(at) {
        if is_numeric(byte) {
            let before = bytes[..at].iter().rev();
            let before = before.take_while(|it| is_numeric(it)).count();
            let after = bytes[at..].iter().take_while(|it| is_numeric(it)).count();
            if before + after > DIGITS {
                return true;
            }
            at += after;
        }
        at += DIGITS;
    }
    false
}

fn is_numeric(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')
}

/// The first number that neither 64 bits nor a double keep.
fn lost_number(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let start = rest.find(|it: char| it == '"' || it == '-' || it.is_ascii_digit())?;
        rest = &rest[start..];
        if let Some(behind) = rest.strip_prefix('"') {
            rest = behind_text(behind)?;
            continue;
        }
        let end = rest.bytes().take_while(is_numeric).count();
        let (number, behind) = rest.split_at(end);
        if !is_kept(number) {
            return Some(number);
        }
        rest = behind;
    }
}

/// What stands behind the end of a text.
fn behind_text(text: &str) -> Option<&str> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return text.get(at + 1..),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

fn is_kept(number: &str) -> bool {
    // What is no number, or too large for a double, the server refuses.
    let Some(exact) = Decimal::read(number) else {
        return true;
    };
    let is_whole = exact.is_integer_text();
    if is_whole && (number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()) {
        return true;
    }
    if !is_whole && exact.significant().count() <= DIGITS {
        return true;
    }
    let double: f64 = number.parse().unwrap_or(f64::INFINITY);
    let shown = double.to_string();
    !double.is_finite() || Decimal::read(&shown).is_some_and(|it| it.is_same(&exact))
}
