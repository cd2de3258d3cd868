//! `verify` of many equal rows: memory is bounded, however it is done; ten million at full scale.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    in_a_world,
    kills::full_scale,
    measured::{self, Measured, megabytes},
    program,
    sql::Sql,
    world::World,
};

/// Rows that are made by one statement.
const AT_ONCE: u64 = 1_000_000;

/// Ten million rows are not compared in less, on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// More than `verify` may take, in bytes: sums are 4 MB, and the program itself some 30.
const MOST_MEMORY: u64 = 150 * 1024 * 1024;

const SETTINGS: &str = r#"
[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[tasks.in-servers]
from = { connection = "mysql", table = "orders", incremental = "id" }
into = { connection = "mariadb", table = "copies" }

[tasks.here]
from = { connection = "mysql", table = "orders", incremental = "id", batch = { rows = 10000 } }
steps = [{ trim = ["note"] }]
into = { connection = "mariadb", table = "copies" }
"#;

#[test]
fn verify_of_many_equal_rows_takes_little_memory() {
    in_a_world("verify_many", async |world| {
        let rows = if full_scale() { 10_000_000 } else { 20_000 };
        fs::write(world.folder.path().join("settings.toml"), SETTINGS)?;
        let (mut one, mut two) = (world.mysql().await?, world.mariadb().await?);
        fill(&mut one, "orders", rows).await?;
        fill(&mut two, "copies", rows).await?;
        for (task, sums) in [
            ("in-servers", "servers"),
            ("in-servers", "faster"),
            ("here", "faster"),
        ] {
            verify(world, (task, sums), rows).await?;
        }
        // And it does look: one value of the last row.
        two.run(&format!(
            "UPDATE copies SET amount = amount + 0.01 WHERE id = {rows}"
        ))
        .await?;
        let found = program::run(world, "verify --task in-servers --recheck-after 1ms").await?;
        found.expect(
            "exit 3\nout contains 0 missing, 0 extra, 1 different",
            world.folder.path(),
        )
    });
}

async fn verify(world: &World, (task, sums): (&str, &str), rows: u64) -> Result<()> {
    let arguments = format!("verify --task {task} --sums {sums} --json");
    let Measured { ended, took, peak } = measured::run(world, &arguments, LIMIT).await?;
    let took = took.as_secs_f64();
    ended.expect("exit 0", world.folder.path())?;
    let answer: Value = serde_json::from_str(&ended.out)?;
    let answer = answer["verified"].get(0).context("nothing is told")?;
    ensure!(
        answer["expected_rows"] == rows && answer["actual_rows"] == rows,
        "{answer}"
    );
    ensure!((answer["ranges"] == 0) == (task == "here"), "{answer}");
    let rate = rows as f64 / took;
    println!(
        "{task}, --sums {sums}: {rows} equal rows in {took:.1} s, {rate:.0} rows/s, {:.1} MB at most",
        megabytes(peak)
    );
    ensure!(peak < MOST_MEMORY, "{peak} bytes");
    Ok(())
}

async fn fill(sql: &mut Sql, table: &str, rows: u64) -> Result<()> {
    let first = rows.min(AT_ONCE);
    sql.run(&format!(
        "CREATE TABLE {table} (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, amount DECIMAL(12,2), \
         price DOUBLE, at DATETIME(6), is_paid TINYINT, note VARCHAR(60)); \
         CREATE TABLE numbers (n BIGINT PRIMARY KEY); INSERT INTO numbers VALUES (1)"
    ))
    .await?;
    let mut made = 1;
    while made < first {
        let some = made.min(first - made);
        sql.run(&format!(
            "INSERT INTO numbers SELECT n + {made} FROM numbers WHERE n <= {some}"
        ))
        .await?;
        made += some;
    }
    for before in (0..rows).step_by(AT_ONCE as usize) {
        sql.run(&format!(
            "INSERT INTO {table} SELECT n + {before}, CONCAT('customer ', n + {before}), \
             CAST((n + {before}) % 1000000 AS DECIMAL(12,2)) / 100, (n + {before}) / 7e0, \
             TIMESTAMP('2025-01-01') + INTERVAL (n + {before}) * 1001 MICROSECOND, n % 2, \
             IF(n % 10 = 0, '', CONCAT('a note of order ', n + {before})) \
             FROM numbers"
        ))
        .await?;
    }
    sql.run("DROP TABLE numbers").await
}
