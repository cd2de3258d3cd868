//! `from`: the table or collection that a data type is read from, and how.

use std::time::Duration;

use chrono_tz::Tz;

use super::{
    references::Connections,
    section::Section,
    table_name::{self, Usage},
    typed::Choice,
};
use crate::model::{Role, System};

/// Where records are read, and past which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFrom {
    /// The connection's name.
    pub connection: String,
    /// The table or collection.
    pub table: String,
    /// The field whose value grows: what is past the cursor is read. Empty where everything is read
    /// each time: then it is the first column of the key.
    pub incremental: String,
    /// The fields whose value counts where that one has none, in their order.
    pub coalesce: Vec<String>,
    /// What is done about rows that have no value at all.
    pub nulls: NullRows,
    /// The columns of a unique key, for a table without a primary key; empty for the primary key. Of
    /// a collection: the fields that `_id` is made of; empty where it is a field of its own.
    pub key: Vec<String>,
    /// Rows read together, at most.
    pub rows: usize,
    /// Bytes read together, at most.
    pub bytes: usize,
    /// Connections that a full read is shared out among.
    pub workers: usize,
    /// How long a following read waits before it looks again.
    pub poll: Duration,
    /// What is done about rows that commit late.
    pub late: LateRows,
    /// The longest time between taking a value and its commit, where it is declared.
    pub max_commit_delay: Option<Duration>,
    /// How far the writers' clocks may be apart, where it is declared.
    pub clock_skew: Option<Duration>,
    /// The zone of a DATETIME or DATE, where it is not the server's own.
    pub time_zone: Option<Tz>,
    /// Rows sent early that are remembered, at most.
    pub re_read_rows: usize,
}

/// What is done about rows without a value in the incremental field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullRows {
    /// They are read once, before the others.
    First,
    /// They are all read by every run.
    EveryRun,
    /// The table is not read while there are any.
    Refuse,
}

/// What is done about rows that commit after rows of higher values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateRows {
    /// Only what is settled is read.
    HoldBack,
    /// What is not settled is read at once, and again until it is.
    ReRead,
    /// Nothing.
    None,
}

/// Whether something has to say what is new.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// What is past a place.
    Past,
    /// Everything, each time.
    Everything,
}

impl ReadFrom {
    pub(super) fn read(section: &mut Section<'_>, connections: &Connections, reads: Reads) -> Self {
        let (connection, system) = connections.named(section, "connection", Role::Source);
        let table = read_table_name(section, (connections, &connection), Usage::Read);
        let documents = system.filter(|it| it.keeps_documents());
        let (incremental, coalesce) = read_incremental(section, documents, reads);
        let key = section.texts("key").into_iter().map(|it| it.text);
        let key: Vec<String> = key.collect();
        if documents.is_some() {
            refuse_unmade(section, &key);
        }
        let (rows, bytes) = section.section("batch", |batch| {
            let rows = batch.number_or("rows", 1_000, 1..=1_000_000);
            (rows, read_bytes(batch))
        });
        Self {
            connection,
            table,
            incremental,
            key,
            rows,
            bytes,
            workers: section.number_or("workers", usual_workers(system), 1..=64),
            poll: section.duration_or("poll", Duration::from_secs(1)),
            nulls: section.choice_or("nulls", NullRows::Refuse),
            coalesce,
            late: read_late(section, usual_late(section, system, reads), system),
            max_commit_delay: section.optional_duration("max-commit-delay"),
            clock_skew: section.optional_duration("clock-skew"),
            time_zone: read_zone(section, system),
            re_read_rows: section.number_or("re-read-rows", 100_000, 1..=10_000_000),
        }
    }
}

/// Fields that no `_id` is made of.
fn refuse_unmade(section: &Section<'_>, key: &[String]) {
    let Some(span) = section.written("key") else {
        return;
    };
    let wrong = |message: String, help: &str| {
        section.wrong("key", &span, message, Some(help.to_owned()));
    };
    for (index, name) in key.iter().enumerate() {
        if name == "_id" {
            let message = "of a collection, `key` says which fields `_id` is made of";
            wrong(message.to_owned(), "leave it out: `_id` is the key");
        } else if name.is_empty() || name.contains(['.', '$', '\0']) {
            let message = format!(
                "number {} cannot be of an `_id` that is made of fields",
                index + 1
            );
            wrong(message, "write names without a dot or a dollar");
        } else if key[..index].contains(name) {
            wrong(
                format!("number {} is listed twice", index + 1),
                "write it once",
            );
        }
    }
}

