//! Rows that all have one time, and kills among them; a million at full scale.

use anyhow::{Result, ensure};

use crate::{
    in_a_world,
    kills::{
        LIMIT, full_scale, settings,
        sync::{FIRST, RECORDS, cursor, end_of_topic},
    },
    program, wait,
    world::World,
};

#[test]
fn ties_of_one_time_are_all_published_however_often_sync_is_killed() {
    in_a_world("ties", async |world| {
        // Few rows last long enough to be killed among only where each batch waits for the one before.
        let (rows, kills, batch, in_flight) = if full_scale() {
            (1_000_000, 5, 1_000, 8)
        } else {
            (20_000, 2, 10, 1)
        };
        let sizes = SETTINGS.replace("BATCH", &batch.to_string());
        settings(world, &sizes.replace("IN_FLIGHT", &in_flight.to_string()))?;
        world.kafka.create(&world.topic, 1, &[]).await?;
        let mut sql = world.mysql().await?;
        sql.run(RECORDS).await?;
        sql.run(&format!(
            "SET cte_max_recursion_depth = {rows}; \
             INSERT INTO records WITH RECURSIVE n AS (SELECT {FIRST} AS id UNION ALL \
             SELECT id + 1 FROM n WHERE id < {FIRST} + {rows} - 1) \
             SELECT id, 'a record', '2025-08-26 09:30:15.000001' FROM n"
        ))
        .await?;
        for kill in 1..=kills {
            kill_among_ties(world, rows * kill / (kills + 2)).await?;
        }
        let ended = program::run(world, "sync").await?;
        ended.expect("exit 0", world.folder.path())?;
        crate::kills::sync::nothing_is_missing(world, FIRST + rows)
    });
}

/// Kills a `sync` when so many messages are on the topic.
async fn kill_among_ties(world: &World, messages: i64) -> Result<()> {
    // A run that has got further must do something, too.
    let messages = u64::try_from(messages)?.max(world.kafka.count(&world.topic)? + 100);
    let mut sync = program::start(world, "sync")?;
    wait::until("enough is published", 3 * LIMIT, async || {
        let over = sync.is_over()?;
        Ok((over || world.kafka.count(&world.topic)? >= messages).then_some(()))
    })
    .await?;
    ensure!(
        sync.kill().await?,
        "it has ended before {messages} messages"
    );
    let (cursor, (count, last)) = (cursor(world)?, end_of_topic(world)?);
    ensure!(cursor <= last, "the cursor at {cursor} is beyond {last}");
    println!("kill -9 among ties: cursor at {cursor}, topic ends with {last} ({count} messages)");
    Ok(())
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
from = { connection = "shop", table = "records", incremental = "changed_at", batch = { rows = BATCH } }
"#;
