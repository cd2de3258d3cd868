//! What `status` has found, for people and for scripts.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kind, Partition, Status, schedules};
use crate::{
    app::{
        cursor::{position_json, saved_at},
        output::report,
        past_newest,
        plan::{watermark_json, watermark_text},
    },
    cursor::failure::Failure,
    source::{Counted, LowWatermark, SourceStatus},
};

/// A table with a row for each flow; below it what does not fit a cell.
pub(in crate::app) fn show(
    all: &[Status],
    schedules: &[schedules::ScheduleStatus<'_>],
    json: bool,
) {
    if json {
        let flows: Vec<Value> = all.iter().map(as_json).collect();
        let now = chrono::Utc::now();
        let schedules: Vec<Value> = schedules.iter().map(|it| it.as_json(now)).collect();
        out!("{}", json!({ "flows": flows, "schedules": schedules }));
        return;
    }
    let mut table = report::table(&["flow", "position", "behind", "saved", "runs"]);
    for it in all {
        let saved = match &it.saved {
            None => "never".to_owned(),
            Some((at, None)) => saved_at(*at),
            Some((at, Some(by))) => format!("{}\nby {by}", saved_at(*at)),
        };
        let runs = match &it.runs {
            None => "no".to_owned(),
            Some(leased) => match leased.until {
                None => leased.by.clone(),
                Some(until) => format!("{}\nleased until {}", leased.by, saved_at(until)),
            },
        };
        table.add_row([it.flow.clone(), position_text(it), behind(it), saved, runs]);
    }
    out!("{table}");
    for it in all {
        if let Kind::Sync {
            source_status:
                Some(SourceStatus {
                    watermark: Some(watermark),
                    ..
                }),
            ..
        } = &it.kind
            && is_blocked(watermark)
        {
            out!("· {}: low watermark {}", it.flow, watermark_text(watermark));
        }
    }
    for it in all {
        if let Kind::Sync {
            source_status: Some(source_status),
            ..
        } = &it.kind
            && let Some(advice) = past_newest::advice(source_status)
        {
            out!("· {}: {advice}", it.flow);
        }
    }
    for it in all {
        if let Some(error) = &it.error {
            out!("✗ {}: {error}", it.flow);
        }
        if let Some(failure) = &it.failure {
            out!("✗ {}: {}", it.flow, failed(failure));
        }
    }
    schedules::show(schedules);
}

fn failed(it: &Failure) -> String {
    let at = |millis: i64| saved_at(millis / 1_000);
    let next = match it.next {
        Some(next) => format!("next attempt at {}", at(next)),
        None => "no further attempt before SIGHUP or a restart".to_owned(),
    };
    let times = match it.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    format!(
        "has failed {times} since {} in `run` ({}), {next}: {}",
        at(it.since),
        it.by,
        it.error
    )
}

fn position_text(it: &Status) -> String {
    match &it.kind {
        Kind::Sync {
            source_status: Some(source_status),
            ..
        } => source_status
            .at
            .clone()
            .unwrap_or_else(|| "the beginning".to_owned()),
        Kind::Sync {
            position: Some(position),
            ..
        } => position.to_string(),
        Kind::Sync { .. } => "unknown".to_owned(),
        Kind::Sink(partitions) if partitions.is_empty() => match it.error {
            None => "the topic does not exist yet".to_owned(),
            Some(_) => "unknown".to_owned(),
        },
        Kind::Sink(partitions) => {
            let offset = |it: &Partition| match it.next_offset {
                Some(next) => format!("{}:{next}", it.partition),
                None => format!("{}:the beginning", it.partition),
            };
            let offsets: Vec<String> = partitions.iter().map(offset).collect();
            offsets.join(" ")
        }
    }
}

fn behind(it: &Status) -> String {
    match &it.kind {
        Kind::Sync {
            source_status: Some(it),
            ..
        } => {
            let rows = match it.past {
                Counted::Exactly(rows) => report::count(rows, "row"),
                Counted::AtLeast(rows) => format!("at least {}", report::count(rows, "row")),
            };
            let newest = it.newest.as_deref();
            let newest = newest.map_or(String::new(), |it| format!("\nnewest {it}"));
            let time = match it.behind {
                Some(behind) if it.past.number() > 0 => format!(", {}", lasting(behind)),
                _ => String::new(),
            };
            format!("{rows}{time}{newest}")
        }
        Kind::Sink(partitions) if !partitions.is_empty() => {
            report::count(messages(partitions), "message")
        }
        _ => "unknown".to_owned(),
    }
}

fn messages(partitions: &[Partition]) -> u64 {
    let behind = partitions.iter().map(|it| it.behind.max(0).unsigned_abs());
    behind.sum()
}

/// Somebody holds it back, for longer than others need as well.
fn is_blocked(watermark: &LowWatermark) -> bool {
    watermark.blocked_by.is_some() || watermark.value.is_none()
}

fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{:.1} s", time.as_secs_f64()),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn as_json(it: &Status) -> Value {
    let saved = it.saved.as_ref();
    let runs = it
        .runs
        .as_ref()
        .map(|it| json!({ "by": it.by, "until": it.until }));
    let mut shown = json!({
        "flow": it.flow,
        "saved_at": saved.map(|it| it.0),
        "saved_by": saved.and_then(|it| it.1.as_ref()),
        "runs": runs,
        "failure": it.failure,
        "error": it.error,
    });
    match &it.kind {
        Kind::Sync {
            position,
            source_status,
        } => {
            shown["kind"] = json!("sync");
            shown["position"] = json!(position.as_ref().map(position_json));
            if let Some(it) = source_status {
                shown["read_up_to"] = json!(it.at);
                shown["newest"] = json!(it.newest);
                shown["is_past_newest"] = json!(it.is_past_newest);
                shown["rows_behind"] = json!(it.past.number());
                shown["rows_behind_is_exact"] = json!(matches!(it.past, Counted::Exactly(_)));
                shown["seconds_behind"] = json!(it.behind.map(|it| it.as_secs_f64()));
                shown["low_watermark"] = json!(it.watermark.as_ref().map(watermark_json));
            }
        }
        Kind::Sink(partitions) => {
            shown["kind"] = json!("sink");
            let partition = |it: &Partition| {
                json!({
                    "partition": it.partition,
                    "next_offset": it.next_offset,
                    "end": it.end,
                    "behind": it.behind,
                })
            };
            shown["partitions"] = partitions.iter().map(partition).collect();
            let is_known = !partitions.is_empty() || it.error.is_none();
            shown["messages_behind"] = json!(is_known.then(|| messages(partitions)));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_unit_that_tells_it() {
        for (seconds, text) in [
            (0.25, "250 ms"),
            (2.5, "2.5 s"),
            (600.0, "10 min"),
            (36_000.0, "10 h"),
            (864_000.0, "10 days"),
        ] {
            assert_eq!(lasting(Duration::from_secs_f64(seconds)), text);
        }
    }

    #[test]
    fn messages_behind_are_those_of_all_partitions() {
        let of = |behind| Partition {
            partition: 0,
            next_offset: None,
            end: 10,
            behind,
        };
        assert_eq!(messages(&[of(3), of(4)]), 7);
        let status = Status {
            flow: "a".into(),
            kind: Kind::Sink(vec![of(1_000), of(234)]),
            saved: None,
            runs: None,
            failure: None,
            error: None,
        };
        assert_eq!(behind(&status), "1,234 messages");
        assert_eq!(as_json(&status)["messages_behind"], 1_234);
    }
}
