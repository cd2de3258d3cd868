//! Partitions that end in the mark of a transaction, or in messages that were aborted: what counts is
//! where the reader stands, and not the last message.

use anyhow::{Result, ensure};

use crate::{
    in_a_world,
    kafka::{Ending, Outgoing},
    kills::settings,
    program,
    world::World,
};

const SINK: &str = r#"
[connections.warehouse]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.rows]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
into = { connection = "warehouse", table = "records", create-table = false }
"#;

/// Partition 0 ends in a commit's mark, 1 in aborted messages, 2 has nothing else, 3 is empty.
const PARTITIONS: i32 = 4;

#[test]
fn a_sink_catches_up_with_partitions_that_end_in_transactions() {
    in_a_world("transactions", async |world| {
        settings(world, SINK)?;
        let mut sql = world.mysql().await?;
        sql.run("CREATE TABLE records (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20))")
            .await?;
        world.kafka.create(&world.topic, PARTITIONS, &[]).await?;
        transaction(world, Ending::Committed, &[(0, 1), (0, 2), (1, 3)])?;
        transaction(world, Ending::Aborted, &[(1, 4), (2, 5)])?;
        sink(world).await?;
        ensure!(
            ids(world).await? == "1 2 3",
            "rows are {}",
            ids(world).await?
        );
        let status = program::run(world, "status --json").await?;
        let expected = "exit 0\nout contains \"messages_behind\":0";
        status.expect(expected, world.folder.path())?;
        // There is nothing new, and a second run ends as well.
        sink(world).await?;
        transaction(world, Ending::Committed, &[(2, 6), (3, 7)])?;
        sink(world).await?;
        ensure!(
            ids(world).await? == "1 2 3 6 7",
            "rows are {}",
            ids(world).await?
        );
        Ok(())
    });
}

fn transaction(world: &World, ending: Ending, rows: &[(i32, i64)]) -> Result<()> {
    let rows = rows.iter().map(|(partition, id)| {
        let value = format!(r#"{{"id":{id},"name":"row"}}"#);
        (*partition, id.to_string(), value)
    });
    let rows: Vec<_> = rows.collect();
    let messages = rows.iter().map(|(partition, key, value)| Outgoing {
        partition: Some(*partition),
        key: Some(key.as_bytes()),
        value: Some(value.as_bytes()),
    });
    world.kafka.transaction(&world.topic, messages, ending)
}

async fn sink(world: &World) -> Result<()> {
    let ended = program::run(world, "sink --until-caught-up").await?;
    ended.expect("exit 0", world.folder.path())
}

async fn ids(world: &World) -> Result<String> {
    let mut sql = world.mysql().await?;
    let query = "SELECT COALESCE(GROUP_CONCAT(id ORDER BY id SEPARATOR ' '), '') FROM records";
    Ok(sql.rows(query).await?.join("\n"))
}
