//! Values of every type that a source can be ordered by, in the source's own precision: ties,
//! extremes, and what compares as equal without being the same.

use ::mongodb::{
    bson::spec::BinarySubtype,
    bson::{Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId},
    options::{Collation, CollationStrength},
};
use futures_util::future::join_all;
use highwater::{
    model::{Severity, Value},
    source::{Extent, Manner, Source, SourceError},
};

use super::{
    sinks::{database, drop_database, on_both_servers},
    sources::{
        Mongodb, Rows, Server, Sqlite, limits, open, read, read_with_restarts, sorted, start,
    },
};

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
        "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 3000), 'd')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
    (
        "LONGBLOB",
        &[
            "CONCAT(REPEAT('x', 3000), 'c')",
            "CONCAT(REPEAT('x', 3000), 'a')",
            "CONCAT(REPEAT('x', 3000), 'b')",
        ],
    ),
];

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
            "'ffffffff-ffff-1fff-8fff-ffffffffffff'",
        ],
    ),
    ("INET6", &["'::1'", "'10.0.0.1'", "'2001:db8::1'"]),
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
    if kind.starts_with("LONG") {
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

fn without_repeats(ids: &[i64]) -> usize {
    let mut ids = sorted(ids.to_vec());
    ids.dedup();
    ids.len()
}

async fn check(source: &dyn Source, count: usize, kind: &str) -> Vec<String> {
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

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().expect("a decimal"))
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    let bytes = bytes.to_vec();
    Bson::Binary(Binary { subtype, bytes })
}

/// Values of one class each.
fn classes() -> Vec<(&'static str, Vec<Bson>)> {
    let date = |millis| Bson::DateTime(DateTime::from_millis(millis));
    let timestamp = |time, increment| Bson::Timestamp(Timestamp { time, increment });
    vec![
        (
            "ObjectIds",
            vec![[0; 12], [1; 12], [0xff; 12]]
                .into_iter()
                .map(|it| ObjectId::from_bytes(it).into())
                .collect(),
        ),
        (
            "dates",
            vec![
                date(i64::MIN),
                date(-1),
                date(0),
                date(1_756_200_615_123),
                date(i64::MAX),
            ],
        ),
        (
            "numbers of every type",
            vec![
                Bson::Double(f64::NEG_INFINITY),
                Bson::Int64(i64::MIN),
                Bson::Int32(-1),
                Bson::Double(-0.0),
                Bson::Int32(0),
                decimal("0E-10"),
                Bson::Double(0.1),
                decimal("0.1"),
                Bson::Int32(5),
                Bson::Int64(5),
                Bson::Double(5.0),
                decimal("5.00"),
                Bson::Double(9_007_199_254_740_992.0),
                Bson::Int64(9_007_199_254_740_993),
                Bson::Int64(i64::MAX),
                decimal("9223372036854775807.5"),
                Bson::Double(f64::MAX),
                decimal("9.999999999999999999999999999999999E+6144"),
                Bson::Double(f64::INFINITY),
            ],
        ),
        (
            "text",
            [
                "",
                "a",
                "A",
                "a ",
                "á",
                "a\u{301}",
                "文",
                "😀",
                "a\0b",
                "$a",
                "{\"$oid\":1}",
            ]
            .map(|it| Bson::String(it.to_owned()))
            .into(),
        ),
        (
            "binary",
            vec![
                binary(BinarySubtype::Generic, b""),
                binary(BinarySubtype::Generic, b"\xff"),
                binary(BinarySubtype::Uuid, &[7; 16]),
                binary(BinarySubtype::UserDefined(0x80), b"a"),
            ],
        ),
        ("booleans", vec![false.into(), true.into()]),
        (
            "timestamps",
            vec![
                timestamp(1, 1),
                timestamp(1, 2),
                timestamp(u32::MAX, u32::MAX),
            ],
        ),
        (
            "documents",
            vec![
                doc! {}.into(),
                doc! { "a": 1 }.into(),
                doc! { "a": 1, "b": [1, 2] }.into(),
                doc! { "$ref": "c", "$id": 5 }.into(),
                doc! { "x": { "y": "z" } }.into(),
            ],
        ),
    ]
}

