//! The settings' cases: what is written, and every line of mistakes that it gives.

use std::path::PathBuf;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::settings::*;

/// Two connections of each side, as most cases need them.
pub(in crate::settings) const CONNECTIONS: &str = r#"
[connections]
crawler = { kind = "mongodb", url = "mongodb://h", database = "spider" }
shop = { kind = "mysql", url = "mysql://h/shop" }
warehouse = { kind = "mariadb", url = "mysql://h/warehouse" }
topics = { kind = "embedded", path = "topics.db" }
"#;

pub(in crate::settings) fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("db.example".to_owned()),
        "NUMBER" => Some("16".to_owned()),
        "EMPTY" => Some(String::new()),
        "SECRET" => Some("hunter2".to_owned()),
        "NESTED" => Some("${HOST}".to_owned()),
        _ => None,
    }
}

pub(in crate::settings) fn mistakes(text: &str) -> Mistakes {
    match Settings::parse(
        text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    ) {
        Ok(settings) => panic!("there is no mistake in {settings:?}"),
        Err(mistakes) => mistakes,
    }
}

/// `text` gives exactly these lines of mistakes, and neither they nor the report tell a secret.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = mistakes(text);
    let lines: Vec<String> = found.lines().collect();
    let cut = |it: &String| it.replace("settings.toml:", "");
    let lines: Vec<String> = lines.iter().map(cut).collect();
    assert_eq!(lines, expected, "\n{}", found.report(Paint::Plain, 100));
    for told in [
        found.report(Paint::Plain, 100),
        found.report(Paint::Colour, 40),
        format!("{found:?}"),
    ] {
        assert!(!told.contains("hunter2"), "a secret is told:\n{told}");
    }
}

/// As `check`, with the usual connections behind `text`, so that its lines count from 1.
#[track_caller]
pub(super) fn check_flow(text: &str, expected: &[&str]) {
    check(&format!("{text}\n{CONNECTIONS}"), expected);
}

