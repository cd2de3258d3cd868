//! `verify` and `repair` by the program: what was planted is found, exactly, and mended.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{in_a_world, program, sql::Sql, world::World};

/// A table with a column of every type, and for each column another value of it.
const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("tiny", "TINYINT", "-1", "1"),
    (
        "big",
        "BIGINT UNSIGNED",
        "18446744073709551615",
        "18446744073709551614",
    ),
    (
        "exact",
        "DECIMAL(65,30)",
        "1.5",
        "1.500000000000000000000000000001",
    ),
    ("single", "FLOAT", "0.1", "0.2"),
    ("wide", "DOUBLE", "0.1", "0.10000000000000002"),
    ("many", "BIT(64)", "b'1'", "b'0'"),
    ("day", "DATE", "'2025-08-26'", "'0000-00-00'"),
    (
        "clock",
        "DATETIME(6)",
        "'2025-08-26 09:30:15.000001'",
        "'2025-08-26 09:30:15.000002'",
    ),
    (
        "moment",
        "TIMESTAMP(6)",
        "'2025-08-26 09:30:15.000001'",
        "'2025-08-26 09:30:15'",
    ),
    (
        "span",
        "TIME(6)",
        "'-838:59:58.000001'",
        "'838:59:58.000001'",
    ),
    ("year", "YEAR", "2025", "2024"),
    ("fixed", "CHAR(9)", "'a'", "'A'"),
    ("name", "VARCHAR(99) CHARACTER SET latin1", "'é'", "'e'"),
    ("blanks", "VARCHAR(99)", "'a'", "'a '"),
    ("long", "LONGTEXT", "'王小明'", "'王小朋'"),
    ("empty", "VARCHAR(9)", "''", "NULL"),
    ("zeros", "BINARY(4)", "x'0001'", "x'0100'"),
    ("raw", "VARBINARY(9)", "x'00ff'", "x'00ff00'"),
    ("blob", "LONGBLOB", "x'80'", "x'81'"),
    ("choice", "ENUM('x','y')", "'x'", "'y'"),
    ("several", "SET('x','y')", "'x,y'", "'x'"),
    (
        "said",
        "JSON",
        "'{\"a\": [1, 2.50], \"b\": null}'",
        "'{\"a\": [1, 2.51], \"b\": null}'",
    ),
    (
        "place",
        "POINT",
        "ST_GeomFromText('POINT(1 2)')",
        "ST_GeomFromText('POINT(1 3)')",
    ),
];

fn table(name: &str) -> String {
    let columns = COLUMNS.iter().map(|it| format!("`{}` {} NULL", it.0, it.1));
    let columns: Vec<_> = columns.collect();
    format!(
        "CREATE TABLE {name} (area VARCHAR(20), id INT, {}, PRIMARY KEY (area, id))",
        columns.join(", ")
    )
}

/// A row of usual values, but for the column at `other`.
fn row(name: &str, id: usize, other: Option<usize>) -> String {
    let value = |(at, it): (usize, &(_, _, &str, &str))| match other == Some(at) {
        true => it.3.to_owned(),
        false => it.2.to_owned(),
    };
    let values: Vec<_> = COLUMNS.iter().enumerate().map(value).collect();
    format!(
        "INSERT INTO {name} VALUES ('ä.{id}', {id}, {});",
        values.join(", ")
    )
}

/// Zero days are values here.
const MODE: &str = "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES', time_zone = '+00:00';";

fn settings(world: &World, source: &str, target: &str, format: &str) -> Result<()> {
    let text = SETTINGS
        .replace("SOURCE", source)
        .replace("TARGET", target)
        .replace("FORMAT", format);
    fs::write(world.folder.path().join("settings.toml"), text)?;
    Ok(())
}

async fn asked(world: &World, arguments: &str, status: i32) -> Result<Value> {
    let ended = program::run(world, &format!("{arguments} --json")).await?;
    ended.expect(&format!("exit {status}"), world.folder.path())?;
    let value: Value = serde_json::from_str(&ended.out).context(ended.out)?;
    Ok(match value.get("verified") {
        Some(all) => all[0].clone(),
        None => value["repair"].clone(),
    })
}

async fn both(world: &World, source: &str) -> Result<(Sql, Sql)> {
    Ok(match source {
        "mysql" => (world.mysql().await?, world.mariadb().await?),
        _ => (world.mariadb().await?, world.mysql().await?),
    })
}

