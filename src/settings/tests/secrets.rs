//! Cases of secrets: where they come from, and that nothing ever tells them.

use std::ops::Range;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::cases::{environment, mistakes};
use crate::settings::*;

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("word"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("binary"), b"hunter2\xff").unwrap();
    std::fs::write(folder.path().join("large"), vec![b'x'; 70_000]).unwrap();
    let file = folder.path().join("settings.toml").display().to_string();
    let kafka = |secret: &str| {
        let text = format!(
            "[connections.k]\nkind = \"kafka\"\nbrokers = \"h:1\"\nusername = \"u\"\npassword = {secret}"
        );
        Settings::parse(&text, &file, &environment, &crate::app::command_scope)
    };
    let good = kafka("{ file = \"word\" }").unwrap();
    let Connection::Kafka(Kafka {
        login: Some(login), ..
    }) = &good.connections["k"]
    else {
        panic!("{good:?}")
    };
    assert_eq!(login.password.expose_secret(), "hunter2");
    for (secret, mistake) in [
        ("{ file = \"empty\" }", "password: this file is empty"),
        ("{ file = \"binary\" }", "it is not UTF-8 text"),
        ("{ file = \"large\" }", "it is larger than 64 KiB"),
        (
            "{ file = \"none\" }",
            "this file cannot be read: No such file",
        ),
        (
            "{ file = \"word\", mode = 1 }",
            "password.mode: unknown key",
        ),
        (
            "{ file = 5 }",
            "password.file: must be text in quotes, not a number",
        ),
        (
            "{ path = \"word\" }",
            "password: must be text in quotes, not a table",
        ),
    ] {
        let found = kafka(secret).unwrap_err();
        assert!(found.to_string().contains(mistake), "{found}");
        assert!(!found.report(Paint::Plain, 100).contains("hunter2"));
    }
}

#[test]
fn no_secret_is_told_wherever_it_stands() {
    for text in [
        "[connections.a]\nkind = \"mysql\"\nurl = \"postgres://root:hunter2@h/d\" # was hunter2",
        "[connections]\na = { kind = \"mysql\", url = \"mysql://root:hunter2@h\", x = 1 }",
        "[connections]\na = { kind = \"mysqqql\", url = \"hunter2\", password = \"hunter2\" }",
        "[connections.a]\nkind = \"kafka\"\npasword = \"hunter2\"",
        "[connections.a]\nkind = \"kafka\"\nbrokers = \"kafka://u:hunter2@h\"",
        "[connections.a]\nkind = \"kafka\"\nauth = { word = \"hunter2\" }",
        "[connections.a]\nkind = \"kafka\"\nauth = [\"hunter2\"]\npassword = [\"hunter2\"]",
        "[connections.a]\nkind = \"redis\"\nurl = \"redis://hunter2\" # redis://:hunter2@h\nbad = 1",
        "[connections.a]\nkind = \"redis\"\nurl = \"redis://u:hunter2\"\nurl = \"redis://u:hunter2\"",
        "[connections.a]\npassword = \"hunter2\npath = \"hunter2@x\"",
        "[connections.a]\npassword \"hunter2\"",
        "[connections.a]\npassword = hunter2",
        "[connections.a]\nkind = \"mongodb\"\nurl = \"\"\"mongodb://\nu:hunter2@h\"\"\"\nbad = 1",
        "[connections.a]\nurl = \"mongodb://h/?password=hunter2\"\nkind = \"sqlite\"",
        "[connections]\na = { kind = \"sqlite\" password = \"hunter2\" }",
        "[connections.a]\n[password = \"hunter2\"",
        "[connections.a]\npassword = \"\n[hunter2\"",
        "[connections.a] \"hunter2\"\nkind = 5",
        "[cursors]\nstore = { url = \"mysql://u:hunter2@h\" }",
        "[cursors]\nstore = \"mysql://u:hunter2@h\"",
        "[data-types.a]\ntopic = \"${SECRET}\"\nformat = \"${SECRET}\"\nbroker = \"${SECRET}\"",
    ] {
        let found = mistakes(text);
        let report = found.report(Paint::Plain, 200);
        assert!(!report.contains("hunter2"), "{text}\n{report}");
        assert!(!found.to_string().contains("hunter2"), "{text}\n{found}");
        assert!(!format!("{found:?}").contains("hunter2"), "{text}");
    }
}

