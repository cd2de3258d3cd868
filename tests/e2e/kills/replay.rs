//! Kills of `dead-letters replay`: audit rows count the writes of each dead letter.

use anyhow::{Context, Result, ensure};

use super::{
    LIMIT, kills, settings,
    sink::{WAITING, open_transactions},
};
use crate::{in_a_world, kafka::Outgoing, program, sql::Sql, wait, world::World};

/// Letters that there are to be replayed.
const DEAD_LETTERS: i64 = 400;

#[test]
fn kills_of_a_replay_land_every_letter_once() {
    in_a_world("kills_replay", async |world| {
        settings(world, SETTINGS)?;
        for topic in [&world.topic, &format!("{}.dead-letters", world.topic)] {
            world.kafka.create(topic, 1, &[]).await?;
        }
        let mut sql = world.mysql().await?;
        sql.run(TABLE).await?;
        produce(world)?;
        let ended = program::run(world, "sink --until-caught-up").await?;
        ended.expect("exit 0", world.folder.path())?;
        let dead_letters = world
            .kafka
            .count(&format!("{}.dead-letters", world.topic))?;
        ensure!(
            i64::try_from(dead_letters)? == DEAD_LETTERS,
            "{dead_letters} letters"
        );
        sql.run("ALTER TABLE landed MODIFY name VARCHAR(40)")
            .await?;
        for round in 0..kills() {
            let at = DEAD_LETTERS * (i64::try_from(round)? + 1) / (i64::try_from(kills())? + 2);
            kill_in_a_transaction(world, &mut sql, at).await?;
            kill_between(world, &mut sql).await?;
        }
        let before = sql.number("SELECT COUNT(*) FROM landed").await?;
        let again = program::run(world, REPLAY).await?;
        let answer = format!(
            "exit 0\nout contains dead letters: {} landed, {before} had landed before, 0 superseded, 0 still bad",
            DEAD_LETTERS - before
        );
        again.expect(&answer, world.folder.path())?;
        every_letter_landed_once(&mut sql).await
    });
}

const REPLAY: &str = "dead-letters replay --data-type records";

/// Texts that the column does not hold yet.
fn produce(world: &World) -> Result<()> {
    let value = |id| format!(r#"{{"id":{id},"name":"longer than four letters"}}"#);
    let values: Vec<_> = (0..DEAD_LETTERS).map(value).collect();
    let messages = values.iter().map(|value| Outgoing {
        partition: Some(0),
        key: None,
        value: Some(value.as_bytes()),
    });
    world.kafka.produce(&world.topic, messages)
}

/// Holds the row that a letter is about to make, and kills the replay while it waits for it.
async fn kill_in_a_transaction(world: &World, sql: &mut Sql, at: i64) -> Result<()> {
    let mut blocker = world.mysql().await?;
    blocker.run("START TRANSACTION").await?;
    let held = format!("INSERT INTO landed (id, name) VALUES ({at}, 'held')");
    blocker.run(&held).await?;
    let mut replay = program::start(world, REPLAY)?;
    wait::until("the replay waits for the held row", LIMIT, async || {
        ensure!(!replay.is_over()?, "the replay has ended by itself");
        Ok((sql.number(WAITING).await? > 0).then_some(()))
    })
    .await
    .with_context(|| format!("{}{}", replay.said("out"), replay.said("err")))?;
    let open = open_transactions(sql).await?;
    ensure!(replay.kill().await?, "the replay has ended by itself");
    println!(
        "kill -9 of a replay, counts: letter {at}, {}",
        open.join("; ")
    );
    blocker.run("ROLLBACK").await
}

/// Kills the replay at any moment while letters land.
async fn kill_between(world: &World, sql: &mut Sql) -> Result<()> {
    let before = sql.number("SELECT COUNT(*) FROM landed").await?;
    let mut replay = program::start(world, REPLAY)?;
    let landed = wait::until("letters land", LIMIT, async || {
        ensure!(!replay.is_over()?, "the replay has ended by itself");
        let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
        Ok((landed > before).then_some(landed))
    })
    .await?;
    ensure!(replay.kill().await?, "the replay has ended by itself");
    println!("kill -9 of a replay at any moment: {landed} letters had landed");
    Ok(())
}

async fn every_letter_landed_once(sql: &mut Sql) -> Result<()> {
    for query in [
        "SELECT COUNT(*) FROM landed WHERE name = 'longer than four letters'",
        "SELECT COUNT(*) FROM audit",
        "SELECT COUNT(DISTINCT id) FROM audit",
        "SELECT COUNT(*) FROM highwater_progress WHERE flow LIKE '% letter %'",
    ] {
        let found = sql.number(query).await?;
        ensure!(
            found == DEAD_LETTERS,
            "{query}: {found}, not {DEAD_LETTERS}"
        );
    }
    Ok(())
}

const SETTINGS: &str = r#"
[connections.warehouse]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.records.into]
connection = "warehouse"
table = "landed"
group = "${CASE_GROUP}"
batch = { rows = 100, wait = "200ms" }
"#;

const TABLE: &str = "
CREATE TABLE landed (id BIGINT PRIMARY KEY, name VARCHAR(4));
CREATE TABLE audit (number BIGINT AUTO_INCREMENT PRIMARY KEY, id BIGINT NOT NULL);
CREATE TRIGGER made AFTER INSERT ON landed FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id);
CREATE TRIGGER changed AFTER UPDATE ON landed FOR EACH ROW INSERT INTO audit (id) VALUES (NEW.id);
";
