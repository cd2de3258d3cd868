//! Kills of `migrate`: each row is written once, whatever was open at the target.

use anyhow::{Result, ensure};

use super::{LIMIT, full_scale, kills, settings};
use crate::{in_a_world, program, wait, world::World};

#[test]
fn kills_of_a_migration_lose_nothing_and_repeat_nothing() {
    killed("kills_migrate", SETTINGS);
}

#[test]
fn kills_of_a_migration_by_several_writers_lose_nothing_and_repeat_nothing() {
    killed("kills_writers", &several());
}

/// In chunks of the key that are read and written side by side.
fn several() -> String {
    let changes = [
        ("mode = \"incremental\"", "mode = \"full\""),
        ("late = \"none\"", "late = \"none\", workers = 2"),
        ("{ rows = 100 }", "{ rows = 100 }, writers = 3"),
    ];
    changes
        .iter()
        .fold(SETTINGS.to_owned(), |answer, (one, other)| {
            assert!(answer.contains(one), "{answer}");
            answer.replace(one, other)
        })
}

fn killed(name: &str, answer: &str) {
    in_a_world(name, async |world| {
        settings(world, answer)?;
        let rows = if full_scale() { 200_000 } else { 20_000 };
        let mut sql = world.mysql().await?;
        sql.run("CREATE TABLE records (id BIGINT NOT NULL PRIMARY KEY, text VARCHAR(100))")
            .await?;
        sql.run(&format!(
            "SET cte_max_recursion_depth = {rows}; \
             INSERT INTO records WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL \
             SELECT id + 1 FROM n WHERE id < {rows}) SELECT id, 'a record' FROM n"
        ))
        .await?;
        world.mariadb().await?.run(TARGET).await?;
        let counted = kill_while_it_writes(world).await?;
        let ended = program::run(world, "migrate --task records").await?;
        ended.expect("exit 0", world.folder.path())?;
        let mut target = world.mariadb().await?;
        let found = target.number("SELECT COUNT(*) FROM records").await?;
        ensure!(found == rows, "{found} rows of {rows}");
        let written = target.number("SELECT COUNT(*) FROM audit").await?;
        ensure!(written == rows, "{written} writes of {rows} rows");
        println!("{counted} kills -9 of a migration: {rows} rows, each written once");
        ensure!(counted > 0, "no kill met a migration at work");
        Ok(())
    });
}

/// Kills it each time when more rows are there than before.
async fn kill_while_it_writes(world: &World) -> Result<usize> {
    let mut counted = 0;
    for _ in 0..kills() {
        let mut target = world.mariadb().await?;
        let before = target.number("SELECT COUNT(*) FROM records").await?;
        let mut running = program::start(world, "migrate --task records")?;
        wait::until("more rows are written", LIMIT, async || {
            let over = running.is_over()?;
            let now = target.number("SELECT COUNT(*) FROM records").await?;
            Ok((over || now > before).then_some(()))
        })
        .await?;
        counted += usize::from(running.kill().await?);
    }
    Ok(counted)
}

/// Every write of a row leaves a trace in the same transaction.
const TARGET: &str = "CREATE TABLE records (id BIGINT NOT NULL PRIMARY KEY, text VARCHAR(100)); \
    CREATE TABLE audit (number BIGINT AUTO_INCREMENT PRIMARY KEY, id BIGINT NOT NULL); \
    CREATE TRIGGER inserted AFTER INSERT ON records FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id); \
    CREATE TRIGGER updated AFTER UPDATE ON records FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id)";

const SETTINGS: &str = r#"
[connections.shop]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.warehouse]
kind = "mariadb"
url = "${MARIADB_URL}"

[tasks.records]
mode = "incremental"
from = { connection = "shop", table = "records", incremental = "id", late = "none", batch = { rows = 50 } }
into = { connection = "warehouse", table = "records", batch = { rows = 100 } }
"#;
