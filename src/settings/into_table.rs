//! One of the tables of `into`: which messages it takes, and how its rows are written.

use super::{
    data_type::Format,
    json_options::{BytesIn, JsonOptions},
    read_from::read_table_name,
    references::Connections,
    section::Section,
    steps,
    table_name::Usage,
    typed::Choice,
};
use crate::{model::System, pipeline::StepSettings};

/// A table that records are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntoTable {
    /// The table.
    pub table: String,
    /// What the route has to be, one of these; empty for every message.
    pub when: Vec<String>,
    /// What happens to the records of this table alone, in order.
    pub steps: Vec<StepSettings>,
    /// The columns of the key that rows are written by; empty for the primary key.
    pub key: Vec<String>,
    /// The columns that tell whose rows these are, which are replaced as a whole; empty where a row
    /// stands by itself.
    pub replace_by: Vec<String>,
    /// The column that keeps which message a row is of, where rows are only added; it is the key.
    pub append: Option<String>,
    /// What is done with a record whose key is known.
    pub on_known: OnKnown,
    /// Which keys are one row's.
    pub key_match: KeyMatch,
    /// The column that tells which of two changes is the newer.
    pub version: Option<String>,
    /// What is done with deletions.
    pub on_delete: OnDelete,
    /// Fields of the record that are not written.
    pub drop: Vec<String>,
    /// Whether a missing table is made.
    pub create_table: bool,
    /// What a text stands for in a column of bytes.
    pub binary: BinaryText,
    /// What a text stands for in a column of JSON.
    pub json_text: JsonText,
}

/// What reading a table has to know beside it.
#[derive(Clone, Copy)]
pub(super) struct Beside<'c> {
    pub connections: &'c Connections,
    /// The connection that has the table.
    pub connection: &'c str,
    /// Its system.
    pub system: Option<System>,
    pub come: Come,
}

impl Beside<'_> {
    fn read_table(self, section: &mut Section<'_>) -> String {
        let of = (self.connections, self.connection);
        read_table_name(section, of, Usage::Write)
    }
}

/// How records come to a table.
#[derive(Clone, Copy)]
pub(super) enum Come {
    /// As messages of a format.
    AsMessages(Option<Format>, JsonOptions),
    /// From a source that is this system, without a message between.
    AsRead(Option<System>),
}

impl Beside<'_> {
    /// The system, where it is known to keep documents.
    fn documents(&self) -> Option<System> {
        self.system.filter(|it| it.keeps_documents())
    }
}

/// Keys of a table that stand in `into` itself where there is one table.
const OWN: [&str; 11] = [
    "table",
    "key",
    "append",
    "on-known",
    "key-match",
    "version",
    "on-delete",
    "drop",
    "create-table",
    "binary",
    "json-text",
];

/// Those of them that a task has not, whose records were never messages.
const OF_MESSAGES: [&str; 4] = ["append", "on-delete", "binary", "json-text"];

impl IntoTable {
    /// The one table, whose keys stand in `into` itself.
    pub(super) fn only(section: &mut Section<'_>, beside: Beside<'_>) -> Self {
        let listed = "is for tables of a list: write it in [[….into.tables]]";
        for key in ["route", "when", "replace-by"] {
            section.out_of_place(key, listed);
        }
        if let Come::AsRead(from) = beside.come {
            return Self::of_task(section, beside, from);
        }
        let append = read_append(section);
        if let (Some(it), Some(span)) = (beside.documents(), section.written("append")) {
            let message = format!("is for a table: {it} keeps no unique column beside its `_id`");
            section.wrong("append", &span, message, None);
        }
        Self::own(section, beside, append)
    }

    /// The tables of a list, in order.
    pub(super) fn list(
        section: &mut Section<'_>,
        beside: Beside<'_>,
        is_routed: bool,
    ) -> Vec<Self> {
        let is_task = matches!(beside.come, Come::AsRead(_));
        let own = OWN.into_iter();
        for key in own.filter(|it| !is_task || !OF_MESSAGES.contains(it)) {
            section.out_of_place(
                key,
                "belongs to each of `tables` where there is such a list",
            );
        }
        let pattern = format!("{}.tables.*", section.pattern);
        let tables = section.list("tables", &pattern, |it| Self::listed(it, beside, is_routed));
        let Some(span) = section.written("tables") else {
            return tables;
        };
        let wrong = |message: String| section.wrong("tables", &span, message, None);
        if let Some(it) = beside.documents() {
            wrong(format!(
                "{it} takes one collection: write `collection` in `into` itself"
            ));
        }
        if tables.is_empty() {
            wrong("must not be empty".to_owned());
        }
        for (index, it) in tables.iter().enumerate() {
            if tables[..index]
                .iter()
                .any(|before| before.table == it.table)
            {
                wrong(format!("number {} is listed twice", index + 1));
            }
        }
        if is_routed && tables.iter().all(|it| it.when.is_empty()) {
            wrong("none of them has `when`: `route` has no effect".to_owned());
        }
        let replaced = tables.iter().find(|it| !it.replace_by.is_empty());
        let versioned = tables.iter().find(|it| it.version.is_some());
        if let (Some(replaced), Some(versioned)) = (replaced, versioned) {
            wrong(format!(
                "table `{}` has a `version`, but the rows of `{}` have none: an older change would leave the one and replace the others",
                versioned.table, replaced.table
            ));
        }
        tables
    }