fn settings(text: &str) -> Settings {
    Settings::parse(
        text,
        "folder/settings.toml",
        &environment,
        &crate::app::command_scope,
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn unknown_keys_name_the_nearest() {
    check_flow(
        "[data-types.a]\ntopik = \"t\"\n\nformat = \"json\"\nbananas = 1\n[data-types.a.from]\nconnection = \"crawler\"\ncolection = \"c\"\ncollection = \"c\"\nbatch = { row = 5 }\n[retrry]\n[jobs.t]",
        &[
            "2: data-types.a.topik: unknown key, did you mean `topic`?",
            "5: data-types.a.bananas: unknown key, known are format, json, messages, topic, older-cursors, from, broker, key, create-topic, max-in-flight, compression, partitioner, dead-letters, steps, into",
            "8: data-types.a.from.colection: unknown key, did you mean `collection`?",
            "10: data-types.a.from.batch.row: unknown key, did you mean `rows`?",
            "11: retrry: unknown key, did you mean `retry`?",
            "12: jobs: unknown key, known are connections, cursors, data-types, tasks, schedules, dead-letters, stop, retry, log",
        ],
    );
}

#[test]
fn connections_are_held_to_their_kind() {
    check(
        "[connections.a]\nkind = \"mysqll\"\n[connections.b]\nurl = \"mysql://h\"\n[connections.c]\nkind = \"mysql\"\nurl = \"postgres://h\"\ndatabase = \"d\"\n[connections.d]\nkind = \"sqlite\"\n[connections.file]\nkind = \"sqlite\"\npath = \"\"\n[connections.\"e/f\"]\nkind = 5",
        &[
            "2: connections.a.kind: this value is none of mongodb, mysql, mariadb, sqlite, kafka, embedded, did you mean `mysql`?",
            "3: connections.b.kind: is missing, add kind = \"mysql\"",
            "7: connections.c.url: must begin with mysql:// or mariadb://, for example url = \"mysql://user:${PASSWORD}@127.0.0.1:3306/database\"",
            "8: connections.c.database: unknown key, known are kind, url, pool, tls-ca",
            "9: connections.d.path: is missing, add path = \"runtime/data.db\"",
            "11: connections.file: `file` is what `[cursors] store` calls its folder, choose another name",
            "13: connections.file.path: must not be empty",
            "14: connections.\"e/f\": a name has letters, digits, `-`, `_` and `.` only",
            "15: connections.\"e/f\".kind: must be text in quotes, not a number",
        ],
    );
}

#[test]
fn references_lead_somewhere_that_fits() {
    check_flow(
        "[cursors]\nstore = \"topics\"\n[data-types.a]\nformat = \"json\"\ntopic = \"t\"\nbroker = \"shop\"\n[data-types.a.from]\nconnection = \"crawlr\"\ncollection = \"c\"\n[data-types.a.into]\nconnection = \"topics\"\ntable = \"t\"",
        &[
            "2: cursors.store: `topics` leads to embedded topics, which cannot be used as a cursor store, name a connection of kind mongodb, mysql, mariadb or sqlite",
            "6: data-types.a.broker: `shop` leads to MySQL, which cannot be used for topics, name a connection of kind kafka or embedded",
            "7: data-types.a.from.incremental: is missing, add incremental = \"update_time\"",
            "8: data-types.a.from.connection: this value is no connection, did you mean `crawler`?",
            "11: data-types.a.into.connection: `topics` leads to embedded topics, which cannot be used as a sink, name a connection of kind mongodb, mysql, mariadb or sqlite",
        ],
    );
}

#[test]
fn a_broker_is_needed_and_one_alone_need_not_be_named() {
    let flow = "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"w\", table = \"t\" }\n[connections]\nw = { kind = \"sqlite\", path = \"w.db\" }\n";
    check(
        flow,
        &[
            "1: data-types.a.broker: there is no connection that has topics, add a connection of kind kafka or embedded",
        ],
    );
    let one = format!("{flow}t1 = {{ kind = \"embedded\", path = \"1.db\" }}\n");
    assert_eq!(settings(&one).data_types["a"].broker, "t1");
    check(
        &format!("{one}t2 = {{ kind = \"embedded\", path = \"2.db\" }}\n"),
        &["1: data-types.a.broker: is missing, as there is more than one, it is one of t1, t2"],
    );
}

#[test]
fn values_are_of_their_type_and_in_range() {
    check_flow(
        "[stop]\nwithin = 30\n[retry]\nfirst = \"1 fortnight\"\nmax = \"0s\"\n[log]\nkeep-days = 0\nlevel = \"loud\"\n[data-types.a]\nformat = \"json\"\ntopic = \"a b\"\nmax-in-flight = \"8\"\ncreate-topic = { partitions = -1 }\n[data-types.a.into]\nconnection = \"warehouse\"\ntable = [\"t\"]\nkey = []\ncreate-table = \"yes\"\nbatch = { bytes = \"4M\", rows = 1.5, wait = \"${EMPTY}\" }\ndrop = [1]",
        &[
            "2: stop.within: must be text in quotes, not a number",
            "4: retry.first: this value is no duration above zero, write it as \"500ms\", \"10s\" or \"1h30m\"",
            "5: retry.max: this value is no duration above zero, write it as \"500ms\", \"10s\" or \"1h30m\"",
            "7: log.keep-days: this value is no whole number from 1 to 3650",
            "8: log.level: this value is none of error, warn, info, debug, trace",
            "11: data-types.a.topic: a topic name has the letters a to z, digits, `-`, `_` and `.` only",
            "12: data-types.a.max-in-flight: must be a whole number, written without quotes",
            "13: data-types.a.create-topic.replication: is missing, add replication = 1",
            "13: data-types.a.create-topic.partitions: this value is no whole number from 1 to 10000",
            "16: data-types.a.into.table: must be text in quotes, not a list",
            "17: data-types.a.into.key: must not be empty",
            "18: data-types.a.into.create-table: must be true or false, written without quotes",
            "19: data-types.a.into.batch.bytes: this value is no size from 1KiB to 1GiB, write it as \"512KiB\" or \"4MiB\"",
            "19: data-types.a.into.batch.rows: must be a whole number, not a number with a fraction",
            "19: data-types.a.into.batch.wait: is empty where it comes from",
            "20: data-types.a.into.drop[0]: must be text in quotes, not a number",
        ],
    );
}

#[test]
fn parts_of_a_data_type_have_to_agree() {
    check_flow(
        "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\n[data-types.b]\nformat = \"json\"\ntopic = \"t\"\ndead-letters = { topic = \"t\" }\nolder-cursors = \"old\"\nfrom = { connection = \"shop\", collection = \"c\", incremental = \"id\" }\ninto = { connection = \"shop\", table = \"c\", take-over = \"highwater.b\" }\n[data-types.c]\nformat = \"json\"\ntopic = \"t\"\nfrom = { connection = \"crawler\", table = \"t\", key = \"_id\" }\n[retry]\nfirst = \"1m\"",
        &[
            "1: data-types.a: has neither `from` nor `into`: there is nothing to do, add `from` to produce, `into` to consume, or both",
            "7: data-types.b.dead-letters.topic: dead letters would go to the topic that they come from",
            "8: data-types.b.older-cursors: older cursors are those of MongoDB read by `_id`",
            "9: data-types.b.from.collection: this connection has no collections, write `table`",
            "10: data-types.b.into.take-over: is this sink's own group, not an older system's",
            "14: data-types.c.from.table: this connection has no tables, write `collection`",
            "14: data-types.c.from.key: of a collection, `key` says which fields `_id` is made of, leave it out: `_id` is the key",
            "16: retry.first: the first wait is longer than `max`",
        ],
    );
}

#[test]
fn choices_of_json_are_for_its_format_and_agree() {
    check_flow(
        "[data-types.a]\nformat = \"protobuf\"\ntopic = \"t\"\njson = { documents = \"plain\" }\ninto = { connection = \"shop\", table = \"c\" }\n[data-types.b]\nformat = \"json\"\ntopic = \"t\"\njson = { documents = \"canonical\", decimals = \"number\" }\nfrom = { connection = \"shop\", table = \"c\", incremental = \"id\" }",
        &[
            "4: data-types.a.json: is for the format `json` alone",
            "9: data-types.b.json: extended JSON has the types of MongoDB alone",
            "9: data-types.b.json.decimals: extended JSON says itself how this is written",
        ],
    );
}

#[test]
fn what_texts_stand_for_is_for_mysql_and_mariadb() {
    check_flow(
        "[connections.small]\nkind = \"sqlite\"\npath = \"a.db\"\n[data-types.a]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"small\", table = \"c\", binary = \"base64\" }\n[data-types.b]\nformat = \"json\"\ntopic = \"t\"\ninto = { connection = \"shop\", table = \"c\", binary = \"octal\", json-text = \"value\" }",
        &[
            "7: data-types.a.into.binary: is for columns of MySQL and MariaDB: others keep texts as they are",
            "11: data-types.b.into.binary: this value is none of plain, base64, hex",
        ],
    );
}

#[test]
fn kafka_is_told_only_what_is_not_highwaters_own() {
    check(
        "[connections.k]\nkind = \"kafka\"\nbrokers = \"h:9092,nowhere\"\nusername = \"u\"\ntls = false\ntls-ca = \"ca.pem\"\nmechanism = \"scram-sha-512\"\n[connections.k.options]\n\"enable.idempotence\" = \"hunter2\"\n\"group.id\" = \"hunter2\"\n\"sasl.jaas\" = 5",
        &[
            "1: connections.k.password: is missing, `username` has no effect without it",
            "3: connections.k.brokers: this value is not host:port",
            "6: connections.k.tls-ca: has no effect unless `tls = true`",
            "7: connections.k.mechanism: this value is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, did you mean `SCRAM-SHA-512`?",
            "9: connections.k.options: `enable.idempotence` is not for settings: Highwater sets it itself, leave it out: that nothing is lost rests on it",
            "10: connections.k.options: `group.id` is not for settings: Highwater sets it itself, use `group`",
            "11: connections.k.options.\"sasl.jaas\": must be text in quotes, not a number",
        ],
    );
}

#[test]
fn values_come_from_the_environment() {
    let settings = settings(
        "[connections.a]\nkind = \"mysql\"\nurl = \"mysql://u:${SECRET}@${HOST}/d\"\npool = \"${NUMBER}\"\n[connections.b]\nkind = \"sqlite\"\npath = \"$${HOST}${NESTED}\"\n",
    );
    let Connection::Mysql(mysql) = &settings.connections["a"] else {
        panic!("{settings:?}")
    };
    assert_eq!(mysql.url.expose_secret(), "mysql://u:hunter2@db.example/d");
    assert_eq!(mysql.pool, 16);
    assert!(!format!("{settings:?}").contains("hunter2"));
    // What a variable holds is taken as it is.
    assert!(matches!(
        &settings.connections["b"],
        Connection::Sqlite { path } if path == Path::new("folder/${HOST}${HOST}")
    ));
}

#[test]
fn what_the_environment_lacks_is_named() {
    check(
        "[connections.a]\nkind = \"mysql\"\nurl = \"mysql://:${NOT_SET}@h\"\n[connections.b]\nkind = \"sqlite\"\npath = \"${EMPTY}\"\n[log]\nfolder = \"${HOST\"\nkeep-days = \"${SECRET}\"\nlevel = \"${SECRET}\"",
        &[
            "3: connections.a.url: environment variable `NOT_SET` is not set, set it: export NOT_SET=…",
            "6: connections.b.path: is empty where it comes from",
            "8: log.folder: `${` is not followed by a variable's name and `}`, write `${NAME}`, or `$${` for these very characters",
            "9: log.keep-days: this value is no whole number from 1 to 3650",
            "10: log.level: this value is none of error, warn, info, debug, trace",
        ],
    );
}

#[test]
fn broken_syntax_is_told_with_its_line_and_the_rest_beside_it() {
    check(
        "[stop]\nwithin = 30s\n[retry]\nfirst = \nlast = \"1s\"\n[log]\nlevel = \"debug",
        &[
            "2: string values must be quoted, expected literal string",
            "4: string values must be quoted, expected literal string",
            "5: retry.last: unknown key, known are first, max, give-up-after",
            "7: invalid basic string, expected `\"`",
        ],
    );
    // Behind a broken heading nothing is known to be where it seems.
    check(
        "[stop\nwithin = \"30s\"\nbananas = 1",
        &["1: unclosed table, expected `]`"],
    );
    check(
        "[stop]\nwithin = \"1s\"\nwithin = \"2s\"",
        &["3: duplicate key"],
    );
}

#[test]
fn a_report_underlines_every_place() {
    let found = mistakes(
        "[cursors]\nstor = \"file\"\n\n[connections.a]\nkind = \"mysql\"\nurl = \"postgres://root:hunter2@h/d\"\n",
    );
    let expected = r#"settings.toml has 2 mistakes

  × cursors.stor
   ╭─[settings.toml:2:1]
 2 │ stor = …
   · ──┬─
   ·   ╰── unknown key
   ╰────
  help: did you mean `store`?

  × connections.a.url
   ╭─[settings.toml:6:7]
 6 │ url = …
   ·       ┬
   ·       ╰── must begin with mysql:// or mariadb://
   ╰────
  help: for example url = "mysql://user:${PASSWORD}@127.0.0.1:3306/database"
"#;
    assert_eq!(found.report(Paint::Plain, 100), expected);
}

#[test]
fn an_empty_file_is_all_defaults_and_a_missing_one_says_what_to_do() {
    let empty = settings("");
    assert_eq!(
        empty.cursors,
        Cursors::File {
            folder: PathBuf::from("folder/cursors")
        }
    );
    let missing = load(
        Path::new("no/such/settings.toml"),
        &|_| None,
        &crate::app::command_scope,
    )
    .unwrap_err();
    let line = missing.to_string();
    assert!(
        line.starts_with("no/such/settings.toml: cannot be read: No such file"),
        "{line}"
    );
    assert!(
        missing
            .report(Paint::Plain, 100)
            .contains("--settings FILE")
    );
}

#[test]
fn the_command_line_chooses_data_types() {
    let text = format!(
        "[data-types.a]\nformat = \"json\"\ntopic = \"t\"\ninto = {{ connection = \"shop\", table = \"t\" }}\n[data-types.b]\nformat = \"json\"\ntopic = \"u\"\ninto = {{ connection = \"shop\", table = \"t\" }}\n{CONNECTIONS}"
    );
    let settings = settings(&text);
    let chosen = |data_type, topic| {
        let chosen = settings
            .select(data_type, topic)
            .map_err(|it| it.to_string())?;
        let pairs = chosen
            .into_iter()
            .map(|it| format!("{} on {}", it.name, it.topic));
        Ok::<_, String>(pairs.collect::<Vec<_>>().join(", "))
    };
    assert_eq!(chosen(None, None).unwrap(), "a on t, b on u");
    assert_eq!(chosen(Some("a"), Some("x")).unwrap(), "a on x");
    assert_eq!(chosen(None, Some("u")).unwrap(), "b on u");
    assert_eq!(
        chosen(Some("c"), None).unwrap_err(),
        "there is no data type `c` in the settings: known are a, b"
    );
    assert!(
        chosen(None, Some("other"))
            .unwrap_err()
            .contains("known are t, u")
    );
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,200}") {
        if let Err(found) = Settings::parse(&text, "settings.toml", &environment, &crate::app::command_scope) {
            prop_assert!(!found.report(Paint::Plain, 80).is_empty());
        }
    }

    /// The shipped file with bytes cut out and put in: nearly right is where readers break.
    #[test]
    fn no_damage_makes_reading_panic(
        from in 0usize..7000,
        length in 0usize..40,
        put in "[\\[\\]{}\"'=.#$ \n\t0-9a-zé]{0,12}",
    ) {
        let mut text: Vec<char> = include_str!("../../../settings.toml").chars().collect();
        let start = from.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, put.chars());
        let text: String = text.into_iter().collect();
        if let Err(found) = Settings::parse(&text, "settings.toml", &environment, &crate::app::command_scope) {
            prop_assert!(!found.report(Paint::Plain, 80).is_empty());
            prop_assert!(found.lines().all(|it| it.starts_with("settings.toml")));
        }
    }
}
