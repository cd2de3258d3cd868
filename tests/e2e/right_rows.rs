//! The right row only: unique values that move in one batch, across batches and across partitions.

use std::fs;

use anyhow::{Result, ensure};

use crate::{
    in_a_world,
    kafka::{Outgoing, header},
    program::{self, Running},
    sql::Sql,
    wait,
    world::World,
};

#[test]
fn unique_values_move_between_rows_of_mysql() {
    in_a_world("right_rows_mysql", async |world| {
        values_move(world, "mysql", &mut world.mysql().await?).await
    });
}

#[test]
fn unique_values_move_between_rows_of_mariadb() {
    in_a_world("right_rows_mariadb", async |world| {
        values_move(world, "mariadb", &mut world.mariadb().await?).await
    });
}

async fn values_move(world: &World, server: &str, sql: &mut Sql) -> Result<()> {
    world.kafka.create(&world.topic, 2, &[]).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    sql.run(TABLE).await?;
    write_settings(world, server, 10, "60s")?;
    produce(world, &[("a", "y", 0), ("b", "x", 0)])?;
    caught_up(world, "").await?;
    expect(sql, &["a\ty\t1", "b\tx\t2", "c\tz\t3"]).await?;

    // Across batches: the one before frees the value.
    write_settings(world, server, 1, "60s")?;
    produce(world, &[("c", "w", 0), ("d", "z", 0)])?;
    caught_up(world, "").await?;
    expect(sql, &["a\ty\t1", "b\tx\t2", "c\tw\t3", "d\tz\tNULL"]).await?;

    // Across partitions: the lane that waits moves nothing, the other one goes on and frees it.
    let mut sink = program::start(world, "sink")?;
    produce(world, &[("e", "w", 0)])?;
    produce(world, &[("f", "other", 1)])?;
    until(
        sql,
        &sink,
        "f is there",
        "SELECT COUNT(*) FROM people WHERE id='f'",
    )
    .await?;
    ensure!(
        sql.number("SELECT COUNT(*) FROM people WHERE id='e'")
            .await?
            == 0
    );
    produce(world, &[("c", "v", 1)])?;
    until(
        sql,
        &sink,
        "e is there",
        "SELECT COUNT(*) FROM people WHERE id='e'",
    )
    .await?;
    sink.terminate()?;
    sink.ended().await?.expect("exit 0", world.folder.path())?;
    ensure!(
        world.kafka.count(&dead_letters)? == 0,
        "there is a dead letter"
    );
    let moved = [
        "a\ty\t1",
        "b\tx\t2",
        "c\tv\t3",
        "d\tz\tNULL",
        "e\tw\tNULL",
        "f\tother\tNULL",
    ];
    expect(sql, &moved).await?;

    // What is never freed costs one message, which tells the holder.
    write_settings(world, server, 10, "1s")?;
    produce(world, &[("g", "v", 0), ("h", "free", 0)])?;
    caught_up(world, "out contains 1 dead letter").await?;
    ensure!(
        sql.number("SELECT COUNT(*) FROM people WHERE id='h'")
            .await?
            == 1
    );
    let dead_letter = world.kafka.read(&dead_letters)?;
    let reason = dead_letter
        .first()
        .and_then(|it| header(it, "highwater-dead-reason"));
    let reason = reason.unwrap_or_default();
    ensure!(
        dead_letter.len() == 1 && reason.contains("id=c"),
        "{reason}"
    );
    let check = program::run(world, "check").await?;
    check.expect(
        "out contains another unique index (name)",
        world.folder.path(),
    )
}

async fn caught_up(world: &World, answer: &str) -> Result<()> {
    let ended = program::run(world, "sink --until-caught-up").await?;
    ended.expect(&format!("exit 0\n{answer}"), world.folder.path())
}

async fn expect(sql: &mut Sql, rows: &[&str]) -> Result<()> {
    let found = sql
        .rows("SELECT id, name, kept FROM people ORDER BY id")
        .await?;
    ensure!(found == rows, "{found:?}");
    Ok(())
}

async fn until(sql: &mut Sql, sink: &Running, what: &str, count: &str) -> Result<()> {
    let there = async || Ok((sql.number(count).await? > 0).then_some(()));
    let outcome = wait::until(what, wait::SOON, there).await;
    outcome.map_err(|error| error.context(sink.said("err")))
}

fn produce(world: &World, rows: &[(&str, &str, i32)]) -> Result<()> {
    let value = |(id, name, _): &(&str, &str, i32)| format!(r#"{{"id":"{id}","name":"{name}"}}"#);
    let values: Vec<_> = rows.iter().map(value).collect();
    let messages = rows.iter().zip(&values).map(|(row, value)| Outgoing {
        partition: Some(row.2),
        key: Some(row.0.as_bytes()),
        value: Some(value.as_bytes()),
    });
    world.kafka.produce(&world.topic, messages)
}

fn write_settings(world: &World, server: &str, rows: usize, patience: &str) -> Result<()> {
    let settings = SETTINGS
        .replace("SERVER", server)
        .replace("${URL_URL}", &format!("${{{}_URL}}", server.to_uppercase()))
        .replace("ROWS", &rows.to_string())
        .replace("PATIENCE", patience);
    Ok(fs::write(
        world.folder.path().join("settings.toml"),
        settings,
    )?)
}

const TABLE: &str = "CREATE TABLE people (id VARCHAR(9) PRIMARY KEY, \
    name VARCHAR(9) NOT NULL, kept INT, UNIQUE name (name)); \
    INSERT INTO people VALUES ('a','x',1),('b','y',2),('c','z',3)";

const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.warehouse]
kind = "SERVER"
url = "${URL_URL}"

[data-types.people]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.people.into]
connection = "warehouse"
table = "people"
group = "${CASE_GROUP}"
conflict-wait = "PATIENCE"
batch = { rows = ROWS, wait = "300ms" }
"#;
