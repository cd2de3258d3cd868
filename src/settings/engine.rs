//! `[cursors]`, `[dead-letters]`, `[stop]`, `[retry]`, `[log]`: how the engine itself behaves.

use std::{path::PathBuf, time::Duration};

use tracing::Level;

use super::{reading::Wanted, references::Connections, section::Section, typed::Choice};
use crate::model::Role;

/// Where cursors are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursors {
    /// As files.
    File {
        /// The folder.
        folder: PathBuf,
    },
    /// In a database.
    Database {
        /// The connection's name: MongoDB, MySQL, MariaDB or SQLite.
        connection: String,
        /// The folder for what is kept beside cursors.
        folder: PathBuf,
    },
}

/// How long a stop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Time to drain and save before giving up.
    pub within: Duration,
}

/// How flows wait when something fails that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The first wait; each further one is longer.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// When a flow stops trying; never where there is none.
    pub give_up_after: Option<Duration>,
}

/// What is logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The folder of the daily files.
    pub folder: PathBuf,
    /// The least important lines that are kept.
    pub level: Level,
    /// Daily files that are kept.
    pub keep_days: u16,
}

impl Cursors {
    pub(super) fn read(section: &mut Section<'_>, connections: &Connections) -> Self {
        let folder = section.path_or("folder", "cursors");
        let store = section.scalar("store", Wanted::Text, Some("file".to_owned()));
        match store.filter(|it| it.text != "file") {
            None => Self::File { folder },
            Some(store) => {
                connections.check(section, "store", &store, Role::CursorStore);
                let connection = store.text;
                Self::Database { connection, folder }
            }
        }
    }
}

impl Stop {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            within: section.duration_or("within", Duration::from_secs(30)),
        }
    }
}

impl Retry {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let retry = Self {
            first: section.duration_or("first", Duration::from_millis(500)),
            most: section.duration_or("max", Duration::from_secs(30)),
            give_up_after: section.optional_duration("give-up-after"),
        };
        if retry.first > retry.most
            && let Some(span) = section.written("first").or(section.written("max"))
        {
            let message = "the first wait is longer than `max`".to_owned();
            section.wrong("first", &span, message, None);
        }
        retry
    }
}

impl Log {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            folder: section.path_or("folder", "runtime/log"),
            level: section.choice_or("level", Level::INFO),
            keep_days: section.number_or("keep-days", 14, 1..=3_650),
        }
    }
}

impl Choice for Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::ERROR),
        ("warn", Self::WARN),
        ("info", Self::INFO),
        ("debug", Self::DEBUG),
        ("trace", Self::TRACE),
    ];
}
