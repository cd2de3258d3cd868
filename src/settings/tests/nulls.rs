//! The settings' cases of rows without a value, of several fields, and of reading again.

use super::cases::mistakes;
use crate::settings::{LateRows, NullRows, Settings};

const CONNECTIONS: &str = r#"
[connections]
crawler = { kind = "mongodb", url = "mongodb://h", database = "spider" }
shop = { kind = "mysql", url = "mysql://h/shop" }
local = { kind = "sqlite", path = "a.db" }
topics = { kind = "embedded", path = "topics.db" }
"#;

fn flow(from: &str) -> String {
    format!(
        "[data-types.x]\nformat = \"json\"\ntopic = \"x\"\nbroker = \"topics\"\nfrom = {{ {from} }}\n{CONNECTIONS}"
    )
}

#[test]
fn several_fields_a_rule_for_nulls_and_reading_again_are_read() {
    let text = flow(
        r#"connection = "shop", table = "t", incremental = ["a", "b", "c"], nulls = "every-run", late = "re-read", re-read-rows = 7"#,
    );
    let settings = Settings::parse(
        &text,
        "settings.toml",
        &|_| None,
        &crate::app::command_scope,
    );
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let from = settings.data_types["x"].from.clone().expect("it is read");
    assert_eq!(
        (from.incremental.as_str(), from.coalesce.join(",").as_str()),
        ("a", "b,c")
    );
    assert_eq!(
        (from.nulls, from.late),
        (NullRows::EveryRun, LateRows::ReRead)
    );
    assert_eq!(from.re_read_rows, 7);
}

#[test]
fn what_a_source_cannot_do_is_said_with_what_it_can() {
    for (from, said) in [
        (
            r#"connection = "crawler", collection = "t", incremental = ["a", "b"]"#,
            "no index over the first",
        ),
        (
            r#"connection = "local", table = "t", incremental = "a", late = "re-read""#,
            "is for sources with several writers",
        ),
        (r#"connection = "shop", table = "t""#, "is missing"),
    ] {
        let found: Vec<String> = mistakes(&flow(from)).lines().collect();
        assert!(
            found.len() == 1 && found[0].contains(said),
            "{from}: {found:?}"
        );
    }
}

#[test]
fn what_reads_everything_each_time_holds_nothing_back() {
    let task = |written: &str| {
        let text = format!(
            "[tasks.x]\nfrom = {{ connection = \"shop\", table = \"t\"{written} }}\n\
             into = {{ connection = \"local\", table = \"t\" }}\n{CONNECTIONS}"
        );
        let settings = Settings::parse(
            &text,
            "settings.toml",
            &|_| None,
            &crate::app::command_scope,
        );
        let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        settings.tasks["x"].from.late
    };
    assert_eq!(task(""), LateRows::None);
    assert_eq!(task(r#", incremental = "at""#), LateRows::HoldBack);
    assert_eq!(task(r#", late = "hold-back""#), LateRows::HoldBack);
}
