//! What was written → what may be relied on; every mistake at once.
//!
//! Settings that exist are usable: all references lead somewhere, all numbers are in range. A
//! mistake never ends the reading: each has its dotted path, its line and what to do. Unknown
//! keys are refused. No value of the file is in any mistake, nor in the lines that a report shows.
//!
//! Any single value may be `"${NAME}"`, also inside a longer text, or `{ file = "path" }`.
//! Relative paths start at the settings file's folder, so that it matters not from where
//! Highwater is started.

mod connection;
mod data_type;
mod engine;
mod excerpt;
mod into_table;
mod json_options;
mod messages;
mod mistake;
mod nearest;
mod proto_file;
mod read_from;
mod reading;
mod references;
mod report;
mod sameness;
mod schedules;
mod section;
mod step_values;
mod steps;
mod table_name;
mod task;
mod typed;
mod write_into;

mod dead_letters_to;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub use connection::{Connection, Kafka, KafkaLogin, Mechanism, Mysql};
pub use data_type::{Compression, CreateTopic, DataType, Format, MessageKey, Partitioner};
pub use dead_letters_to::{DeadLettersTable, DeadLettersTo};
pub use engine::{Cursors, Log, Retry, Stop};
pub use into_table::{BinaryText, IntoTable, JsonText, KeyMatch, OnDelete, OnKnown};
pub use json_options::{BytesIn, Decimals, Documents, Instants, JsonOptions};
pub use messages::{MessageBy, Messages};
pub use mistake::{Mistake, Mistakes};
pub use nearest::UnknownName;
pub use read_from::{LateRows, NullRows, ReadFrom};
pub use reading::Environment;
pub use report::Paint;
pub use schedules::{CommandScope, Commands, Scheduled};
pub use task::{Task, TaskMode};
pub use write_into::{Route, WriteInto};

use excerpt::Hidden;
use mistake::{Follows, line_of};
use reading::{Known, Reading};
use references::Connections;
use section::Section;

/// Everything that a settings file says, complete and checked.
#[derive(Debug)]
pub struct Settings {
    /// The systems, by name.
    pub connections: BTreeMap<String, Connection>,
    /// Where cursors are kept.
    pub cursors: Cursors,
    /// The data types, by name.
    pub data_types: BTreeMap<String, DataType>,
    /// What runs by itself and when, in the order of the file.
    pub schedules: Vec<Scheduled>,
    /// The tasks of `migrate`, by name.
    pub tasks: BTreeMap<String, Task>,
    /// The folder for dead letters that neither their topic nor their table takes.
    pub dead_letters: PathBuf,
    /// How long a stop may take.
    pub stop: Stop,
    /// How flows wait when something fails.
    pub retry: Retry,
    /// What is logged.
    pub log: Log,
}

/// A data type with the topic that it is to use now.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    /// The data type's name.
    pub name: String,
    /// What the settings say of it.
    pub data_type: &'a DataType,
    /// Its topic, or the one that stands in for it.
    pub topic: String,
}

/// Reads the settings file at `path`.
///
/// # Errors
/// Every mistake of it, or that it cannot be read.
pub fn load(
    path: &Path,
    environment: Environment<'_>,
    commands: Commands<'_>,
) -> Result<Settings, Mistakes> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let help = "name another with --settings FILE; `highwater demo` needs none";
        Mistakes::of_file(&file, format!("cannot be read: {error}"), help)
    })?;
    Settings::parse(&text, &file, environment, commands)
}

impl Settings {
    /// Reads settings from `text`, which `file` names in mistakes; its folder is where relative
    /// paths start.
    ///
    /// # Errors
    /// Every mistake.
    pub fn parse(
        text: &str,
        file: &str,
        environment: Environment<'_>,
        commands: Commands<'_>,
    ) -> Result<Self, Mistakes> {
        read(text, file, (environment, commands)).map(|(settings, _)| settings)
    }

    /// The data type of this name.
    ///
    /// # Errors
    /// That there is none, with the nearest name.
    pub fn data_type(&self, name: &str) -> Result<&DataType, UnknownName> {
        known(&self.data_types, name)
    }

    /// The task that goes by this name, with its own.
    ///
    /// # Errors
    /// That there is none, with the known ones.
    pub fn task(&self, name: &str) -> Result<(&str, &Task), UnknownName> {
        task_of(&self.tasks, name)
    }

    /// The data types that a command line chooses, each with its topic: the one named, on
    /// `topic` where that is given too; those of `topic` where it stands alone; else all.
    ///
    /// # Errors
    /// That there is none of this name, or none on this topic.
    pub fn select(
        &self,
        data_type: Option<&str>,
        topic: Option<&str>,
    ) -> Result<Vec<Chosen<'_>>, UnknownName> {
        select(&self.data_types, data_type, topic)
    }
}

