//! `[[schedules]]`: what runs by itself, and when.

use std::{collections::BTreeMap, time::Duration};

use chrono_tz::Tz;

use super::{
    data_type::DataType,
    reading::{Scalar, Wanted},
    section::{LONGEST_NAME, Section},
    task::Task,
    typed::Choice,
};
use crate::schedule::{CatchUp, Overlap, Schedule, Timetable};

/// A schedule, and the command that it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// When it runs.
    pub schedule: Schedule,
    /// The command as it is written.
    pub run: String,
    /// What the command is about.
    pub scope: CommandScope,
    /// Whether it is on.
    pub enabled: bool,
}

/// The data types or the task that the command of a schedule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandScope {
    /// Data types that are read: `sync`.
    Read {
        /// The one that is named.
        data_type: Option<String>,
        /// The topic that is named.
        topic: Option<String>,
    },
    /// Data types that are written: `sink`.
    Write {
        /// The one that is named.
        data_type: Option<String>,
        /// The topic that is named.
        topic: Option<String>,
    },
    /// Data types whose source and target are compared: `verify`.
    Compare {
        /// The one that is named.
        data_type: Option<String>,
    },
    /// A task of this name: `migrate`, `verify --task`.
    Task(String),
}

/// Reads the command line of a schedule, without `highwater` before it. The error is what is wrong with
/// it, as a person reads it. The command line lies above the settings: who reads them hands this in.
pub type Commands<'a> = &'a dyn Fn(&str) -> Result<CommandScope, String>;

impl CommandScope {
    /// The task that is meant; none for data types.
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Task(name) => Some(name),
            Self::Read { .. } | Self::Write { .. } | Self::Compare { .. } => None,
        }
    }
}

impl Scheduled {
    /// Whether it reads, or with `into` writes, the data type of this name.
    pub fn names(&self, data_type: &str, topic: &str, part: &str) -> bool {
        let (named, of_topic) = match &self.scope {
            CommandScope::Read { data_type, topic } if part == "from" => (data_type, topic),
            CommandScope::Write { data_type, topic } if part == "into" => (data_type, topic),
            _ => return false,
        };
        Self::means(named.as_deref(), of_topic.as_deref(), data_type, topic)
    }

    /// Whether what the settings say of this data type is of any meaning for it.
    pub fn is_about(&self, data_type: &str, topic: &str) -> bool {
        let (named, of_topic) = match &self.scope {
            CommandScope::Read { data_type, topic } | CommandScope::Write { data_type, topic } => {
                (data_type, topic)
            }
            CommandScope::Compare { data_type } => (data_type, &None),
            CommandScope::Task(_) => return false,
        };
        match named {
            Some(named) => named == data_type,
            None => of_topic.as_ref().is_none_or(|it| it == topic),
        }
    }

    fn means(named: Option<&str>, of_topic: Option<&str>, data_type: &str, topic: &str) -> bool {
        let is_topic = of_topic.is_none_or(|it| it == topic);
        named.is_none_or(|it| it == data_type) && is_topic
    }
}

/// What a schedule may run: data types and tasks, by name.
type Known<'k> = (&'k BTreeMap<String, DataType>, &'k BTreeMap<String, Task>);

/// All schedules; `None` only beside a mistake.
pub(super) fn read(root: &mut Section<'_>, known: Known<'_>) -> Option<Vec<Scheduled>> {
    let mut names: Vec<String> = Vec::new();
    let read = root.list("schedules", "schedules.*", |section| {
        let name = read_name(section);
        if let (true, Some(span)) = (names.contains(&name), section.written("name")) {
            let message = format!("there is a schedule `{name}` already");
            section.wrong("name", &span, message, None);
        }
        names.push(name.clone());
        let run = read_run(section, known);
        let timetable = read_timetable(section);
        let (retries, retry_wait) = section.section("retry", |retry| {
            let times = retry.number_or("times", 0, 0..=1_000);
            (times, retry.duration_or("wait", Duration::from_secs(60)))
        });
        let overlap = section.choice_or("overlap", Overlap::Skip);
        let catch_up = section.choice_or("catch-up", CatchUp::Once);
        let jitter = section.optional_duration("jitter");
        let time_limit = section.optional_duration("time-limit");
        let enabled = section.flag_or("enabled", true);
        let ((run, scope), timetable) = (run?, timetable?);
        let schedule = Schedule {
            name,
            timetable,
            overlap,
            catch_up,
            jitter,
            time_limit,
            retries,
            retry_wait,
        };
        Some(Scheduled {
            schedule,
            run,
            scope,
            enabled,
        })
    });
    read.into_iter().collect()
}

