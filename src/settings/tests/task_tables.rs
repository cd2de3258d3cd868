//! A task's `into` with several tables in a settings file: what it means, and what is wrong in it.

use super::cases::{CONNECTIONS, mistakes};
use crate::settings::{OnKnown, Route, Settings};

const TASK: &str = "[tasks.a]\nfrom = { connection = \"shop\", table = \"t\", incremental = \"id\" }\n[tasks.a.into]\nconnection = \"shop\"\n";

fn check(into: &str, expected: &[&str]) {
    let found = mistakes(&format!("{TASK}{into}\n{CONNECTIONS}"));
    let found: Vec<String> = found.lines().collect();
    for (found, expected) in found.iter().zip(expected) {
        let found = found.strip_prefix("settings.toml:").unwrap_or(found);
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_task_has_tables_in_their_order_each_with_its_own_keys() {
    let text = format!(
        "{TASK}route = \"kind\"\n[[tasks.a.into.tables]]\ntable = \"p\"\nwhen = \"b\"\nkey = [\"id\"]\non-known = \"ignore\"\n[[tasks.a.into.tables]]\ntable = \"q\"\nreplace-by = [\"p\"]\nsteps = [{{ explode = \"l\" }}, {{ drop = [\"y\"] }}]\n{CONNECTIONS}"
    );
    let environment = |_: &str| Some("mongodb://127.0.0.1/d".to_owned());
    let settings = Settings::parse(
        &text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    );
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let into = &settings.tasks["a"].into;
    assert_eq!(into.route, Some(Route::Field("kind".to_owned())));
    let [p, q] = &into.tables[..] else {
        panic!("{:?}", into.tables);
    };
    assert_eq!(
        (&p.when[..], &p.key[..]),
        (&["b".to_owned()][..], &["id".to_owned()][..])
    );
    assert_eq!(p.on_known, OnKnown::Ignore);
    assert_eq!(
        (&q.replace_by[..], q.steps.len()),
        (&["p".to_owned()][..], 2)
    );
}

#[test]
fn a_task_goes_by_its_other_names_and_two_tasks_by_none() {
    let parse = |text: &str| {
        let environment = |_: &str| Some("mysql://u@127.0.0.1/d".to_owned());
        Settings::parse(
            text,
            "settings.toml",
            &environment,
            &crate::app::command_scope,
        )
    };
    let shipped = include_str!("../../../examples/nfsc/settings.toml");
    let settings = parse(shipped).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let own = |name: &str| settings.task(name).map(|(own, _)| own.to_owned());
    assert_eq!(own("info_to_nsfc").unwrap(), "nfsc_task");
    assert_eq!(own("nfsc_task").unwrap(), "nfsc_task");
    let unknown = own("none").unwrap_err();
    assert_eq!(unknown.known, ["nfsc_task", "info_to_nsfc"]);
    let text = shipped.replace("\"info_to_nsfc\"]", "\"a\", \"nfsc_task\", \"a\"]");
    let found = parse(&text).unwrap_err().to_string();
    let twice = found.matches("is a name already").count();
    assert_eq!(twice, 2, "{found}");
}

#[test]
fn what_is_of_messages_is_not_of_a_tasks_tables() {
    check(
        "route = { header = \"h\" }\ntables = [{ table = \"p\", when = \"b\" }]",
        &["5: tasks.a.into.route: must be"],
    );
    check(
        "tables = [{ table = \"p\", on-delete = \"ignore\" }]",
        &["5: tasks.a.into.tables[0].on-delete: unknown key"],
    );
    check(
        "tables = [{ table = \"p\", append = \"m\" }]",
        &["5: tasks.a.into.tables[0].append: unknown key"],
    );
}

#[test]
fn what_belongs_to_a_table_of_a_task_stands_there() {
    check(
        "table = \"p\"\nkey = [\"id\"]\ntables = [{ table = \"q\" }]",
        &[
            "5: tasks.a.into.table: belongs to each of `tables`",
            "6: tasks.a.into.key: belongs to each of `tables`",
        ],
    );
    check(
        "table = \"p\"\nroute = \"kind\"\nreplace-by = [\"id\"]",
        &[
            "6: tasks.a.into.route: is for tables of a list",
            "7: tasks.a.into.replace-by: is for tables of a list",
        ],
    );
    check(
        "tables = [{ table = \"p\", when = \"b\" }]",
        &["5: tasks.a.into.tables[0].when: compares what `route` names, and there is none"],
    );
}
