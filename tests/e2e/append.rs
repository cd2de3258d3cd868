//! A table whose rows are only added, behind a producer that is killed: each record once.

use anyhow::{Result, ensure};

use crate::{
    in_a_world,
    kafka::Outgoing,
    kills::{
        settings,
        sync::{FIRST, MYSQL, RECORDS, end_of_topic, insert_records, kill_syncs},
    },
    program,
    sql::Sql,
    world::World,
};

#[test]
fn what_a_killed_producer_repeats_is_added_once_to_mysql() {
    in_a_world("append_mysql", async |world| {
        is_added_once(world, "mysql", &mut world.mysql().await?).await
    });
}

#[test]
fn what_a_killed_producer_repeats_is_added_once_to_mariadb() {
    in_a_world("append_mariadb", async |world| {
        is_added_once(world, "mariadb", &mut world.mariadb().await?).await
    });
}

async fn is_added_once(world: &World, server: &str, sql: &mut Sql) -> Result<()> {
    let url = format!("${{{}_URL}}", server.to_uppercase());
    let log = LOG.replace("SERVER", server).replace("${URL}", &url);
    settings(world, &format!("{MYSQL}{log}"))?;
    let mut source = world.mysql().await?;
    source.run(RECORDS).await?;
    sql.run(TABLE).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    kill_syncs(world, async |from| insert_records(&mut source, from).await).await?;
    let records = source.number("SELECT COUNT(*) FROM records").await?;
    let (messages, _) = end_of_topic(world)?;
    let repeated = i64::try_from(messages)? - records;
    ensure!(
        repeated > 0,
        "no kill has made the producer repeat anything"
    );
    sink(world).await?;
    rows_are(sql, records).await?;
    println!("{server}: {messages} messages, {repeated} of them repeated, {records} rows");

    // The whole topic once more adds nothing.
    let flow = format!("records/{}/to:log.log", world.topic);
    let back = program::run(world, &format!("cursor set {flow} 0:0")).await?;
    back.expect("exit 0", world.folder.path())?;
    sink(world).await?;
    rows_are(sql, records).await?;

    // A change is another state of its row, and a message that names nothing is known by its place.
    let change =
        format!("UPDATE records SET changed_at = changed_at + INTERVAL 1 DAY WHERE id = {FIRST}");
    source.run(&change).await?;
    program::run(world, "sync")
        .await?
        .expect("exit 0", world.folder.path())?;
    let value = format!(r#"{{"id":{FIRST},"text":"twice the same"}}"#);
    let message = || Outgoing {
        partition: Some(0),
        key: Some(b"1000001"),
        value: Some(value.as_bytes()),
    };
    world.kafka.produce(&world.topic, [message(), message()])?;
    sink(world).await?;
    rows_are(sql, records + 3).await?;
    ensure!(
        world.kafka.count(&dead_letters)? == 0,
        "there are dead letters"
    );
    let check = program::run(world, "check").await?;
    check.expect("out contains rows that are there stay", world.folder.path())
}

async fn sink(world: &World) -> Result<()> {
    let ended = program::run(world, "sink --until-caught-up").await?;
    ended.expect("exit 0", world.folder.path())
}

async fn rows_are(sql: &mut Sql, rows: i64) -> Result<()> {
    let found = sql.number("SELECT COUNT(*) FROM log").await?;
    ensure!(found == rows, "{found} rows, not {rows}");
    Ok(())
}

const TABLE: &str = "CREATE TABLE log (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    id BIGINT NOT NULL, text VARCHAR(20), changed_at DATETIME(6),
    highwater_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin UNIQUE)";

const LOG: &str = r#"
[connections.log]
kind = "SERVER"
url = "${URL}"

[data-types.records.into]
connection = "log"
table = "log"
append = "highwater_id"
group = "${CASE_GROUP}"
batch = { rows = 1000, wait = "200ms" }
"#;