/// The name goes into the name of its history.
fn read_name(section: &mut Section<'_>) -> String {
    let name = section.text("name", "\"nightly\"");
    let plain = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    if let (false, Some(span)) = (name.chars().all(plain), section.written("name")) {
        let message = "a name has letters, digits, `-`, `_` and `.` only".to_owned();
        section.wrong("name", &span, message, None);
    }
    if name.len() > LONGEST_NAME
        && let Some(span) = section.written("name")
    {
        let message = format!("is longer than {LONGEST_NAME} bytes");
        section.wrong("name", &span, message, None);
    }
    name
}

fn read_timetable(section: &mut Section<'_>) -> Option<Timetable> {
    let zone = match section.scalar("time-zone", Wanted::Text, Some("UTC".to_owned())) {
        None if section.written("time-zone").is_some() => None,
        None => Some(Tz::UTC),
        Some(written) => read_zone(section, &written),
    };
    let written = section.required("cron", Wanted::Text, "\"30 2 * * *\"")?;
    // A line is wrong or right in any zone.
    match Timetable::parse(&written.text, zone.unwrap_or(Tz::UTC)) {
        Ok(timetable) => zone.map(|_| timetable),
        Err(error) => {
            let message = format!("{} {error}", written.quoted());
            let help = "minute, hour, day of the month, month, day of the week: \"30 2 * * *\" is half past two each day";
            section.wrong("cron", &written.span, message, Some(help.to_owned()));
            None
        }
    }
}

fn read_zone(section: &Section<'_>, written: &Scalar) -> Option<Tz> {
    let zone = written.text.parse().ok();
    if zone.is_none() {
        let message = format!("there is no time zone {}", written.quoted());
        let names = chrono_tz::TZ_VARIANTS.iter().map(|it| it.name());
        let help = match super::nearest::nearest(&written.text, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write its name, as \"Asia/Shanghai\" or \"UTC\"".to_owned(),
        };
        section.wrong("time-zone", &written.span, message, Some(help));
    }
    zone
}

fn read_run(
    section: &mut Section<'_>,
    (data_types, tasks): Known<'_>,
) -> Option<(String, CommandScope)> {
    let example = "\"sync --data-type information\"";
    let written = section.required("run", Wanted::Text, example)?;
    let scope = match (section.reading.commands)(&written.text) {
        Ok(scope) => scope,
        Err(message) => {
            let help = format!("write a command that ends by itself, as run = {example}");
            section.wrong("run", &written.span, message, Some(help));
            return None;
        }
    };
    let path = section.path_of("run");
    let absence = |message: String| {
        let span = written.span.clone();
        section.reading.absence(&path, span, message, None);
    };
    let (data_type, topic, part) = match &scope {
        CommandScope::Read { data_type, topic } => (data_type, topic, "from"),
        CommandScope::Write { data_type, topic } => (data_type, topic, "into"),
        CommandScope::Compare { data_type } => (data_type, &None, "from` and `into"),
        CommandScope::Task(task) => {
            if let Err(error) = super::task_of(tasks, task) {
                absence(error.to_string());
            }
            return Some((written.text, scope));
        }
    };
    let has = |it: &DataType| match part {
        "from" => it.from.is_some(),
        "into" => it.into.is_some(),
        _ => it.from.is_some() && it.into.is_some(),
    };
    match super::select(data_types, data_type.as_deref(), topic.as_deref()) {
        Err(error) => absence(error.to_string()),
        Ok(chosen) if chosen.iter().any(|it| has(it.data_type)) => (),
        Ok(_) => absence(match data_type {
            Some(name) => format!("data type `{name}` has no `{part}`"),
            None => format!("no data type that it means has `{part}`"),
        }),
    }
    Some((written.text, scope))
}

impl Choice for Overlap {
    const WORDS: &'static [(&'static str, Self)] = &[("skip", Self::Skip), ("queue", Self::Queue)];
}

impl Choice for CatchUp {
    const WORDS: &'static [(&'static str, Self)] = &[("once", Self::Once), ("none", Self::None)];
}
