//! The barest pipes: a driver's rows straight into a bare producer, a bare consumer straight into
//! inserts. Nothing is encoded or decoded: what is written was made before.

use std::{env, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use mongodb::bson::{RawDocumentBuf, doc};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use sqlx::{AssertSqlSafe, Connection, Row as _};

use crate::{
    pipe::Pipe,
    places::{Places, TABLE, Target},
    rows::{COLUMNS, Row, row},
    seed::{self, TOGETHER},
    topics::{self, BareProducer, PARTITIONS},
};

/// What a bare pipe is told.
#[derive(Debug, Args)]
pub struct BarePipe {
    #[arg(value_enum)]
    pipe: Pipe,
    /// The name that everything begins with
    name: String,
    /// The topic or database that it writes
    target: String,
    /// Rows to move
    rows: u64,
}

/// This program, as a bare pipe.
pub fn command(pipe: Pipe, places: &Places, target: &Target, rows: u64) -> Result<Command> {
    let (Target::Topic(target) | Target::Database(target)) = target;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["bare", pipe.word(), &places.name, target])
        .arg(rows.to_string());
    Ok(command)
}

/// Moves the rows, and ends.
pub fn run(told: &BarePipe) -> Result<()> {
    let places = Places::named(&told.name)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match told.pipe {
                Pipe::MysqlToKafka => mysql_to_kafka(&places, &told.target).await,
                Pipe::MongodbToKafka => mongodb_to_kafka(&places, &told.target).await,
                Pipe::KafkaToMysql => kafka_to_mysql(&places, &told.target, told.rows).await,
            }
        })
}

async fn mysql_to_kafka(places: &Places, topic: &str) -> Result<()> {
    let values = Values::of(|row| row.json().into_bytes());
    let mut producer = BareProducer::open(&places.brokers, topic)?;
    let mut session = places.mysql(Some(&places.rows())).await?;
    let text = format!(
        "SELECT `{}` FROM `{TABLE}` ORDER BY `id`",
        COLUMNS.join("`,`")
    );
    let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut session);
    for value in values.again_and_again() {
        let Some(row) = rows.try_next().await? else {
            break;
        };
        producer.send(row.try_get_unchecked::<&[u8], _>(0)?, value)?;
    }
    producer.finish()
}

async fn mongodb_to_kafka(places: &Places, topic: &str) -> Result<()> {
    let values = Values::of(|row| row.document_json().into_bytes());
    let mut producer = BareProducer::open(&places.brokers, topic)?;
    let collection = places.mongodb().await?.collection::<RawDocumentBuf>(TABLE);
    let mut cursor = collection
        .find(doc! {})
        .sort(doc! { "_id": 1 })
        .batch_size(TOGETHER as u32)
        .await?;
    for value in values.again_and_again() {
        if !cursor.advance().await? {
            break;
        }
        let id = cursor.current().get_object_id("_id")?;
        producer.send(&id.bytes(), value)?;
    }
    producer.finish()
}

async fn kafka_to_mysql(places: &Places, database: &str, rows: u64) -> Result<()> {
    let known: Vec<Row> = (1..=KNOWN as u64).map(row).collect();
    let consumer = topics::consumer(&places.brokers)?;
    let topic = places.rows();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let mut session = places.mysql(Some(database)).await?;
    let mut left = rows as usize;
    while left > 0 {
        let ids = poll(&consumer, left.min(TOGETHER))?;
        let mut transaction = session.begin().await?;
        let rows = ids.iter().zip(known.iter().cycle());
        let rows: Vec<_> = rows.map(|(id, row)| (*id, row)).collect();
        seed::insert(&mut transaction, rows.into_iter()).await?;
        transaction.commit().await?;
        left -= ids.len();
    }
    Ok(())
}

/// The numbers of so many messages.
fn poll(consumer: &BaseConsumer, count: usize) -> Result<Vec<u64>> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let Some(message) = consumer.poll(PATIENCE) else {
            bail!("no message came for {PATIENCE:?}");
        };
        let message = message?;
        let key = message.key_view::<str>().context("a message without key")?;
        ids.push(key?.parse()?);
    }
    Ok(ids)
}

const PATIENCE: Duration = Duration::from_secs(30);
/// Values and rows that are made before: enough of them that they compress as others do.
const KNOWN: usize = 4_096;

/// Values of the same size as ours.
struct Values(Vec<Vec<u8>>);

impl Values {
    fn of(value: impl Fn(Row) -> Vec<u8>) -> Self {
        Self((1..=KNOWN as u64).map(|id| value(row(id))).collect())
    }

    fn again_and_again(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice).cycle()
    }
}
