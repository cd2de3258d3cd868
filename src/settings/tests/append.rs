//! The settings' cases of tables whose rows are only added.

use super::cases::mistakes;
use crate::settings::{OnDelete, OnKnown, Settings};

fn flow(more: &str) -> String {
    format!(
        r#"
[connections]
local = {{ kind = "sqlite", path = "a.db" }}
topics = {{ kind = "embedded", path = "topics.db" }}
[data-types.x]
format = "json"
topic = "x"
broker = "topics"
into = {{ connection = "local", table = "t", append = "highwater_id"{more} }}
"#
    )
}

#[test]
fn rows_are_found_by_the_identity_and_stay() {
    let settings = Settings::parse(
        &flow(""),
        "settings.toml",
        &|_| None,
        &crate::app::command_scope,
    );
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let into = settings.data_types["x"].into.clone().expect("it is read");
    let table = into.only().expect("one table");
    assert_eq!(into.append(), Some("highwater_id"));
    assert_eq!(table.key, ["highwater_id"]);
    assert_eq!(
        (table.on_known, table.on_delete),
        (OnKnown::Ignore, OnDelete::Ignore)
    );
}

#[test]
fn what_would_change_a_row_is_refused() {
    for more in [
        r#", key = ["id"]"#,
        r#", version = "at""#,
        r#", on-known = "update""#,
        r#", on-delete = "delete""#,
    ] {
        let found: Vec<String> = mistakes(&flow(more)).lines().collect();
        assert!(
            found.len() == 1 && found[0].contains("`append`"),
            "{more}: {found:?}"
        );
    }
    let refused = flow(r#", on-delete = "refuse""#);
    assert!(
        Settings::parse(
            &refused,
            "settings.toml",
            &|_| None,
            &crate::app::command_scope
        )
        .is_ok()
    );
}
