//! What a keyset read promises, over a real SQLite file.

use super::*;
use crate::{
    connect::sqlite::{self, Absent, Durability, SqliteSettings},
    model::Batch,
};

struct File {
    connection: SqliteConnection,
    _folder: tempfile::TempDir,
}

async fn file(made: &'static str) -> File {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("a.db"),
    };
    let opened = sqlite::open("local", &settings, Absent::Create, Durability::Normal).await;
    let file = File {
        connection: opened.expect("opened"),
        _folder: folder,
    };
    file.run(made).await;
    file
}

impl File {
    async fn run(&self, text: &'static str) {
        let ran = sqlx::raw_sql(text).execute(self.connection.writer()).await;
        ran.expect("a statement of the test");
    }

    fn scan(&self, incremental: &str, rows: usize) -> SqliteScan {
        let limits = ReadLimits {
            rows,
            bytes: 1 << 20,
            max_wait: Duration::from_secs(20),
        };
        let settings = SqliteScanSettings {
            table: "t".to_owned(),
            incremental: incremental.to_owned(),
            key: None,
            limits,
            poll: Duration::from_millis(1),
            sharing: crate::source::Sharing {
                workers: 3,
                rows: 6,
            },
            rules: crate::source::Rules::default(),
        };
        SqliteScan::new(self.connection.clone(), settings)
    }
}

const TIES: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT NOT NULL); \
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
    INSERT INTO t SELECT i, CASE WHEN i % 10 = 0 THEN 'early' ELSE 'tied' END FROM n";

/// Reads at most `batches` batches from `position` on; the ids, and where it stands then.
async fn ids(scan: &SqliteScan, position: &Position, batches: usize) -> (Vec<i64>, Position) {
    let mut reader = scan
        .open(position, ReadMode::Bounded)
        .await
        .expect("opened");
    let (mut ids, mut position) = (Vec::new(), position.clone());
    for _ in 0..batches {
        let Some(batch) = reader.next_batch().await.expect("read") else {
            break;
        };
        ids.extend(ids_of(&batch));
        position = batch.position;
    }
    (ids, position)
}

fn ids_of(batch: &Batch) -> Vec<i64> {
    let id = |row: crate::model::Row<'_>| match row.get("id") {
        Some(Value::I64(id)) => id,
        other => panic!("an id is an integer: {other:?}"),
    };
    batch.records.iter().map(id).collect()
}

async fn start(scan: &SqliteScan, scope: Scope) -> Position {
    scan.begin(scope, None).await.expect("begun")
}

#[tokio::test]
async fn a_restart_within_ties_neither_skips_nor_repeats() {
    let file = file(TIES).await;
    let scan = file.scan("u", 7);
    let mut position = start(&scan, Scope::Incremental).await;
    let mut all = Vec::new();
    loop {
        let (ids, next) = ids(&scan, &position, 2).await;
        if ids.is_empty() {
            break;
        }
        all.extend(ids);
        position = next;
    }
    let mut expected: Vec<i64> = (1..=1000).filter(|it| it % 10 == 0).collect();
    expected.extend((1..=1000).filter(|it| it % 10 != 0));
    assert_eq!(all, expected);
    assert_eq!(
        position.as_str(),
        r#"{"by":["u","id"],"after":[{"text":"tied"},{"i64":"999"}]}"#
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let made = "CREATE TABLE t (a TEXT, id INTEGER NOT NULL, u REAL NOT NULL, PRIMARY KEY (a, id)); \
        CREATE INDEX i ON t (u, a, id); \
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) \
        INSERT INTO t SELECT 'k' || (i % 3), i, i % 2 + 0.1 FROM n";
    let file = file(made).await;
    let scan = file.scan("u", 4_000);
    let (mut ids, position) = ids(&scan, &start(&scan, Scope::Incremental).await, usize::MAX).await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=25_000).collect::<Vec<i64>>());
    let end = r#"{"by":["u","a","id"],"after":[{"f64":"1.1"},{"text":"k2"},{"i64":"24995"}]}"#;
    assert_eq!(position.as_str(), end);
}

#[tokio::test]
async fn a_batch_stays_within_its_bytes_but_for_one_large_row() {
    let made = "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); \
        INSERT INTO t VALUES (1, 'a'), (2, printf('%.500c', 'x')), (3, 'a'), (4, 'a'), (5, printf('%.90c', 'x'))";
    let file = file(made).await;
    let mut scan = file.scan("id", 100);
    scan.settings.limits.bytes = 110;
    let mut reader = scan
        .open(&start(&scan, Scope::Incremental).await, ReadMode::Bounded)
        .await
        .expect("opened");
    let mut seen = Vec::new();
    while let Some(batch) = reader.next_batch().await.expect("read") {
        assert!(batch.records.len() == 1 || batch.records.bytes() <= 110);
        seen.push(ids_of(&batch));
    }
    assert_eq!(seen, [vec![1], vec![2], vec![3, 4], vec![5]]);
}

