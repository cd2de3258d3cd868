//! Names in a settings file that are too long, or that their system does not allow.

use super::cases::{CONNECTIONS, mistakes};

const FILE: &str = "\n[connections.local]\nkind = \"sqlite\"\npath = \"a.db\"\n";

/// The mistakes of `text`, each without its file and line.
fn said(text: &str) -> Vec<String> {
    let found = mistakes(&format!("{text}\n{CONNECTIONS}{FILE}"));
    let found = found.lines();
    let cut = |it: String| {
        it.splitn(3, ':')
            .nth(2)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    found.map(|it| cut(it.to_string())).collect()
}

/// What is wrong with a table's name that stands in `record_origin`, where all else is right.
#[track_caller]
fn refused(record_origin: &str, connection: &str, name: &str) -> String {
    let key = match connection {
        "crawler" => "collection",
        _ => "table",
    };
    // TOML has no escape of its own for a zero byte.
    let name = format!("{name:?}").replace("\\0", "\\u0000");
    let table = format!("{{ connection = \"{connection}\", {key} = {name}");
    let (from, into) = (
        "from = { connection = \"shop\", table = \"t\" }\n",
        "into = { connection = \"shop\", table = \"u\" }\n",
    );
    let text = match record_origin {
        "from" => format!("[tasks.a]\nfrom = {table} }}\n{into}"),
        "into" => format!("[tasks.a]\n{from}into = {table} }}\n"),
        "tables" => format!(
            "[tasks.a]\n{from}[tasks.a.into]\nconnection = \"{connection}\"\n[[tasks.a.into.tables]]\n{key} = {name}\n"
        ),
        "steps" => format!(
            "[tasks.a]\n{from}{into}[[tasks.a.steps]]\nlookup = \"i\"\nby = \"l\"\nconnection = \"{connection}\"\ntable = {name}\nkey = \"k\"\nvalue = \"v\"\n"
        ),
        _ => format!("[tasks.a]\n{from}{into}dead-letters = {table} }}\n"),
    };
    let said = said(&text);
    let [only] = &said[..] else {
        panic!("{record_origin} {connection} {name}: {said:#?}");
    };
    only.clone()
}

#[test]
fn a_table_that_its_system_cannot_have_is_a_mistake_wherever_it_is_named() {
    let long = "t".repeat(65);
    for record_origin in ["from", "into", "tables", "steps", "dead-letters"] {
        for connection in ["shop", "warehouse"] {
            let said = refused(record_origin, connection, &long);
            assert!(said.contains("longer than the 64 characters"), "{said}");
            assert!(
                said.contains(record_origin) && said.contains("table: "),
                "{said}"
            );
        }
        let said = refused(record_origin, "local", "a\0b");
        assert!(said.contains("zero byte"), "{said}");
    }
    // SQLite would take it; the file for what the table does not take would not.
    let said = refused("dead-letters", "local", &"t".repeat(244));
    assert!(said.contains("has 250 characters"), "{said}");
}

#[test]
fn each_system_says_what_it_does_not_allow_in_a_name() {
    let long = "t".repeat(250);
    for (connection, name, why) in [
        ("shop", "a.b.c", "in several ways"),
        ("shop", "shop.", "it is empty"),
        ("shop", "`a", "that none ends"),
        ("shop", "orders ", "ends with a blank"),
        ("shop", "shop .orders", "ends with a blank"),
        ("shop", "orders\t", "ends with a blank"),
        ("warehouse", "orders\0", "zero byte"),
        ("warehouse", "orders😀", "such as an emoji"),
        ("local", "SQLite_orders", "keeps for itself"),
        ("crawler", "a$b", "holds a dollar"),
        ("crawler", "a\0b", "zero byte"),
        ("crawler", ".a", "begins with a dot"),
        ("crawler", "system.users", "keeps for itself"),
        ("crawler", &long, "longer than the 248 bytes"),
    ] {
        let said = refused("into", connection, name);
        assert!(said.contains(why), "{said}");
        assert!(said.starts_with("tasks.a.into."), "{said}");
    }
}

#[test]
fn a_name_of_the_longest_kind_is_none() {
    let of = |mysql: &str, file: &str, mongodb: &str| {
        format!(
            "[tasks.a]\nfrom = {{ connection = \"shop\", table = {mysql:?} }}\ninto = {{ connection = \"local\", table = {file:?} }}\n[tasks.b]\nfrom = {{ connection = \"local\", table = \"sqlite_schema\" }}\ninto = {{ connection = \"crawler\", collection = {mongodb:?} }}\n[tasks.c]\nfrom = {{ connection = \"crawler\", collection = \"system.profile\" }}\ninto = {{ connection = \"shop\", table = \"t\" }}\n"
        )
    };
    let part = "表".repeat(64);
    // A table that is looked into is named by itself: a dot is of its name.
    let lookup = "[[tasks.c.steps]]\nlookup = \"i\"\nby = \"l\"\nconnection = \"shop\"\ntable = \"a.b.c\"\nkey = \"k\"\nvalue = \"v\"\n";
    let text = of(
        &format!("{part}.{part}"),
        &"t".repeat(300),
        &"t".repeat(248),
    );
    let text = format!("{text}{lookup}\n{CONNECTIONS}{FILE}");
    let read = crate::settings::Settings::parse(
        &text,
        "settings.toml",
        &super::cases::environment,
        &crate::app::command_scope,
    );
    read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
}

#[test]
fn a_name_that_files_and_columns_are_called_after_has_a_longest_length() {
    let ends = "from = { connection = \"shop\", table = \"t\" }\ninto = { connection = \"shop\", table = \"u\" }";
    let name = "n".repeat(201);
    assert_eq!(
        said(&format!("[tasks.{name}]\n{ends}\n")),
        [format!(
            "tasks.{name}: is longer than 200 bytes, shorten the name: files, topics and columns are called after it"
        )]
    );
}

#[test]
fn a_topic_that_leaves_no_room_for_that_of_its_dead_letters_is_a_mistake_unless_it_is_named() {
    let of = |length: usize, dead_letters: &str| {
        let topic = "t".repeat(length);
        format!(
            "[data-types.a]\nformat = \"json\"\ntopic = \"{topic}\"\ninto = {{ connection = \"shop\", table = \"t\" }}\n{dead_letters}"
        )
    };
    for length in [237, 249] {
        let said = said(&of(length, ""));
        let [said] = &said[..] else {
            panic!("{said:#?}");
        };
        for part in ["data-types.a.dead-letters.topic: ", "249", "add topic = "] {
            assert!(said.contains(part), "{said}");
        }
    }
    let table = "dead-letters = { connection = \"shop\", table = \"l\" }\n";
    for right in [
        of(236, ""),
        of(249, "dead-letters = { topic = \"d\" }\n"),
        of(249, table),
    ] {
        let right = format!("{right}{CONNECTIONS}");
        let read = crate::settings::Settings::parse(
            &right,
            "settings.toml",
            &super::cases::environment,
            &crate::app::command_scope,
        );
        read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}
