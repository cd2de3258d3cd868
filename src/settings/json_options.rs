//! `json`: what the format `json` makes of values that JSON has no type for.

use super::{data_type::Format, section::Section, typed::Choice};

/// How values are written as JSON, and read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonOptions {
    /// How values of BSON are told apart.
    pub documents: Documents,
    /// Decimals as text or as numbers.
    pub decimals: Decimals,
    /// Points in time as text or as numbers.
    pub instants: Instants,
    /// Bytes in which text.
    pub binary: BytesIn,
}

/// How values of BSON are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// Not at all.
    Plain,
    /// Relaxed extended JSON.
    Relaxed,
    /// Canonical extended JSON.
    Canonical,
}

/// How decimals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimals {
    /// As text.
    Text,
    /// As a number.
    Number,
}

/// How points in time are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instants {
    /// RFC 3339.
    Text,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesIn {
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl JsonOptions {
    pub(super) fn read(section: &mut Section<'_>, format: Option<Format>) -> Self {
        let span = section.written("json");
        if let Some(span) = span.filter(|_| format.is_some_and(|it| it != Format::Json)) {
            let message = "is for the format `json` alone".to_owned();
            section.wrong("json", &span, message, None);
        }
        section.section("json", |json| {
            let options = Self {
                documents: json.choice_or("documents", Documents::Plain),
                decimals: json.choice_or("decimals", Decimals::Text),
                instants: json.choice_or("instants", Instants::Text),
                binary: json.choice_or("binary", BytesIn::Base64),
            };
            for key in ["decimals", "instants", "binary"] {
                let written = json.written(key).filter(|_| options.is_extended());
                if let Some(span) = written {
                    let message = "extended JSON says itself how this is written".to_owned();
                    json.wrong(key, &span, message, None);
                }
            }
            options
        })
    }

    /// Whether it is one of MongoDB's extended forms.
    pub fn is_extended(self) -> bool {
        self.documents != Documents::Plain
    }
}

impl Choice for Documents {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("plain", Self::Plain),
        ("relaxed", Self::Relaxed),
        ("canonical", Self::Canonical),
    ];
}

impl Choice for Decimals {
    const WORDS: &'static [(&'static str, Self)] =
        &[("string", Self::Text), ("number", Self::Number)];
}

impl Choice for Instants {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("epoch-ms", Self::EpochMillis),
        ("epoch-us", Self::EpochMicros),
    ];
}

impl Choice for BytesIn {
    const WORDS: &'static [(&'static str, Self)] = &[("base64", Self::Base64), ("hex", Self::Hex)];
}
