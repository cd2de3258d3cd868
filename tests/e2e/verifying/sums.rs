//! Sums of ranges in the servers: what they are in the order of, and what has none.

use std::fs;

use anyhow::ensure;

use super::{asked, both};
use crate::in_a_world;

const SETTINGS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[tasks.copy]
from = { connection = "mysql", table = "orders", key = ["id", "part"] }
into = { connection = "mariadb", table = "copies", key = ["id", "part"] }
"#;

/// A table without a primary key has its rows in the order of whatever index serves.
#[test]
fn verify_sums_up_rows_that_lie_in_another_order() {
    in_a_world("another_order", async |world| {
        fs::write(world.folder.path().join("settings.toml"), SETTINGS)?;
        let (mut one, mut two) = both(world, "mysql").await?;
        one.run(
            "CREATE TABLE orders (id INT NOT NULL, part INT NOT NULL, a INT, PRIMARY KEY (id, part)); \
             SET cte_max_recursion_depth = 5000; \
             INSERT INTO orders WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 3000) \
             SELECT n DIV 10, n % 10, n * 7919 % 3001 FROM n",
        )
        .await?;
        // Every column is in the index by which the server may like to read it.
        two.run(
            "CREATE TABLE copies (id INT NOT NULL, part INT NOT NULL, a INT, \
             KEY (id, a, part), UNIQUE KEY (id, part)); \
             INSERT INTO copies SELECT seq DIV 10, seq % 10, seq * 7919 % 3001 FROM seq_1_to_3000 ORDER BY seq * 31 % 3001",
        )
        .await?;
        let equal = asked(world, "verify --task copy", 0).await?;
        ensure!(
            equal["ranges"] == 1 && equal["differing_ranges"] == 0,
            "{equal}"
        );
        two.run("UPDATE copies SET a = a + 1 WHERE id = 7 AND part = 7")
            .await?;
        let answer = asked(world, "verify --task copy --recheck-after 1ms", 3).await?;
        ensure!(
            answer["different"] == 1 && answer["differing_ranges"] == 1,
            "{answer}"
        );
        Ok(())
    });
}

/// Ranges are cut by the key's first column alone, of which several rows have one value.
#[test]
fn verify_cuts_no_rows_of_one_value_apart() {
    in_a_world("cut_apart", async |world| {
        fs::write(world.folder.path().join("settings.toml"), SETTINGS)?;
        let (mut one, mut two) = both(world, "mysql").await?;
        let rows = "(id INT NOT NULL, part INT NOT NULL, a INT, PRIMARY KEY (id, part))";
        one.run(&format!(
            "CREATE TABLE orders {rows}; SET cte_max_recursion_depth = 180000; \
             INSERT INTO orders WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 180000) \
             SELECT n DIV 7, n % 7, n FROM n"
        ))
        .await?;
        two.run(&format!(
            "CREATE TABLE copies {rows}; INSERT INTO copies SELECT seq DIV 7, seq % 7, seq FROM seq_1_to_180000"
        ))
        .await?;
        for (sums, ranges) in [("servers", 4), ("faster", 3), ("here", 0)] {
            let arguments = format!("verify --task copy --sums {sums}");
            let equal = asked(world, &arguments, 0).await?;
            ensure!(
                equal["ranges"] == ranges && equal["expected_rows"] == 180_000,
                "{equal}"
            );
        }
        // At the edges of ranges, the last of which is tried by reading.
        two.run("UPDATE copies SET a = 0 WHERE a IN (49999, 50000, 50003, 50004, 150002, 150006)")
            .await?;
        for sums in ["servers", "faster", "here"] {
            let arguments = format!("verify --task copy --recheck-after 1ms --sums {sums}");
            let answer = asked(world, &arguments, 3).await?;
            ensure!(answer["different"] == 6, "{answer}");
        }
        Ok(())
    });
}

