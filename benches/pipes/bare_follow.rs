//! The barest sink that goes on: one consumer of all partitions, and a transaction for each batch.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rdkafka::{Message, Offset, TopicPartitionList, consumer::Consumer};
use sqlx::Connection;

use crate::{
    bare::READ_COMMITTED,
    rows::row,
    seed::{self, insert_text},
    seldom::EVERY,
    servers::{Servers, execute},
    topics::{self, PARTITIONS},
};

/// How long one look lasts where nothing waits.
const LOOK: Duration = Duration::from_secs(1);

/// Writes the rows of a partition once there are `together` of them, or the first has waited.
pub async fn follow(servers: &Servers, database: &str, together: usize) -> Result<()> {
    let consumer = topics::consumer(&servers.brokers)?;
    let mut assigned = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assigned.add_partition_offset(&servers.rows(), partition, Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    let mut session = servers.mysql(Some(database)).await?;
    execute(&mut session, READ_COMMITTED.to_owned()).await?;
    let mut waiting: BTreeMap<i32, (Instant, Vec<u64>)> = BTreeMap::new();
    loop {
        let due = waiting.values().map(|(since, _)| *since + EVERY).min();
        let patience = due.map_or(LOOK, |it| it.saturating_duration_since(Instant::now()));
        if let Some(message) = consumer.poll(patience.min(LOOK)) {
            let message = message?;
            let key = message.key_view::<str>().context("a message without key")?;
            let batch = waiting.entry(message.partition());
            let (_, ids) = batch.or_insert_with(|| (Instant::now(), Vec::new()));
            ids.push(key?.parse()?);
        }
        let full =
            |(since, ids): &(Instant, Vec<u64>)| ids.len() >= together || since.elapsed() >= EVERY;
        let partitions: Vec<i32> = waiting
            .iter()
            .filter_map(|(partition, batch)| full(batch).then_some(*partition))
            .collect();
        for partition in partitions {
            let Some((_, ids)) = waiting.remove(&partition) else {
                continue;
            };
            let made: Vec<_> = ids.iter().map(|id| row(*id)).collect();
            let mut transaction = session.begin().await?;
            let rows = ids.into_iter().zip(&made);
            seed::insert(&mut transaction, &insert_text(made.len()), rows).await?;
            transaction.commit().await?;
        }
    }
}
