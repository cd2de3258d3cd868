//! Kill -9 at nine tenths of a full read: only what was in flight and one save interval is read again.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::{
    LIMIT, full_scale, settings,
    sync::{FIRST, RECORDS, end_of_topic, published},
};
use crate::{in_a_world, program, wait, world::World};

#[test]
fn full_read_killed_at_nine_tenths_reads_little_again() {
    in_a_world("killed_full", async |world| {
        // Few rows last long enough only where each batch waits for the one before.
        let (rows, batch, in_flight, shared) = if full_scale() {
            (1_000_000, 1_000, 8, &[1, 2, 4][..])
        } else {
            (20_000, 20, 1, &[2][..])
        };
        let mut sql = world.mysql().await?;
        sql.run(RECORDS).await?;
        sql.run(&format!(
            "SET cte_max_recursion_depth = {rows}; \
             INSERT INTO records WITH RECURSIVE n AS (SELECT {FIRST} AS id UNION ALL \
             SELECT id + 1 FROM n WHERE id < {FIRST} + {rows} - 1) \
             SELECT id, 'a record', '2025-08-26 09:30:15.000001' FROM n"
        ))
        .await?;
        for workers in shared {
            let text = SETTINGS
                .replace("BATCH", &batch.to_string())
                .replace("IN_FLIGHT", &in_flight.to_string())
                .replace("WORKERS", &workers.to_string());
            settings(world, &text)?;
            world.kafka.create(&world.topic, 1, &[]).await?;
            kill_and_go_on(world, rows, batch * in_flight).await?;
            world.kafka.remove(&world.topic).await?;
            let gone = async || Ok((!world.kafka.exists(&world.topic)?).then_some(()));
            wait::until("the topic is gone", LIMIT, gone).await?;
        }
        Ok(())
    });
}

/// `sync` saves as often.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// A save waits for the disk, and the test looks only now and then.
const SLOWNESS: Duration = Duration::from_secs(1);

async fn kill_and_go_on(world: &World, rows: u64, in_flight: u64) -> Result<()> {
    let mut seen = Vec::new();
    let mut sync = program::start(world, "sync --full-amount")?;
    wait::until("nine tenths are published", 5 * LIMIT, async || {
        let (over, count) = (sync.is_over()?, world.kafka.count(&world.topic)?);
        seen.push((Instant::now(), count));
        Ok((over || count >= rows / 10 * 9).then_some(()))
    })
    .await?;
    ensure!(
        sync.kill().await?,
        "it has ended by itself: {}",
        sync.said("err")
    );
    let before = Instant::now() - SAVE_EVERY - SLOWNESS;
    let before = seen.iter().rev().find(|(at, _)| *at <= before);
    let before = before.map_or(0, |(_, count)| *count);
    let (at_kill, saved) = (world.kafka.count(&world.topic)?, saved(world)?);
    ensure!(saved <= at_kill, "{saved} saved, {at_kill} published");
    let ended = program::run(world, "sync").await?;
    ended.expect("exit 0", world.folder.path())?;
    let mut numbers = published(world)?;
    let again = numbers.len() as u64 - rows;
    numbers.sort_unstable();
    numbers.dedup();
    let (_, last) = end_of_topic(world)?;
    ensure!(numbers.len() as u64 == rows, "{} records", numbers.len());
    ensure!(last == FIRST + rows as i64 - 1, "{last} is the last");
    println!(
        "kill -9 of a full read of {rows} rows when {at_kill} were published and {saved} saved: \
         {again} read again"
    );
    let most = in_flight + at_kill - before;
    ensure!(
        again <= most,
        "{again} read again: more than {in_flight} in flight and {} of a save interval",
        at_kill - before
    );
    Ok(())
}

/// Rows that are read according to the saved cursor.
fn saved(world: &World) -> Result<u64> {
    for entry in fs::read_dir(world.folder.path().join("cursors"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let stored: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
            let rows = stored["position"]["full"]["rows"].as_u64();
            return rows.with_context(|| format!("no full read in {stored}"));
        }
    }
    anyhow::bail!("nothing is saved")
}

const SETTINGS: &str = r#"
[connections.shop]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
max-in-flight = IN_FLIGHT
create-topic = { partitions = 1, replication = 1 }
from = { connection = "shop", table = "records", incremental = "changed_at", batch = { rows = BATCH }, workers = WORKERS }
"#;