#[tokio::test]
async fn every_class_of_mongodb_orders_a_read() {
    let mut wrong = Vec::new();
    for (class, values) in classes() {
        for field in ["at", "meta.deep.at"] {
            let them = Mongodb::open(Mongodb::object_id).await;
            let count = values.len() * 4;
            let value = |id: usize| values[(id * 7 + id / values.len()) % values.len()].clone();
            let document = |id: usize| match field {
                "at" => doc! { "_id": id as i64, "id": id as i64, "at": value(id) },
                _ => {
                    doc! { "_id": id as i64, "id": id as i64, "meta": { "deep": { "at": value(id) } } }
                }
            };
            them.put((0..count).map(document).collect()).await;
            let source = them.scan(field, limits(3));
            wrong.extend(check(&source, count, class).await);
            them.close().await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_class_of_mongodb_is_an_id() {
    for (class, values) in classes() {
        let them = Mongodb::open(Mongodb::object_id).await;
        // Of values that are equal, such as 5 and 5.0, one alone can be there.
        let mut count = 0;
        let documents = them.connection.database().collection::<Document>("t");
        for value in values {
            let document = doc! { "_id": value, "id": count as i64, "at": 7 };
            count += usize::from(documents.insert_one(document).await.is_ok());
        }
        let ids: Vec<i64> = (0..count as i64).collect();
        for (field, extent) in [
            ("_id", Extent::Incremental),
            ("_id", Extent::FullAmount),
            ("at", Extent::Incremental),
            ("at", Extent::FullAmount),
        ] {
            let source = them.scan(field, limits(2));
            let (all, end) = read_with_restarts(&source, start(&source, extent).await).await;
            assert_eq!(
                sorted(all),
                ids,
                "{class} by {field}, {extent:?}, up to {end}"
            );
        }
        them.close().await;
    }
}

#[tokio::test]
async fn a_collection_of_another_collation_is_read_in_it() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let collation = Collation::builder()
        .locale("de".to_owned())
        .strength(CollationStrength::Primary);
    let create = them.connection.database().create_collection("t");
    create.collation(collation.build()).await.expect("made");
    let texts = ["a", "A", "á", "ä", "b", "B", "ß", "ss", "z", "Å"];
    let document = |id: usize| {
        let at = texts[id * 7 % texts.len()];
        doc! { "_id": id as i64, "id": id as i64, "at": at }
    };
    them.put((0..40).map(document).collect()).await;
    let wrong = check(&them.scan("at", limits(3)), 40, "a collation").await;
    assert!(wrong.is_empty(), "{wrong:?}");
    them.close().await;
}

/// What `$gt` would pass over in silence.
#[tokio::test]
async fn documents_that_an_incremental_read_would_never_reach_are_refused() {
    let field = |it: Bson| doc! { "_id": 2, "id": 2_i64, "at": it };
    let cases: Vec<(&str, Document, &str)> = vec![
        ("at", doc! { "_id": 2, "id": 2_i64 }, "missing"),
        ("at", field(Bson::Null), "null"),
        ("at", field(f64::NAN.into()), "NaN"),
        ("at", field(decimal("NaN")), "NaN"),
        ("at", field("text".into()), "text"),
        ("at", field(DateTime::from_millis(0).into()), "dates"),
        ("at", field(Bson::MinKey), "without order"),
        ("at", field(Bson::MaxKey), "without order"),
        ("at", field(Bson::Array(vec![1.into(), 9.into()])), "list"),
        ("at", field(Bson::Array(vec![])), "list"),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": [{ "at": 1 }, { "at": 9 }] },
            "list",
        ),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": { "at": [1, 9] } },
            "list",
        ),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": 5 },
            "missing",
        ),
    ];
    for (by, document, why) in cases {
        let them = Mongodb::open(Mongodb::object_id).await;
        let usual = |id: i64| doc! { "_id": id, "id": id, "at": id, "meta": { "at": id } };
        them.put(vec![usual(1), document.clone(), usual(3), usual(5)])
            .await;
        let source = them.scan(by, limits(10));
        let begun = source
            .begin(Extent::Incremental, None)
            .await
            .expect("begun");
        let error = source.open(&begun, Manner::Bounded).await.err();
        let error = error.unwrap_or_else(|| panic!("{document} is read"));
        assert!(matches!(error, SourceError::Unfit { .. }), "{error:?}");
        assert!(error.to_string().contains(why), "{document}: {error}");
        let findings = source.check().await.expect("checked");
        assert!(
            findings.iter().any(|it| it.severity == Severity::Problem),
            "{document}: {findings:?}"
        );
        them.close().await;
    }
}