/// Rows that are equal as they lie are no equal ones where a flow would write another, wherever they are summed up.
#[test]
fn verify_takes_the_way_of_the_format_wherever_it_sums_up() {
    in_a_world("format", async |world| {
        fs::write(world.folder.path().join("row.proto"), SCHEMA)?;
        fs::write(world.folder.path().join("settings.toml"), FORMATS)?;
        let mut server = world.mariadb().await?;
        server
            .run(
                "CREATE TABLE nulls (id INT PRIMARY KEY, a JSON); INSERT INTO nulls VALUES (1, 'null'); \
                 CREATE TABLE texts (id INT PRIMARY KEY, a VARBINARY(9)); INSERT INTO texts VALUES (1, 'abc'); \
                 CREATE TABLE longs (id BIGINT PRIMARY KEY); INSERT INTO longs VALUES (1), (5000000000); \
                 CREATE TABLE nulls_2 LIKE nulls; INSERT INTO nulls_2 SELECT * FROM nulls; \
                 CREATE TABLE texts_2 LIKE texts; INSERT INTO texts_2 SELECT * FROM texts; \
                 CREATE TABLE longs_2 LIKE longs; INSERT INTO longs_2 SELECT * FROM longs",
            )
            .await?;
        for (name, kind) in [
            ("nulls", "different"),
            ("texts", "different"),
            ("longs", "extra"),
        ] {
            for sums in ["servers", "faster", "here"] {
                let arguments =
                    format!("verify --data-type {name} --recheck-after 1ms --sums {sums}");
                let answer = asked(world, &arguments, 3).await?;
                ensure!(answer[kind] == 1, "{name}, {sums}: {answer}");
            }
        }
        // And where nothing changes a row, they are summed up there.
        server
            .run("CREATE TABLE same LIKE texts; INSERT INTO same SELECT * FROM texts; CREATE TABLE same_2 LIKE same; INSERT INTO same_2 SELECT * FROM same")
            .await?;
        let equal = asked(world, "verify --data-type same --sums servers", 0).await?;
        ensure!(equal["ranges"] == 1, "{equal}");
        Ok(())
    });
}

const SCHEMA: &str = "syntax = \"proto3\";\nmessage Row { int32 id = 1; }\n";

const FORMATS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[data-types.nulls]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
from = { connection = "mariadb", table = "nulls", incremental = "id" }
into = { connection = "mariadb", table = "nulls_2" }

[data-types.texts]
format = "json"
topic = "${CASE_TOPIC}.texts"
broker = "kafka"
from = { connection = "mariadb", table = "texts", incremental = "id" }
into = { connection = "mariadb", table = "texts_2", binary = "plain" }

[data-types.longs]
format = "protobuf"
messages = { file = "row.proto", message = "Row" }
topic = "${CASE_TOPIC}.longs"
broker = "kafka"
from = { connection = "mariadb", table = "longs", incremental = "id" }
into = { connection = "mariadb", table = "longs_2" }

[data-types.same]
format = "json"
topic = "${CASE_TOPIC}.same"
broker = "kafka"
from = { connection = "mariadb", table = "same", incremental = "id" }
into = { connection = "mariadb", table = "same_2" }
"#;

/// The server makes NULL of a text that is longer than a packet of its, which is not taken for a sum.
#[test]
fn verify_reads_a_row_that_is_longer_than_a_packet() {
    in_a_world("long_row", async |world| {
        // One server, so that both sides have the same packet.
        let settings = SETTINGS.replace("connection = \"mysql\"", "connection = \"mariadb\"");
        fs::write(world.folder.path().join("settings.toml"), settings)?;
        let mut server = world.mariadb().await?;
        let packet = "SELECT CAST(@@max_allowed_packet AS SIGNED)";
        let long = server.number(packet).await? / 5 * 3;
        server
            .run(&format!(
                "CREATE TABLE orders (id INT, part INT, a LONGTEXT, b LONGTEXT, PRIMARY KEY (id, part)); \
                 INSERT INTO orders VALUES (1, 1, 'a', 'b'), (2, 1, REPEAT('a', {long}), REPEAT('b', {long})); \
                 CREATE TABLE copies LIKE orders; INSERT INTO copies SELECT * FROM orders"
            ))
            .await?;
        let equal = asked(world, "verify --task copy", 0).await?;
        ensure!(
            equal["ranges"] == 1 && equal["differing_ranges"] == 1,
            "{equal}"
        );
        // Where nothing were a sum, both sides would be equal still.
        server
            .run("UPDATE orders SET b = CONCAT(b, 'c') WHERE id = 2")
            .await?;
        let answer = asked(world, "verify --task copy --recheck-after 1ms", 3).await?;
        ensure!(answer["different"] == 1, "{answer}");
        Ok(())
    });
}
