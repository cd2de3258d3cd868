//! JSON text that came as text: checked, and printed again in the message's own style.

use serde::de::IgnoredAny;

use super::{number::write_json_number, text::Style};

/// Nesting beyond this is refused.
pub(super) const DEPTH: usize = 200;

/// Appends `text` in `style`.
///
/// # Errors
/// Where it is no JSON, nested too deep, or holds what the style cannot.
pub(super) fn write_json(text: &str, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    let mut tokens = Tokens::of(text)?;
    while let Some(token) = tokens.next() {
        match token.as_bytes()[0] {
            b',' => out.extend_from_slice(style.comma()),
            b':' => out.extend_from_slice(style.colon()),
            b'"' => write_string(token, style, out)?,
            b'-' | b'0'..=b'9' => write_json_number(token, style.layout(), out)?,
            it => {
                tokens.nest(it)?;
                out.extend_from_slice(token.as_bytes());
            }
        }
    }
    Ok(())
}

/// Looks at `text` without printing it.
///
/// # Errors
/// Where it is no JSON, is nested too deep, or holds half a surrogate pair.
pub(super) fn check_json(text: &str) -> Result<(), String> {
    let mut tokens = Tokens::of(text)?;
    while let Some(token) = tokens.next() {
        match token.as_bytes()[0] {
            b'"' if token.contains("\\u") => drop(unescaped(token)?),
            it => tokens.nest(it)?,
        }
    }
    Ok(())
}

fn write_string(token: &str, style: Style, out: &mut Vec<u8>) -> Result<(), String> {
    if token.contains('\\') {
        style.write_text(&unescaped(token)?, out);
    } else {
        style.write_text(&token[1..token.len() - 1], out);
    }
    Ok(())
}

fn unescaped(token: &str) -> Result<String, String> {
    serde_json::from_str(token).map_err(|_| "text with half a surrogate pair".to_owned())
}

/// The tokens of JSON text that is known to be valid.
struct Tokens<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        // Ignoring does not recurse: no depth can overflow the stack.
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("no JSON: {error}"))?;
        Ok(Self {
            rest: text,
            depth: 0,
        })
    }

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let length = match rest.as_bytes().first()? {
            b'"' => string_length(rest.as_bytes()),
            b',' | b':' | b'[' | b']' | b'{' | b'}' => 1,
            _ => rest
                .find([',', ':', ']', '}', ' ', '\t', '\n', '\r'])
                .unwrap_or(rest.len()),
        };
        let (token, rest) = rest.split_at(length);
        self.rest = rest;
        Some(token)
    }

    fn nest(&mut self, token: u8) -> Result<(), String> {
        match token {
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth -= 1,
            _ => {}
        }
        if self.depth > DEPTH {
            return Err(format!("nested deeper than {DEPTH} levels"));
        }
        Ok(())
    }
}

/// How long the string at the front is, its quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, compact: &str, python: &str) {
        for (style, expectation) in [(Style::Compact, compact), (Style::Python, python)] {
            let mut out = Vec::new();
            write_json(text, style, &mut out).expect(text);
            assert_eq!(String::from_utf8(out).expect("UTF-8"), expectation);
        }
    }

    #[test]
    fn order_and_repeated_names_are_kept() {
        check(
            " { \"b\" : [ 1 , 2.50, null ] ,\n\"a\":{}, \"b\": \"文\\u6587\\/\" } ",
            r#"{"b":[1,2.5,null],"a":{},"b":"文文/"}"#,
            r#"{"b": [1, 2.5, null], "a": {}, "b": "\u6587\u6587/"}"#,
        );
        check("\"a\\\"b, c\\\\\"", r#""a\"b, c\\""#, r#""a\"b, c\\""#);
        check("-0.0", "-0.0", "-0.0");
        check("true", "true", "true");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "[1,]",
            "{\"a\"}",
            "NaN",
            "[1] 2",
            "\"\\ud800\"",
            "1e999",
        ] {
            assert!(
                write_json(text, Style::Compact, &mut Vec::new()).is_err(),
                "{text}"
            );
        }
        assert!(check_json("[\"\\ud800\"]").is_err());
        assert!(check_json("[\"\\ud83d\\ude00\"]").is_ok());
    }

    #[test]
    fn depth_is_an_error_and_no_overflow() {
        for (depth, fits) in [(DEPTH, true), (DEPTH + 1, false), (1_000_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(check_json(&text).is_ok(), fits, "{depth}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\"\\\\a0-9eE.u \\-\u{e9}]{0,40}") {
            let _ = check_json(&text);
            let _ = write_json(&text, Style::Python, &mut Vec::new());
        }
    }
}
