//! Cases of secrets: where they come from, and that nothing ever tells them.

use proptest::prelude::*;
use secrecy::ExposeSecret;

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
        ("{ file = \"empty\" }", "password: file `empty` is empty"),
        ("{ file = \"binary\" }", "it is not UTF-8 text"),
        ("{ file = \"large\" }", "it is larger than 64 KiB"),
        (
            "{ file = \"none\" }",
            "file `none` cannot be read: No such file",
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
