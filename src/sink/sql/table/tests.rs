//! Tests of tables: keys, indexes in the way, fields without a column.

use super::*;

fn column(name: &str, absent: Absent) -> Column {
    Column {
        name: name.to_owned(),
        quoted: format!("`{name}`"),
        stored_type: ColumnType::Text,
        domain: Domain::ANYTHING,
        absent,
    }
}

fn index(primary: bool, columns: &[usize]) -> Index {
    Index {
        name: "i".to_owned(),
        primary,
        columns: Some(columns.to_vec()),
    }
}

fn table(indexes: Vec<Index>, declared: Option<&[&str]>) -> Result<Table, String> {
    let columns = vec![
        column("id", Absent::Counted),
        column("uid", Absent::Refused),
        column("name", Absent::Null),
        column("place", Absent::Default),
        column("hash", Absent::Computed),
    ];
    let declared: Option<Vec<String>> =
        declared.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
    let name = ("w.t".to_owned(), "`t`".to_owned());
    Table::new(name, columns, indexes, declared.as_deref())
}

#[test]
fn the_key_is_the_primary_key_or_a_declared_unique_index() {
    let both = || vec![index(true, &[0]), index(false, &[1])];
    assert_eq!(table(both(), None).expect("a key").key, [0]);
    assert_eq!(table(both(), Some(&["uid"])).expect("a key").key, [1]);
    let advice = table(both(), Some(&["name"])).expect_err("not unique");
    assert!(advice.contains("CREATE UNIQUE INDEX"), "{advice}");
    let advice = table(vec![], None).expect_err("no key at all");
    assert!(advice.contains("no primary key"), "{advice}");
}

#[test]
fn an_index_that_a_row_cannot_meet_redirects_nothing() {
    let indexes = vec![index(true, &[0]), index(false, &[1])];
    let by_uid = table(indexes.clone(), Some(&["uid"])).expect("a key");
    assert_eq!(by_uid.redirecting(&[1, 2]), None);
    assert!(by_uid.redirecting(&[0, 1, 2]).is_some());
    let wider = vec![index(true, &[1]), index(false, &[1, 2])];
    assert_eq!(
        table(wider, None).expect("a key").redirecting(&[1, 2]),
        None
    );
}

#[test]
fn an_index_on_a_default_redirects_even_what_does_not_name_it() {
    let indexes = vec![index(true, &[1]), index(false, &[3])];
    let table = table(indexes, None).expect("a key");
    assert!(table.redirecting(&[1, 2]).is_some());
}

#[test]
fn a_field_without_a_column_is_named_with_both_remedies() {
    let table = table(vec![index(true, &[1])], None).expect("a key");
    let advice = table.fit(["uid", "colour"], &[]).expect_err("no column");
    for part in ["`colour`", "w.t", "add the column", "drop = [\"colour\"]"] {
        assert!(advice.contains(part), "{advice}");
    }
    assert_eq!(table.fit(["uid", "colour"], &["colour".to_owned()]), Ok(()));
    let advice = table.fit(["uid", "Name"], &[]).expect_err("spelling");
    assert!(advice.contains("`name` is spelled"), "{advice}");
    assert_eq!(table.fit(["uid", "hash"], &[]), Ok(()), "it is left out");
    assert!(table.computed().eq(["hash"]));
    let advice = table.fit(["name"], &[]).expect_err("no key");
    assert!(advice.contains("no field `uid`"), "{advice}");
}
