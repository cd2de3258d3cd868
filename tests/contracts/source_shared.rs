//! Full reads that are shared out: each row once, whatever the keys are and wherever it is stopped.

use super::{
    limit::in_time,
    sources::{Mongodb, POLL, SHARING, Server, limits, next, open, start},
};
use highwater::{
    model::{Batch, Position, Value},
    source::{
        Late, ReadMode, Scope, Sharing, Source,
        mysql::scan::{MysqlScan, MysqlScanSettings},
    },
};
use mongodb::bson::{Bson, doc};

const MYSQL: &str = "HIGHWATER_TEST_MYSQL_URL";
const MARIADB: &str = "HIGHWATER_TEST_MARIADB_URL";

/// Rows of a table.
const ROWS: u64 = 150;

/// Keys as tables have them: columns, the key, and the values of the row `n`.
const KEYS: [(&str, &str, &str); 8] = [
    ("k BIGINT", "k", "n * n * n - 1000000"),
    ("k BIGINT UNSIGNED", "k", "18446744073709551615 - n"),
    (
        "k VARCHAR(40) COLLATE utf8mb4_unicode_ci",
        "k",
        "CONCAT(ELT(n % 5 + 1, 'ä', 'Z', 'a', '文', '-'), n)",
    ),
    (
        "k CHAR(36) CHARACTER SET ascii",
        "k",
        "CONCAT(LEFT(SHA2(n, 256), 8), '-0000-4000-8000-', RIGHT(SHA2(n, 256), 12))",
    ),
    ("k VARBINARY(16)", "k", "UNHEX(LEFT(SHA2(n, 256), 32))"),
    ("k DOUBLE", "k", "(n - 75) / 7"),
    ("k FLOAT", "k", "(n - 75) / 7"),
    // Nearly all of one tenant, within which a text and a member tell rows apart.
    (
        "k INT, m ENUM('z', 'a', 'm'), t VARCHAR(10)",
        "k, m, t",
        "IF(n < 5, n, 7), ELT(n % 3 + 1, 'a', 'm', 'z'), CONCAT('t', n)",
    ),
];

fn scan(server: &Server, table: &str) -> MysqlScan {
    let settings = MysqlScanSettings {
        table: table.to_owned(),
        incremental: "at".to_owned(),
        key: None,
        limits: limits(4),
        poll: POLL,
        late: Late::None,
        time_zone: None,
        sharing: SHARING,
        rules: highwater::source::Rules::default(),
    };
    MysqlScan::new(server.0.clone(), settings)
}

fn numbers(batch: &Batch) -> Vec<i64> {
    let number = |value| match value {
        Some(Value::I64(it)) => it,
        other => panic!("{other:?}"),
    };
    let rows = batch.records.iter();
    rows.map(|row| number(row.get("number"))).collect()
}

/// Everything from `position` on, stopped and opened again after each `batches`.
async fn read(source: &dyn Source, mut position: Position, batches: usize) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let is_full = position.as_str().contains("full") || position.as_str().contains("chunks");
        if !is_full {
            all.sort_unstable();
            return all;
        }
        assert!(position.as_str().len() < 2000, "{position}");
        let mut reader = open(source, &position, ReadMode::Bounded).await;
        for _ in 0..batches {
            let Some(batch) = reader.next_batch().await.expect("read") else {
                break;
            };
            all.extend(numbers(&batch));
            position = batch.position;
        }
    }
}

async fn every_row_once(source: &dyn Source) {
    for batches in [1, 3, usize::MAX] {
        let begun = start(source, Scope::Full).await;
        let all = read(source, begun, batches).await;
        assert_eq!(
            all,
            (1..=ROWS as i64).collect::<Vec<_>>(),
            "{batches} batches"
        );
    }
}

async fn keys_of_every_kind(variable: &str) {
    let server = Server::empty(variable).await;
    for (at, (columns, key, values)) in KEYS.into_iter().enumerate() {
        let table = format!("t{at}");
        server
            .run(&format!(
                "CREATE TABLE {table} ({columns}, number BIGINT, at BIGINT NOT NULL, PRIMARY KEY ({key}))"
            ))
            .await;
        server
            .run(&format!(
                "INSERT INTO {table} SELECT {values}, n, n FROM (WITH RECURSIVE s(n) AS \
                 (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s) AS s"
            ))
            .await;
        every_row_once(&scan(&server, &table)).await;
    }
    super::sinks::drop_database(&server.0).await;
}