    fn listed(section: &mut Section<'_>, beside: Beside<'_>, is_routed: bool) -> Self {
        let when = texts(section, "when");
        let from = match beside.come {
            Come::AsMessages(..) => None,
            Come::AsRead(from) => Some(from),
        };
        if let Some(span) = section.written("when").filter(|_| !is_routed) {
            let message = "compares what `route` names, and there is none".to_owned();
            let help = match from {
                Some(_) => "add route = \"data_type\" to `into`: a field",
                None => {
                    "add route = \"data_type\" to `into`: a field, { header = \"…\" } or { key = true }"
                }
            };
            section.wrong("when", &span, message, Some(help.to_owned()));
        }
        Self {
            when,
            replace_by: texts(section, "replace-by"),
            steps: steps::read(section, beside.connections),
            ..match from {
                Some(from) => Self::of_task(section, beside, from),
                None => {
                    section.out_of_place("append", "is for the only table of `into`");
                    Self::own(section, beside, None)
                }
            }
        }
    }

    /// That of a task, whose records were never messages.
    fn of_task(section: &mut Section<'_>, beside: Beside<'_>, from: Option<System>) -> Self {
        Self {
            table: beside.read_table(section),
            when: Vec::new(),
            steps: Vec::new(),
            key: texts(section, "key"),
            replace_by: Vec::new(),
            append: None,
            on_known: section.choice_or("on-known", OnKnown::Update),
            key_match: read_key_match(section, beside),
            version: section.optional_text("version").map(|it| it.text),
            on_delete: OnDelete::Delete,
            drop: texts(section, "drop"),
            create_table: section.flag_or("create-table", true),
            // Bytes come as bytes, and a table keeps JSON as JSON; a document has texts alone.
            binary: BinaryText::Plain,
            json_text: if from.is_some_and(System::keeps_documents) {
                JsonText::Value
            } else {
                JsonText::Document
            },
        }
    }

    fn own(section: &mut Section<'_>, beside: Beside<'_>, append: Option<String>) -> Self {
        let (binary, json_text) = read_texts(beside, section);
        let (key, on_known) = (
            texts(section, "key"),
            section.choice_or("on-known", OnKnown::Update),
        );
        let (key, on_known, on_delete) = match &append {
            Some(column) => (vec![column.clone()], OnKnown::Ignore, OnDelete::Ignore),
            None => (key, on_known, OnDelete::Delete),
        };
        Self {
            table: beside.read_table(section),
            when: Vec::new(),
            steps: Vec::new(),
            key,
            replace_by: Vec::new(),
            append,
            on_known,
            key_match: read_key_match(section, beside),
            version: section.optional_text("version").map(|it| it.text),
            on_delete: section.choice_or("on-delete", on_delete),
            drop: texts(section, "drop"),
            create_table: section.flag_or("create-table", true),
            binary,
            json_text,
        }
    }
}

fn read_key_match(section: &mut Section<'_>, beside: Beside<'_>) -> KeyMatch {
    if let (Some(it), Some(span)) = (beside.documents(), section.written("key-match")) {
        let message = format!("is for a table: {it} compares keys byte by byte");
        section.wrong("key-match", &span, message, None);
    }
    section.choice_or("key-match", KeyMatch::Auto)
}

/// The identity's column; what is not for a table whose rows are only added is told.
fn read_append(section: &mut Section<'_>) -> Option<String> {
    let column = section.optional_text("append")?;
    for key in ["key", "version", "on-known"] {
        if let Some(span) = section.written(key) {
            let message = "is not for a table with `append`, whose rows are only added".to_owned();
            section.wrong(key, &span, message, Some("leave it out".to_owned()));
        }
    }
    if let Some(span) = section.written("on-delete")
        && section.choice_or("on-delete", OnDelete::Ignore) == OnDelete::Delete
    {
        let message = "a table with `append` keeps its rows".to_owned();
        let help = "leave it out, or \"refuse\" them".to_owned();
        section.wrong("on-delete", &span, message, Some(help));
    }
    Some(column.text)
}

fn texts(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    section.texts(key).into_iter().map(|it| it.text).collect()
}

/// What is done with a record whose key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnKnown {
    /// The row takes the record's values.
    Update,
    /// The row stays.
    Ignore,
}

/// Which keys are one row's, where the collation of the key's column takes texts for equal that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMatch {
    /// As the source says, where it is known; else `Exact`.
    Auto,
    /// Those that are equal byte by byte.
    Exact,
    /// Those that the collation takes for equal.
    Collation,
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

/// What the format has written; where it is another's, the settings say so.
fn read_texts(beside: Beside<'_>, section: &mut Section<'_>) -> (BinaryText, JsonText) {
    let Beside { come, system, .. } = beside;
    let (format, json) = match come {
        Come::AsMessages(format, json) => (format, json),
        Come::AsRead(_) => return (BinaryText::Plain, JsonText::Document),
    };
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
        let reads = system.is_none_or(|it| it.facts().reads_texts);
        if let Some(span) = section.written(key).filter(|_| !reads) {
            let message = "is for columns of MySQL and MariaDB: others keep texts as they are";
            section.wrong(key, &span, message.to_owned(), None);
        }
    }
    read
}

impl Choice for OnKnown {
    const WORDS: &'static [(&'static str, Self)] =
        &[("update", Self::Update), ("ignore", Self::Ignore)];
}

impl Choice for KeyMatch {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("exact", Self::Exact),
        ("collation", Self::Collation),
    ];
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
