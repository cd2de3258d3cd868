//! `verify` and `repair` by the program: what was planted is found, exactly, and mended.

mod documents;
mod kills;
mod many;
mod sums;
mod tables;
mod types;

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{in_a_world, program, sql::Sql, world::World};

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

[tasks.moved]
mode = "full"
from = { connection = "SOURCE", table = "orders", incremental = "id" }
steps = [{ rename = { a = "b" } }]
into = { connection = "TARGET", table = "copies" }
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
        let answer = asked(world, "verify --recheck-after 1ms", 3).await?;
        ensure!(
            answer["missing"] == 3 && answer["extra"] == 2 && answer["different"] == 6,
            "{answer}"
        );
        let ids = answer["samples"].as_array().context("samples")?.iter();
        let mut ids: Vec<_> = ids.filter_map(|it| it["key"]["id"].as_str()).collect();
        ids.sort_unstable();
        ensure!(
            ids == [
                "-1", "1", "1500", "20", "30", "3000", "31", "40", "41", "50", "9000"
            ],
            "{ids:?}"
        );
        let shown = asked(world, "repair --data-type orders --recheck-after 1ms", 3).await?;
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
            "repair --data-type orders --recheck-after 1ms --apply --keep-extra --rows 2",
            3,
        )
        .await;
        ensure!(
            kept.is_ok(),
            "the value that an extra row holds is refused: {kept:?}"
        );
        let mended = asked(
            world,
            "repair --data-type orders --recheck-after 1ms --apply --rows 2",
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
            "CREATE TABLE copies {rows}; INSERT INTO copies VALUES (1, -1), (2, -1)"
        ))
        .await?;
        let mut verify = program::start(world, "verify --recheck-after 1s --json")?;
        let mut count = 0;
        // At whatever moment each side is read, no row is equal, and each has changed a second later.
        while !verify.is_over()? {
            count += 1;
            one.run(&format!(
                "UPDATE orders SET a = {count}; INSERT INTO orders VALUES ({count} + 10, 0)"
            ))
            .await?;
            two.run(&format!(
                "UPDATE copies SET a = -{count}; \
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
            "exit 0\nout contains no field is written to them: b",
            world.folder.path(),
        )
    });
}

#[test]
fn verify_reads_only_ranges_whose_sums_differ() {
    in_a_world("ranges", async |world| {
        settings(world, "mysql", "mariadb", "json")?;
        let (mut one, mut two) = both(world, "mysql").await?;
        let rows = "(id BIGINT PRIMARY KEY, a VARCHAR(20), b DOUBLE)";
        one.run(&format!(
            "CREATE TABLE orders {rows}; SET cte_max_recursion_depth = 200000;\
             INSERT INTO orders WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 160000) \
             SELECT id * 3 - 200000, CONCAT('a', id), id / 7e0 FROM n"
        ))
        .await?;
        two.run(&format!(
            "CREATE TABLE copies {rows};\
             INSERT INTO copies SELECT CAST(seq AS SIGNED) * 3 - 200000, CONCAT('a', seq), seq / 7e0 FROM seq_1_to_160000"
        ))
        .await?;
        let equal = asked(world, "verify --sums servers", 0).await?;
        ensure!(
            equal["ranges"] == 4 && equal["differing_ranges"] == 0,
            "{equal}"
        );
        ensure!(
            equal["expected_rows"] == 160_000 && equal["actual_rows"] == 160_000,
            "{equal}"
        );
        // Before the first, behind the last, between two, at the very edges of a range.
        two.run("INSERT INTO copies VALUES (-999999, 'x', 1), (999999, 'y', 1), (2, 'z', 1)")
            .await?;
        one.run("UPDATE orders SET a = 'new' WHERE id IN (50000 * 3 - 200000, 50001 * 3 - 200000)")
            .await?;
        two.run("DELETE FROM copies WHERE id = 160000 * 3 - 200000")
            .await?;
        let answer = asked(world, "verify --sums servers --recheck-after 1ms", 3).await?;
        ensure!(
            answer["extra"] == 3 && answer["different"] == 2 && answer["missing"] == 1,
            "{answer}"
        );
        ensure!(
            answer["ranges"] == 4 && answer["differing_ranges"] == 3,
            "{answer}"
        );
        for (side, ranges) in [("here", 0), ("faster", 3)] {
            let answer = asked(
                world,
                &format!("verify --sums {side} --recheck-after 1ms"),
                3,
            )
            .await?;
            ensure!(
                answer["extra"] == 3 && answer["different"] == 2 && answer["missing"] == 1,
                "{answer}"
            );
            // The fourth is tried by reading.
            ensure!(
                answer["ranges"] == ranges && answer["expected_rows"] == 160_000,
                "{answer}"
            );
        }
        let mended = asked(
            world,
            "repair --data-type orders --recheck-after 1ms --apply",
            0,
        )
        .await?;
        ensure!(
            mended["equal"] == true && mended["deleted"] == 3,
            "{mended}"
        );
        Ok(())
    });
}

#[test]
fn verify_and_repair_of_a_task() {
    in_a_world("task", async |world| {
        settings(world, "mysql", "mariadb", "json")?;
        let (mut one, mut two) = both(world, "mysql").await?;
        one.run("CREATE TABLE orders (id INT PRIMARY KEY, a DECIMAL(9,2)); INSERT INTO orders VALUES (1, 1.5), (2, NULL), (3, 7)")
            .await?;
        program::run(world, "migrate --task moved")
            .await?
            .expect("exit 0", world.folder.path())?;
        let equal = asked(world, "verify --task moved", 0).await?;
        ensure!(
            equal["expected_rows"] == 3 && equal["data_type"] == "moved",
            "{equal}"
        );
        two.run("UPDATE copies SET b = 0 WHERE id = 2; DELETE FROM copies WHERE id = 1; INSERT INTO copies VALUES (9, 9)")
            .await?;
        let answer = asked(world, "verify --task moved --recheck-after 1ms", 3).await?;
        ensure!(
            answer["missing"] == 1 && answer["extra"] == 1 && answer["different"] == 1,
            "{answer}"
        );
        let mended = asked(world, "repair --task moved --recheck-after 1ms --apply", 0).await?;
        ensure!(mended["equal"] == true, "{mended}");
        let nothing = asked(world, "repair --task moved --recheck-after 1ms --apply", 0).await?;
        ensure!(
            nothing["equal"] == true && nothing["written"] == 0,
            "{nothing}"
        );
        let unknown = program::run(world, "verify --task none").await?;
        unknown.expect("exit 2\nerr contains moved", world.folder.path())?;
        let neither = program::run(world, "repair --apply").await?;
        neither.expect("exit 2", world.folder.path())
    });
}
