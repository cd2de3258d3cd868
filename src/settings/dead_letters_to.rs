//! The target of dead letters: a topic or a table.

use super::{
    data_type::read_topic,
    references::Connections,
    section::Section,
    table_name::{self, Usage},
};
use crate::model::{Role, topic_problem};

/// Where dead letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLettersTo {
    /// To the topic of this name.
    Topic(String),
    /// To a table.
    Table(DeadLettersTable),
}

/// A table of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLettersTable {
    /// The connection's name.
    pub connection: String,
    /// The table; also `database.table`.
    pub table: String,
}

/// Characters of a file's name before `.jsonl`, at most: file systems hold 255.
const LONGEST_FILE: usize = 249;

const BOTH: &str = "dead letters go to a topic or to a table, not to both";

impl DeadLettersTo {
    /// The name of the place; also of the file for what it does not take.
    pub fn name(&self) -> String {
        match self {
            Self::Topic(topic) => topic.clone(),
            Self::Table(DeadLettersTable { connection, table }) => format!("{connection}.{table}"),
        }
    }

    /// Of a data type on `topic`; `None` where the settings name neither a topic nor a table.
    pub(super) fn read(
        section: &mut Section<'_>,
        topic: &str,
        connections: &Connections,
    ) -> Option<Self> {
        let default = format!("{topic}.dead-letters");
        let named = read_topic(section, "topic", Some(&default));
        let written = section.written("topic");
        if let Some(span) = &written {
            let mut both = ["table", "connection"].into_iter();
            if let Some(key) = both.find(|it| section.written(it).is_some()) {
                let help = format!("leave out `topic` or `{key}`");
                section.wrong("topic", span, BOTH.to_owned(), Some(help));
            } else if named == topic {
                let message = "dead letters would go to the topic that they come from";
                section.wrong("topic", span, message.to_owned(), None);
            }
        }
        if let Some(table) = DeadLettersTable::read(section, connections) {
            return Some(Self::Table(table));
        }
        // Where the topic itself is wrong, that is said of it.
        if written.is_none() && topic_problem(topic).is_none() && topic_problem(&default).is_some()
        {
            let message = format!(
                "is missing: the usual topic, `{default}`, is longer than the 249 characters that Kafka allows"
            );
            let help = "add topic = \"…\", or connection = \"…\" and table = \"…\"; or choose a shorter topic for the messages";
            section.missing("topic", message, Some(help.to_owned()));
        }
        written.map(|_| Self::Topic(named))
    }
}

impl DeadLettersTable {
    /// `None` where neither of its keys is written.
    pub(super) fn read(section: &mut Section<'_>, connections: &Connections) -> Option<Self> {
        if section.written("connection").is_none() && section.written("table").is_none() {
            // They are known all the same.
            section.optional_text("connection");
            section.optional_text("table");
            return None;
        }
        let (connection, _) = connections.named(section, "connection", Role::DeadLetterTable);
        let table = section.text("table", "\"dead_letters\"");
        let of = (connections, connection.as_str());
        table_name::check(section, "table", (&table, of), Usage::Write);
        let length = connection.chars().count() + 1 + table.chars().count();
        if let Some(span) = section.written("table").filter(|_| length > LONGEST_FILE) {
            let message = format!(
                "is too long: `{connection}.{table}` has {length} characters, and the file for what the table does not take is called so, with {LONGEST_FILE} at most"
            );
            section.wrong("table", &span, message, None);
        }
        Some(Self { connection, table })
    }

    /// Of a task, which has no topic that one of dead letters could stand beside.
    pub(super) fn of_task(section: &mut Section<'_>, connections: &Connections) -> Option<Self> {
        section.out_of_place(
            "topic",
            "a task has no topic: its dead letters go to a table, or to a file",
        );
        section.out_of_place("stop-after", "is a key of the task itself");
        let table = Self::read(section, connections);
        if table.is_none() {
            let help =
                "add connection = \"warehouse\" and table = \"dead_letters\", or leave it out";
            section.missing("", "names no table".to_owned(), Some(help.to_owned()));
        }
        table
    }
}
