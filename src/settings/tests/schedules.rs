//! Schedules in a settings file: what they mean, and wrong ones.

use super::cases::{CONNECTIONS, environment, mistakes};
use crate::settings::Settings;

const FLOWS: &str = r#"
[data-types.orders]
format = "json"
topic = "orders"
broker = "topics"
from = { connection = "shop", table = "orders", incremental = "at" }
[data-types.written]
format = "json"
topic = "written"
broker = "topics"
into = { connection = "warehouse", table = "written" }
"#;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = mistakes(&format!("{text}\n{FLOWS}\n{CONNECTIONS}"));
    let lines: Vec<String> = found.lines().collect();
    let cut = |it: &String| it.replace("settings.toml:", "");
    let lines: Vec<String> = lines.iter().map(cut).collect();
    assert_eq!(lines, expected);
}

fn settings(text: &str) -> Settings {
    let text = format!("{text}\n{FLOWS}\n{CONNECTIONS}");
    Settings::parse(
        &text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn every_mistake_of_a_schedule_is_told_with_its_line() {
    check(
        r#"[[schedules]]
name = "a b"
cron = "61 * * * *"
time-zone = "Asia/Shangai"
run = "sync --data-type oders"
overlap = "skp"
retry = { times = -1 }
[[schedules]]
name = "n"
cron = "0 0 31 2 *"
run = "sync --follow"
catchup = "once"
[[schedules]]
name = "n"
run = "sync --data-type written"
jitter = "soon"
[[schedules]]
cron = "* * * * *"
run = "sink --data-type written --until-caught-up --settings other.toml""#,
        &[
            "2: schedules[0].name: a name has letters, digits, `-`, `_` and `.` only",
            "3: schedules[0].cron: `61 * * * *` is no cron line: Number out of bounds, minute, hour, day of the month, month, day of the week: \"30 2 * * *\" is half past two each day",
            "4: schedules[0].time-zone: there is no time zone `Asia/Shangai`, did you mean `Asia/Shanghai`?",
            "5: schedules[0].run: there is no data type `oders` in the settings: did you mean `orders`? Known are orders, written",
            "6: schedules[0].overlap: `skp` is none of skip, queue, did you mean `skip`?",
            "7: schedules[0].retry.times: `-1` is no whole number from 0 to 1000",
            "10: schedules[1].cron: `0 0 31 2 *` names a day that never comes, minute, hour, day of the month, month, day of the week: \"30 2 * * *\" is half past two each day",
            "11: schedules[1].run: with `--follow` it does not end by itself, write a command that ends by itself, as run = \"sync --data-type information\"",
            "12: schedules[1].catchup: unknown key, did you mean `catch-up`?",
            "13: schedules[2].cron: is missing, add cron = \"30 2 * * *\"",
            "14: schedules[2].name: there is a schedule `n` already",
            "15: schedules[2].run: data type `written` has no `from`",
            "16: schedules[2].jitter: `soon` is no duration above zero, write it as \"500ms\", \"10s\" or \"1h30m\"",
            "17: schedules[3].name: is missing, add name = \"nightly\"",
            "19: schedules[3].run: is no command: unexpected argument '--settings' found, write a command that ends by itself, as run = \"sync --data-type information\"",
        ],
    );
}

#[test]
fn a_schedule_of_an_unknown_task_is_told_with_its_line() {
    check(
        r#"[[schedules]]
name = "moved"
cron = "0 1 * * *"
run = "migrate --task archive"
[[schedules]]
name = "proved"
cron = "0 2 * * *"
run = "verify --task archive""#,
        &[
            "4: schedules[0].run: there is no task `archive` in the settings: there are none",
            "8: schedules[1].run: there is no task `archive` in the settings: there are none",
        ],
    );
}

#[test]
fn a_schedule_means_the_data_types_that_its_command_means() {
    let settings = settings(
        r#"[[schedules]]
name = "nightly"
cron = "30 2 * * *"
time-zone = "Asia/Shanghai"
run = "sync"
[[schedules]]
name = "other"
cron = "* * * * * *"
run = "sink --data-type written --topic elsewhere --until-caught-up"
enabled = false"#,
    );
    let [nightly, other] = &settings.schedules[..] else {
        panic!("{:?}", settings.schedules)
    };
    assert!(nightly.names("orders", "orders", "from"));
    assert!(!nightly.names("written", "written", "into"));
    // Another topic is another flow.
    assert!(!other.names("written", "written", "into"));
    assert!(other.names("written", "elsewhere", "into"));
    assert_eq!(nightly.schedule.timetable.zone().name(), "Asia/Shanghai");
    assert!(nightly.enabled && !other.enabled);
}
