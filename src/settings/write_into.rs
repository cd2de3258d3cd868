//! `into`: the tables that a data type is written to, and how.

use std::time::Duration;

use super::{
    data_type::Format,
    into_table::{Beside, Come, IntoTable},
    json_options::JsonOptions,
    read_from::read_bytes,
    references::Connections,
    section::Section,
    steps,
};
use crate::{
    model::{Role, System},
    pipeline::StepSettings,
};

/// Where records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteInto {
    /// The connection's name.
    pub connection: String,
    /// The tables, in the order of writing; never none.
    pub tables: Vec<IntoTable>,
    /// What says which of the tables a message is for; without it, all of them.
    pub route: Option<Route>,
    /// How long a value that another row holds is waited for.
    pub conflict_wait: Duration,
    /// Rows written together, at most.
    pub rows: usize,
    /// Bytes written together, at most.
    pub bytes: usize,
    /// Transactions of a task that are written at a time.
    pub writers: usize,
    /// How long the first record of a batch waits for more.
    pub wait: Duration,
    /// What happens to records after they are decoded, in order.
    pub steps: Vec<StepSettings>,
    /// The consumer group.
    pub group: String,
    /// An older system's group, whose offsets are where the first start begins.
    pub take_over: Option<String>,
    /// How long a silent member stays in its group.
    pub session_timeout: Duration,
}

/// What of a message says which tables it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A field of its record.
    Field(String),
    /// A header.
    Header(String),
    /// Its key.
    Key,
}

impl WriteInto {
    pub(super) fn read(
        data_type: &str,
        (format, json): (Option<Format>, JsonOptions),
        section: &mut Section<'_>,
        connections: &Connections,
    ) -> Self {
        let (connection, system) = connections.named(section, "connection", Role::Sink);
        let (rows, wait) = format.unwrap_or(Format::Json).sink_batch();
        let (rows, bytes, wait) = section.section("batch", |batch| {
            (
                batch.number_or("rows", rows, 1..=1_000_000),
                read_bytes(batch),
                batch.duration_or("wait", wait),
            )
        });
        let group = section.text_or("group", &format!("highwater.{data_type}"));
        let take_over = section.optional_text("take-over");
        if let Some(older) = take_over.as_ref().filter(|it| it.text == group) {
            let message = "is this sink's own group, not an older system's".to_owned();
            section.wrong("take-over", &older.span, message, None);
        }
        let beside = Beside {
            connections,
            connection: &connection,
            system,
            come: Come::AsMessages(format, json),
        };
        let (route, tables) = match section.written("tables") {
            None => (None, vec![IntoTable::only(section, beside)]),
            Some(_) => {
                let is_routed = section.written("route").is_some();
                let route = read_route(section);
                (route, IntoTable::list(section, beside, is_routed))
            }
        };
        Self {
            connection,
            tables,
            route,
            conflict_wait: section.duration_or("conflict-wait", Duration::from_secs(30)),
            rows,
            bytes,
            writers: 1,
            wait,
            steps: steps::read(section, connections),
            group,
            take_over: take_over.map(|it| it.text),
            session_timeout: section.duration_or("session-timeout", Duration::from_secs(45)),
        }
    }

    /// Of a task, whose records come from the system `from` without a message between.
    pub(super) fn of_task(
        section: &mut Section<'_>,
        connections: &Connections,
        from: Option<System>,
    ) -> Self {
        let (connection, system) = connections.named(section, "connection", Role::Sink);
        let (rows, bytes) = section.section("batch", |batch| {
            let rows = batch.number_or("rows", 10_000, 1..=1_000_000);
            (rows, read_bytes(batch))
        });
        // Sinks that write one transaction after the other lay none.
        let writers = section.number_or("writers", 1, 1..=64);
        let beside = Beside {
            connections,
            connection: &connection,
            system,
            come: Come::AsRead(from),
        };
        let (route, tables) = match section.written("tables") {
            None => (None, vec![IntoTable::only(section, beside)]),
            Some(_) => {
                // There is no message that could have a header or a key.
                let is_routed = section.written("route").is_some();
                let route = section.optional_text("route");
                let tables = IntoTable::list(section, beside, is_routed);
                (route.map(|it| Route::Field(it.text)), tables)
            }
        };
        Self {
            connection,
            tables,
            route,
            conflict_wait: Duration::ZERO,
            rows,
            bytes,
            writers,
            wait: Duration::ZERO,
            steps: Vec::new(),
            group: String::new(),
            take_over: None,
            session_timeout: section.duration_or("idle-timeout", Duration::from_secs(45)),
        }
    }

    /// The only table, which every record goes to.
    pub fn only(&self) -> Option<&IntoTable> {
        match &self.tables[..] {
            [only] if only.when.is_empty() && only.replace_by.is_empty() => Some(only),
            _ => None,
        }
    }

    /// The column of the only table that keeps which message a row is of, where rows are only added.
    pub fn append(&self) -> Option<&str> {
        self.only()?.append.as_deref()
    }

    /// The table that is written first: the sink's progress is kept in its name.
    pub fn first_table(&self) -> &str {
        self.tables.first().map_or("", |it| &it.table)
    }

    /// The connection and its tables, as people read them.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.tables.iter().map(|it| it.table.as_str()).collect();
        match &names[..] {
            [only] => format!("{}.{only}", self.connection),
            _ => format!("{}.({})", self.connection, names.join(", ")),
        }
    }
}

/// A field's name, `{ header = "name" }` or `{ key = true }`.
fn read_route(section: &mut Section<'_>) -> Option<Route> {
    if !section.is_table("route") {
        let field = section.optional_text("route")?;
        return Some(Route::Field(field.text));
    }
    section.optional_section("route", |it| {
        let (header, key) = (it.optional_text("header"), it.flag_or("key", false));
        match (header, key) {
            (Some(header), false) => Some(Route::Header(header.text)),
            (None, true) => Some(Route::Key),
            _ => {
                let message = "is none of \"field\", { header = \"name\" } and { key = true }";
                it.missing("", message.to_owned(), None);
                None
            }
        }
    })?
}