#[tokio::test]
async fn mysql_shares_out_keys_of_every_kind() {
    in_time(keys_of_every_kind(MYSQL)).await;
}

#[tokio::test]
async fn mariadb_shares_out_keys_of_every_kind() {
    in_time(keys_of_every_kind(MARIADB)).await;
}

#[tokio::test]
async fn a_chunk_whose_ends_have_gone_is_read_all_the_same() {
    in_time(async {
        let server = Server::empty(MYSQL).await;
        server
            .run("CREATE TABLE t (id INT PRIMARY KEY, number BIGINT, at BIGINT NOT NULL)")
            .await;
        let values: Vec<String> = (1..=60).map(|it| format!("({it}, {it}, 1)")).collect();
        server
            .run(&format!("INSERT INTO t VALUES {}", values.join(",")))
            .await;
        let source = scan(&server, "t");
        let begun = start(&source, Scope::Full).await;
        let mut reader = open(&source, &begun, ReadMode::Bounded).await;
        let first = next(&mut *reader).await.expect("a batch");
        let seen = numbers(&first);
        drop(reader);
        // Every key that a chunk may end at.
        server.run("DELETE FROM t WHERE id % 6 = 0").await;
        let mut all = read(&source, first.position, 1).await;
        all.extend(seen.iter().filter(|it| **it % 6 != 0));
        all.sort_unstable();
        let left: Vec<i64> = (1..=60).filter(|it| it % 6 != 0).collect();
        assert_eq!(all, left);
        super::sinks::drop_database(&server.0).await;
    })
    .await;
}

#[tokio::test]
async fn mongodb_shares_out_ids_of_every_type() {
    in_time(async {
        let id = |n: i64| -> Bson {
            match n % 4 {
                0 => n.into(),
                1 => format!("text {n}").into(),
                2 => Mongodb::object_id(n),
                _ => doc! { "part": n % 2, "id": n }.into(),
            }
        };
        for field in ["_id", "at"] {
            let server = Mongodb::open(Bson::Int64).await;
            let document = |n: i64| doc! { "_id": id(n), "number": n, "at": n };
            server.put((1..=ROWS as i64).map(document).collect()).await;
            every_row_once(&server.scan(field, limits(4))).await;
            server.connection.database().drop().await.expect("dropped");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_shared_out_is_read_on_by_one() {
    in_time(async {
        let server = Server::open(MYSQL, "id").await;
        let values: Vec<String> = (1..=100).map(|it| format!("('a', {it}, 1, 'x')")).collect();
        server
            .run(&format!("INSERT INTO t VALUES {}", values.join(",")))
            .await;
        let several = server.scan("t", "at", limits(3));
        let begun = start(&several, Scope::Full).await;
        let mut reader = open(&several, &begun, ReadMode::Bounded).await;
        let mut ids = Vec::new();
        let mut position = begun;
        for _ in 0..5 {
            let batch = next(&mut *reader).await.expect("a batch");
            ids.extend(super::sources::ids(&batch));
            position = batch.position;
        }
        drop(reader);
        let one = MysqlScan::new(
            server.0.clone(),
            MysqlScanSettings {
                table: "t".to_owned(),
                incremental: "at".to_owned(),
                key: None,
                limits: limits(3),
                poll: POLL,
                late: Late::None,
                time_zone: None,
                sharing: Sharing::with_workers(1),
                rules: highwater::source::Rules::default(),
            },
        );
        let mut reader = open(&one, &position, ReadMode::Bounded).await;
        while let Some(batch) = reader.next_batch().await.expect("read") {
            ids.extend(super::sources::ids(&batch));
        }
        ids.sort_unstable();
        assert_eq!(ids, (1..=100).collect::<Vec<_>>());
        super::sinks::drop_database(&server.0).await;
    })
    .await;
}
