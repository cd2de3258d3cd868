//! Rows without a value, the first of several fields that has one, and rows above the watermark.

use std::{path::PathBuf, time::Duration};

use super::{
    sinks::{database, drop_database, on_both_servers},
    sources::{POLL, Server, Sqlite, limits, read, read_with_restarts, sorted, start},
};
use highwater::{
    connect::mysql::MysqlConnection,
    model::{Position, Severity},
    source::{
        DeduplicationSettings, HoldBack, Late, Nulls, Rules, Scope, Source, TableSource,
        mysql::scan::{MysqlScan, MysqlScanSettings},
        sqlite::scan::{SqliteScan, SqliteScanSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

on_both_servers!(
    a_server_reads_rows_without_a_value_by_its_rule,
    a_server_reads_by_the_first_field_that_has_a_value,
    what_commits_late_is_read_again_and_nothing_else,
    a_restart_in_the_window_goes_on_in_it,
    what_there_is_no_room_for_is_sent_twice_and_not_more,
    without_its_file_the_window_is_sent_again,
);

const NONE: [i64; 0] = [];

/// A table on any of the servers.
enum Table<'t> {
    Server(&'t MysqlConnection),
    File(&'t Sqlite),
}

impl Table<'_> {
    async fn run(&self, text: &str) {
        match self {
            Self::Server(connection) => Server((*connection).clone()).run(text).await,
            Self::File(file) => file.run(text).await,
        }
    }

    fn source(&self, rules: Rules, late: Late, rows: usize) -> Box<dyn TableSource> {
        let (table, incremental, key) = ("t".to_owned(), "at".to_owned(), None);
        let (limits, poll) = (limits(rows), POLL);
        match self {
            Self::Server(connection) => {
                let settings = MysqlScanSettings {
                    time_zone: None,
                    table,
                    incremental,
                    key,
                    limits,
                    poll,
                    late,
                    sharing: super::sources::SHARING,
                    rules,
                };
                Box::new(MysqlScan::new((*connection).clone(), settings))
            }
            Self::File(file) => {
                let settings = SqliteScanSettings {
                    table,
                    incremental,
                    key,
                    limits,
                    poll,
                    sharing: super::sources::SHARING,
                    rules,
                };
                Box::new(SqliteScan::new(file.connection.clone(), settings))
            }
        }
    }
}

fn nulls(nulls: Nulls) -> Rules {
    Rules {
        nulls,
        ..Rules::default()
    }
}

async fn rows_without_a_value(table: &Table<'_>) {
    table
        .run(
            "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, at BIGINT); \
             INSERT INTO t VALUES (1, 10), (2, NULL), (3, 5), (4, NULL), (5, NULL)",
        )
        .await;
    let refused = table.source(nulls(Nulls::Refuse), Late::None, 2);
    let said = refused.begin(Scope::Incremental, None).await;
    let said = said.expect_err("refused").to_string();
    assert!(said.contains("NULL") && said.contains("nulls"), "{said}");

    let first = table.source(nulls(Nulls::First), Late::None, 2);
    let begun = start(&*first, Scope::Incremental).await;
    let (ids, position) = read_with_restarts(&*first, begun.clone()).await;
    assert_eq!(
        ids,
        [2, 4, 5, 3, 1],
        "rows without a value come first, and once"
    );
    table
        .run("UPDATE t SET at = 20 WHERE id = 4; INSERT INTO t VALUES (0, NULL), (6, NULL)")
        .await;
    let (ids, position) = read(&*first, &position, usize::MAX).await;
    assert_eq!(ids, [6, 4], "0 comes below the progress, as `check` says");
    assert_eq!(read(&*first, &position, usize::MAX).await.0, NONE);

    let every = table.source(nulls(Nulls::EveryRun), Late::None, 2);
    let (ids, position) = read(&*every, &begun, usize::MAX).await;
    assert_eq!(ids, [0, 2, 5, 6, 3, 1, 4]);
    let (ids, _) = read(&*every, &position, usize::MAX).await;
    assert_eq!(ids, [0, 2, 5, 6]);

    let full = start(&*first, Scope::Full).await;
    let (ids, position) = read(&*first, &full, usize::MAX).await;
    // Workers share it out.
    assert_eq!(sorted(ids), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(read(&*first, &position, usize::MAX).await.0, NONE);
}

async fn several_fields(table: &Table<'_>) {
    table
        .run(
            "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, at BIGINT, made BIGINT); \
             INSERT INTO t VALUES (1, 10, 1), (2, NULL, 10), (3, NULL, NULL), (4, NULL, 3), \
             (5, 10, 99), (6, NULL, NULL)",
        )
        .await;
    let rules = Rules {
        coalesce: vec!["made".to_owned()],
        nulls: Nulls::First,
        ..Rules::default()
    };
    let source = table.source(rules.clone(), Late::None, 1);
    let begun = start(&*source, Scope::Incremental).await;
    let (ids, position) = read_with_restarts(&*source, begun.clone()).await;
    assert_eq!(ids, [3, 6, 4, 1, 2, 5]);
    table.run("UPDATE t SET at = 11 WHERE id = 4").await;
    assert_eq!(read(&*source, &position, usize::MAX).await.0, [4]);
    let alone = table.source(nulls(Nulls::First), Late::None, 1);
    let other = alone.begin(Scope::Incremental, Some(&position)).await;
    let other = other.expect_err("another order").to_string();
    assert!(other.contains("coalesce(at, made)"), "{other}");
    let says = async |word: &str| {
        let found = source.check().await.expect("checked");
        assert!(
            found.iter().any(|it| it.text.contains(word)),
            "{word}: {found:?}"
        );
        assert!(
            found.iter().all(|it| it.severity != Severity::Problem),
            "{found:?}"
        );
    };
    says("no index serves").await;
    says("moves backwards").await;
}

#[tokio::test]
async fn a_file_reads_rows_without_a_value_by_its_rule() {
    let file = Sqlite::empty().await;
    rows_without_a_value(&Table::File(&file)).await;
}

#[tokio::test]
async fn a_file_reads_by_the_first_field_that_has_a_value() {
    let file = Sqlite::empty().await;
    several_fields(&Table::File(&file)).await;
}

async fn a_server_reads_rows_without_a_value_by_its_rule(connection: &MysqlConnection) {
    rows_without_a_value(&Table::Server(connection)).await;
}

async fn a_server_reads_by_the_first_field_that_has_a_value(connection: &MysqlConnection) {
    let table = Table::Server(connection);
    several_fields(&table).await;
    table
        .run(
            "ALTER TABLE t ADD COLUMN changed BIGINT GENERATED ALWAYS AS (COALESCE(at, made)) VIRTUAL, \
             ADD INDEX by_changed (changed)",
        )
        .await;
    let rules = Rules {
        coalesce: vec!["made".to_owned()],
        nulls: Nulls::First,
        ..Rules::default()
    };
    let source = table.source(rules, Late::None, 2);
    let found = source.check().await.expect("checked");
    let serves = |it: &highwater::model::Finding| it.text.contains("index `by_changed` serves");
    assert!(found.iter().any(serves), "{found:?}");
    let begun = start(&*source, Scope::Incremental).await;
    assert_eq!(
        read(&*source, &begun, usize::MAX).await.0,
        [3, 6, 1, 2, 5, 4]
    );
}

fn deduplication(file: Option<PathBuf>, most: usize) -> Rules {
    Rules {
        deduplication: DeduplicationSettings { file, most },
        ..Rules::default()
    }
}

/// A source that reads again, over a table whose row 1 is not committed yet and whose others are.
async fn window(
    connection: &MysqlConnection,
    rules: Rules,
    rows: usize,
) -> (Box<dyn TableSource>, sqlx::mysql::MySqlConnection) {
    let table = Table::Server(connection);
    table
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, at DATETIME(6) NOT NULL, text TEXT, KEY (at))")
        .await;
    let mut writer = connection
        .pool()
        .acquire()
        .await
        .expect("a session")
        .detach();
    execute(
        &mut writer,
        "BEGIN; INSERT INTO t (id, at) VALUES (1, NOW(6))",
    )
    .await;
    table.run("INSERT INTO t (id, at) VALUES (2, NOW(6))").await;
    table.run("INSERT INTO t (id, at) VALUES (3, NOW(6))").await;
    table.run("INSERT INTO t (id, at) VALUES (4, NOW(6))").await;
    let late = Late::ReRead(HoldBack {
        max_commit_delay: Some(Duration::from_secs(4)),
        clock_skew: Duration::ZERO,
    });
    (table.source(rules, late, rows), writer)
}

async fn execute(writer: &mut sqlx::mysql::MySqlConnection, text: &str) {
    let ran = writer
        .execute(raw_sql(AssertSqlSafe(text.to_owned())))
        .await;
    ran.unwrap_or_else(|error| panic!("{error}: {text}"));
}

/// Reads on until the window is settled; all that came.
async fn until_below_watermark(source: &dyn Source, mut at: Position, last: i64) -> Vec<i64> {
    let mut all = Vec::new();
    let began = std::time::Instant::now();
    loop {
        let (ids, next) = read(source, &at, usize::MAX).await;
        all.extend(ids);
        at = next;
        if at.as_str().contains(&format!("\"{last}\"")) {
            return all;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{at}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn what_commits_late_is_read_again_and_nothing_else(connection: &MysqlConnection) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = deduplication(Some(folder.path().join("t.early")), 100);
    let (source, mut writer) = window(connection, rules, 10).await;
    let begun = start(&*source, Scope::Incremental).await;
    let (ids, position) = read(&*source, &begun, usize::MAX).await;
    assert_eq!(ids, [2, 3, 4], "at once, though row 1 is open");
    let (ids, position) = read(&*source, &position, usize::MAX).await;
    assert_eq!(ids, NONE);
    execute(
        &mut writer,
        "UPDATE t SET text = 'changed' WHERE id = 3; COMMIT",
    )
    .await;
    let (ids, position) = read(&*source, &position, usize::MAX).await;
    assert_eq!(ids, [1, 3]);
    assert_eq!(until_below_watermark(&*source, position, 4).await, NONE);
}

async fn a_restart_in_the_window_goes_on_in_it(connection: &MysqlConnection) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = deduplication(Some(folder.path().join("t.early")), 100);
    let (source, mut writer) = window(connection, rules, 1).await;
    let begun = start(&*source, Scope::Incremental).await;
    let (ids, position) = read(&*source, &begun, 1).await;
    assert_eq!(ids, [2]);
    execute(&mut writer, "COMMIT").await;
    // What was read ahead behind that position was never acknowledged.
    let (ids, position) = read(&*source, &position, usize::MAX).await;
    assert_eq!(ids, [1, 3, 4]);
    assert_eq!(until_below_watermark(&*source, position, 4).await, NONE);
}

async fn what_there_is_no_room_for_is_sent_twice_and_not_more(connection: &MysqlConnection) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = deduplication(Some(folder.path().join("t.early")), 2);
    let (source, mut writer) = window(connection, rules, 10).await;
    let begun = start(&*source, Scope::Incremental).await;
    let (ids, position) = read(&*source, &begun, usize::MAX).await;
    assert_eq!(ids, [2, 3, 4]);
    execute(&mut writer, "COMMIT").await;
    let mut rest = until_below_watermark(&*source, position, 4).await;
    rest.sort_unstable();
    assert!(rest.contains(&1) && rest.contains(&4), "{rest:?}");
    assert!(!rest.contains(&2) && !rest.contains(&3), "{rest:?}");
}

async fn without_its_file_the_window_is_sent_again(connection: &MysqlConnection) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.early");
    let (source, mut writer) = window(connection, deduplication(Some(file.clone()), 100), 10).await;
    let begun = start(&*source, Scope::Incremental).await;
    let (ids, position) = read(&*source, &begun, usize::MAX).await;
    assert_eq!(ids, [2, 3, 4]);
    std::fs::remove_file(file).expect("removed");
    execute(&mut writer, "COMMIT").await;
    let (ids, position) = read(&*source, &position, usize::MAX).await;
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(until_below_watermark(&*source, position, 4).await, NONE);
}