/// Where each key of a file stands, and each value that is neither a table nor a list.
fn keys_and_values(text: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    fn gather(
        value: &Spanned<DeValue<'_>>,
        keys: &mut Vec<Range<usize>>,
        values: &mut Vec<Range<usize>>,
    ) {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (name, inner) in table.iter() {
                    keys.push(name.span());
                    gather(inner, keys, values);
                }
            }
            DeValue::Array(array) => array.iter().for_each(|it| gather(it, keys, values)),
            _ => values.push(value.span()),
        }
    }
    let table = DeTable::parse(text).unwrap().into_inner();
    let root = Spanned::new(0..text.len(), DeValue::Table(table));
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    gather(&root, &mut keys, &mut values);
    (keys, values)
}

/// How many mistakes `text` has; none of them shows the secret.
fn mistakes_without_the_secret(text: &str) -> usize {
    let environment = |name: &str| match name {
        "CRAWLER_URL" => Some("mongodb://h".to_owned()),
        "CACHE_URL" => Some("redis://h".to_owned()),
        _ => Some("hunter2".to_owned()),
    };
    let Err(found) = Settings::parse(
        text,
        "settings.toml",
        &environment,
        &crate::app::command_scope,
    ) else {
        return 0;
    };
    let reports = [
        found.report(Paint::Plain, 200),
        found.to_string(),
        format!("{found:?}"),
    ];
    for report in reports {
        assert!(!report.contains("hunter2"), "{text}\n{report}");
    }
    found.list.len()
}

#[test]
fn a_secret_is_shown_in_no_key_known_unknown_or_misspelled() {
    let text = super::shipped::everything_on();
    let (keys, values) = keys_and_values(&text);
    assert!(keys.len() > 200 && values.len() > 200);
    let mut reported = 0;
    for (index, value) in values.into_iter().enumerate() {
        let secret = ["'hunter2'", "'x hunter2 # y'", "\"${SECRET}\""][index % 3];
        let mut text = text.clone();
        text.replace_range(value, secret);
        text.push_str("\n[unknown]\nkey = 'hunter2' # hunter2");
        reported += mistakes_without_the_secret(&text);
    }
    // Every other key, one misspelled and one unknown, is enough of them.
    for (index, key) in keys.into_iter().step_by(2).enumerate() {
        let behind = text[key.end..]
            .find('\n')
            .map_or("", |at| &text[key.end + at..]);
        let misspelled = [&text[key.start..key.end - 1], "xyz"][index % 2];
        let before = &text[..key.start];
        let text = format!("{before}{misspelled} = 'hunter2' # hunter2{behind}");
        reported += mistakes_without_the_secret(&text);
    }
    assert!(reported > 300, "{reported} mistakes");
}

proptest! {
    /// Slips of the keyboard anywhere around secrets.
    #[test]
    fn no_slip_tells_a_secret(at in 0usize..400, put in "[\\[\\]{}\"'=.#,$ \n\t0-9a-z]{1,4}") {
        let mut text = concat!(
            "[connections.a]\nkind = \"kafka\"\nbrokers = [\"h:9092\"]\nusername = \"u\"\n",
            "password = \"hunter2\"\noptions = { \"ssl.key.password\" = \"hunter2\" }\n",
            "[connections]\nb = { kind = \"mysql\", url = \"mysql://root:hunter2@h/d\", pool = 0 }\n",
            "c = { url = 'redis://:hunter2@h', kind = 'redis' } # once redis://:hunter2@h\n",
            "[cursors]\nstore = \"b\"\n[retry]\nfirst = \"1s\"\n",
        )
        .to_owned();
        let at = (at..text.len()).find(|it| !within_secret(&text, *it)).unwrap_or(0);
        text.insert_str(at, &put);
        if let Err(found) = Settings::parse(&text, "settings.toml", &environment, &crate::app::command_scope) {
            let report = found.report(Paint::Plain, 200);
            prop_assert!(!report.contains("hunter2"), "{text}\n{report}");
            prop_assert!(!found.to_string().contains("hunter2"), "{text}\n{found}");
        }
    }
}

fn within_secret(text: &str, at: usize) -> bool {
    text.match_indices("hunter2")
        .any(|(start, _)| at > start && at < start + 7)
}
