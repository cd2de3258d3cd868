//! Columns of every type that a table can be ordered by, in their own precision: ties, extremes,
//! and what compares as equal without being the same.

use futures_util::future::join_all;
use highwater::source::{Extent, Source};

use super::sources::{Rows, Server, Sqlite, limits, read, read_with_restarts, sorted};

/// A column's type, and values of it as SQL writes them.
type Typed = (&'static str, &'static [&'static str]);

const ON_EVERY_SERVER: &[Typed] = &[
    (
        "BIGINT UNSIGNED",
        &[
            "0",
            "1",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
        ],
    ),
    (
        "BIGINT",
        &["-9223372036854775808", "-1", "0", "9223372036854775807"],
    ),
    ("TINYINT(1)", &["-128", "-1", "0", "1", "127"]),
    ("MEDIUMINT UNSIGNED", &["0", "16777215"]),
    (
        "DECIMAL(65,30)",
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "-0.000000000000000000000000000001",
            "0",
            "0.000000000000000000000000000001",
            "99999999999999999999999999999999999.999999999999999999999999999998",
            "99999999999999999999999999999999999.999999999999999999999999999999",
        ],
    ),
    ("DECIMAL(10,0) UNSIGNED", &["0", "9999999999"]),
    (
        "FLOAT",
        &[
            "-3.4e38", "-0.1", "0", "-0.0", "1e-45", "0.1", "16777216", "16777218", "3.4e38",
        ],
    ),
    (
        "DOUBLE",
        &[
            "-1.7e308",
            "-0.1",
            "0",
            "-0.0",
            "5e-324",
            "0.1",
            "0.30000000000000004",
            "0.3",
            "1.7e308",
        ],
    ),
    ("FLOAT(7,3)", &["-0.001", "0.001", "1234.567", "1234.568"]),
    (
        "DATE",
        &[
            "'0000-00-00'",
            "'2025-00-00'",
            "'2025-00-15'",
            "'2025-01-31'",
            "'9999-12-31'",
        ],
    ),
    (
        "DATETIME(6)",
        &[
            "'0000-00-00 00:00:00'",
            "'2025-02-00 01:00:00'",
            "'2025-10-26 02:30:00.000001'",
            "'2025-10-26 02:30:00.000002'",
            "'9999-12-31 23:59:59.999999'",
        ],
    ),
    (
        "DATETIME",
        &["'1000-01-01 00:00:00'", "'2025-03-30 02:30:00'"],
    ),
    // Both sides of the hour that Europe's clocks have twice, and the one that they skip.
    (
        "TIMESTAMP(6) NULL",
        &[
            "'0000-00-00 00:00:00'",
            "'1970-01-01 00:00:01'",
            "'2025-03-30 01:30:00'",
            "'2025-10-26 00:30:00'",
            "'2025-10-26 01:30:00.000001'",
            "'2038-01-19 03:14:07.999999'",
        ],
    ),
    (
        "TIME(6)",
        &[
            "'-838:59:59'",
            "'-00:00:00.000001'",
            "'00:00:00'",
            "'23:59:59.999999'",
            "'838:59:59'",
        ],
    ),
    ("YEAR", &["0", "1901", "2000", "2155"]),
    // In the order of their declaration, not of their text; the last is what a refused value left.
    (
        "ENUM('zeta','alpha','7','it''s','b\\\\s','ÄÖ','a,b','3')",
        &[
            "'zeta'", "'alpha'", "'7'", "'it''s'", "'b\\\\s'", "'ÄÖ'", "'a,b'", "'3'", "0",
        ],
    ),
    (
        "SET('z','a','q','7')",
        &["''", "'z'", "'a'", "'z,a'", "'q'", "'a,q'", "'7'", "'z,a,q,7'"],
    ),
    (WIDE_SET, &["''", "'m0'", "'m62'", "'m63'", "'m0,m63'", "-1"]),
    ("BIT(1)", &["b'0'", "b'1'"]),
    ("BIT(17)", &["0", "255", "256", "65536", "131071"]),
    (
        "BIT(64)",
        &[
            "0",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
        ],
    ),
    (
        "VARBINARY(16)",
        &["''", "x'00'", "x'0000'", "x'00ff'", "x'20'", "x'ff'"],
    ),
    (
        "BINARY(4)",
        &["x'00000000'", "x'61'", "x'6120'", "x'ffffffff'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "''", "'a'", "'A'", "'a '", "'á'", "'b'", "'ss'", "'ß'", "'文'", "'😀'", "'😁'",
        ],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &[
            "'a'",
            "'A'",
            "'a '",
            "'á'",
            "'ss'",
            "'ß'",
            "'ä'",
            "'ae'",
            "'b'",
            "'😀'",
            "'a\u{301}'",
        ],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        &["'a'", "'A'", "'a '", "'á'", "'ß'", "'😀'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        &["'a'", "'A'", "'ä'", "'z'", "'å'", "'ÿ'", "'€'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci",
        &["'ae'", "'ä'", "'af'", "'ß'", "'ss'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET gbk",
        &["'啊'", "'文'", "'中'", "'a'"],
    ),
    (
        "VARCHAR(20) CHARACTER SET utf16",
        &["'啊'", "'😀'", "'a'", "'A'"],
    ),
    (
        "CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &["''", "'a'", "'a  '", "'B'"],
    ),
    // Alike for longer than a server looks at, when it sorts without being told to.
    (
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 60000), 'd')",
            "CONCAT(REPEAT('x', 60000), 'e')",
            "CONCAT(REPEAT('x', 3000), 'd')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
    (
        "VARCHAR(4000) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        &[
            "CONCAT(REPEAT('x', 3999), 'c')",
            "CONCAT(REPEAT('x', 3999), 'a')",
            "CONCAT(REPEAT('x', 3999), 'd')",
            "CONCAT(REPEAT('x', 3999), 'B')",
        ],
    ),
    (
        "BLOB",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
];

/// As many members as there can be: the last is the sign of a signed number.
const WIDE_SET: &str = "SET('m0','m1','m2','m3','m4','m5','m6','m7','m8','m9','m10','m11','m12',\
    'm13','m14','m15','m16','m17','m18','m19','m20','m21','m22','m23','m24','m25','m26','m27',\
    'm28','m29','m30','m31','m32','m33','m34','m35','m36','m37','m38','m39','m40','m41','m42',\
    'm43','m44','m45','m46','m47','m48','m49','m50','m51','m52','m53','m54','m55','m56','m57',\
    'm58','m59','m60','m61','m62','m63')";

const ON_MYSQL: &[Typed] = &[
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
        &[
            "''", "'a'", "'A'", "'a '", "'á'", "'ss'", "'ß'", "'b'", "'😀'",
        ],
    ),
    (
        "VARCHAR(20) COLLATE utf8mb4_0900_as_cs",
        &["'a'", "'A'", "'a '", "'á'"],
    ),
    (
        "CHAR(5) COLLATE utf8mb4_0900_ai_ci",
        &["''", "'a'", "'a '", "'B'"],
    ),
];

const ON_MARIADB: &[Typed] = &[
    (
        "UUID",
        &[
            "'00000000-0000-0000-0000-000000000001'",
            // Of version 1, which are ordered by their time: the last part of the text first.
            "'a0000000-0000-1000-8000-000000000001'",
            "'00000000-0000-1001-8000-000000000001'",
            "'00000000-0000-1001-8000-000000000002'",
            "'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
            "'018f3c5e-0000-7000-8000-000000000000'",
            "'ffffffff-ffff-1fff-8fff-ffffffffffff'",
            "'ffffffff-ffff-4fff-8fff-ffffffffffff'",
        ],
    ),
    ("INET4", &["'0.0.0.0'", "'9.0.0.1'", "'10.0.0.1'", "'255.255.255.255'"]),
    ("INET6", &["'::1'", "'::ffff:10.0.0.1'", "'2001:db8::1'"]),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        &["'a'", "'a '", "'A'"],
    ),
];

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
             INSERT INTO {table} VALUES {}",
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
    for extent in [Extent::Incremental, Extent::FullAmount] {
        let source = server.scan(&table, "at", limits(1));
        match source.begin(extent, None).await {
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
    for extent in [Extent::Incremental, Extent::FullAmount] {
        let source = server.scan(&table, "at", limits(2));
        match source.begin(extent, None).await {
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
    let begun = match source.begin(Extent::Incremental, None).await {
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
