//! A writer that is stopped between its fence and COMMIT: its successor writes, and it cannot.
//!
//! Alone: the transaction that stays open would hold back readers of tests beside it.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{gate, in_a_world, kafka::Outgoing, program, sql::Sql, wait, world::World};

/// Twice the time after which a silent member leaves its group.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn stopped_before_its_commit_in_mysql_it_cannot_write() {
    let _gate = gate("paused");
    in_a_world("paused_mysql", async |world| {
        cannot_write(world, "mysql", &mut world.mysql().await?).await
    });
}

#[test]
fn stopped_before_its_commit_in_mariadb_it_cannot_write() {
    let _gate = gate("paused");
    in_a_world("paused_mariadb", async |world| {
        cannot_write(world, "mariadb", &mut world.mariadb().await?).await
    });
}

async fn cannot_write(world: &World, server: &str, sql: &mut Sql) -> Result<()> {
    let url = format!("${{{}_URL}}", server.to_uppercase());
    let settings = SETTINGS.replace("SERVER", server).replace("URL", &url);
    fs::write(world.folder.path().join("settings.toml"), settings)?;
    world.kafka.create(&world.topic, 1, &[]).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    sql.run(TABLE).await?;
    let mut first = program::start(world, "sink")?;
    change(world, "first")?;
    until(sql, &first, "first").await?;

    // Its statement waits for this lock, behind the fence.
    sql.run("BEGIN; SELECT * FROM people WHERE id='a' FOR UPDATE")
        .await?;
    change(world, "second")?;
    let waits = async || {
        let waiting = "SELECT COUNT(*) FROM information_schema.processlist \
            WHERE db=DATABASE() AND info LIKE 'INSERT INTO %people%'";
        Ok((sql.number(waiting).await? > 0).then_some(()))
    };
    wait::until("it waits for the row", wait::SOON, waits).await?;
    first.signal("STOP")?;
    let stopped = Instant::now();
    sql.run("COMMIT").await?;
    let mut second = program::start(world, "sink")?;
    until(sql, &second, "second").await?;
    let took = stopped.elapsed();
    ensure!(took < LIMIT, "it took {took:?}\n{}", second.said("err"));
    println!("{server}: the successor had written after {took:?}");

    first.signal("CONT")?;
    change(world, "third")?;
    until(sql, &second, "third").await?;
    for it in [&mut first, &mut second] {
        ensure!(!it.is_over()?, "{}", it.said("err"));
        it.terminate()?;
    }
    first.ended().await?.expect("exit 0", world.folder.path())?;
    second
        .ended()
        .await?
        .expect("exit 0", world.folder.path())?;
    let audit = sql.rows("SELECT name FROM audit ORDER BY id").await?;
    ensure!(audit == ["first", "second", "third"], "{audit:?}");
    Ok(())
}

fn change(world: &World, name: &str) -> Result<()> {
    let value = format!(r#"{{"id":"a","name":"{name}"}}"#);
    let message = Outgoing {
        partition: Some(0),
        key: Some(b"a"),
        value: Some(value.as_bytes()),
    };
    world.kafka.produce(&world.topic, [message])
}

async fn until(sql: &mut Sql, by: &program::Running, name: &str) -> Result<()> {
    let count = format!("SELECT COUNT(*) FROM people WHERE name='{name}'");
    let there = async || Ok((sql.number(&count).await? > 0).then_some(()));
    let outcome = wait::until("it is written", LIMIT * 2, there).await;
    outcome.map_err(|error| error.context(by.said("err")))
}

const TABLE: &str = "CREATE TABLE people (id VARCHAR(9) PRIMARY KEY, name VARCHAR(9)); \
    CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(9)); \
    CREATE TRIGGER made AFTER INSERT ON people FOR EACH ROW INSERT INTO audit (name) VALUES (NEW.name); \
    CREATE TRIGGER changed AFTER UPDATE ON people FOR EACH ROW INSERT INTO audit (name) VALUES (NEW.name)";

const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.warehouse]
kind = "SERVER"
url = "URL"

[data-types.people]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.people.into]
connection = "warehouse"
table = "people"
group = "${CASE_GROUP}"
session-timeout = "10s"
batch = { rows = 10, wait = "100ms" }
"#;
