//! JSON by what it says: names in order, numbers by their value, no blanks.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::model::{Decimal, domain::JsonNumbers};

/// Levels that are looked into. What lies deeper is compared as it is written.
const DEPTH: usize = 128;

/// Appends what `written` says. Of a column that keeps doubles two numbers are one where their doubles
/// are; elsewhere each digit counts. `None` where it is no JSON: nothing, or a part, is appended.
pub(super) fn write(written: &str, numbers: JsonNumbers, out: &mut Vec<u8>) -> Option<()> {
    value(serde_json::from_str(written).ok()?, numbers, out, 0)
}

fn value(value: &RawValue, numbers: JsonNumbers, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'[' | b'{' if depth == DEPTH => out.extend_from_slice(text.as_bytes()),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push(b'[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self::value(item, numbers, out, depth + 1)?;
            }
            out.push(b']');
        }
        b'{' => {
            // Of a name that stands twice the last counts, as servers read it.
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            out.push(b'{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                quoted(&name, out);
                out.push(b':');
                self::value(value, numbers, out, depth + 1)?;
            }
            out.push(b'}');
        }
        b'"' => quoted(&serde_json::from_str::<String>(text).ok()?, out),
        b't' | b'f' | b'n' => out.extend_from_slice(text.as_bytes()),
        _ => number(text, numbers, out),
    }
    Some(())
}

fn number(text: &str, numbers: JsonNumbers, out: &mut Vec<u8>) {
    let whole = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    // The standard library reads the nearest double, and writes the fewest digits that read back.
    let double = text.parse::<f64>().ok().filter(|it| it.is_finite());
    let shown = match (numbers, double) {
        (JsonNumbers::Doubles, Some(double)) if !whole => Some(double.to_string()),
        _ => None,
    };
    let digits = shown.as_deref().unwrap_or(text);
    let plain = Decimal::read(digits).and_then(|it| it.write_plain(None, out));
    if plain.is_none() {
        out.extend_from_slice(digits.as_bytes());
    }
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    // Writing a text to bytes in memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(written: &str, numbers: JsonNumbers) -> Option<String> {
        let mut out = Vec::new();
        write(written, numbers, &mut out)?;
        String::from_utf8(out).ok()
    }

    fn doubles(written: &str) -> Option<String> {
        of(written, JsonNumbers::Doubles)
    }

    fn digits(written: &str) -> Option<String> {
        of(written, JsonNumbers::Written)
    }

    #[test]
    fn neighbouring_doubles_are_told_apart() {
        assert_ne!(
            doubles("[123456789.12345679]"),
            doubles("[123456789.1234568]")
        );
        assert_ne!(doubles("[0.1]"), doubles("[0.10000000000000002]"));
        // As MySQL keeps the one, and as it was written.
        let kept = doubles("[123456789.12345679]");
        assert_eq!(kept, doubles("[123456789.123456789]"));
        assert_ne!(
            digits("[123456789.12345679]"),
            digits("[123456789.123456789]")
        );
    }

    #[test]
    fn whole_numbers_keep_every_digit() {
        assert_ne!(doubles("9007199254740993"), doubles("9007199254740992"));
        assert_ne!(
            doubles("18446744073709551615"),
            doubles("18446744073709551614")
        );
        assert_eq!(doubles("1.0"), doubles("1"));
        assert_eq!(digits("1.50"), digits("15e-1"));
        assert_ne!(
            digits("18446744073709551617"),
            digits("18446744073709551616")
        );
    }

    #[test]
    fn names_have_one_order_and_texts_one_spelling() {
        let one = doubles(r#" {"b": [true, null], "a": "\u00e4"} "#);
        assert_eq!(one, doubles(r#"{"a":"ä","b":[true,null]}"#));
        assert_eq!(doubles(r#"{"a":1,"a":2}"#), doubles(r#"{"a":2}"#));
    }

    #[test]
    fn what_is_no_json_is_none_and_depth_is_no_danger() {
        for text in ["", "nul", "[1", "{\"a\"}", "1 2", "+1"] {
            assert_eq!(doubles(text), None, "{text}");
        }
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        assert!(doubles(&deep).is_some());
    }

    proptest! {
        #[test]
        fn a_double_is_equal_to_itself_alone(bits: u64) {
            let double = f64::from_bits(bits);
            let next = f64::from_bits(bits ^ 1);
            prop_assume!(double.is_finite() && next.is_finite());
            let exact = format!("{double:.400}");
            prop_assert_eq!(doubles(&format!("{double:e}")), doubles(&exact));
            let (one, other) = (doubles(&format!("{double:e}")), doubles(&format!("{next:e}")));
            prop_assert_eq!(one == other, double == next);
        }
    }
}
