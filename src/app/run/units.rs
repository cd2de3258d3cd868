//! What `run` keeps going: one unit for each following flow, sink and schedule of the settings.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::scheduled::ScheduledWork;
use crate::{
    app::{
        context::App,
        output::report,
        sink,
        sync::{self, Asked},
    },
    cli::ByItself,
    flow::{Snapshot, Until},
    schedule::{Clock, Counts, keep},
    settings::{Connection, DataType, Scheduled, Settings, Task},
    source::{ReadMode, Scope},
};

/// One thing that goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// A data type that is followed.
    Follow(String),
    /// A data type that is written.
    Write(String),
    /// A schedule.
    Keep(String),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow(name) => write!(f, "following {name}"),
            Self::Write(name) => write!(f, "writing {name}"),
            Self::Keep(name) => write!(f, "schedule {name}"),
        }
    }
}

/// What became of a unit.
pub(super) struct End {
    pub text: String,
    pub json: Value,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// Whether it may be tried again by itself then.
    pub is_transient: bool,
}

/// What the settings have going on: a data type that no schedule reads is followed, and one that no
/// schedule writes is written. A schedule that is off still takes its data types out of that.
pub(super) fn units(settings: &Settings) -> BTreeSet<Unit> {
    let mut units = BTreeSet::new();
    for (name, it) in &settings.data_types {
        let scheduled = |part: &str| {
            let mut all = settings.schedules.iter();
            all.any(|schedule| schedule.names(name, &it.topic, part))
        };
        if it.from.is_some() && !scheduled("from") {
            units.insert(Unit::Follow(name.clone()));
        }
        if it.into.is_some() && !scheduled("into") {
            units.insert(Unit::Write(name.clone()));
        }
    }
    let on = settings.schedules.iter().filter(|it| it.enabled);
    units.extend(on.map(|it| Unit::Keep(it.schedule.name.clone())));
    units
}

/// Whether a unit would be the same by both settings, so that it may go on undisturbed.
pub(super) fn is_same(unit: &Unit, one: &Settings, other: &Settings) -> bool {
    let engine = one.cursors == other.cursors
        && one.retry == other.retry
        && one.dead_letters == other.dead_letters
        && one.connections.len() == other.connections.len();
    let mut connections = one.connections.iter();
    let is_there = |(name, it): (&String, &Connection)| {
        let other = other.connections.get(name);
        other.is_some_and(|other| it.is_same(other))
    };
    if !engine || !connections.all(is_there) {
        return false;
    }
    match unit {
        Unit::Follow(name) | Unit::Write(name) => {
            one.data_types.get(name) == other.data_types.get(name)
        }
        Unit::Keep(name) => match (scheduled(one, name), scheduled(other, name)) {
            (Some(it), Some(new)) => {
                it == new
                    && meant(one, it) == meant(other, new)
                    && task(one, it) == task(other, new)
            }
            _ => false,
        },
    }
}

pub(in crate::app) fn scheduled<'a>(settings: &'a Settings, name: &str) -> Option<&'a Scheduled> {
    let mut all = settings.schedules.iter();
    all.find(|it| it.schedule.name == name)
}

fn meant<'a>(settings: &'a Settings, schedule: &Scheduled) -> Vec<(&'a String, &'a DataType)> {
    let all = settings.data_types.iter();
    all.filter(|(name, it)| schedule.is_about(name, &it.topic))
        .collect()
}

fn task<'a>(settings: &'a Settings, schedule: &Scheduled) -> Option<&'a Task> {
    let (_, task) = settings.task(schedule.scope.task()?).ok()?;
    Some(task)
}

/// Another process may have the flow: then this one stands by.
const STAND_BY: Option<Duration> = Some(Duration::MAX);