/// A collection made anew under its old name, with `_id`s of another class.
#[tokio::test]
async fn a_full_read_is_not_resumed_among_ids_of_another_class() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let of = |id: Bson, number: i64| doc! { "_id": id, "id": number, "at": number };
    them.put((1..=6).map(|it| of(Mongodb::object_id(it), it)).collect())
        .await;
    let source = them.scan("at", limits(2));
    let begun = start(&source, Extent::FullAmount).await;
    let (_, interrupted) = read(&source, &begun, 1).await;
    them.connection.database().drop().await.expect("dropped");
    them.put((1..=6).map(|it| of(it.to_string().into(), it)).collect())
        .await;
    let error = source.open(&interrupted, Manner::Bounded).await.err();
    let error = error.expect("nothing would be read").to_string();
    assert!(error.contains("cursor reset"), "{error}");
    them.close().await;
}

on_both_servers!(
    rows_with_null_are_refused_before_the_first_row,
    a_read_whose_session_is_killed_is_lost_and_never_at_its_end,
    a_column_that_is_dropped_while_it_is_read_is_tried_again,
    a_column_that_is_added_while_it_is_read_is_noticed,
    a_user_without_the_right_is_told_so_and_no_password_is_shown,
    tables_that_differ_by_case_are_two,
);

async fn rows_with_null_are_refused_before_the_first_row(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, at INT NULL); INSERT INTO t VALUES (1, 1), (2, NULL)")
        .await;
    let source = server.scan("t", "at", limits(2));
    let error = source
        .begin(Extent::Incremental, None)
        .await
        .expect_err("a NULL");
    assert!(error.to_string().contains("NULL in `at`"), "{error}");
}

/// Ends every other session in the test's database.
async fn kill_sessions(server: &Server) {
    let query = "SELECT CAST(id AS CHAR) FROM information_schema.processlist \
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let mut session = server.0.pool().acquire().await.expect("a session");
    let ids: Vec<String> = sqlx::query_scalar(query)
        .fetch_all(&mut *session)
        .await
        .expect("read");
    for id in ids {
        let kill = sqlx::AssertSqlSafe(format!("KILL CONNECTION {id}"));
        // It may have ended by itself.
        let _ = sqlx::raw_sql(kill).execute(&mut *session).await;
    }
}

async fn a_read_whose_session_is_killed_is_lost_and_never_at_its_end(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    use highwater::fault::{Fault, Faulty, chain};
    let server = Server(connection.clone());
    server
        .run(
            "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, text TEXT); \
             INSERT INTO t (text) VALUES (REPEAT('x', 2000)); \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t",
        )
        .await;
    for manner in [Manner::Bounded, Manner::Follow] {
        let source = server.scan("t", "id", limits(50));
        let begun = start(&source, Extent::Incremental).await;
        let mut reader = open(&source, &begun, manner).await;
        reader.next_batch().await.expect("read").expect("rows");
        kill_sessions(&server).await;
        let whole = tokio::time::timeout(std::time::Duration::from_secs(30), async {
            loop {
                match reader.next_batch().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("a cut read is taken for a whole one"),
                    Err(error) => return error,
                }
            }
        });
        let error = whole.await.expect("in time");
        assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    }
}

async fn a_column_that_is_dropped_while_it_is_read_is_tried_again(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    altered_while_read(connection, "ALTER TABLE t DROP COLUMN text").await;
}

async fn a_column_that_is_added_while_it_is_read_is_noticed(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    altered_while_read(connection, "ALTER TABLE t ADD COLUMN new INT").await;
}

/// Opening anew learns the table as it is then, so that the error may pass.
async fn altered_while_read(connection: &highwater::connect::mysql::MysqlConnection, alter: &str) {
    use highwater::fault::{Fault, Faulty, chain};
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, text TEXT); INSERT INTO t VALUES (1, 'a')")
        .await;
    let source = server.scan("t", "id", limits(50));
    let begun = start(&source, Extent::Incremental).await;
    let mut reader = open(&source, &begun, Manner::Follow).await;
    let first = reader.next_batch().await.expect("read").expect("a row");
    server.run(alter).await;
    let lost = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            if let Err(error) = reader.next_batch().await {
                return error;
            }
        }
    });
    let error = lost.await.expect("it is noticed");
    assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    server.run("INSERT INTO t (id) VALUES (2)").await;
    assert_eq!(read(&source, &first.position, usize::MAX).await.0, [2]);
}

