//! The settings' cases of schemas: what is read, and what is told of a schema that is wrong.

use std::fs;

use crate::settings::{MessageBy, Settings};

const KPM: &str = include_str!("../../../proto/kpm.proto");

const CONNECTIONS: &str = r#"
[connections]
shop = { kind = "mysql", url = "mysql://h/shop" }
topics = { kind = "embedded", path = "topics.db" }
"#;

/// Settings of these `messages`, and the given files beside them.
fn parse(files: &[(&str, &str)], messages: &str, more: &str) -> Result<Settings, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let text = format!(
        "[data-types.x]\nformat = \"protobuf\"\ntopic = \"x\"\nmessages = {{ {messages} }}\n{more}\n{CONNECTIONS}"
    );
    let file = folder.path().join("settings.toml").display().to_string();
    Settings::parse(&text, &file, &|_| None, &crate::app::command_scope).map_err(|mistakes| {
        let cut = |it: String| it.replace(&format!("{file}:"), "");
        mistakes.lines().map(cut).collect()
    })
}

const INTO: &str = r#"into = { connection = "shop", table = "t" }"#;

#[track_caller]
fn mistakes(files: &[(&str, &str)], messages: &str, more: &str, expected: &[&str]) {
    let found = parse(files, messages, more).unwrap_err();
    assert_eq!(found, expected);
}

#[test]
fn a_schema_is_compiled_with_what_it_imports() {
    let files = [
        (
            "proto/shop/order.proto",
            "syntax = \"proto3\";\npackage shop;\nimport \"shop/item.proto\";\nimport \"google/protobuf/timestamp.proto\";\nmessage Order { Item item = 1; google.protobuf.Timestamp at = 2; }",
        ),
        (
            "proto/shop/item.proto",
            "syntax = \"proto3\";\npackage shop;\nmessage Item { string name = 1; }",
        ),
    ];
    let messages = r#"file = "proto/shop/order.proto", folder = "proto", message = "shop.Order""#;
    let settings = parse(&files, messages, INTO).unwrap();
    let read = settings.data_types["x"].messages.clone().unwrap();
    assert_eq!(read.by, MessageBy::Nothing);
    assert_eq!(read.types, [(String::new(), "shop.Order".to_owned())]);
    // A compiled set is the same.
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("shop.binpb");
    fs::write(&set, &read.set).unwrap();
    let messages = format!(
        "file = {:?}, message = \"shop.Order\"",
        set.display().to_string()
    );
    let again = parse(&[], &messages, INTO).unwrap();
    assert_eq!(again.data_types["x"].messages.as_ref(), Some(&read));
}

