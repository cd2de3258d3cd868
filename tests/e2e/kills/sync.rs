//! Kills of `sync`: whatever is published stands right behind what was published before it.

use std::fs;

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Document, doc};
use rdkafka::Message;

use super::{LIMIT, full_scale, kills, settings};
use crate::{
    in_a_world,
    program::{self, Running},
    sql::Sql,
    wait,
    world::World,
};

/// Numbers of records have seven digits, so that they are found in a position.
pub const FIRST: i64 = 1_000_001;
/// Records that are new at each kill of a `sync`: more than a second's work, after which the
/// cursor is saved, also where the build is a fast one.
fn new_records() -> i64 {
    if full_scale() { 20_000 } else { 6_000 }
}

#[test]
fn kills_of_a_sync_from_mongodb_lose_nothing() {
    in_a_world("kills_mongodb", async |world| {
        settings(world, MONGODB)?;
        let records = world.mongodb().await?.collection::<Document>("records");
        kill_syncs(world, async |from| {
            let new = (from..from + new_records()).map(|id| doc! { "_id": id, "text": "a record" });
            records.insert_many(new).await?;
            Ok(())
        })
        .await
    });
}

#[test]
fn kills_of_a_sync_from_mysql_lose_nothing() {
    in_a_world("kills_mysql", async |world| {
        settings(world, MYSQL)?;
        let mut sql = world.mysql().await?;
        sql.run(RECORDS).await?;
        kill_syncs(world, async |from| insert_records(&mut sql, from).await).await
    });
}

/// New records, all of one time: only the key tells where a page ends.
pub async fn insert_records(sql: &mut Sql, from: i64) -> Result<()> {
    let rows: Vec<_> = (from..from + new_records())
        .map(|id| format!("({id}, 'a record', '2025-08-26 09:30:15.000001')"))
        .collect();
    let insert = format!("INSERT INTO records VALUES {}", rows.join(","));
    sql.run(&insert).await
}

/// Kills `sync` until enough kills count, then lets it end and looks through the topic.
pub async fn kill_syncs(world: &World, mut add: impl AsyncFnMut(i64) -> Result<()>) -> Result<()> {
    let mut next = FIRST;
    let mut counted = 0;
    world.kafka.create(&world.topic, 1, &[]).await?;
    while counted < kills() {
        ensure!(
            next < FIRST + 40 * new_records(),
            "too few kills counted: {counted}"
        );
        add(next).await?;
        next += new_records();
        let mut sync = program::start(world, "sync")?;
        work_beyond_the_cursor(world, &mut sync, counted % 2 == 1).await?;
        let killed = sync.kill().await?;
        let cursor = cursor(world)?;
        let (messages, last) = end_of_topic(world)?;
        ensure!(
            cursor <= last,
            "the cursor stands at {cursor}, but {last} is the last that is published"
        );
        let counts = killed && last > cursor;
        counted += usize::from(counts);
        println!(
            "kill -9 of sync: cursor at {cursor}, topic ends with {last} ({messages} messages), \
             {} acknowledged beyond the cursor: {}",
            (last - cursor).max(0),
            if counts {
                format!("counts, {counted}")
            } else {
                "does not count".to_owned()
            },
        );
    }
    let ended = program::run(world, "sync").await?;
    ended.expect("exit 0", world.folder.path())?;
    nothing_is_missing(world, next)
}

/// Waits until this run has published something; where `saved`, beyond a cursor of its own.
async fn work_beyond_the_cursor(world: &World, sync: &mut Running, saved: bool) -> Result<()> {
    let before = cursor(world)?;
    if saved {
        wait::until("the cursor is saved", LIMIT, async || {
            let over = sync.is_over()?;
            Ok((over || cursor(world)? > before).then_some(()))
        })
        .await?;
    }
    let begun = world.kafka.count(&world.topic)?;
    wait::until("more is published", LIMIT, async || {
        let over = sync.is_over()?;
        Ok((over || world.kafka.count(&world.topic)? > begun + 100).then_some(()))
    })
    .await
}

/// The number of the record at which the saved cursor stands.
pub fn cursor(world: &World) -> Result<i64> {
    let Ok(entries) = fs::read_dir(world.folder.path().join("cursors")) else {
        return Ok(FIRST - 1);
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let stored: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
            let position = stored["position"].to_string();
            // Behind it is what the source has seen beyond the cursor.
            let read = position.split("seen").next().unwrap_or_default();
            return Ok(number_in(read).unwrap_or(FIRST - 1));
        }
    }
    Ok(FIRST - 1)
}

/// The largest number of a record in a text.
fn number_in(text: &str) -> Option<i64> {
    let runs = text.split(|it: char| !it.is_ascii_digit());
    let numbers = runs.filter(|it| it.len() == 7 && it.starts_with('1'));
    numbers.filter_map(|it| it.parse().ok()).max()
}

/// Messages in the topic, and the largest number of a record among them.
pub fn end_of_topic(world: &World) -> Result<(usize, i64)> {
    let numbers = published(world)?;
    let last = numbers.iter().max().copied().unwrap_or(FIRST - 1);
    Ok((numbers.len(), last))
}

/// The numbers of all records in the topic, in order.
pub fn published(world: &World) -> Result<Vec<i64>> {
    let messages = world.kafka.read(&world.topic)?;
    let number = |key: Option<&[u8]>| {
        let text = std::str::from_utf8(key.context("a message without key")?)?;
        Ok(text.parse()?)
    };
    messages.iter().map(|it| number(it.key())).collect()
}

/// A restart may go back, but never forth: whatever is published stands right behind what was
/// published before it.
pub fn nothing_is_missing(world: &World, end: i64) -> Result<()> {
    let numbers = published(world)?;
    let mut furthest = FIRST - 1;
    for number in &numbers {
        ensure!(*number <= furthest + 1, "after {furthest} came {number}");
        furthest = furthest.max(*number);
    }
    ensure!(
        furthest == end - 1,
        "{furthest} is the last, not {}",
        end - 1
    );
    let records = usize::try_from(end - FIRST)?;
    let repeated = numbers.len() - records;
    println!("{records} records, each published, in order; {repeated} repeated after kills");
    Ok(())
}

/// Small batches, so that there is time to kill.
const MONGODB: &str = r#"
[connections.crawler]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
max-in-flight = 2
from = { connection = "crawler", collection = "records", batch = { rows = 10 } }
"#;

pub const MYSQL: &str = r#"
[connections.shop]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
max-in-flight = 2
from = { connection = "shop", table = "records", incremental = "changed_at", batch = { rows = 10 } }
"#;

pub const RECORDS: &str = "CREATE TABLE records (
    id BIGINT PRIMARY KEY,
    text VARCHAR(20) NOT NULL,
    changed_at DATETIME(6) NOT NULL,
    KEY (changed_at, id)
)";
