//! Which values MongoDB compares with each other.
//!
//! `$gt` only ever sees values of its own class ("type bracketing"): `{_id: {$gt: 7}}` finds no
//! text at all. A field that holds two classes would be read up to the end of one of them.

use mongodb::bson::{Bson, DateTime, Decimal128, Timestamp, oid::ObjectId};

use crate::source::scan::instant;

/// Values that compare with each other; in the order in which MongoDB sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Number,
    Text,
    Document,
    Binary,
    ObjectId,
    Bool,
    Date,
    Timestamp,
    /// What no place can be behind: null, a list, NaN, patterns, code.
    None,
}

/// Those that have an order.
const ALL: [Class; 8] = [
    Class::Number,
    Class::Text,
    Class::Document,
    Class::Binary,
    Class::ObjectId,
    Class::Bool,
    Class::Date,
    Class::Timestamp,
];

impl Class {
    pub fn of(value: &Bson) -> Self {
        match value {
            Bson::Double(it) if it.is_nan() => Self::None,
            // Its text is the one thing that the driver says of it.
            Bson::Decimal128(it) if it.to_string() == "NaN" => Self::None,
            Bson::Double(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Decimal128(_) => Self::Number,
            Bson::String(_) | Bson::Symbol(_) => Self::Text,
            Bson::Document(_) => Self::Document,
            Bson::Binary(_) => Self::Binary,
            Bson::ObjectId(_) => Self::ObjectId,
            Bson::Boolean(_) => Self::Bool,
            Bson::DateTime(_) => Self::Date,
            Bson::Timestamp(_) => Self::Timestamp,
            _ => Self::None,
        }
    }

    /// The server's names of its types.
    pub fn types(self) -> Vec<&'static str> {
        match self {
            Self::Number => vec!["number"],
            Self::Text => vec!["string", "symbol"],
            Self::Document => vec!["object"],
            Self::Binary => vec!["binData"],
            Self::ObjectId => vec!["objectId"],
            Self::Bool => vec!["bool"],
            Self::Date => vec!["date"],
            Self::Timestamp => vec!["timestamp"],
            Self::None => vec![],
        }
    }

    /// The classes that sort between two.
    pub fn between(first: Self, last: Self) -> impl Iterator<Item = Self> {
        let inside = move |it: &Self| first < *it && *it < last;
        ALL.into_iter().filter(inside)
    }

    /// The names of all types that sort behind this class.
    pub fn types_behind(self) -> Vec<&'static str> {
        let behind = ALL.into_iter().filter(|it| *it > self);
        behind.flat_map(Self::types).collect()
    }

    /// The lowest value of this class that may be taken at `millis` since 1970; `None` where its
    /// values are no clock.
    pub fn taken_at(self, millis: i64) -> Option<Bson> {
        // What holds seconds alone is the same for all of a second.
        let seconds = millis.div_euclid(1000).clamp(0, i64::from(u32::MAX)) as u32;
        match self {
            Self::Date => Some(DateTime::from_millis(millis).into()),
            Self::ObjectId => {
                let mut bytes = [0; 12];
                bytes[..4].copy_from_slice(&seconds.to_be_bytes());
                Some(ObjectId::from_bytes(bytes).into())
            }
            Self::Timestamp => Some(Bson::Timestamp(Timestamp {
                time: seconds,
                increment: 0,
            })),
            _ => None,
        }
    }

    /// Whether its values are times.
    pub fn is_clock(self) -> bool {
        self.taken_at(0).is_some()
    }

    /// The word for it in messages to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Text => "text",
            Self::Document => "documents",
            Self::Binary => "binary",
            Self::ObjectId => "ObjectIds",
            Self::Bool => "booleans",
            Self::Date => "dates",
            Self::Timestamp => "timestamps",
            Self::None => "null, NaN or another value without order",
        }
    }

    /// The value of this class that `text` says; `None` where it says none.
    pub fn parse(self, text: &str) -> Option<Bson> {
        let parsed = match self {
            Self::Number => number(text),
            Self::Text => text_value(text),
            Self::ObjectId => ObjectId::parse_str(text)
                .ok()
                .or_else(|| first_of_second(text))
                .map(Bson::ObjectId),
            Self::Date => date(text),
            Self::Bool => text.parse().ok().map(Bson::Boolean),
            Self::Document | Self::Binary | Self::Timestamp | Self::None => None,
        };
        parsed
            .or_else(|| extended(text))
            .filter(|it| Self::of(it) == self)
    }
}

/// The value that `text` looks like, where no document shows the class.
pub(super) fn guess(text: &str) -> Bson {
    extended(text)
        .or_else(|| ObjectId::parse_str(text).ok().map(Bson::ObjectId))
        .or_else(|| number(text))
        .or_else(|| date(text))
        .unwrap_or_else(|| Bson::String(text.to_owned()))
}

fn extended(text: &str) -> Option<Bson> {
    let object = text.trim_start().starts_with('{');
    object.then(|| serde_json::from_str(text).ok()).flatten()
}

