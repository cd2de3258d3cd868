//! What a text of a message stands for in columns that hold something other than text.

/// How texts are read, by what the column holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Texts {
    /// In columns of bytes.
    pub bytes: BytesText,
    /// In columns of JSON.
    pub json: JsonText,
}

/// What a text stands for in a column of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BytesText {
    /// Its own bytes, UTF-8.
    #[default]
    Plain,
    /// The bytes that it has in base64, as the format `json` writes them. Other text is refused.
    Base64,
}

/// What a text stands for in a column of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JsonText {
    /// The text of a JSON value of any type.
    #[default]
    Document,
    /// A JSON string, and a number's digits a JSON number: what the format `json` has written
    /// in place.
    Value,
}

impl Texts {
    /// As the format `json` writes values.
    pub const OF_JSON: Self = Self {
        bytes: BytesText::Base64,
        json: JsonText::Value,
    };
}

/// The bytes of a text in base64 with its padding.
///
/// # Errors
/// Where it is none.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, &'static str> {
    const NONE: &str = "its text is no base64, in which the column's bytes are expected: where it is \
        the content itself, say `binary = \"plain\"`";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let groups = text.as_bytes().chunks(4);
    let last = groups.len().wrapping_sub(1);
    for (index, group) in groups.enumerate() {
        let padding = group.iter().rev().take_while(|it| **it == b'=').count();
        if group.len() != 4 || padding > 2 || (padding > 0 && index != last) {
            return Err(NONE);
        }
        let mut bits = 0_u32;
        for letter in &group[..4 - padding] {
            bits = bits << 6 | digit(*letter).ok_or(NONE)?;
        }
        bits <<= 6 * padding;
        let [_, group @ ..] = bits.to_be_bytes();
        let (kept, rest) = group.split_at(3 - padding);
        // Bits behind the last byte: another encoder's text of the same bytes, or a damaged one.
        if rest.iter().any(|it| *it != 0) {
            return Err(NONE);
        }
        bytes.extend_from_slice(kept);
    }
    Ok(bytes)
}

fn digit(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bit by bit.
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits: String = bytes.iter().map(|it| format!("{it:08b}")).collect();
        bits.push_str(&"0".repeat((6 - bits.len() % 6) % 6));
        let digit = |six: &[u8]| {
            let six = std::str::from_utf8(six).expect("zeros and ones");
            DIGITS[usize::from_str_radix(six, 2).expect("zeros and ones")] as char
        };
        let text: String = bits.as_bytes().chunks(6).map(digit).collect();
        text + ["", "==", "="][bytes.len() % 3]
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "a", "ab", "abc", "abcde", "ab=c", "====", "a===", "YQ==YWJj", "ab c", "äb=", "YR==",
            "YWK=",
        ] {
            assert!(from_base64(text).is_err(), "{text}");
        }
        assert_eq!(from_base64(""), Ok(Vec::new()));
        assert_eq!(from_base64("+/8="), Ok(vec![0xfb, 0xff]));
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_base64(&base64(&bytes)), Ok(bytes));
        }
    }
}