fn read_zone(section: &mut Section<'_>, system: Option<System>) -> Option<Tz> {
    let named = section.optional_text("time-zone")?;
    let span = section.written("time-zone")?;
    if !system.is_none_or(|it| it.facts().has_local_times) {
        let message = "a time zone is for DATETIME and DATE of MySQL and MariaDB".to_owned();
        section.wrong("time-zone", &span, message, Some("leave it out".to_owned()));
        return None;
    }
    let zone = named.text.parse().ok();
    if zone.is_none() {
        let message = "this value is no time zone".to_owned();
        let help = "write its name, as \"Asia/Shanghai\" or \"UTC\"".to_owned();
        section.wrong("time-zone", &span, message, Some(help));
    }
    zone
}

/// The field, and those that count where it has no value.
fn read_incremental(
    section: &mut Section<'_>,
    documents: Option<System>,
    reads: Reads,
) -> (String, Vec<String>) {
    let span = section.written("incremental");
    if documents.is_none() && reads == Reads::Past {
        section.needed("incremental", "\"update_time\"");
    }
    let mut fields = section.texts("incremental").into_iter().map(|it| it.text);
    let first = fields.next();
    let others: Vec<String> = fields.collect();
    if let (Some(it), false, Some(span)) = (documents, others.is_empty(), span) {
        let message = format!("{it} has no index over the first of several fields");
        let help = "have writers set one field, such as { $set: { changed: { $ifNull: [\"$updated\", \"$created\"] } } }";
        section.wrong("incremental", &span, message, Some(help.to_owned()));
    }
    let usual = || {
        if documents.is_some() {
            "_id".to_owned()
        } else {
            String::new()
        }
    };
    (first.unwrap_or_else(usual), others)
}

fn read_late(section: &mut Section<'_>, usual: LateRows, system: Option<System>) -> LateRows {
    let late = section.choice_or("late", usual);
    if let (LateRows::ReRead, Some(span)) = (late, section.written("late")) {
        if !is_file(system) {
            return late;
        }
        let message = "\"re-read\" is for sources with several writers at a time".to_owned();
        section.wrong("late", &span, message, Some("write \"none\"".to_owned()));
    }
    late
}

/// A file has one writer at a time: what it commits later has the higher values. What reads
/// everything each time has no place that a row could come behind.
fn usual_late(section: &Section<'_>, system: Option<System>, reads: Reads) -> LateRows {
    let whole = reads == Reads::Everything && section.written("incremental").is_none();
    if is_file(system) || whole {
        LateRows::None
    } else {
        LateRows::HoldBack
    }
}

/// Two keep a server and this process busy; a file is read within this process, and the copying of
/// a page is most of the work.
fn usual_workers(system: Option<System>) -> usize {
    if is_file(system) { 1 } else { 2 }
}

fn is_file(system: Option<System>) -> bool {
    system.is_some_and(|it| it.facts().is_file)
}

/// Bytes of a batch: the same limits for reading and writing.
pub(super) fn read_bytes(batch: &mut Section<'_>) -> usize {
    batch.size_or("bytes", 4 << 20, 1 << 10..=1 << 30)
}

/// Where documents are kept there are collections, else tables.
pub(super) fn read_table_name(
    section: &mut Section<'_>,
    of: (&Connections, &str),
    usage: Usage,
) -> String {
    let collection = match of.0.system(of.1) {
        Some(system) => system.keeps_documents(),
        None => section.written("collection").is_some(),
    };
    let (right, other) = if collection {
        ("collection", "table")
    } else {
        ("table", "collection")
    };
    if let (Some(span), None) = (section.written(other), section.written(right)) {
        section.optional_text(right);
        let named = section.optional_text(other);
        let message = format!("this connection has no {other}s");
        section.wrong(other, &span, message, Some(format!("write `{right}`")));
        return named.map_or_else(String::new, |it| it.text);
    }
    let named = section.text(right, "\"raw_information_list_temp\"");
    table_name::check(section, right, (&named, of), usage);
    named
}

impl Choice for LateRows {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("hold-back", Self::HoldBack),
        ("re-read", Self::ReRead),
        ("none", Self::None),
    ];
}

impl Choice for NullRows {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("refuse", Self::Refuse),
        ("first", Self::First),
        ("every-run", Self::EveryRun),
    ];
}
