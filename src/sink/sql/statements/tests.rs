//! What statements are for the two dialects.

use super::*;
use crate::{
    model::domain::Domain,
    sink::sql::table::{Absent, Index},
};

fn table(key: &[usize]) -> Table {
    let column = |name: &str| Column {
        name: name.to_owned(),
        quoted: format!("`{name}`"),
        stored_type: ColumnType::Text,
        domain: Domain::ANYTHING,
        absent: Absent::Null,
    };
    let primary = Index {
        name: "PRIMARY".to_owned(),
        primary: true,
        columns: Some(key.to_vec()),
    };
    let columns = ["id", "a", "b"].map(column).into();
    Table::new(
        ("t".to_owned(), "`t`".to_owned()),
        columns,
        vec![primary],
        None,
    )
    .expect("a key")
}

fn check(
    dialect: Dialect,
    statement_kind: StatementKind,
    key: &[usize],
    columns: &[usize],
    expected: &str,
) {
    let statements = Statements::new(dialect);
    let columns: Columns = columns.into();
    let rows = if statement_kind == StatementKind::Update {
        1
    } else {
        2
    };
    let text = statements.text(statement_kind, &table(key), &columns, rows);
    assert_eq!(&*text, expected);
    assert_eq!(
        statements.text(statement_kind, &table(key), &columns, rows),
        text
    );
}

#[test]
fn an_upsert_names_the_key_where_the_server_lets_it() {
    check(
        Dialect::Mysql,
        StatementKind::Upsert,
        &[0],
        &[0, 2],
        "INSERT INTO `t` (`id`,`b`) VALUES (?,?),(?,?) ON DUPLICATE KEY UPDATE `b`=VALUES(`b`)",
    );
    check(
        Dialect::Sqlite,
        StatementKind::Upsert,
        &[0, 1],
        &[0, 1, 2],
        "INSERT INTO `t` (`id`,`a`,`b`) VALUES (?,?,?),(?,?,?) ON CONFLICT(`id`,`a`) DO UPDATE SET `b`=excluded.`b`",
    );
}

#[test]
fn a_row_that_is_all_key_changes_nothing() {
    let start = "INSERT INTO `t` (`id`) VALUES (?),(?) ON ";
    let end = "DUPLICATE KEY UPDATE `id`=`id`";
    check(
        Dialect::Mysql,
        StatementKind::Upsert,
        &[0],
        &[0],
        &format!("{start}{end}"),
    );
    let end = "CONFLICT(`id`) DO NOTHING";
    check(
        Dialect::Sqlite,
        StatementKind::Upsert,
        &[0],
        &[0],
        &format!("{start}{end}"),
    );
    check(
        Dialect::Mysql,
        StatementKind::Update,
        &[0],
        &[0],
        "UPDATE `t` SET `id`=`id` WHERE `id`=?",
    );
}

#[test]
fn rows_are_changed_and_removed_by_the_whole_key() {
    check(
        Dialect::Mysql,
        StatementKind::Update,
        &[0, 1],
        &[0, 1, 2],
        "UPDATE `t` SET `b`=? WHERE `id`=? AND `a`=?",
    );
    check(
        Dialect::Mysql,
        StatementKind::Delete,
        &[0, 1],
        &[0, 1],
        "DELETE FROM `t` WHERE (`id`,`a`) IN ((?,?),(?,?))",
    );
    check(
        Dialect::Sqlite,
        StatementKind::Delete,
        &[0],
        &[0],
        "DELETE FROM `t` WHERE (`id`) IN (VALUES (?),(?))",
    );
}

#[test]
fn the_ladder_goes_down_by_powers_of_two() {
    assert_eq!([0, 1, 2, 3, 1000].map(step), [0, 1, 2, 2, 512]);
}
