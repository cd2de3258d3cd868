//! Columns as they are compared and read.

use super::*;

fn column(name: &str, is_nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        quoted: format!("`{name}`"),
        unpack: Unpack::Signed,
        is_nullable,
        row: (
            name.to_owned(),
            "int".into(),
            "int".into(),
            is_nullable,
            None,
            None,
            None,
            None,
        ),
    }
}

#[test]
fn a_text_is_compared_in_its_own_collation() {
    let mut text = column("name", false);
    text.unpack = Unpack::Text;
    text.row.4 = Some("latin1".into());
    text.row.5 = Some("latin1_swedish_ci".into());
    let found = key_column(&text).expect("text has an order");
    assert_eq!(
        found.placeholder,
        "CONVERT(? USING latin1) COLLATE latin1_swedish_ci"
    );
    text.row.1 = "longtext".into();
    assert!(key_column(&text).is_err_and(|it| it.contains("longtext")));
    text.unpack = Unpack::Json;
    assert!(key_column(&text).is_err_and(|it| it.contains("choose another")));
}

#[test]
fn a_member_is_compared_by_its_number() {
    let mut column = column("state", false);
    column.unpack = Unpack::Enum;
    column.row.2 = "enum('b','a')".to_owned();
    let found = key_column(&column).expect("members have an order");
    assert_eq!(
        (found.kind, &found.placeholder[..]),
        (Some(ValueKind::Member), "?")
    );
    assert_eq!(found.members.and_then(|it| it.number("a")), Some(2));
    column.row.2 = "enum('','a')".to_owned();
    assert!(key_column(&column).is_err_and(|it| it.contains("has no text")));
}