/// Runs a unit until its `app` is stopped, or it fails for good.
pub(super) async fn go_on(unit: Unit, app: Arc<App>, clock: Arc<dyn Clock>) -> End {
    let failed = |error: String| End {
        json: json!({ "unit": unit.to_string(), "error": error }),
        text: format!("{unit}: failed: {error}"),
        error: Some(error),
        is_transient: false,
    };
    match &unit {
        Unit::Follow(name) => {
            let Ok(chosen) = app.settings.select(Some(name), None) else {
                return failed("it is not in the settings".to_owned());
            };
            let Some(chosen) = chosen.first() else {
                return failed("it is not in the settings".to_owned());
            };
            let asked = Asked {
                scope: Scope::Incremental,
                mode: ReadMode::Follow,
                wait: STAND_BY,
            };
            let it = sync::sync(&app, chosen, asked).await;
            flow_end(&unit, (&it.stats, it.took), it.error, it.is_transient)
        }
        Unit::Write(name) => {
            let Ok(chosen) = app.settings.select(Some(name), None) else {
                return failed("it is not in the settings".to_owned());
            };
            let Some(chosen) = chosen.first() else {
                return failed("it is not in the settings".to_owned());
            };
            let it = sink::sink(&app, chosen, Until::Stopped).await;
            flow_end(&unit, (&it.stats, it.took), it.error, it.is_transient)
        }
        Unit::Keep(name) => {
            let Some(it) = scheduled(&app.settings, name) else {
                return failed("it is not in the settings".to_owned());
            };
            let schedule = Arc::new(it.schedule.clone());
            // Settings are refused where a schedule names no such command.
            let command = match ByItself::parse(&it.run) {
                Ok(command) => command,
                Err(error) => return failed(format!("`{}` {error}", it.run)),
            };
            let work = Arc::new(ScheduledWork::new(app.clone(), command));
            let counts = keep(schedule, work, clock, app.stop.clone()).await;
            schedule_end(&unit, counts)
        }
    }
}

fn flow_end(
    unit: &Unit,
    (stats, took): (&Snapshot, Duration),
    error: Option<String>,
    is_transient: bool,
) -> End {
    let done = report::stats(stats, took);
    let mut json = report::stats_json("", stats, took, error.as_deref());
    if let Some(fields) = json.as_object_mut() {
        fields.remove("flow");
        fields.insert("unit".to_owned(), json!(unit.to_string()));
    }
    End {
        text: match &error {
            None => format!("{unit}: stopped; {done}"),
            Some(error) => format!("{unit}: failed: {error}; {done}"),
        },
        json,
        error,
        is_transient,
    }
}

fn schedule_end(unit: &Unit, counts: Counts) -> End {
    let Counts {
        runs,
        failed,
        skipped,
    } = counts;
    End {
        text: format!("{unit}: {runs} runs, {failed} failed, {skipped} times skipped"),
        json: json!({
            "unit": unit.to_string(), "runs": runs, "failed": failed, "skipped": skipped, "error": null,
        }),
        // Each failed run has its place in the history; that the schedule was kept is no failure.
        error: None,
        is_transient: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::command_scope;

    fn settings(keys: &str) -> Settings {
        let text = format!(
            r#"[connections.a]
kind = "sqlite"
path = "a.db"
[[schedules]]
name = "moved"
cron = "0 1 * * *"
run = "migrate --task t"
[[schedules]]
name = "proved"
cron = "0 2 * * *"
run = "verify --task t"
[[schedules]]
name = "others"
cron = "0 2 * * *"
run = "verify --task u"
[tasks.t]
from = {{ connection = "a", table = "t", incremental = "id" }}
into = {{ connection = "a", table = "{keys}" }}
[tasks.u]
from = {{ connection = "a", table = "t", incremental = "id" }}
into = {{ connection = "a", table = "u" }}"#
        );
        Settings::parse(&text, "settings.toml", &|_| None, &command_scope).expect("settings")
    }

    #[test]
    fn a_schedule_begins_anew_when_the_settings_of_its_task_change() {
        let (one, other) = (settings("x"), settings("y"));
        for (name, same) in [("moved", false), ("proved", false), ("others", true)] {
            let unit = Unit::Keep(name.to_owned());
            assert!(is_same(&unit, &one, &one), "{name}");
            assert_eq!(is_same(&unit, &one, &other), same, "{name}");
        }
    }
}
