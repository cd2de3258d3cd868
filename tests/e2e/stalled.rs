//! A process that stands still past its lease: another takes the flow over, and the first, awake
//! again, cannot save.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Document, doc};

use crate::{
    in_a_world,
    program::{self, Running},
    wait,
    world::World,
};

/// A lease lasts thirty seconds.
const LEASE: Duration = Duration::from_secs(75);

#[test]
fn stalled_past_its_lease_in_mysql_it_cannot_save() {
    in_a_world("stalled_mysql", async |world| {
        taken_over(world, "mysql").await
    });
}

#[test]
fn stalled_past_its_lease_in_mariadb_it_cannot_save() {
    in_a_world("stalled_mariadb", async |world| {
        taken_over(world, "mariadb").await
    });
}

#[test]
fn stalled_past_its_lease_in_mongodb_it_cannot_save() {
    in_a_world("stalled_mongodb", async |world| {
        taken_over(world, "crawler").await
    });
}

/// A lock of the system lasts as long as its process.
#[test]
fn stalled_with_a_file_it_keeps_the_flow() {
    in_a_world("stalled_file", async |world| {
        write_settings(world, "file")?;
        let mut first = following(world).await?;
        first.signal("STOP")?;
        let second = program::run(world, "sync").await?;
        let refused = "exit 1\nerr contains is running elsewhere";
        second.expect(refused, world.folder.path())?;
        first.signal("CONT")?;
        first.terminate()?;
        first.ended().await?.expect("exit 0", world.folder.path())
    });
}

async fn taken_over(world: &World, store: &str) -> Result<()> {
    write_settings(world, store)?;
    let mut first = following(world).await?;
    first.signal("STOP")?;
    let mut second = program::start(world, "sync --follow --wait 2m")?;
    let records = world.mongodb().await?.collection::<Document>("records");
    records.insert_one(doc! { "_id": 2 }).await?;
    published(world, &second, 2, LEASE).await?;
    first.signal("CONT")?;
    let ended = first.ended().await;
    let ended = ended.with_context(|| format!("the second said: {}", second.said("err")))?;
    let answer = "exit 1\nerr contains was taken over by another process";
    ended.expect(answer, world.folder.path())?;
    ensure!(!second.is_over()?, "{}", second.said("err"));
    second.terminate()?;
    second.ended().await?.expect("exit 0", world.folder.path())
}

/// A `sync --follow` that has published the first record.
async fn following(world: &World) -> Result<Running> {
    let records = world.mongodb().await?.collection::<Document>("records");
    records.insert_one(doc! { "_id": 1 }).await?;
    let first = program::start(world, "sync --follow")?;
    published(world, &first, 1, wait::SOON).await?;
    Ok(first)
}

/// Until at least so many messages are there.
async fn published(world: &World, by: &Running, count: u64, limit: Duration) -> Result<()> {
    let all = async || {
        let there = world.kafka.exists(&world.topic)? && world.kafka.count(&world.topic)? >= count;
        Ok(there.then_some(()))
    };
    let outcome = wait::until("all is published", limit, all).await;
    outcome.map_err(|error| error.context(by.said("err")))
}

fn write_settings(world: &World, store: &str) -> Result<()> {
    let path = world.folder.path().join("settings.toml");
    Ok(fs::write(path, SETTINGS.replace("STORE", store))?)
}

const SETTINGS: &str = r#"
[cursors]
store = "STORE"

[connections.mysql]
kind = "mysql"
url = "${MYSQL_URL}"

[connections.mariadb]
kind = "mariadb"
url = "${MARIADB_URL}"

[connections.crawler]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
from = { connection = "crawler", collection = "records" }
"#;
