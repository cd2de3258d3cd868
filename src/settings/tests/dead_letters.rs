//! Where dead letters go in a settings file: what it means, and what is wrong in it.

use super::cases::{CONNECTIONS, environment, mistakes};
use crate::settings::{DeadLettersTable, DeadLettersTo, Settings};

const DATA_TYPE: &str = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"shop\", table = \"t\" }\n";
const TASK: &str = "[tasks.a]\nfrom = { connection = \"shop\", table = \"t\" }\ninto = { connection = \"shop\", table = \"u\" }\n";

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = mistakes(&format!("{text}\n{CONNECTIONS}"));
    let found: Vec<String> = found.lines().collect();
    let cut = |it: &String| it.replace("settings.toml:", "");
    let found: Vec<String> = found.iter().map(cut).collect();
    assert_eq!(found, expected);
}

fn settings(text: &str) -> Settings {
    let text = format!("{text}\n{CONNECTIONS}");
    Settings::parse(
        &text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn table() -> DeadLettersTable {
    DeadLettersTable {
        connection: "warehouse".to_owned(),
        table: "dead_letters".to_owned(),
    }
}

#[test]
fn letters_go_to_a_topic_by_themselves_and_to_a_table_where_it_is_named() {
    let to = |written: &str| {
        let settings = settings(&format!("{DATA_TYPE}{written}"));
        let data_type = &settings.data_types["a"];
        (data_type.dead_letters_to("x"), data_type.stop_after)
    };
    let topic = |name: &str| DeadLettersTo::Topic(name.to_owned());
    assert_eq!(to(""), (topic("x.dead-letters"), 0));
    assert_eq!(to("dead-letters = { topic = \"d\" }"), (topic("d"), 0));
    let written =
        "dead-letters = { connection = \"warehouse\", table = \"dead_letters\", stop-after = 5 }";
    let (to, stop_after) = to(written);
    assert_eq!((&to, stop_after), (&DeadLettersTo::Table(table()), 5));
    assert_eq!(to.name(), "warehouse.dead_letters");
}

#[test]
fn a_task_has_a_file_by_itself_and_a_table_where_it_is_named() {
    let dead_letters = |written: &str| settings(&format!("{TASK}{written}")).tasks["a"].clone();
    let bare = dead_letters("stop-after = 3");
    assert_eq!((bare.dead_letters, bare.stop_after), (None, 3));
    let named = dead_letters(
        "stop-after = 3\ndead-letters = { connection = \"warehouse\", table = \"dead_letters\" }",
    );
    assert_eq!((named.dead_letters, named.stop_after), (Some(table()), 3));
}

#[test]
fn a_topic_and_a_table_are_not_both_named() {
    check(
        &format!(
            "{DATA_TYPE}dead-letters = {{ topic = \"d\", connection = \"shop\", table = \"l\" }}"
        ),
        &[
            "5: data-types.a.dead-letters.topic: dead letters go to a topic or to a table, not to both, leave out `topic` or `table`",
        ],
    );
    // Not that the topic is that of the messages: it is the one that goes.
    check(
        &format!(
            "{DATA_TYPE}dead-letters = {{ topic = \"t\", connection = \"shop\", table = \"l\" }}"
        ),
        &[
            "5: data-types.a.dead-letters.topic: dead letters go to a topic or to a table, not to both, leave out `topic` or `table`",
        ],
    );
}

#[test]
fn a_table_and_its_connection_are_named_together() {
    check(
        &format!("{DATA_TYPE}dead-letters = {{ table = \"l\" }}"),
        &["5: data-types.a.dead-letters.connection: is missing, add connection = \"shop\""],
    );
    check(
        &format!("{DATA_TYPE}dead-letters = {{ connection = \"shop\" }}"),
        &["5: data-types.a.dead-letters.table: is missing, add table = \"dead_letters\""],
    );
    check(
        &format!("{TASK}dead-letters = {{ table = \"l\" }}"),
        &["4: tasks.a.dead-letters.connection: is missing, add connection = \"shop\""],
    );
}

#[test]
fn a_connection_without_tables_is_refused_by_name() {
    for (name, system) in [("crawler", "MongoDB"), ("topics", "embedded topics")] {
        let said = format!(
            "dead-letters.connection: `{name}` leads to {system}, which cannot be used for dead-letter tables, name a connection of kind mysql, mariadb or sqlite"
        );
        let dead_letters = format!("dead-letters = {{ connection = \"{name}\", table = \"l\" }}");
        check(
            &format!("{DATA_TYPE}{dead_letters}"),
            &[&format!("5: data-types.a.{said}")],
        );
        check(
            &format!("{TASK}{dead_letters}"),
            &[&format!("4: tasks.a.{said}")],
        );
    }
    check(
        &format!("{DATA_TYPE}dead-letters = {{ connection = \"warehous\", table = \"l\" }}"),
        &[
            "5: data-types.a.dead-letters.connection: this value is no connection, did you mean `warehouse`?",
        ],
    );
}

#[test]
fn what_is_of_a_data_types_letters_is_not_of_a_tasks() {
    check(
        &format!("{TASK}dead-letters = {{ topic = \"d\", stop-after = 3 }}"),
        &[
            "4: tasks.a.dead-letters: names no table, add connection = \"warehouse\" and table = \"dead_letters\", or leave it out",
            "4: tasks.a.dead-letters.topic: a task has no topic: its dead letters go to a table, or to a file",
            "4: tasks.a.dead-letters.stop-after: is a key of the task itself",
        ],
    );
}
