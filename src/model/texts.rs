//! What a text of a message stands for in columns that hold something other than text.

use base64::{Engine, prelude::BASE64_STANDARD};

/// How texts are read, by what the column holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Texts {
    /// In columns of bytes.
    pub bytes: BytesText,
    /// In columns of JSON.
    pub json: JsonText,
    /// What whole numbers count in columns of clocks: so many parts of a second since 1970; `None`
    /// where they are digits of a clock, as the servers read them.
    pub epoch: Option<i64>,
}

/// What a text stands for in a column of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BytesText {
    /// Its own bytes, UTF-8.
    #[default]
    Plain,
    /// The bytes that it has in base64, as the format `json` writes them. Other text is refused.
    Base64,
    /// The bytes that it has in hexadecimal digits. Other text is refused.
    Hex,
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
        epoch: None,
    };
}

/// The bytes of a text in base64 with its padding.
///
/// # Errors
/// Where it is none, or another encoder's text of the same bytes.
pub fn from_base64(text: &str) -> Result<Vec<u8>, &'static str> {
    BASE64_STANDARD.decode(text).map_err(|_| {
        "its text is no base64, in which the column's bytes are expected: where it is the content \
         itself, say `binary = \"plain\"`"
    })
}

/// The bytes of a text in hexadecimal digits.
///
/// # Errors
/// Where it is none.
pub fn from_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    const REASON: &str = "its text is not hexadecimal, in which the column's bytes are expected: where \
         it is the content itself, say `binary = \"plain\"`";
    hex::decode(text).map_err(|_| REASON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "a", "ab", "abc", "abcde", "ab=c", "====", "a===", "YQ==YWJj", "ab c", "äb=", "YR==",
            "YWK=",
        ] {
            assert!(from_base64(text).is_err(), "{text}");
        }
        for text in ["a", "0g", "é", "0x00"] {
            assert!(from_hex(text).is_err(), "{text}");
        }
        assert_eq!(from_hex("00fF").as_deref(), Ok(&[0, 255][..]));
        for (text, bytes) in [("", &[][..]), ("+/8=", &[0xfb, 0xff]), ("AAE=", &[0, 1])] {
            assert_eq!(from_base64(text).as_deref(), Ok(bytes));
        }
    }
}