fn task_of<'a>(
    tasks: &'a BTreeMap<String, Task>,
    name: &str,
) -> Result<(&'a str, &'a Task), UnknownName> {
    let own = tasks.get_key_value(name);
    let found = own.or_else(|| {
        tasks
            .iter()
            .find(|(_, it)| it.aliases.iter().any(|it| it == name))
    });
    let names = tasks.iter();
    let names = names.flat_map(|(name, it)| std::iter::once(name).chain(&it.aliases));
    found
        .map(|(name, it)| (name.as_str(), it))
        .ok_or_else(|| UnknownName {
            what: "task",
            wanted: name.to_owned(),
            known: names.cloned().collect(),
        })
}

fn known<'a>(
    data_types: &'a BTreeMap<String, DataType>,
    name: &str,
) -> Result<&'a DataType, UnknownName> {
    data_types.get(name).ok_or_else(|| UnknownName {
        what: "data type",
        wanted: name.to_owned(),
        known: data_types.keys().cloned().collect(),
    })
}

fn select<'a>(
    data_types: &'a BTreeMap<String, DataType>,
    data_type: Option<&str>,
    topic: Option<&str>,
) -> Result<Vec<Chosen<'a>>, UnknownName> {
    if let Some(name) = data_type {
        let data_type = known(data_types, name)?;
        let topic = topic.unwrap_or(&data_type.topic).to_owned();
        let name = name.to_owned();
        return Ok(vec![Chosen {
            name,
            data_type,
            topic,
        }]);
    }
    let chosen: Vec<Chosen<'_>> = data_types
        .iter()
        .filter(|(_, it)| topic.is_none_or(|topic| it.topic == topic))
        .map(|(name, data_type)| Chosen {
            name: name.clone(),
            data_type,
            topic: data_type.topic.clone(),
        })
        .collect();
    match topic.filter(|_| chosen.is_empty()) {
        None => Ok(chosen),
        Some(topic) => Err(UnknownName {
            what: "data type with topic",
            wanted: topic.to_owned(),
            known: data_types.values().map(|it| it.topic.clone()).collect(),
        }),
    }
}

fn read(
    text: &str,
    file: &str,
    (environment, commands): (Environment<'_>, Commands<'_>),
) -> Result<(Settings, Vec<Known>), Mistakes> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = Spanned::new(0..text.len(), DeValue::Table(root.into_inner()));
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let reading = Reading::new(environment, commands, folder);
    let settings = match root.get_ref() {
        DeValue::Table(table) => Section::root(&reading, table).finish(read_root),
        _ => None,
    };
    let mut hidden = Hidden::values(text, &root);
    let mut list = reading.mistakes.take();
    if !errors.is_empty() {
        hidden = Hidden::all_but(text, &reading.keys());
        list = beside_syntax(text, &errors, list);
    }
    match (Mistakes::gather(file, text, &hidden, list), settings) {
        (None, Some(settings)) => Ok((settings, reading.known.take())),
        (Some(mistakes), _) => Err(mistakes),
        (None, None) => Err(Mistakes::of_file(
            file,
            "cannot be understood".to_owned(),
            "compare it with the settings.toml that Highwater came with",
        )),
    }
}

/// All sections; `None` only beside a mistake.
fn read_root(root: &mut Section<'_>) -> Option<Settings> {
    let connections = root.entries("connections", Connection::read);
    let names = Connections::new(&connections);
    let cursors = root.section("cursors", |it| Cursors::read(it, &names));
    let data_types = root.entries("data-types", |name, it| DataType::read(name, it, &names));
    let tasks = root.entries("tasks", |_, it| Task::read(it, &names));
    task::check_names(root, &tasks);
    let schedules = schedules::read(root, (&data_types, &tasks));
    let dead_letters = root.section("dead-letters", |it| {
        it.path_or("folder", "runtime/dead-letters")
    });
    let stop = root.section("stop", Stop::read);
    let retry = root.section("retry", Retry::read);
    let log = root.section("log", Log::read);
    let connections = connections.into_iter();
    Some(Settings {
        connections: connections
            .map(|(name, it)| it.map(|it| (name, it)))
            .collect::<Option<_>>()?,
        cursors,
        data_types,
        schedules: schedules?,
        tasks,
        dead_letters,
        stop,
        retry,
        log,
    })
}

/// The mistakes of a file that is not TOML: its syntax, and of the rest what stands for itself.
fn beside_syntax(text: &str, errors: &[toml::de::Error], rest: Vec<Mistake>) -> Vec<Mistake> {
    let mut list = Vec::new();
    let mut lines = BTreeSet::new();
    let mut heading = false;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = line_of(text, span.start);
        // One broken line often breaks several rules; the first says enough.
        if lines.insert(line) {
            list.push(Mistake::new("", error.message(), Some(span)));
        }
        let written = text.lines().nth(line - 1).unwrap_or_default();
        heading |= written.trim_start().starts_with('[');
    }
    // Behind a broken heading, keys seem to be in a table where nobody wrote them.
    let stands = |it: &Mistake| {
        let line = it.span.as_ref().map_or(0, |it| line_of(text, it.start));
        !heading && it.follows == Follows::Nothing && !lines.contains(&line)
    };
    list.extend(rest.into_iter().filter(stands));
    list
}