async fn a_user_without_the_right_is_told_so_and_no_password_is_shown(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    use highwater::{
        connect::mysql::{self, MysqlSettings},
        fault::chain,
    };
    let server = Server(connection.clone());
    let database = connection.database().expect("it has one");
    let user = format!("u{}", database.trim_start_matches("highwater_sink_"));
    server
        .run(&format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, secret INT); CREATE TABLE other (id INT PRIMARY KEY); \
             CREATE USER {user} IDENTIFIED BY 'hunter2'; GRANT SELECT ON {database}.other TO {user}; \
             GRANT SELECT (id) ON {database}.t TO {user}"
        ))
        .await;
    let variable = match connection.flavor() {
        mysql::Flavor::Mysql => "HIGHWATER_TEST_MYSQL_URL",
        mysql::Flavor::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
    };
    let url = std::env::var(variable).expect("it is set");
    let host = url
        .rsplit_once('@')
        .expect("a user")
        .1
        .trim_end_matches('/');
    let settings = MysqlSettings {
        url: format!("mysql://{user}:hunter2@{host}/{database}").into(),
        pool: 2,
        tls_ca: None,
    };
    let theirs = Server(mysql::open("crawler", &settings).await.expect("opened"));
    for table in ["t", "none"] {
        let source = theirs.scan(table, "id", limits(2));
        let error = source
            .begin(Extent::Incremental, None)
            .await
            .expect_err("no right");
        let said = format!("{} {error:?}", chain(&error));
        assert!(
            said.contains("crawler") && !said.contains("hunter2"),
            "{said}"
        );
        let findings = source.check().await.expect("checked");
        assert!(
            findings.iter().any(|it| it.severity == Severity::Problem),
            "{findings:?}"
        );
        assert!(
            !format!("{findings:?} {source:?}").contains("hunter2"),
            "{findings:?}"
        );
    }
    server.run(&format!("DROP USER {user}")).await;
}

async fn tables_that_differ_by_case_are_two(
    connection: &highwater::connect::mysql::MysqlConnection,
) {
    let server = Server(connection.clone());
    server
        .run(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, a INT); CREATE TABLE T (b INT, id INT PRIMARY KEY); \
             INSERT INTO t VALUES (1, 2); INSERT INTO T VALUES (3, 4)",
        )
        .await;
    for (table, expected) in [("t", ["id", "a"]), ("T", ["b", "id"])] {
        let source = server.scan(table, "id", limits(2));
        let begun = start(&source, Extent::Incremental).await;
        let mut reader = open(&source, &begun, Manner::Bounded).await;
        let batch = reader.next_batch().await.expect("read").expect("a row");
        let names: Vec<&str> = batch
            .records
            .get(0)
            .expect("a row")
            .fields()
            .map(|it| it.0)
            .collect();
        assert_eq!(names, expected);
    }
}

/// SQLite takes a name in double quotes that it does not know for a text.
#[tokio::test]
async fn a_column_that_is_renamed_while_it_is_read_is_not_taken_for_a_text() {
    let file = Sqlite::open("id").await;
    file.run("INSERT INTO t VALUES ('a', 1, 1, 'text')").await;
    let source = file.scan("t", "id", limits(2));
    let begun = start(&source, Extent::Incremental).await;
    let mut reader = open(&source, &begun, Manner::Follow).await;
    reader.next_batch().await.expect("read").expect("a row");
    file.run("ALTER TABLE t RENAME COLUMN text TO words; INSERT INTO t VALUES ('a', 2, 2, 'new')")
        .await;
    let lost = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            match reader.next_batch().await {
                Ok(batch) => {
                    for row in batch.expect("it never ends").records.iter() {
                        assert_ne!(row.get("text"), Some(Value::String("text")));
                    }
                }
                Err(error) => return error,
            }
        }
    });
    let error = lost.await.expect("it is noticed");
    use highwater::fault::{Fault, Faulty, chain};
    assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    assert_eq!(read(&source, &begun, usize::MAX).await.0, [1, 2]);
}

/// Only a key of one INTEGER column is never NULL in SQLite.
#[tokio::test]
async fn a_null_in_a_key_of_sqlite_is_refused() {
    let file = Sqlite::empty().await;
    file.run("CREATE TABLE t (id INTEGER, b TEXT, at INT NOT NULL, PRIMARY KEY (id, b)); INSERT INTO t VALUES (NULL, 'a', 1)")
        .await;
    let error = file
        .scan("t", "at", limits(2))
        .begin(Extent::Incremental, None)
        .await;
    let error = error.expect_err("a NULL").to_string();
    assert!(error.contains("NULL in"), "{error}");
}
