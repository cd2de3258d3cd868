//! `[tasks]`: what `migrate` moves from where to where, without a broker.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    dead_letters_to::DeadLettersTable,
    read_from::{ReadFrom, Reads},
    references::Connections,
    section::Section,
    steps,
    typed::Choice,
    write_into::WriteInto,
};
use crate::pipeline::StepSettings;

/// A named migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Other names that it goes by.
    pub aliases: Vec<String>,
    /// Where records are read.
    pub from: ReadFrom,
    /// What happens to records on the way, in order.
    pub steps: Vec<StepSettings>,
    /// Where records are written.
    pub into: WriteInto,
    /// How much of the source a run reads.
    pub mode: TaskMode,
    /// Dead letters one after another at which the task stops; 0: never.
    pub stop_after: u64,
    /// The table of its dead letters; without one, they go to a file.
    pub dead_letters: Option<DeadLettersTable>,
}

/// How much of its source a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskMode {
    /// Everything, each time.
    Full,
    /// Everything the first time, then what is past the stored place.
    Incremental,
}

impl Task {
    pub(super) fn read(section: &mut Section<'_>, connections: &Connections) -> Self {
        let mode = section.choice_or("mode", TaskMode::Full);
        let reads = match mode {
            TaskMode::Full => Reads::Everything,
            TaskMode::Incremental => Reads::Past,
        };
        let from = section.section_as("from", "data-types.*.from", |it| {
            ReadFrom::read(it, connections, reads)
        });
        let into = section.section("into", |it| {
            WriteInto::of_task(it, connections, connections.system(&from.connection))
        });
        let aliases = section.texts("aliases").into_iter();
        Self {
            aliases: aliases.map(|it| it.text).collect(),
            steps: steps::read(section, connections),
            mode,
            stop_after: section.number_or("stop-after", 0, 0..=1_000_000_000),
            dead_letters: section
                .optional_section("dead-letters", |it| {
                    DeadLettersTable::of_task(it, connections)
                })
                .flatten(),
            from,
            into,
        }
    }
}

/// Complains where two tasks go by one name.
pub(super) fn check_names(root: &Section<'_>, tasks: &BTreeMap<String, Task>) {
    let mut seen: BTreeSet<&str> = tasks.keys().map(String::as_str).collect();
    let Some(span) = root.written("tasks") else {
        return;
    };
    for (name, task) in tasks {
        for other in task.aliases.iter().filter(|it| !seen.insert(it)) {
            let message = format!("`{other}`, which {name} is to go by also, is a name already");
            root.wrong("tasks", &span, message, None);
        }
    }
}

impl Choice for TaskMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("full", Self::Full), ("incremental", Self::Incremental)];
}
