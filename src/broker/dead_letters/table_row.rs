//! A dead letter as a row: its main headers in columns of their own, all else byte for byte.

use chrono::{DateTime, Datelike, NaiveDateTime};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::model::{Message, Messages, RecordOrigin};

/// How a column holds the text of a header.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Partition,
    Offset,
    /// Milliseconds since the epoch there, a time of UTC here.
    Time,
}

/// The headers of a letter's own by the ends of their names, each with its column, in the order in
/// which they stand in a letter.
const OWN: [(&str, &str, Form); COLUMNS] = [
    ("flow", "flow", Form::Text),
    ("step", "step", Form::Text),
    ("reason", "reason", Form::Text),
    ("topic", "topic", Form::Text),
    ("at", "set_aside_at", Form::Time),
    ("topic-id", "topic_id", Form::Text),
    ("partition", "source_partition", Form::Partition),
    ("offset", "source_offset", Form::Offset),
    ("timestamp", "message_time", Form::Time),
    ("file", "dead_letter_file", Form::Text),
];
const COLUMNS: usize = 10;

/// What makes two letters the same: a message that failed once more at the same place.
const IDENTITY: [&str; 7] = [
    "flow",
    "step",
    "topic",
    "topic-id",
    "partition",
    "offset",
    "file",
];

const CLOCK: &str = "%Y-%m-%d %H:%M:%S%.f";

/// One letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeadLetterRow {
    /// What the columns of its own headers hold, as texts; the database makes numbers and times of them.
    pub own: [Option<String>; COLUMNS],
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// All other headers, in order, as JSON.
    pub headers: String,
    /// Equal for a letter that is sent again; none for what was never published.
    pub identity: Option<Vec<u8>>,
}

/// The names of the columns of `DeadLetterRow::own`.
pub(super) fn own_columns() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(_, column, _)| *column)
}

impl DeadLetterRow {
    /// The row of `message`, whose letter's own headers begin with `prefix`.
    pub fn of(message: &Message<'_>, prefix: &str) -> Self {
        let mut own: [Option<String>; COLUMNS] = Default::default();
        let mut found = [None; COLUMNS];
        let (mut others, mut next) = (Vec::new(), 0);
        let mut headers = message.headers;
        loop {
            let mut ahead = headers;
            let Some((name, value)) = ahead.next() else {
                break;
            };
            let end = name.strip_prefix(prefix);
            let at = end.and_then(|end| OWN.iter().position(|it| it.0 == end));
            // What comes out of turn is of the original: a letter of a letter.
            let Some(at) = at.filter(|it| *it >= next) else {
                break;
            };
            found[at] = value;
            own[at] = value.and_then(|it| cell_of(OWN[at].2, it));
            if own[at].is_none() {
                others.push(header(name, value));
            }
            next = at + 1;
            headers = ahead;
        }
        others.extend(headers.map(|(name, value)| header(name, value)));
        Self {
            own,
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.map(<[u8]>::to_vec),
            headers: Value::Array(others).to_string(),
            identity: identity(&found),
        }
    }

    /// The bytes of its values.
    pub fn bytes(&self) -> usize {
        let own = self.own.iter().flatten().map(String::len).sum::<usize>();
        let parts = [&self.key, &self.value, &self.identity];
        let parts = parts.into_iter().flatten().map(Vec::len).sum::<usize>();
        own + parts + self.headers.len()
    }

