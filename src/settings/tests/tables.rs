//! `into` with several tables in a settings file: what it means, and what is wrong in it.

use super::cases::{CONNECTIONS, mistakes};
use crate::settings::{Route, Settings};

const FLOW: &str = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\nbroker = \"topics\"\n[data-types.a.into]\nconnection = \"shop\"\n";

fn check(into: &str, expected: &[&str]) {
    let found = mistakes(&format!("{FLOW}{into}\n{CONNECTIONS}"));
    let found: Vec<String> = found.lines().collect();
    for (found, expected) in found.iter().zip(expected) {
        let found = found.strip_prefix("settings.toml:").unwrap_or(found);
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

fn read(into: &str) -> crate::settings::WriteInto {
    let text = format!("{FLOW}{into}\n{CONNECTIONS}");
    let environment = |_: &str| Some("mongodb://127.0.0.1/d".to_owned());
    let settings = Settings::parse(
        &text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    );
    let mut settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let data_type = settings.data_types.remove("a").unwrap();
    data_type.into.unwrap()
}

#[test]
fn tables_are_read_in_their_order_each_with_its_own_keys() {
    let into = read(
        "route = \"kind\"\nsteps = [{ drop = [\"x\"] }]\n[[data-types.a.into.tables]]\ntable = \"p\"\nwhen = [\"b\", \"c\"]\nkey = [\"id\"]\non-delete = \"ignore\"\n[[data-types.a.into.tables]]\ntable = \"q\"\nreplace-by = [\"p\"]\nsteps = [{ explode = \"l\" }, { drop = [\"y\"] }]",
    );
    assert_eq!(into.route, Some(Route::Field("kind".to_owned())));
    assert_eq!(
        (into.name().as_str(), into.first_table()),
        ("shop.(p, q)", "p")
    );
    assert_eq!(into.steps.len(), 1);
    let [p, q] = &into.tables[..] else {
        panic!("{:?}", into.tables);
    };
    assert_eq!(
        (p.when.as_slice(), p.key.as_slice()),
        (
            &["b".to_owned(), "c".to_owned()][..],
            &["id".to_owned()][..]
        )
    );
    assert_eq!(p.on_delete, crate::settings::OnDelete::Ignore);
    assert_eq!(
        (q.replace_by.as_slice(), q.steps.len()),
        (&["p".to_owned()][..], 2)
    );
}

#[test]
fn the_route_is_a_field_a_header_or_the_key() {
    let route = |text: &str| {
        let tables = "tables = [{ table = \"p\", when = \"b\" }]";
        read(&format!("route = {text}\n{tables}")).route
    };
    assert_eq!(
        route("{ header = \"h\" }"),
        Some(Route::Header("h".to_owned()))
    );
    assert_eq!(route("{ key = true }"), Some(Route::Key));
    let tables = "tables = [{ table = \"p\", when = \"b\" }]";
    for wrong in ["{}", "{ key = false }", "{ header = \"h\", key = true }"] {
        let expected = "7: data-types.a.into.route: is none of \"field\"";
        check(&format!("route = {wrong}\n{tables}"), &[expected]);
    }
}

#[test]
fn what_belongs_to_a_table_stands_there() {
    check(
        "table = \"p\"\nkey = [\"id\"]\ntables = [{ table = \"q\" }]",
        &[
            "7: data-types.a.into.table: belongs to each of `tables`",
            "8: data-types.a.into.key: belongs to each of `tables`",
        ],
    );
    check(
        "table = \"p\"\nroute = \"kind\"\nwhen = [\"b\"]\nreplace-by = [\"id\"]",
        &[
            "8: data-types.a.into.route: is for tables of a list",
            "9: data-types.a.into.when: is for tables of a list",
            "10: data-types.a.into.replace-by: is for tables of a list",
        ],
    );
}

#[test]
fn tables_and_their_route_have_to_agree() {
    check(
        "tables = []",
        &["7: data-types.a.into.tables: must not be empty"],
    );
    check(
        "tables = [{ table = \"p\", when = \"b\" }, { table = \"p\" }]",
        &[
            "7: data-types.a.into.tables: number 2 is listed twice",
            "7: data-types.a.into.tables[0].when: compares what `route` names, and there is none",
        ],
    );
    check(
        "route = \"kind\"\ntables = [{ table = \"p\", version = \"v\" }, { table = \"q\", replace-by = \"p\" }]",
        &[
            "8: data-types.a.into.tables: none of them has `when`",
            "8: data-types.a.into.tables: table `p` has a `version`, but the rows of `q` have none",
        ],
    );
    check(
        "tables = [{}]",
        &["7: data-types.a.into.tables[0].table: is missing"],
    );
}

#[test]
fn the_shipped_example_of_information_is_valid() {
    let text = include_str!("../../../examples/information/settings.toml");
    let environment = |name: &str| match name {
        "KAFKA_BROKERS" => Some("127.0.0.1:9092".to_owned()),
        _ => Some("mysql://u@127.0.0.1/warehouse".to_owned()),
    };
    let settings = Settings::parse(
        text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    );
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let tables = |name: &str| {
        let into = settings.data_types[name].into.as_ref().unwrap();
        into.tables.len()
    };
    assert_eq!((tables("info"), tables("information")), (1, 4));
}
