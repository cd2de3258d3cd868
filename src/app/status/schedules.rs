//! `schedule list` and the schedules in `status`: next runs, and the result of the last one.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    app::{context::App, output::report},
    cli::{ExitStatus, ScheduleCommand},
    cursor::history::{History, Run, read_history},
    settings::Scheduled,
};

/// The next runs that are listed.
const NEXT: usize = 5;

/// Does what `schedule …` says.
pub(in crate::app) async fn run(
    app: &App,
    command: &ScheduleCommand,
) -> anyhow::Result<ExitStatus> {
    let ScheduleCommand::List = command;
    let statuses = statuses(app).await;
    let now = Utc::now();
    if app.json {
        let all: Vec<Value> = statuses.iter().map(|it| it.as_json(now)).collect();
        out!("{}", json!({ "schedules": all }));
    } else if statuses.is_empty() {
        out!("the settings have no schedule");
    } else {
        let mut table = report::table(&["schedule", "runs", "next", "last"]);
        for it in &statuses {
            let next = if it.scheduled.enabled {
                it.next(now).join("\n")
            } else {
                "it is off".to_owned()
            };
            let scheduled = it.scheduled;
            let timetable = &scheduled.schedule.timetable;
            let name = format!(
                "{}\n{}\n{}",
                scheduled.schedule.name,
                timetable.text(),
                timetable.zone()
            );
            table.add_row([name, scheduled.run.clone(), next, it.last()]);
        }
        out!("{table}");
    }
    Ok(if statuses.iter().any(|it| it.history.is_err()) {
        ExitStatus::Failed
    } else {
        ExitStatus::Done
    })
}

/// A schedule, with what is known of its runs.
pub(in crate::app) struct ScheduleStatus<'a> {
    scheduled: &'a Scheduled,
    pub history: Result<Option<History>, String>,
}

/// Each schedule of the settings; takes no lease.
pub(in crate::app) async fn statuses(app: &App) -> Vec<ScheduleStatus<'_>> {
    let schedules = &app.settings.schedules;
    if schedules.is_empty() {
        return Vec::new();
    }
    let found = super::patiently(async {
        let store = app.open.cursors().await?;
        let stored = store.list().await?;
        Ok((store, stored))
    })
    .await;
    let mut statuses = Vec::with_capacity(schedules.len());
    for scheduled in schedules {
        let history = match &found {
            Ok((store, stored)) => read_history(&**store, stored, &scheduled.schedule.name).await,
            Err(error) => Err(error.clone()),
        };
        statuses.push(ScheduleStatus { scheduled, history });
    }
    statuses
}

/// Below the flows of `status`: one row for each schedule.
pub(in crate::app) fn show(statuses: &[ScheduleStatus<'_>]) {
    if statuses.is_empty() {
        return;
    }
    let now = Utc::now();
    let mut table = report::table(&["schedule", "next", "last run", "kept runs"]);
    for it in statuses {
        let next = if it.scheduled.enabled {
            it.next(now).into_iter().next().unwrap_or_default()
        } else {
            "it is off".to_owned()
        };
        let kept = match &it.history {
            Ok(Some(history)) => kept(history),
            _ => String::new(),
        };
        table.add_row([it.scheduled.schedule.name.clone(), next, it.last(), kept]);
    }
    out!("{table}");
}

fn kept(history: &History) -> String {
    let count = |word: &str| {
        history
            .runs
            .iter()
            .filter(|it| it.outcome.word() == word)
            .count()
    };
    let skipped: u64 = history.runs.iter().map(|it| it.skipped).sum();
    let all = history.runs.len();
    let (done, running) = (count("done"), count("running"));
    let others = all - done - running;
    format!("{done} done, {others} not, {skipped} times skipped")
}

impl ScheduleStatus<'_> {
    fn next(&self, now: DateTime<Utc>) -> Vec<String> {
        let times = self.scheduled.schedule.timetable.next(now, NEXT);
        times.into_iter().map(|it| self.shown(it)).collect()
    }

    fn shown(&self, at: DateTime<Utc>) -> String {
        let at = at.with_timezone(&self.scheduled.schedule.timetable.zone());
        at.format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    fn last(&self) -> String {
        let history = match &self.history {
            Err(error) => return format!("unknown: {error}"),
            Ok(None) => return "none yet".to_owned(),
            Ok(Some(history)) => history,
        };
        let Some(run) = history.runs.last() else {
            return "none yet".to_owned();
        };
        let started = DateTime::from_timestamp_millis(run.started).unwrap_or_default();
        let mut text = format!(
            "{}\n{}, {} rows",
            self.shown(started),
            run.outcome.word(),
            run.rows
        );
        if let Some(ended) = run.ended {
            let seconds = (ended - run.started).max(0) as f64 / 1_000.0;
            text.push_str(&format!(" in {seconds:.1} s"));
        }
        if let Some(error) = &run.error {
            text.push_str(&format!("\n{error}"));
        }
        text
    }

    /// For scripts.
    pub fn as_json(&self, now: DateTime<Utc>) -> Value {
        let it = &self.scheduled.schedule;
        let next = if self.scheduled.enabled {
            it.timetable.next(now, NEXT)
        } else {
            Vec::new()
        };
        let zone = it.timetable.zone();
        let next = next.iter().map(|at| at.with_timezone(&zone).to_rfc3339());
        let (history, error) = match &self.history {
            Ok(history) => (history.as_ref(), None),
            Err(error) => (None, Some(error)),
        };
        let runs = history.map_or(&[][..], |it| &it.runs);
        json!({
            "name": it.name,
            "cron": it.timetable.text(),
            "time_zone": zone.name(),
            "run": self.scheduled.run,
            "enabled": self.scheduled.enabled,
            "next": next.collect::<Vec<_>>(),
            "runs": runs.iter().rev().map(run_json).collect::<Vec<_>>(),
            "error": error,
        })
    }
}

fn run_json(run: &Run) -> Value {
    let time = |millis: i64| DateTime::from_timestamp_millis(millis).map(|it| it.to_rfc3339());
    json!({
        "due": time(run.due),
        "started": time(run.started),
        "ended": run.ended.and_then(time),
        "result": run.outcome.word(),
        "rows": run.rows,
        "skipped": run.skipped,
        "error": run.error,
        "by": run.by,
    })
}
