//! Keys that differ, and that the collation of the target's column takes for equal.

use highwater::{
    connect::{
        mysql::MysqlConnection,
        sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    },
    model::{IndexPart, Op, TableIndex, Value},
    sink::{
        KeyMatch, OnKnown, RowRules, Sink, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};
use sqlx::{Executor, raw_sql};

use super::sinks::{
    Written, advance, database, drop_database, on_both_servers, read, records, run,
};

on_both_servers!(
    a_row_never_takes_the_place_of_another_key,
    two_new_keys_of_one_statement_are_told_apart,
    a_deletion_removes_its_own_key_alone,
    the_rows_of_another_parent_stay,
    by_collation_the_row_takes_the_new_spelling,
    the_source_says_whether_its_keys_fold_alike,
);

/// Column types, and pairs of keys that each takes for equal.
const PAIRS: &[(&str, &str, &str)] = &[
    ("VARCHAR(9)", "a", "A"),
    ("VARCHAR(9) COLLATE utf8mb4_general_ci", "e", "é"),
    ("VARCHAR(9) COLLATE utf8mb4_unicode_ci", "ss", "ß"),
    ("VARCHAR(9) COLLATE utf8mb4_bin", "a", "a "),
    ("VARCHAR(9) CHARACTER SET latin1", "é", "É"),
    ("VARCHAR(9) CHARACTER SET utf16", "王a", "王A"),
];

fn named(rules: RowRules) -> MysqlSinkSettings {
    MysqlSinkSettings {
        key: Some(vec!["k".to_owned()]),
        rules,
        ..MysqlSinkSettings::new("t")
    }
}

fn sink(connection: &MysqlConnection, rules: RowRules) -> MysqlSink {
    MysqlSink::open(connection.clone(), named(rules)).expect("named")
}

fn collation() -> RowRules {
    RowRules {
        key_match: KeyMatch::Collation,
        ..RowRules::default()
    }
}

fn row<'v>(key: &'v str, number: i64) -> [(&'static str, Value<'v>); 2] {
    [("k", Value::String(key)), ("n", Value::I64(number))]
}

async fn upsert(sink: &dyn Sink, rows: &[(&str, i64)], from: Option<i64>) -> Result<(), SinkError> {
    let rows: Vec<_> = rows.iter().map(|(key, number)| row(key, *number)).collect();
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    let to = from.unwrap_or(0) + 1;
    sink.write(&records(&rows), (&advance(from, to)).into())
        .await
}

/// The records that were refused, each with what was said.
fn refused(written: Result<(), SinkError>) -> Vec<(u32, String)> {
    match written {
        Err(SinkError::Rows { faults, .. }) => {
            let said = faults.iter().map(|it| (it.origin, it.cause.to_string()));
            said.collect()
        }
        other => panic!("rows are refused: {other:?}"),
    }
}

async fn make(connection: &MysqlConnection, key: &str) {
    run(
        connection,
        &format!("DROP TABLE IF EXISTS t; CREATE TABLE t (k {key} NOT NULL, n INT, PRIMARY KEY (k)) DEFAULT CHARSET utf8mb4"),
    )
    .await;
}

async fn rows(connection: &MysqlConnection) -> Vec<String> {
    let query = "SELECT CONCAT(CONVERT(k USING utf8mb4), '=', n) FROM t ORDER BY n";
    read(connection, query).await
}

async fn a_row_never_takes_the_place_of_another_key(connection: &MysqlConnection) {
    let (mut from, policies) = (None, [OnKnown::Update, OnKnown::Ignore]);
    for (kind, one, other) in PAIRS {
        for on_known in policies {
            make(connection, kind).await;
            let rules = RowRules {
                on_known,
                ..RowRules::default()
            };
            let sink = sink(connection, rules);
            let first = upsert(&sink, &[(one, 1)], from).await;
            first.expect("there is no other row");
            let next = Some(from.unwrap_or(0) + 1);
            let said = refused(upsert(&sink, &[("z", 3), (other, 2), (one, 1)], next).await);
            assert_eq!(said.len(), 1, "{kind}: {said:?}");
            assert_eq!(said[0].0, 1, "{kind}");
            let shown = format!("the row with the key k={one} is in the way");
            assert!(said[0].1.contains(&shown), "{kind}: {said:?}");
            assert!(said[0].1.contains("`key-match`"), "{said:?}");
            assert_eq!(rows(connection).await, [format!("{one}=1")], "{kind}");
            from = next;
        }
    }
}

async fn two_new_keys_of_one_statement_are_told_apart(connection: &MysqlConnection) {
    make(connection, "VARCHAR(9)").await;
    let sink = sink(connection, RowRules::default());
    let said = refused(upsert(&sink, &[("b", 1), ("c", 2), ("B", 3), ("b", 4)], None).await);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].0, 2, "{said:?}");
    // The same where another unique index makes the rows go one by one.
    run(connection, "ALTER TABLE t ADD UNIQUE KEY (n)").await;
    let sink = self::sink(connection, RowRules::default());
    let said = refused(upsert(&sink, &[("b", 1), ("B", 3)], None).await);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1.contains("k=b is in the way"), "{said:?}");
}

