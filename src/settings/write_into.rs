//! `into`: the table that a data type is written to, and how.

use std::time::Duration;

use super::{
    data_type::Format,
    read_from::read_bytes,
    references::{Connections, SINKS},
    section::Section,
};

/// Where records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteInto {
    /// The connection's name.
    pub connection: String,
    /// The table.
    pub table: String,
    /// The columns of the key that rows are written by; empty for the primary key.
    pub key: Vec<String>,
    /// Rows written together, at most.
    pub rows: usize,
    /// Bytes written together, at most.
    pub bytes: usize,
    /// How long the first record of a batch waits for more.
    pub wait: Duration,
    /// Fields of the message that are not written.
    pub drop: Vec<String>,
    /// Whether a missing table is made.
    pub create_table: bool,
    /// The consumer group.
    pub group: String,
    /// An older system's group, whose offsets are where the first start begins.
    pub take_over: Option<String>,
    /// How long a silent member stays in its group.
    pub session_timeout: Duration,
}

impl WriteInto {
    pub(super) fn read(
        data_type: &str,
        format: Option<Format>,
        section: &mut Section<'_>,
        connections: &Connections,
    ) -> Self {
        let (connection, _) = connections.named(section, "connection", SINKS);
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
        Self {
            connection,
            table: section.text("table", "\"info\""),
            key: texts(section.texts("key")),
            rows,
            bytes,
            wait,
            drop: texts(section.texts("drop")),
            create_table: section.flag_or("create-table", true),
            group,
            take_over: take_over.map(|it| it.text),
            session_timeout: section.duration_or("session-timeout", Duration::from_secs(45)),
        }
    }
}
