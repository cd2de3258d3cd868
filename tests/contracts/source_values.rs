//! Columns of every type that a table can be ordered by, in their own precision: ties, extremes,
//! and what compares as equal without being the same.

use futures_util::future::join_all;
use highwater::source::{Scope, Source, TableSource};

use super::{
    source_types::{ON_EVERY_SERVER, ON_MARIADB, ON_MYSQL, Typed},
    sources::{Rows, Server, Sqlite, limits, read, read_with_restarts, sorted},
};

/// Each value four times, in no order: whatever batch ends within them, all come once.
async fn as_incremental(server: &Server, number: usize, (kind, values): Typed) -> Vec<String> {
    let table = format!("t{number}");
    let count = values.len() * 4;
    let row = |id: usize| {
        format!(
            "({id}, {})",
            values[(id * 7 + id / values.len()) % values.len()]
        )
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    server
        .run(&format!(
            "CREATE TABLE {table} (id BIGINT PRIMARY KEY, at {kind}); \
             INSERT IGNORE INTO {table} VALUES {}",
            rows.join(", ")
        ))
        .await;
    let source = server.scan(&table, "at", limits(3));
    check(&source, count, kind).await
}

/// As the key, behind an incremental field that says nothing.
async fn as_key(server: &Server, number: usize, (kind, values): Typed) -> Vec<String> {
    if ["TEXT", "BLOB"].contains(&&kind[..4]) || kind.contains("(4000)") {
        return Vec::new();
    }
    let table = format!("k{number}");
    server
        .run(&format!(
            "CREATE TABLE {table} (id BIGINT NOT NULL, at INT NOT NULL, k {} NOT NULL PRIMARY KEY)",
            kind.trim_end_matches(" NULL")
        ))
        .await;
    for (id, value) in values.iter().enumerate() {
        // Some of them are the same as others for a key.
        server
            .run(&format!(
                "INSERT IGNORE INTO {table} VALUES ({id}, 7, {value})"
            ))
            .await;
    }
    let query = format!("SELECT CAST(COUNT(*) AS CHAR) FROM {table}");
    let counted = super::sinks::read(&server.0, &query).await;
    let count: usize = counted[0].parse().expect("a number");
    let mut wrong = Vec::new();
    for scope in [Scope::Incremental, Scope::Full] {
        let source = server.scan(&table, "at", limits(1));
        match source.begin(scope, None).await {
            Err(error) => wrong.push(format!("key {kind}: {error}")),
            Ok(begun) => {
                let (all, _) = read_with_restarts(&source, begun).await;
                if all.len() != count || all.len() != without_repeats(&all) {
                    wrong.push(format!("key {kind}: {count} rows, read {all:?}"));
                }
            }
        }
    }
    wrong
}

/// As the first part of the key, each value three times, and behind ties of the incremental field.
async fn as_part_of_key(server: &Server, number: usize, (kind, values): Typed) -> Vec<String> {
    if ["TEXT", "BLOB"].contains(&&kind[..4]) || kind.contains("(4000)") {
        return Vec::new();
    }
    let table = format!("p{number}");
    let count = values.len() * 3;
    let row = |id: usize| format!("({id}, {}, {})", id % 2, values[id * 5 % values.len()]);
    let rows: Vec<String> = (0..count).map(row).collect();
    server
        .run(&format!(
            "CREATE TABLE {table} (id BIGINT NOT NULL, at INT NOT NULL, k {} NOT NULL, \
             PRIMARY KEY (k, id)); INSERT IGNORE INTO {table} VALUES {}",
            kind.trim_end_matches(" NULL"),
            rows.join(", ")
        ))
        .await;
    let mut wrong = Vec::new();
    for scope in [Scope::Incremental, Scope::Full] {
        let source = server.scan(&table, "at", limits(2));
        match source.begin(scope, None).await {
            Err(error) => wrong.push(format!("part {kind}: {error}")),
            Ok(begun) => {
                let (all, _) = read_with_restarts(&source, begun).await;
                if sorted(all.clone()) != (0..count as i64).collect::<Vec<_>>() {
                    wrong.push(format!("part {kind}: {count} rows, read {all:?}"));
                }
            }
        }
    }
    wrong
}

fn without_repeats(ids: &[i64]) -> usize {
    let mut ids = sorted(ids.to_vec());
    ids.dedup();
    ids.len()
}

pub async fn check(source: &dyn Source, count: usize, kind: &str) -> Vec<String> {
    let begun = match source.begin(Scope::Incremental, None).await {
        Ok(begun) => begun,
        Err(error) => return vec![format!("{kind}: {error}")],
    };
    let (all, end) = read_with_restarts(source, begun.clone()).await;
    let in_one_go = read(source, &begun, usize::MAX).await.0;
    let mut wrong = Vec::new();
    if sorted(all.clone()) != (0..count as i64).collect::<Vec<_>>() {
        wrong.push(format!("{kind}: {count} rows, read {all:?} up to {end}"));
    }
    if in_one_go != all {
        wrong.push(format!(
            "{kind}: in one go {in_one_go:?}, with restarts {all:?}"
        ));
    }
    wrong
}

async fn every_type(variable: &str, own: &'static [Typed]) {
    let server = Server::empty(variable).await;
    let types = || ON_EVERY_SERVER.iter().chain(own).copied().enumerate();
    let one = types().map(|(number, typed)| as_incremental(&server, number, typed));
    let mut wrong = join_all(one).await.concat();
    let other = types().map(|(number, typed)| as_key(&server, number, typed));
    wrong.extend(join_all(other).await.concat());
    let part = types().map(|(number, typed)| as_part_of_key(&server, number, typed));
    wrong.extend(join_all(part).await.concat());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.close().await;
}

#[tokio::test]
async fn every_type_of_mysql_orders_a_read() {
    every_type("HIGHWATER_TEST_MYSQL_URL", ON_MYSQL).await;
}

#[tokio::test]
async fn every_type_of_mariadb_orders_a_read() {
    every_type("HIGHWATER_TEST_MARIADB_URL", ON_MARIADB).await;
}

/// A person has set it, or the column had more places once.
#[tokio::test]
async fn a_value_with_more_places_than_its_column_passes_no_row() {
    for variable in ["HIGHWATER_TEST_MYSQL_URL", "HIGHWATER_TEST_MARIADB_URL"] {
        let server = Server::empty(variable).await;
        server
            .run(
                "CREATE TABLE t (id INT PRIMARY KEY, at DECIMAL(5,2) NOT NULL); \
                 INSERT INTO t VALUES (1, 1.00), (2, 1.01), (3, 1.02), (4, -1.01), (5, -1.00)",
            )
            .await;
        let source = server.scan("t", "at", limits(2));
        for (value, expected) in [
            ("1.005", vec![2, 3]),
            ("1.01", vec![3]),
            ("-1.005", vec![5, 1, 2, 3]),
        ] {
            let position = source.position_at(value).await.expect("a decimal");
            let (read, _) = read(&source, &position, usize::MAX).await;
            assert_eq!(read, expected, "behind {value}");
        }
        server.close().await;
    }
}

#[tokio::test]
async fn every_storage_class_of_sqlite_orders_a_read() {
    let file = Sqlite::empty().await;
    let types: &[Typed] = &[
        (
            "INTEGER",
            &["-9223372036854775808", "-1", "0", "9223372036854775807"],
        ),
        (
            "REAL",
            &[
                "-9e999", "-0.1", "-0.0", "0", "5e-324", "0.1", "1e300", "9e999",
            ],
        ),
        ("TEXT", &["''", "'a'", "'A'", "'a '", "'á'", "'1'", "'01'"]),
        (
            "TEXT COLLATE NOCASE",
            &["'a'", "'A'", "'b'", "'B'", "'á'", "'Á'"],
        ),
        ("TEXT COLLATE RTRIM", &["'a'", "'a '", "'a  '", "'b'"]),
        ("BLOB", &["x''", "x'00'", "x'0000'", "x'ff'"]),
        (
            "NUMERIC",
            &[
                "-1",
                "1",
                "1.5",
                "'text'",
                "'1x'",
                "x'00'",
                "9007199254740993",
                "9007199254740992.0",
            ],
        ),
        ("", &["1", "'1'", "1.5", "'1.5'", "x'31'"]),
        (
            "DATETIME",
            &["'2025-08-26'", "'2025-08-26 09:30:15'", "1756200615"],
        ),
    ];
    let mut wrong = Vec::new();
    for (number, (kind, values)) in types.iter().enumerate() {
        for key in ["id INTEGER PRIMARY KEY, at", "id INTEGER UNIQUE, at"] {
            let table = format!("t{number}{}", key.len());
            let without_rowid = if key.contains("PRIMARY") {
                ""
            } else {
                ", PRIMARY KEY (at, id)"
            };
            file.run(&format!(
                "CREATE TABLE {table} ({key} {kind} NOT NULL{without_rowid})"
            ))
            .await;
            let count = values.len() * 4;
            for id in 0..count {
                let value = values[(id * 7 + id / values.len()) % values.len()];
                file.run(&format!(
                    "INSERT INTO {table} (id, at) VALUES ({id}, {value})"
                ))
                .await;
            }
            let source = file.scan(&table, "at", limits(3));
            wrong.extend(check(&source, count, &format!("{kind} ({key})")).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