#[test]
fn types_are_told_apart_by_key_topic_or_header() {
    for (by, expected) in [
        (r#"by = "key""#, MessageBy::Key),
        (r#"by = "topic""#, MessageBy::Topic),
        (
            r#"by = "header", header = "kind""#,
            MessageBy::Header("kind".to_owned()),
        ),
    ] {
        let messages = format!(
            r#"file = "kpm.proto", {by}, types = {{ user = "User", blog = "Blog" }}, ignore = ["comment"], field = "type""#
        );
        let settings = parse(&[("kpm.proto", KPM)], &messages, INTO).unwrap();
        let read = settings.data_types["x"].messages.clone().unwrap();
        assert_eq!(read.by, expected);
        assert_eq!(read.types.len(), 2);
        assert_eq!(
            (read.pass, read.field),
            (vec!["comment".to_owned()], Some("type".to_owned()))
        );
    }
}

#[test]
fn every_mistake_of_a_schema_is_told_with_its_file_and_line() {
    let wrong = "syntax = \"proto3\";\nmessage A {\n  Missing a = 1;\n  int32 b = 1;\n}\nmessage B { Gone c = 1; }";
    let found = parse(
        &[("a.proto", wrong)],
        r#"file = "a.proto", message = "A""#,
        INTO,
    );
    let found = found.unwrap_err();
    for said in ["a.proto:3:3: ", "'Missing'", "a.proto:6:13: ", "'Gone'"] {
        assert!(
            found.iter().any(|it| it.contains(said)),
            "{said}: {found:#?}"
        );
    }
    assert!(
        found
            .iter()
            .all(|it| it.starts_with("4: data-types.x.messages.file: ")),
        "{found:#?}"
    );
    let torn = "syntax = \"proto3\";\nmessage A {\n  int32 = 1;\n}";
    mistakes(
        &[("a.proto", torn)],
        r#"file = "a.proto", message = "A""#,
        INTO,
        &["4: data-types.x.messages.file: a.proto:3:9: expected an identifier, but found '='"],
    );
    let orphan = "syntax = \"proto3\";\n\nimport \"b.proto\";";
    mistakes(
        &[("a.proto", orphan)],
        r#"file = "a.proto", message = "A""#,
        INTO,
        &["4: data-types.x.messages.file: a.proto:3:1: import 'b.proto' not found"],
    );
}

#[test]
fn a_file_that_is_no_schema_is_told() {
    mistakes(
        &[("a.pb", "\u{1}no descriptors")],
        r#"file = "a.pb", message = "A""#,
        INTO,
        &[
            "4: data-types.x.messages.file: `a.pb` is no set of descriptors: failed to decode file descriptor set, a schema in text ends in `.proto`",
        ],
    );
}

#[test]
fn types_that_the_schema_lacks_are_told_all_at_once() {
    mistakes(
        &[("kpm.proto", KPM)],
        r#"file = "kpm.proto", by = "key", types = { user = "Usr", blog = "Magazine" }"#,
        INTO,
        &[
            "4: data-types.x.messages.types.user: `Usr` is no message of the schema, did you mean `User`?",
            "4: data-types.x.messages.types.blog: `Magazine` is no message of the schema, its messages are User, Blog, Comment",
        ],
    );
}

#[test]
fn what_does_not_go_together_is_told() {
    let files = [("kpm.proto", KPM)];
    let from = r#"from = { connection = "shop", table = "t", incremental = "a" }"#;
    for (messages, more, said) in [
        (r#"message = "User""#, INTO, "messages.file: is missing"),
        (
            r#"file = "kpm.proto""#,
            INTO,
            "messages: says neither `message` nor `types`",
        ),
        (
            r#"file = "kpm.proto", types = { a = "User" }"#,
            INTO,
            "messages.by: is missing",
        ),
        (
            r#"file = "kpm.proto", by = "kee", types = { a = "User" }"#,
            INTO,
            "did you mean `key`?",
        ),
        (
            r#"file = "kpm.proto", by = "header", types = { a = "User" }"#,
            INTO,
            "messages.header: is missing",
        ),
        (
            r#"file = "kpm.proto", by = "key", header = "h", types = { a = "User" }"#,
            INTO,
            "alone",
        ),
        (
            r#"file = "kpm.proto", by = "key", types = {}"#,
            INTO,
            "messages.types: must not be empty",
        ),
        (
            r#"file = "kpm.proto", by = "key", types = { a = "User" }, ignore = ["a"]"#,
            INTO,
            "is one of the types",
        ),
        (
            r#"file = "kpm.proto", by = "key", types = { a = "User" }, field = "name""#,
            INTO,
            "is a field of `User` already",
        ),
        (
            r#"file = "kpm.proto", message = "User", by = "key""#,
            INTO,
            "is not for messages of one type",
        ),
        (
            r#"file = "kpm.proto", message = "User", field = "f""#,
            INTO,
            "is for messages of several types",
        ),
        (
            r#"file = "gone.proto", message = "User""#,
            INTO,
            "`gone.proto` cannot be read",
        ),
        (
            r#"file = "kpm.proto", folder = "elsewhere", message = "User""#,
            INTO,
            "is not below this folder",
        ),
        (
            r#"file = "kpm.proto", by = "key", types = { a = "User", b = "Blog" }"#,
            from,
            "messages.field: is missing",
        ),
        (
            r#"file = "kpm.proto", by = "key", types = { a = "User" } }
key = "primary"
json = { decimals = "string""#,
            INTO,
            "the word of the type",
        ),
    ] {
        let found = parse(&files, messages, more).unwrap_err();
        assert!(
            found.iter().any(|it| it.contains(said)),
            "{said}: {found:#?}"
        );
    }
}