    /// Appends the letter as it was, at `id`; `None` where somebody has made no letter of it.
    pub fn push(&self, id: i64, prefix: &str, messages: &mut Messages) -> Option<()> {
        let (mut headers, mut timestamp) = (Vec::new(), 0);
        for ((end, _, form), cell) in OWN.iter().zip(&self.own) {
            let Some(cell) = cell else { continue };
            let text = text_of(*form, cell)?;
            if *end == "at" {
                timestamp = text.parse().ok()?;
            }
            headers.push((format!("{prefix}{end}"), Some(text.into_bytes())));
        }
        let others: Vec<Value> = serde_json::from_str(&self.headers).ok()?;
        for it in others {
            headers.push(header_of(it)?);
        }
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()));
        let record_origin = RecordOrigin {
            partition: 0,
            offset: id,
            timestamp,
        };
        messages.push(
            self.key.as_deref(),
            self.value.as_deref(),
            headers,
            record_origin,
        );
        Some(())
    }

    /// The first column in which a row that was read says another thing than this one, which was written.
    pub fn differs(&self, read: &Self) -> Option<&'static str> {
        let said = |row: &Self, at: usize| row.own[at].as_deref().map(|it| text_of(OWN[at].2, it));
        let list = |row: &Self| serde_json::from_str::<Value>(&row.headers).ok();
        let own = (0..COLUMNS).find(|at| said(self, *at) != said(read, *at));
        own.map(|at| OWN[at].1)
            .or_else(|| (self.key != read.key).then_some("message_key"))
            .or_else(|| (self.value != read.value).then_some("message_value"))
            .or_else(|| (list(self) != list(read)).then_some("message_headers"))
    }
}

/// A header's value as its column holds it; `None` where it would not come back the same.
fn cell_of(form: Form, value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let cell = match form {
        Form::Text => text.to_owned(),
        Form::Partition => text.parse::<i32>().ok()?.to_string(),
        Form::Offset => text.parse::<i64>().ok()?.to_string(),
        Form::Time => {
            let time = DateTime::from_timestamp_millis(text.parse().ok()?)?;
            // What DATETIME holds.
            let cell_of = (1000..=9999).contains(&time.year());
            cell_of.then(|| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string())?
        }
    };
    (text_of(form, &cell)? == text).then_some(cell)
}

/// What a column holds, as the header's text.
fn text_of(form: Form, cell: &str) -> Option<String> {
    match form {
        Form::Time => {
            let time = NaiveDateTime::parse_from_str(cell, CLOCK).ok()?;
            Some(time.and_utc().timestamp_millis().to_string())
        }
        Form::Text | Form::Partition | Form::Offset => Some(cell.to_owned()),
    }
}

