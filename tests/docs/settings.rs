//! `toml` blocks: settings that the program takes.

use highwater::settings::Settings;

use crate::{block::Block, world::World};

/// Connections that parts of settings name.
const CONNECTIONS: [(&str, &str); 7] = [
    ("shop", "kind = \"mysql\"\nurl = \"mysql://127.0.0.1/shop\""),
    (
        "warehouse",
        "kind = \"mariadb\"\nurl = \"mysql://127.0.0.1/warehouse\"",
    ),
    (
        "archive",
        "kind = \"mysql\"\nurl = \"mysql://127.0.0.1/archive\"",
    ),
    ("files", "kind = \"sqlite\"\npath = \"files.db\""),
    (
        "crawler",
        "kind = \"mongodb\"\nurl = \"mongodb://127.0.0.1\"\ndatabase = \"spider\"",
    ),
    ("kafka", "kind = \"kafka\"\nbrokers = [\"127.0.0.1:9092\"]"),
    (
        "other-kafka",
        "kind = \"kafka\"\nbrokers = [\"127.0.0.1:9092\"]",
    ),
];

/// What tables cannot do without, where a part leaves it out; `*` is a name that people choose.
const NEEDED: [(&str, &[(&str, &str)]); 5] = [
    (
        "data-types.*",
        &[
            ("format", "\"json\""),
            ("topic", "\"topic\""),
            ("broker", "\"kafka\""),
            ("from", SOURCE),
        ],
    ),
    (
        "data-types.*.from",
        &[
            ("connection", "\"shop\""),
            ("table", "\"orders\""),
            ("incremental", "\"updated_at\""),
        ],
    ),
    (
        "data-types.*.into",
        &[("connection", "\"warehouse\""), ("table", "\"orders\"")],
    ),
    ("tasks.*", &[("from", SOURCE), ("into", TARGET)]),
    (
        "tasks.*.into",
        &[("connection", "\"archive\""), ("table", "\"orders\"")],
    ),
];
const SOURCE: &str = "{ connection = \"shop\", table = \"orders\", incremental = \"updated_at\" }";
const TARGET: &str = "{ connection = \"archive\", table = \"orders\" }";

/// Parses the block's settings, completed where the comment says that they are a part.
///
/// # Errors
/// Every mistake of them.
pub fn check(block: &Block, world: &World) -> Result<(), String> {
    let text = block.text();
    if let Some(part) = block.says("settings") {
        let whole = match part.strip_prefix("part of ") {
            Some(table) => complete(&format!("[{table}]\n{text}")),
            None if part == "part" => complete(&text),
            None => return Err(format!("`settings: {part}` is no rule")),
        };
        return parse(&whole, world).map_err(|it| format!("{it}\nof\n{whole}"));
    }
    let file = block.says("file").unwrap_or("settings.toml");
    world.write(file, &text)?;
    // A file whose mistakes the page shows is held by the command that shows them.
    if file.starts_with("wrong") {
        Ok(())
    } else {
        parse(&text, world)
    }
}

fn parse(text: &str, world: &World) -> Result<(), String> {
    let file = world.path().join("settings.toml");
    match Settings::parse(
        text,
        &file.display().to_string(),
        &environment,
        &highwater::app::command_scope,
    ) {
        Ok(_) => Ok(()),
        Err(mistakes) => Err(mistakes.lines().collect::<Vec<_>>().join("\n")),
    }
}

/// An address where the name says so, and a password else.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        name if name.contains("MONGODB_URL") || name == "CRAWLER_URL" => "mongodb://127.0.0.1",
        name if name.ends_with("_URL") => "mysql://127.0.0.1/database",
        name if name.ends_with("_BROKERS") => "127.0.0.1:9092",
        _ => "word",
    };
    // A URL with more behind it names its database itself.
    let value = if name.starts_with("HIGHWATER_TEST_MYSQL") {
        "mysql://127.0.0.1"
    } else {
        value
    };
    Some(value.to_owned())
}

/// A part with the connections that it does not have itself, and what its tables cannot do without.
fn complete(text: &str) -> String {
    let mut whole = String::new();
    for (name, keys) in CONNECTIONS {
        let heading = format!("[connections.{name}]");
        if !text.contains(&heading) {
            whole.push_str(&format!("{heading}\n{keys}\n"));
        }
    }
    let mut text = text.to_owned();
    for table in tables(&text) {
        let pattern = pattern(&table);
        let needed = NEEDED.iter().filter(|(of, _)| *of == pattern);
        let keys = needed.flat_map(|(_, keys)| *keys);
        let keys = keys.filter(|(key, _)| !has(&text, &table, key));
        let keys: String = keys
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        let heading = format!("[{table}]\n");
        if text.contains(&heading) {
            text = text.replacen(&heading, &format!("{heading}{keys}"), 1);
        } else {
            whole.push_str(&format!("{heading}{keys}"));
        }
    }
    whole + &text
}

/// Every table that a heading names, and those that it is in.
fn tables(text: &str) -> Vec<String> {
    let mut tables: Vec<String> = Vec::new();
    for heading in headings(text) {
        let parts: Vec<&str> = heading.split('.').collect();
        for length in 2..=parts.len() {
            let table = parts[..length].join(".");
            if !tables.contains(&table) && NEEDED.iter().any(|(of, _)| *of == pattern(&table)) {
                tables.push(table);
            }
        }
    }
    tables
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    let headings = text.lines().filter(|it| it.starts_with('['));
    headings.map(|it| it.split(']').next().unwrap_or(it).trim_start_matches('['))
}

/// The table with `*` for its second word.
fn pattern(table: &str) -> String {
    let word = |(index, word)| if index == 1 { "*" } else { word };
    let words: Vec<&str> = table.split('.').enumerate().map(word).collect();
    words.join(".")
}

/// Whether a key is written, or what stands for it is.
fn has(text: &str, table: &str, key: &str) -> bool {
    let others: &[&str] = match (key, pattern(table).as_str()) {
        ("from", "data-types.*") => &["from", "into"],
        ("table", _) => &["table", "tables", "collection"],
        _ => &[key],
    };
    others.iter().any(|key| {
        let inner = format!("{table}.{key}");
        let is_table = headings(text).any(|it| it == inner || it.starts_with(&format!("{inner}.")));
        is_table || keys(text, table).any(|it| it == *key)
    })
}

/// The keys below a table's own heading.
fn keys<'t>(text: &'t str, table: &str) -> impl Iterator<Item = &'t str> {
    let heading = format!("[{table}]");
    let below = text.lines().skip_while(move |it| *it != heading).skip(1);
    let own = below.take_while(|it| !it.starts_with('['));
    own.filter_map(|it| it.split_once(" = ").map(|(key, _)| key))
}

#[test]
fn a_part_is_completed_with_what_it_leaves_out() {
    let whole = complete("[data-types.a.into]\ntable = \"t\"\n");
    assert!(
        whole.contains("[data-types.a]\nformat = \"json\"\n"),
        "{whole}"
    );
    assert!(whole.contains("[data-types.a.into]\nconnection = \"warehouse\"\ntable = \"t\""));
    assert!(!whole.contains("from ="), "{whole}");
    parse(&whole, &World::new()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let wrong = complete("[data-types.a.into]\ntabel = \"t\"\n");
    assert!(parse(&wrong, &World::new()).is_err());
}
