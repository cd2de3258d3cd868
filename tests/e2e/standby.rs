//! A second process that waits for a flow (`--wait`) and goes on where the first was killed.

use std::fs;

use anyhow::{Result, ensure};
use mongodb::bson::{Document, doc};

use crate::{
    in_a_world,
    program::{self, Running},
    wait,
    world::World,
};

#[test]
fn standby_takes_over_when_the_first_is_killed() {
    in_a_world("standby", async |world| {
        fs::write(world.folder.path().join("settings.toml"), SETTINGS)?;
        let records = world.mongodb().await?.collection::<Document>("records");
        records.insert_one(doc! { "_id": 1 }).await?;
        let mut first = program::start(world, "sync --follow")?;
        published(world, &first, 1).await?;
        // Then nothing is repeated.
        wait::until("the cursor is saved", wait::SOON, async || saved(world)).await?;
        let mut second = program::start(world, "sync --follow --wait 1m")?;
        let waiting = async || {
            Ok(second
                .said("err")
                .contains("waiting for its end")
                .then_some(()))
        };
        wait::until("the second waits", wait::SOON, waiting).await?;
        ensure!(!second.is_over()?, "{}", second.said("err"));
        ensure!(first.kill().await?, "the first had ended by itself");
        records.insert_one(doc! { "_id": 2 }).await?;
        published(world, &second, 2).await?;
        second.terminate()?;
        second.ended().await?.expect("exit 0", world.folder.path())
    });
}

fn saved(world: &World) -> Result<Option<()>> {
    let names = fs::read_dir(world.folder.path().join("cursors"))?;
    let mut paths = names.flatten().map(|it| it.path());
    Ok(paths
        .any(|it| it.extension().is_some_and(|it| it == "json"))
        .then_some(()))
}

async fn published(world: &World, by: &Running, count: u64) -> Result<()> {
    let all = async || {
        let there = world.kafka.exists(&world.topic)? && world.kafka.count(&world.topic)? == count;
        Ok(there.then_some(()))
    };
    let outcome = wait::until("all is published", wait::SOON, all).await;
    outcome.map_err(|error| error.context(by.said("err")))
}

const SETTINGS: &str = r#"
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