fn number(text: &str) -> Option<Bson> {
    if let Ok(whole) = text.parse() {
        return Some(Bson::Int64(whole));
    }
    let digits = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it));
    let float: f64 = text.parse().ok().filter(|_| digits)?;
    let shortest = float.to_string();
    // What a double would round, a decimal holds.
    if float.is_finite() && shortest.len() >= text.trim_end_matches('0').len() {
        return Some(Bson::Double(float));
    }
    let decimal: Option<Decimal128> = text.parse().ok();
    decimal.map(Bson::Decimal128)
}

fn text_value(text: &str) -> Option<Bson> {
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    match serde_json::from_str(text) {
        Ok(inner) if quoted => Some(Bson::String(inner)),
        _ if text.trim_start().starts_with("{\"$") => None,
        _ => Some(Bson::String(text.to_owned())),
    }
}

/// RFC 3339, or a day, or a day and a time; in UTC where it names no zone.
fn date(text: &str) -> Option<Bson> {
    let exact = || instant(text)?.to_millis().map(DateTime::from_millis);
    let date = DateTime::parse_rfc3339_str(text.trim()).ok();
    date.or_else(exact).map(Bson::DateTime)
}

/// The ObjectId before all others of the second that `text` names: an ObjectId begins with its
/// second, by the clock of the client that made it.
fn first_of_second(text: &str) -> Option<ObjectId> {
    let second = u32::try_from(instant(text)?.seconds).ok()?;
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&second.to_be_bytes());
    Some(ObjectId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: Class, text: &str, expectation: Option<Bson>) {
        assert_eq!(class.parse(text), expectation, "{class:?} {text}");
    }

    fn at(millis: i64) -> Option<Bson> {
        Some(Bson::DateTime(DateTime::from_millis(millis)))
    }

    #[test]
    fn a_value_is_read_as_the_class_that_the_field_holds() {
        let hex = "68a1f0c2e4b0a1b2c3d4e5f6";
        let id = ObjectId::parse_str(hex).expect("an id");
        check(Class::ObjectId, hex, Some(id.into()));
        check(
            Class::ObjectId,
            &format!("{{\"$oid\":\"{hex}\"}}"),
            Some(id.into()),
        );
        check(Class::Text, hex, Some(hex.into()));
        check(Class::Text, "\"a b\"", Some("a b".into()));
        check(Class::Number, "12", Some(12_i64.into()));
        check(Class::Number, "-1.5", Some((-1.5).into()));
        let long = "1.23456789012345678901";
        let decimal: Decimal128 = long.parse().expect("a decimal");
        check(Class::Number, long, Some(decimal.into()));
        check(
            Class::Date,
            "2025-08-26T09:30:15.123Z",
            at(1_756_200_615_123),
        );
        check(
            Class::Date,
            "2025-08-26T17:30:15.123+08:00",
            at(1_756_200_615_123),
        );
        check(Class::Date, "2025-08-26 09:30:15", at(1_756_200_615_000));
        check(Class::Date, "2025-08-26 17:30+0800", at(1_756_200_600_000));
        check(Class::Date, "1970-01-02", at(86_400_000));
        let second = ObjectId::parse_str("68ad7ea70000000000000000").expect("an id");
        for text in ["2025-08-26 09:30:15", "2025-08-26T17:30:15.9+08:00"] {
            check(Class::ObjectId, text, Some(second.into()));
        }
        check(Class::Date, r#"{"$date":{"$numberLong":"5"}}"#, at(5));
    }

    #[test]
    fn a_value_of_another_class_is_none() {
        for (class, text) in [
            (Class::ObjectId, "None"),
            (Class::ObjectId, "12"),
            (Class::ObjectId, "1969-12-31"),
            (Class::ObjectId, "2106-02-08"),
            (Class::Number, "68a1f0c2e4b0a1b2c3d4e5f6"),
            (Class::Number, "inf"),
            (Class::Date, "yesterday"),
            (Class::Date, "12"),
            (Class::Text, r#"{"$oid":"68a1f0c2e4b0a1b2c3d4e5f6"}"#),
            (Class::Binary, "abc"),
        ] {
            check(class, text, None);
        }
    }

    #[test]
    fn without_documents_the_value_is_what_it_looks_like() {
        for (text, class) in [
            ("68a1f0c2e4b0a1b2c3d4e5f6", Class::ObjectId),
            ("123", Class::Number),
            ("2025-08-26", Class::Date),
            ("abc", Class::Text),
        ] {
            assert_eq!(Class::of(&guess(text)), class, "{text}");
        }
    }

    #[test]
    fn a_second_is_settled_when_it_is_over() {
        let hex = |millis| match Class::ObjectId.taken_at(millis) {
            Some(Bson::ObjectId(id)) => id.to_hex(),
            other => panic!("{other:?}"),
        };
        assert_eq!(hex(0x68a1_f0c2 * 1000 + 999), "68a1f0c20000000000000000");
        assert_eq!(hex(0x68a1_f0c3 * 1000), "68a1f0c30000000000000000");
        assert_eq!(hex(-5), "000000000000000000000000");
        assert_eq!(hex(i64::MAX), "ffffffff0000000000000000");
        assert_eq!(Class::Date.taken_at(1999), at(1999));
        assert_eq!(Class::Number.taken_at(1999), None);
    }

    #[test]
    fn nothing_is_behind_null_and_nan() {
        for value in [Bson::Null, Bson::Double(f64::NAN), Bson::Array(vec![])] {
            assert_eq!(Class::of(&value), Class::None);
        }
    }
}