async fn a_deletion_removes_its_own_key_alone(connection: &MysqlConnection) {
    let mut from = None;
    for version in [None, Some("n".to_owned())] {
        make(connection, "VARCHAR(9)").await;
        let rules = RowRules {
            version,
            ..RowRules::default()
        };
        let sink = sink(connection, rules);
        upsert(&sink, &[("a", 1), ("b", 2)], from)
            .await
            .expect("new");
        let gone = ["A", "á", "a ", "b"].map(|it| row(it, 9));
        let gone: Vec<Written<'_>> = gone.iter().map(|it| (Op::Delete, &it[..])).collect();
        let next = from.unwrap_or(0) + 1;
        let place = advance(Some(next), next + 1);
        let removed = sink.write(&records(&gone), (&place).into()).await;
        removed.expect("removed");
        assert_eq!(rows(connection).await, ["a=1"]);
        from = Some(next + 1);
    }
}

async fn the_rows_of_another_parent_stay(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (k VARCHAR(9) NOT NULL, n INT NOT NULL, PRIMARY KEY (n)) DEFAULT CHARSET utf8mb4; \
         INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3)",
    )
    .await;
    let settings = MysqlSinkSettings {
        rules: RowRules {
            replace_by: vec!["k".to_owned()],
            ..RowRules::default()
        },
        ..MysqlSinkSettings::new("t")
    };
    let sink = MysqlSink::open(connection.clone(), settings).expect("named");
    let parent = [("k", Value::String("A"))];
    let (gone, new) = ((Op::Delete, &parent[..]), row("A", 4));
    let replaced = records(&[gone, (Op::Upsert, &new)]);
    let written = sink.write(&replaced, (&advance(None, 1)).into()).await;
    written.expect("replaced");
    assert_eq!(rows(connection).await, ["a=1", "b=3", "A=4"]);
}

async fn by_collation_the_row_takes_the_new_spelling(connection: &MysqlConnection) {
    let mut from = None;
    for unique in ["", "ALTER TABLE t ADD UNIQUE KEY (n)"] {
        make(connection, "VARCHAR(9)").await;
        if !unique.is_empty() {
            run(connection, unique).await;
        }
        let sink = sink(connection, collation());
        let written = upsert(&sink, &[("a", 1), ("b", 5), ("A", 2)], from).await;
        written.expect("it is one row");
        assert_eq!(rows(connection).await, ["A=2", "b=5"]);
        let next = Some(from.unwrap_or(0) + 1);
        upsert(&sink, &[("á", 3)], next).await.expect("and again");
        assert_eq!(rows(connection).await, ["á=3", "b=5"]);
        from = Some(from.unwrap_or(0) + 2);
    }
}

/// What `migrate` gives: the source's indexes.
async fn the_source_says_whether_its_keys_fold_alike(connection: &MysqlConnection) {
    let mut from = None;
    for (collation, is_unique, one_row) in [
        ("utf8mb4_general_ci", true, true),
        ("utf8mb4_unicode_ci", true, false),
        ("utf8mb4_general_ci", false, false),
    ] {
        make(connection, "VARCHAR(9) COLLATE utf8mb4_general_ci").await;
        let index = TableIndex {
            name: "PRIMARY".to_owned(),
            is_primary: is_unique,
            is_unique,
            is_hidden: false,
            parts: vec![IndexPart {
                field: "k".to_owned(),
                prefix: None,
                width: None,
                is_descending: false,
                may_be_null: false,
                collation: Some(collation.to_owned()),
            }],
            beyond: None,
        };
        let settings = MysqlSinkSettings {
            indexes: vec![index],
            ..named(RowRules::default())
        };
        let sink = MysqlSink::open(connection.clone(), settings).expect("named");
        upsert(&sink, &[("a", 1)], from).await.expect("new");
        let next = from.unwrap_or(0) + 1;
        let written = upsert(&sink, &[("A", 2)], Some(next)).await;
        assert_eq!(written.is_ok(), one_row, "{collation}: {written:?}");
        let expected = if one_row { "A=2" } else { "a=1" };
        assert_eq!(rows(connection).await, [expected], "{collation}");
        from = Some(if one_row { next + 1 } else { next });
    }
}

#[tokio::test]
async fn sqlite_tells_keys_apart_that_nocase_takes_for_equal() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("target.db"),
    };
    let opened = sqlite::open("local", &settings, Absent::Create, Durability::Normal);
    let connection = opened.await.expect("opened");
    let table = "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER)";
    let made = connection.writer().execute(raw_sql(table)).await;
    made.expect("made");
    let open = |rules| {
        let settings = SqliteSinkSettings {
            rules,
            ..SqliteSinkSettings::new("t")
        };
        SqliteSink::open(connection.clone(), settings).expect("named")
    };
    let sink = open(RowRules::default());
    upsert(&sink, &[("a", 1)], None).await.expect("new");
    let said = refused(upsert(&sink, &[("A", 2), ("b", 3)], Some(1)).await);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1.contains("k=a is in the way"), "{said:?}");
    let gone = row("A", 0);
    let gone = records(&[(Op::Delete, &gone[..1])]);
    let removed = sink.write(&gone, (&advance(Some(1), 2)).into()).await;
    removed.expect("nothing to remove");
    assert_eq!(in_file(&connection).await, ["a=1"]);
    let sink = open(collation());
    upsert(&sink, &[("A", 2)], Some(2))
        .await
        .expect("respelled");
    assert_eq!(in_file(&connection).await, ["A=2"]);
}

async fn in_file(connection: &SqliteConnection) -> Vec<String> {
    let rows = sqlx::query_scalar("SELECT k || '=' || n FROM t ORDER BY n");
    rows.fetch_all(connection.readers()).await.expect("read")
}
