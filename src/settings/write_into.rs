//! `into`: the table that a data type is written to, and how.

use std::time::Duration;

use super::{
    connection::ConnectionKind as Kind,
    data_type::Format,
    json_options::{BytesIn, JsonOptions},
    read_from::read_bytes,
    references::{Connections, SINKS},
    section::Section,
    steps,
    typed::Choice,
};
use crate::pipeline::StepSettings;

/// Where records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteInto {
    /// The connection's name.
    pub connection: String,
    /// The table.
    pub table: String,
    /// The columns of the key that rows are written by; empty for the primary key.
    pub key: Vec<String>,
    /// What is done with a record whose key is known.
    pub on_known: OnKnown,
    /// The column that tells which of two changes is the newer.
    pub version: Option<String>,
    /// What is done with deletions.
    pub on_delete: OnDelete,
    /// How long a value that another row holds is waited for.
    pub conflict_wait: Duration,
    /// Rows written together, at most.
    pub rows: usize,
    /// Bytes written together, at most.
    pub bytes: usize,
    /// How long the first record of a batch waits for more.
    pub wait: Duration,
    /// Fields of the message that are not written.
    pub drop: Vec<String>,
    /// What happens to records after they are decoded, in order.
    pub steps: Vec<StepSettings>,
    /// Whether a missing table is made.
    pub create_table: bool,
    /// What a text stands for in a column of bytes.
    pub binary: BinaryText,
    /// What a text stands for in a column of JSON.
    pub json_text: JsonText,
    /// The consumer group.
    pub group: String,
    /// An older system's group, whose offsets are where the first start begins.
    pub take_over: Option<String>,
    /// How long a silent member stays in its group.
    pub session_timeout: Duration,
}

/// What is done with a record whose key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnKnown {
    /// The row takes the record's values.
    Update,
    /// The row stays.
    Ignore,
}

/// What is done with deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The row goes.
    Delete,
    /// The row stays.
    Ignore,
    /// The message becomes a dead letter.
    Refuse,
}

/// What a text stands for in a column of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryText {
    /// Its own bytes.
    Plain,
    /// The bytes that it has in base64.
    Base64,
    /// The bytes that it has in hexadecimal digits.
    Hex,
}

/// What a text stands for in a column of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonText {
    /// JSON itself.
    Document,
    /// A JSON string.
    Value,
}

impl WriteInto {
    pub(super) fn read(
        data_type: &str,
        (format, json): (Option<Format>, JsonOptions),
        section: &mut Section<'_>,
        connections: &Connections,
    ) -> Self {
        let (connection, kind) = connections.named(section, "connection", SINKS);
        let (rows, wait) = format.unwrap_or(Format::Json).sink_batch();
        let (rows, bytes, wait) = section.section("batch", |batch| {
            (
                batch.number_or("rows", rows, 1..=1_000_000),
                read_bytes(batch),
                batch.duration_or("wait", wait),
            )
        });
        let texts = |it: Vec<super::reading::Scalar>| it.into_iter().map(|it| it.text).collect();
        let group = section.text_or("group", &format!("highwater.{data_type}"));
        let take_over = section.optional_text("take-over");
        if let Some(older) = take_over.as_ref().filter(|it| it.text == group) {
            let message = "is this sink's own group, not an older system's".to_owned();
            section.wrong("take-over", &older.span, message, None);
        }
        let (binary, json_text) = read_texts(format, json, kind, section);
        Self {
            connection,
            table: section.text("table", "\"info\""),
            key: texts(section.texts("key")),
            on_known: section.choice_or("on-known", OnKnown::Update),
            version: section.optional_text("version").map(|it| it.text),
            on_delete: section.choice_or("on-delete", OnDelete::Delete),
            conflict_wait: section.duration_or("conflict-wait", Duration::from_secs(30)),
            rows,
            bytes,
            wait,
            drop: texts(section.texts("drop")),
            steps: steps::read(section, connections),
            create_table: section.flag_or("create-table", true),
            binary,
            json_text,
            group,
            take_over: take_over.map(|it| it.text),
            session_timeout: section.duration_or("session-timeout", Duration::from_secs(45)),
        }
    }
}

impl WriteInto {
    /// Of a task, whose records come from a source of the kind `from` without a message between.
    pub(super) fn of_task(
        section: &mut Section<'_>,
        connections: &Connections,
        from: Option<Kind>,
    ) -> Self {
        let (connection, _) = connections.named(section, "connection", SINKS);
        let (rows, bytes) = section.section("batch", |batch| {
            let rows = batch.number_or("rows", 10_000, 1..=1_000_000);
            (rows, read_bytes(batch))
        });
        let texts = |it: Vec<super::reading::Scalar>| it.into_iter().map(|it| it.text).collect();
        Self {
            connection,
            table: section.text("table", "\"info\""),
            key: texts(section.texts("key")),
            on_known: section.choice_or("on-known", OnKnown::Update),
            version: section.optional_text("version").map(|it| it.text),
            on_delete: OnDelete::Delete,
            conflict_wait: Duration::ZERO,
            rows,
            bytes,
            wait: Duration::ZERO,
            drop: texts(section.texts("drop")),
            steps: Vec::new(),
            create_table: section.flag_or("create-table", true),
            // Bytes come as bytes, and a database keeps JSON as JSON; MongoDB has texts alone.
            binary: BinaryText::Plain,
            json_text: match from {
                Some(Kind::Mongodb) => JsonText::Value,
                _ => JsonText::Document,
            },
            group: String::new(),
            take_over: None,
            session_timeout: section.duration_or("session-timeout", Duration::from_secs(45)),
        }
    }
}

/// What the format has written; where it is another's, the settings say so.
fn read_texts(
    format: Option<Format>,
    json: JsonOptions,
    kind: Option<Kind>,
    section: &mut Section<'_>,
) -> (BinaryText, JsonText) {
    let (binary, json_text) = match format.unwrap_or(Format::Json) {
        // Bytes come as bytes then.
        Format::Json if json.is_extended() => (BinaryText::Plain, JsonText::Value),
        Format::Json => match json.binary {
            BytesIn::Base64 => (BinaryText::Base64, JsonText::Value),
            BytesIn::Hex => (BinaryText::Hex, JsonText::Value),
        },
        Format::Protobuf | Format::InformationJson | Format::InformationProtobuf => {
            (BinaryText::Plain, JsonText::Document)
        }
    };
    let read = (
        section.choice_or("binary", binary),
        section.choice_or("json-text", json_text),
    );
    for key in ["binary", "json-text"] {
        if let Some(span) = section.written(key).filter(|_| kind == Some(Kind::Sqlite)) {
            let message = "is for columns of MySQL and MariaDB: SQLite keeps texts as they are";
            section.wrong(key, &span, message.to_owned(), None);
        }
    }
    read
}

impl Choice for OnKnown {
    const WORDS: &'static [(&'static str, Self)] =
        &[("update", Self::Update), ("ignore", Self::Ignore)];
}

impl Choice for OnDelete {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("delete", Self::Delete),
        ("ignore", Self::Ignore),
        ("refuse", Self::Refuse),
    ];
}

impl Choice for BinaryText {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("plain", Self::Plain),
        ("base64", Self::Base64),
        ("hex", Self::Hex),
    ];
}

impl Choice for JsonText {
    const WORDS: &'static [(&'static str, Self)] =
        &[("document", Self::Document), ("value", Self::Value)];
}