fn every_single_change_is_found(source: &str, target: &str, format: &str) {
    let name = format!("verify_{source}_{format}");
    in_a_world(&name, async |world| {
        settings(world, source, target, format)?;
        let (mut one, mut two) = both(world, source).await?;
        one.run(&format!("{MODE} {}", table("orders"))).await?;
        two.run(&format!("{MODE} {}", table("copies"))).await?;
        let others = [None].into_iter().chain((0..COLUMNS.len()).map(Some));
        for (id, other) in others.enumerate() {
            one.run(&row("orders", id, None)).await?;
            two.run(&row("copies", id, None)).await?;
            ensure!(other.is_none() || id == other.map_or(0, |it| it + 1));
        }
        let equal = asked(world, "verify", 0).await?;
        ensure!(
            equal["equal"] == true && equal["left_out"] == Value::Array(Vec::new()),
            "{equal}"
        );
        two.run("DELETE FROM copies").await?;
        two.run(&row("copies", 0, None)).await?;
        for at in 0..COLUMNS.len() {
            two.run(&row("copies", at + 1, Some(at))).await?;
        }
        let told = asked(world, "verify --settle 1ms --samples 100", 3).await?;
        ensure!(told["different"] == COLUMNS.len(), "{told}");
        ensure!(told["missing"] == 0 && told["extra"] == 0, "{told}");
        for sample in told["samples"].as_array().context("samples")? {
            let columns = sample["columns"].as_array().context("columns")?;
            let id: usize = sample["key"]["id"].as_str().context("id")?.parse()?;
            ensure!(columns.len() == 1, "{sample}");
            ensure!(columns[0]["column"] == COLUMNS[id - 1].0, "{sample}");
        }
        let repaired = asked(world, "repair --data-type orders --apply --settle 1ms", 0).await?;
        ensure!(
            repaired["written"] == COLUMNS.len() && repaired["equal"] == true,
            "{repaired}"
        );
        Ok(())
    });
}

macro_rules! every_type {
    ($($name:ident($source:literal, $target:literal, $format:literal))*) => {
        $(#[test] fn $name() {
            every_single_change_is_found($source, $target, $format);
        })*
    };
}

every_type! {
    verify_finds_each_change_from_mysql_by_json("mysql", "mariadb", "json")
    verify_finds_each_change_from_mysql_by_protobuf("mysql", "mariadb", "protobuf")
    verify_finds_each_change_from_mariadb_by_json("mariadb", "mysql", "json")
    verify_finds_each_change_from_mariadb_by_protobuf("mariadb", "mysql", "protobuf")
}

const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[data-types.orders]
format = "FORMAT"
topic = "${CASE_TOPIC}"
broker = "kafka"
from = { connection = "SOURCE", table = "orders", incremental = "id", batch = { rows = 100 } }
into = { connection = "TARGET", table = "copies", group = "${CASE_GROUP}" }
"#;