#[tokio::test]
async fn an_interrupted_full_read_goes_on_and_ends_where_the_table_stood_before_it() {
    let file = file(TIES).await;
    let scan = file.scan("u", 100);
    let begun = start(&scan, Scope::Full).await;
    let (first, interrupted) = ids(&scan, &begun, 3).await;
    // Changed behind the full read: only the incremental read after it can see that.
    file.run("UPDATE t SET u = 'ultimate' WHERE id = 5").await;
    let resumed = scan
        .begin(Scope::Full, Some(&interrupted))
        .await
        .expect("begun");
    assert_eq!(resumed, interrupted);
    let (rest, end) = ids(&scan, &resumed, usize::MAX).await;
    let mut all: Vec<i64> = first.into_iter().chain(rest).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=1000).collect::<Vec<i64>>());
    assert_eq!(
        end.as_str(),
        r#"{"by":["u","id"],"after":[{"text":"tied"},{"i64":"999"}]}"#
    );
    assert_eq!(ids(&scan, &end, usize::MAX).await.0, [5]);
    let reread = scan.begin(Scope::Full, Some(&end)).await.expect("begun");
    assert_eq!(ids(&scan, &reread, usize::MAX).await.0.len(), 1000);
}

#[tokio::test]
async fn a_full_read_of_nothing_ends_at_the_beginning() {
    let file = file("CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER NOT NULL)").await;
    let scan = file.scan("u", 10);
    let (ids_then, end) = ids(&scan, &start(&scan, Scope::Full).await, usize::MAX).await;
    assert_eq!(
        (ids_then, end.as_str()),
        (vec![], r#"{"by":["u","id"],"after":[]}"#)
    );
    file.run("INSERT INTO t VALUES (1, 1)").await;
    assert_eq!(ids(&scan, &end, usize::MAX).await.0, [1]);
}

#[tokio::test]
async fn a_following_read_sees_what_comes_and_answers_while_nothing_does() {
    let file = file(TIES).await;
    let mut scan = file.scan("id", 1000);
    scan.settings.limits.max_wait = Duration::from_millis(20);
    let mut reader = scan
        .open(&start(&scan, Scope::Incremental).await, ReadMode::Follow)
        .await
        .expect("opened");
    let read_to = async |reader: &mut Box<dyn SourceReader>, last: i64| loop {
        let batch = reader
            .next_batch()
            .await
            .expect("read")
            .expect("it never ends");
        if ids_of(&batch).last() == Some(&last) {
            return batch.position;
        }
    };
    let position = read_to(&mut reader, 1000).await;
    let heartbeat = reader
        .next_batch()
        .await
        .expect("read")
        .expect("it never ends");
    assert_eq!((heartbeat.records.len(), heartbeat.position), (0, position));
    file.run("INSERT INTO t VALUES (1001, 'new')").await;
    let read = tokio::time::timeout(Duration::from_secs(20), read_to(&mut reader, 1001));
    assert_eq!(
        read.await.expect("in time").as_str(),
        r#"{"by":["id"],"after":[{"i64":"1001"}]}"#
    );
}

#[tokio::test]
async fn every_storage_class_goes_on_as_it_is_stored() {
    let made = "CREATE TABLE t (id INTEGER PRIMARY KEY, j JSON, d DECIMAL(10,2), b BLOB, n TEXT, bad TEXT); \
        INSERT INTO t VALUES (1, '{\"a\": 1.0}', '12345678901234567890.5', x'00ff', NULL, CAST(x'ff' AS TEXT))";
    let file = file(made).await;
    let scan = file.scan("id", 10);
    let mut reader = scan
        .open(&start(&scan, Scope::Incremental).await, ReadMode::Bounded)
        .await
        .expect("opened");
    let batch = reader.next_batch().await.expect("read").expect("a row");
    let row = batch.records.get(0).expect("a row");
    let values: Vec<Value<'_>> = row.fields().map(|(_, value)| value).collect();
    assert_eq!(
        values,
        [
            Value::I64(1),
            Value::Json("{\"a\": 1.0}"),
            Value::F64(12_345_678_901_234_567_890.5),
            Value::Bytes(0, &[0, 255]),
            Value::Null,
            Value::Bytes(0, &[255])
        ]
    );
}

#[tokio::test]
async fn a_place_that_a_person_sets_is_behind_all_rows_of_that_value() {
    let file = file(TIES).await;
    let scan = file.scan("u", 100);
    let position = scan.position_at("early").await.expect("a value");
    assert_eq!(ids(&scan, &position, usize::MAX).await.0.len(), 900);
}

#[tokio::test]
async fn what_would_be_skipped_is_refused_before_the_first_row() {
    let file = file(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT); INSERT INTO t VALUES (1, NULL); \
        CREATE TABLE keyless (u TEXT)",
    )
    .await;
    let scan = file.scan("u", 100);
    let refused = scan
        .begin(Scope::Incremental, None)
        .await
        .expect_err("a NULL")
        .to_string();
    assert!(refused.contains("NULL in \"u\""), "{refused}");
    let findings = scan.check().await.expect("checked");
    assert!(
        findings
            .iter()
            .any(|it| it.severity == Severity::Problem && it.text.contains("1 rows"))
    );
    for (table, incremental, reason) in [
        ("none", "u", "no such table"),
        ("t", "v", "no column `v`"),
        ("keyless", "u", "no primary key"),
    ] {
        let mut scan = file.scan(incremental, 100);
        scan.settings.table = table.to_owned();
        let findings = scan.check().await.expect("checked");
        assert!(
            findings
                .iter()
                .all(|it| it.severity == Severity::Problem && it.text.contains(reason)),
            "{findings:?}"
        );
    }
}
