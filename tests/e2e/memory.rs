//! The memory of a `sync` is that of a few batches, however many rows there are.

use std::time::Duration;

use anyhow::{Result, ensure};
use mongodb::bson::{Document, doc};

use crate::{
    in_a_world,
    kills::{full_scale, settings},
    measured::{self, Measured, megabytes},
    world::World,
};

/// Five million rows are not read in less, on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

#[test]
fn memory_of_a_sync_from_mysql_does_not_grow_with_its_rows() {
    in_a_world("memory_mysql", async |world| {
        let mut sql = world.mysql().await?;
        sql.run(
            "CREATE TABLE records (id BIGINT PRIMARY KEY, text VARCHAR(255) NOT NULL, \
             changed_at DATETIME(6) NOT NULL, KEY (changed_at, id))",
        )
        .await?;
        let more = async |from: u64, to: u64| {
            sql.run(&format!(
                "SET cte_max_recursion_depth = {to}; \
                 INSERT INTO records WITH RECURSIVE n AS (SELECT {from} + 1 AS id UNION ALL \
                 SELECT id + 1 FROM n WHERE id < {to}) \
                 SELECT id, REPEAT(CONCAT(id, ' '), 24), '2025-01-01' + INTERVAL id SECOND FROM n"
            ))
            .await
        };
        is_flat(world, "MySQL", MYSQL, more).await
    });
}

#[test]
fn memory_of_a_sync_from_mongodb_does_not_grow_with_its_documents() {
    in_a_world("memory_mongodb", async |world| {
        let records = world.mongodb().await?.collection::<Document>("records");
        let more = async |from: u64, to: u64| {
            let numbers: Vec<i64> = (from as i64 + 1..=to as i64).collect();
            for some in numbers.chunks(5_000) {
                let text = |id: &i64| format!("{id} ").repeat(24);
                let documents = some.iter().map(|id| doc! { "_id": id, "text": text(id) });
                records.insert_many(documents).await?;
            }
            Ok(())
        };
        is_flat(world, "MongoDB", MONGODB, more).await
    });
}

/// Few rows and many of them, each read incrementally and in full.
async fn is_flat(
    world: &World,
    source: &str,
    from: &str,
    mut more: impl AsyncFnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let (few, many) = if full_scale() {
        (100_000, 5_000_000)
    } else {
        (3_000, 30_000)
    };
    let ways = ["sync", "sync --full-amount"];
    let mut peaks = Vec::new();
    let mut had = 0;
    for rows in [few, many] {
        more(had, rows).await?;
        had = rows;
        for (number, way) in ways.iter().enumerate() {
            let topic = format!("{}.{rows}.{number}", world.topic);
            settings(world, &from.replace("${CASE_TOPIC}", &topic))?;
            let Measured { ended, peak, .. } = measured::run(world, way, LIMIT).await?;
            ended.expect("exit 0", world.folder.path())?;
            let count = world.kafka.count(&topic)?;
            ensure!(count == rows, "{way} published {count} of {rows} rows");
            world.kafka.remove(&topic).await?;
            println!(
                "{source}, {way}: {rows} rows, {:.1} MB at most",
                megabytes(peak)
            );
            peaks.push(peak);
        }
    }
    for (number, way) in ways.iter().enumerate() {
        let (few, many) = (peaks[number], peaks[number + ways.len()]);
        ensure!(
            many < few + MORE,
            "{way}: {:.1} MB, and {:.1} MB for many rows",
            megabytes(few),
            megabytes(many)
        );
    }
    Ok(())
}

/// More than this is what grows: the rows themselves are 700 MB at full scale. Below it is what
/// short runs do not fill: batches in flight and the client's buffers.
const MORE: u64 = 64 << 20;

const MYSQL: &str = r#"
[connections.shop]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 3, replication = 1 }
from = { connection = "shop", table = "records", incremental = "changed_at" }
"#;

const MONGODB: &str = r#"
[connections.crawler]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 3, replication = 1 }
from = { connection = "crawler", collection = "records" }
"#;