#[test]
fn verify_tells_what_was_planted_and_repair_mends_it() {
    in_a_world("planted", async |world| {
        settings(world, "mysql", "mariadb", "json")?;
        let (mut one, mut two) = both(world, "mysql").await?;
        let rows = "(area VARCHAR(20), id INT, a VARCHAR(20) UNIQUE, b VARCHAR(20), PRIMARY KEY (area, id))";
        one.run(&format!("CREATE TABLE orders {rows}; SET cte_max_recursion_depth = 5000;\
            INSERT INTO orders WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 3000) \
            SELECT CONCAT('Area ', id % 7), id, CONCAT('a', id), CONCAT('b', id) FROM n")).await?;
        two.run(&format!("CREATE TABLE copies {rows};\
            INSERT INTO copies SELECT CONCAT('Area ', seq % 7), seq, CONCAT('a', seq), CONCAT('b', seq) FROM seq_1_to_3000;")).await?;
        ensure!(asked(world, "verify", 0).await?["expected_rows"] == 3000);
        // Gone, too many, swapped between columns, swapped between rows, NULL for an empty text.
        one.run("UPDATE orders SET b = '' WHERE id = 50").await?;
        two.run("DELETE FROM copies WHERE id IN (1, 1500, 3000); INSERT INTO copies VALUES ('Area 1', 9000, 'x', 'y'), ('', -1, 'a1', NULL);\
            UPDATE copies SET a = 'b20', b = 'a20' WHERE id = 20;\
            UPDATE copies SET b = CASE id WHEN 30 THEN 'b31' ELSE 'b30' END WHERE id IN (30, 31);\
            UPDATE copies SET a = NULL WHERE id IN (40, 41); UPDATE copies SET a = 'a41' WHERE id = 40; UPDATE copies SET a = 'a40' WHERE id = 41;\
            UPDATE copies SET b = NULL WHERE id = 50").await?;
        let told = asked(world, "verify --settle 1ms", 3).await?;
        ensure!(
            told["missing"] == 3 && told["extra"] == 2 && told["different"] == 6,
            "{told}"
        );
        let ids = told["samples"].as_array().context("samples")?.iter();
        let mut ids: Vec<_> = ids.filter_map(|it| it["key"]["id"].as_str()).collect();
        ids.sort_unstable();
        ensure!(
            ids == [
                "-1", "1", "1500", "20", "30", "3000", "31", "40", "41", "50", "9000"
            ],
            "{ids:?}"
        );
        let shown = asked(world, "repair --data-type orders --settle 1ms", 3).await?;
        ensure!(
            shown["would"]["insert"] == 3 && shown["would"]["delete"] == 2,
            "{shown}"
        );
        ensure!(
            two.number("SELECT COUNT(*) FROM copies").await? == 2999,
            "it only shows"
        );
        let kept = asked(
            world,
            "repair --data-type orders --settle 1ms --apply --keep-extra --rows 2",
            3,
        )
        .await;
        ensure!(
            kept.is_ok(),
            "the value that an extra row holds is refused: {kept:?}"
        );
        let mended = asked(
            world,
            "repair --data-type orders --settle 1ms --apply --rows 2",
            0,
        )
        .await?;
        ensure!(
            mended["equal"] == true && mended["deleted"] == 2,
            "{mended}"
        );
        ensure!(asked(world, "verify", 0).await?["equal"] == true);
        Ok(())
    });
}

#[test]
fn verify_of_rows_that_move_tells_no_difference() {
    in_a_world("moving", async |world| {
        settings(world, "mysql", "mariadb", "json")?;
        let (mut one, mut two) = both(world, "mysql").await?;
        let rows = "(id INT PRIMARY KEY, a INT)";
        one.run(&format!(
            "CREATE TABLE orders {rows}; INSERT INTO orders VALUES (1, 0), (2, 0)"
        ))
        .await?;
        two.run(&format!(
            "CREATE TABLE copies {rows}; INSERT INTO copies VALUES (1, 0), (2, 0)"
        ))
        .await?;
        let mut verify = program::start(world, "verify --settle 1s --json")?;
        let mut count = 0;
        // The copy is behind its source all the time, and never for as long as a second.
        while !verify.is_over()? {
            count += 1;
            one.run(&format!(
                "UPDATE orders SET a = {count}; INSERT INTO orders VALUES ({count} + 10, 0)"
            ))
            .await?;
            two.run(&format!(
                "UPDATE copies SET a = {count} - 1; \
                 INSERT INTO copies SELECT {count} + 9, 0 FROM DUAL WHERE {count} > 1"
            ))
            .await?;
        }
        ensure!(count > 3, "it has ended too early: {count}");
        let ended = verify.ended().await?;
        ended.expect("exit 0", world.folder.path())?;
        ensure!(ended.out.contains("\"equal\":true"), "{}", ended.out);
        ensure!(!ended.out.contains("\"moving\":0"), "{}", ended.out);
        Ok(())
    });
}

#[test]
fn verify_of_what_cannot_be_told_fails() {
    in_a_world("verify_fails", async |world| {
        settings(world, "mysql", "mariadb", "json")?;
        let (mut one, mut two) = both(world, "mysql").await?;
        let ended = program::run(world, "verify").await?;
        ended.expect(
            "exit 1\nout contains there is no such table",
            world.folder.path(),
        )?;
        one.run(
            "CREATE TABLE orders (id INT PRIMARY KEY, a INT); INSERT INTO orders VALUES (1, 1)",
        )
        .await?;
        two.run("CREATE TABLE copies (id INT PRIMARY KEY)").await?;
        let ended = program::run(world, "verify").await?;
        ended.expect("exit 1\nout contains a field `a`", world.folder.path())?;
        two.run("ALTER TABLE copies ADD COLUMN a INT, ADD COLUMN b INT DEFAULT 5; INSERT INTO copies (id, a) VALUES (1, 1)").await?;
        let ended = program::run(world, "verify").await?;
        ended.expect(
            "exit 0\nout contains nothing is written there: b",
            world.folder.path(),
        )
    });
}