fn identity(found: &[Option<&[u8]>; COLUMNS]) -> Option<Vec<u8>> {
    let value = |name: &str| {
        let at = OWN.iter().position(|it| it.0 == name)?;
        found[at]
    };
    value("partition").zip(value("offset"))?;
    let mut hash = Sha256::new();
    for name in IDENTITY {
        // With their lengths, no two lists of texts are one text.
        let length = value(name).map_or(u64::MAX, |it| it.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(value(name).unwrap_or_default());
    }
    Some(hash.finalize().to_vec())
}

/// `{"name": …, "value": …}`, or `hex` for what is no text. A list of them keeps their order, and names
/// that stand twice.
fn header(name: &str, value: Option<&[u8]>) -> Value {
    match value.map(|it| (it, std::str::from_utf8(it))) {
        None => json!({ "name": name, "value": null }),
        Some((_, Ok(text))) => json!({ "name": name, "value": text }),
        Some((bytes, Err(_))) => json!({ "name": name, "hex": hex::encode(bytes) }),
    }
}

fn header_of(value: Value) -> Option<(String, Option<Vec<u8>>)> {
    let Value::Object(object) = value else {
        return None;
    };
    let text = |key: &str| match object.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let name = text("name")?;
    Some((name, bytes(&object)?))
}

fn bytes(object: &Map<String, Value>) -> Option<Option<Vec<u8>>> {
    match (object.get("value"), object.get("hex")) {
        (Some(Value::Null), None) => Some(None),
        (Some(Value::String(text)), None) => Some(Some(text.clone().into_bytes())),
        (None, Some(Value::String(digits))) => hex::decode(digits).ok().map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Header = (String, Option<Vec<u8>>);

    fn message(headers: &[Header]) -> Messages {
        let mut messages = Messages::default();
        let headers = headers.iter().map(|(name, it)| (&**name, it.as_deref()));
        messages.push(Some(b"k"), None, headers, RecordOrigin::default());
        messages
    }

    fn row(headers: &[Header]) -> DeadLetterRow {
        DeadLetterRow::of(&message(headers).get(0).expect("one"), "own-")
    }

    fn own(named: &[(&str, &str)]) -> Vec<Header> {
        let header = |(name, value): &(&str, &str)| {
            let value = value.as_bytes().to_vec();
            (format!("own-{name}"), Some(value))
        };
        named.iter().map(header).collect()
    }

    fn back(row: &DeadLetterRow) -> Vec<Header> {
        let mut messages = Messages::default();
        row.push(7, "own-", &mut messages).expect("a letter");
        let message = messages.get(0).expect("one");
        let owned = |(name, value): (&str, Option<&[u8]>)| {
            let value = value.map(<[u8]>::to_vec);
            (name.to_owned(), value)
        };
        message.headers.map(owned).collect()
    }

    const HEADERS: [(&str, &str); 9] = [
        ("flow", "f"),
        ("step", "write"),
        ("reason", "why"),
        ("topic", "t"),
        ("at", "1756200616007"),
        ("topic-id", "i"),
        ("partition", "3"),
        ("offset", "17"),
        ("timestamp", "-1"),
    ];

    #[test]
    fn what_people_ask_for_has_a_column_and_the_originals_headers_are_a_list() {
        let mut headers = own(&HEADERS);
        // A letter of a letter.
        headers.extend(own(&[("step", "decode")]));
        headers.push(("a".to_owned(), None));
        headers.push(("a".to_owned(), Some(vec![0xff])));
        let row = row(&headers);
        assert_eq!(row.own[1].as_deref(), Some("write"));
        assert_eq!(row.own[4].as_deref(), Some("2025-08-26 09:30:16.007"));
        assert_eq!(row.own[8].as_deref(), Some("1969-12-31 23:59:59.999"));
        let list = r#"[{"name":"own-step","value":"decode"},{"name":"a","value":null},{"hex":"ff","name":"a"}]"#;
        assert_eq!(row.headers, list);
        assert_eq!(back(&row), headers);
    }

    #[test]
    fn what_no_column_holds_stays_among_the_headers() {
        let mut odd = HEADERS;
        // A producer that took microseconds for milliseconds; and a number that is written otherwise.
        odd[8].1 = "1756200616007000";
        odd[7].1 = "017";
        let row = row(&own(&odd));
        assert_eq!((&row.own[7], &row.own[8]), (&None, &None));
        assert_eq!(back(&row), own(&odd));
    }

    #[test]
    fn a_letter_is_known_by_where_its_message_stood_and_failed() {
        let first = row(&own(&HEADERS));
        let of = |at: usize, value: &'static str| {
            let mut other = HEADERS;
            other[at].1 = value;
            row(&own(&other)).identity
        };
        // Its reason and its time may be others when it is sent again.
        assert_eq!(first.identity, of(2, "why not"));
        assert_eq!(first.identity, of(4, "1756200616008"));
        for at in [0, 1, 3, 5, 6, 7] {
            assert_ne!(first.identity, of(at, "9"), "{}", HEADERS[at].0);
        }
        let pointer = [&HEADERS[..], &[("file", "f.jsonl")]].concat();
        assert_ne!(first.identity, row(&own(&pointer)).identity);
        assert_eq!(row(&own(&HEADERS[..5])).identity, None);
    }

    #[test]
    fn a_row_that_somebody_has_changed_is_no_letter_and_no_panic() {
        let mut row = row(&own(&HEADERS));
        for damaged in ["", "{}", "[1]", "[{}]", r#"[{"name":"a","hex":"f"}]"#] {
            damaged.clone_into(&mut row.headers);
            let pushed = row.push(1, "own-", &mut Messages::default());
            assert_eq!(pushed, None, "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn every_header_comes_back(headers in prop::collection::vec(
            ((0..12_usize, "[a-c]{0,2}"), prop::option::of(prop_oneof![
                any::<Vec<u8>>(),
                "-?[0-9]{1,19}".prop_map(String::into_bytes),
            ])),
            0..14,
        )) {
            let named = headers.into_iter().map(|((at, other), value)| {
                let name = OWN.get(at).map_or(other, |it| format!("own-{}", it.0));
                (name, value)
            });
            let mut headers: Vec<Header> = named.collect();
            let mut back = back(&row(&headers));
            // A letter's own may change places.
            headers.sort();
            back.sort();
            prop_assert_eq!(back, headers);
        }
    }
}
