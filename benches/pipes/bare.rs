//! The barest pipes: a driver's rows straight into a bare producer, a bare consumer straight into
//! inserts. Nothing is encoded or decoded: what is written was made before.

use std::{env, process::Command, thread, time::Duration};

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
    bare_follow,
    pipe::{Pipe, Way},
    rows::{COLUMNS, Row, row},
    seed::{self, TOGETHER, insert_text},
    servers::{Servers, TABLE, Target, execute},
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
    /// Rows in a transaction
    together: usize,
    /// Rows in a statement
    statement: usize,
    /// Wait for more instead of ending
    #[arg(long)]
    follow: bool,
}

/// This program, as a bare pipe.
pub fn command((pipe, way): (Pipe, Way), servers: &Servers, target: &Target) -> Result<Command> {
    let (Target::Topic(target) | Target::Database(target)) = target;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["bare", pipe.word(), &servers.name, target])
        .arg(way.together().to_string())
        .arg(servers.statement.to_string());
    if way == Way::Seldom {
        command.arg("--follow");
    }
    Ok(command)
}

/// Moves the rows, and ends.
pub fn run(asked: &BarePipe) -> Result<()> {
    let servers = Servers::named(&asked.name, asked.statement)?;
    match asked.pipe {
        Pipe::MysqlToKafka => alone(mysql_to_kafka(&servers, &asked.target)),
        Pipe::MongodbToKafka => alone(mongodb_to_kafka(&servers, &asked.target)),
        Pipe::KafkaToMysql if asked.follow => {
            alone(bare_follow::follow(&servers, &asked.target, asked.together))
        }
        Pipe::KafkaToMysql => kafka_to_mysql(&servers, &asked.target, asked.together),
        Pipe::Migrate => alone(mysql_to_mysql(&servers, &asked.target, asked.together)),
    }
}

fn alone(pipe: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(pipe)
}

async fn mysql_to_kafka(servers: &Servers, topic: &str) -> Result<()> {
    let values = Values::of(|row| row.json().into_bytes());
    let mut producer = BareProducer::open(&servers.brokers, topic)?;
    let mut session = servers.mysql(Some(&servers.rows())).await?;
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

async fn mongodb_to_kafka(servers: &Servers, topic: &str) -> Result<()> {
    let values = Values::of(|row| row.document_json().into_bytes());
    let mut producer = BareProducer::open(&servers.brokers, topic)?;
    let collection = servers.mongodb().await?.collection::<RawDocumentBuf>(TABLE);
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

/// As many writers as ours has: one for each partition, each with a thread of its own.
fn kafka_to_mysql(servers: &Servers, database: &str, together: usize) -> Result<()> {
    thread::scope(|scope| {
        let writer =
            |partition| move || alone(partition_to_mysql(servers, database, partition, together));
        let writers: Vec<_> = (0..PARTITIONS).map(|it| scope.spawn(writer(it))).collect();
        writers.into_iter().try_for_each(|it| match it.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a writer panicked"),
        })
    })
}

async fn partition_to_mysql(
    servers: &Servers,
    database: &str,
    partition: i32,
    together: usize,
) -> Result<()> {
    let known: Vec<Row> = (1..=KNOWN as u64).map(row).collect();
    let consumer = topics::consumer(&servers.brokers)?;
    let topic = servers.rows();
    let (first, end) = consumer.fetch_watermarks(&topic, partition, PATIENCE)?;
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(&topic, partition, Offset::Beginning)?;
    consumer.assign(&assigned)?;
    let mut session = servers.mysql(Some(database)).await?;
    execute(&mut session, READ_COMMITTED.to_owned()).await?;
    let whole = insert_text(servers.statement);
    let mut left = (end - first) as usize;
    while left > 0 {
        let ids = poll(&consumer, left.min(together))?;
        let mut transaction = session.begin().await?;
        for ids in ids.chunks(servers.statement) {
            let rows = ids.iter().copied().zip(known.iter().cycle());
            let text = if ids.len() == servers.statement {
                whole.clone()
            } else {
                insert_text(ids.len())
            };
            seed::insert(&mut transaction, &text, rows).await?;
        }
        transaction.commit().await?;
        left -= ids.len();
    }
    Ok(())
}

/// Read over one connection, written over another, while more is read.
async fn mysql_to_mysql(servers: &Servers, database: &str, together: usize) -> Result<()> {
    let known: Vec<Row> = (1..=KNOWN as u64).map(row).collect();
    let (tx, mut read) = tokio::sync::mpsc::channel::<Vec<u64>>(4);
    let reading = async move {
        let mut session = servers.mysql(Some(&servers.rows())).await?;
        let text = format!(
            "SELECT `{}` FROM `{TABLE}` ORDER BY `id`",
            COLUMNS.join("`,`")
        );
        let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut session);
        let mut ids = Vec::with_capacity(TOGETHER);
        while let Some(row) = rows.try_next().await? {
            ids.push(row.try_get_unchecked::<u64, _>(0)?);
            if ids.len() == TOGETHER {
                tx.send(std::mem::take(&mut ids)).await?;
            }
        }
        tx.send(ids).await?;
        anyhow::Ok(())
    };
    let writing = async {
        let mut session = servers.mysql(Some(database)).await?;
        loop {
            let mut transaction = session.begin().await?;
            let mut written = 0;
            while written < together {
                let Some(ids) = read.recv().await.filter(|it| !it.is_empty()) else {
                    break;
                };
                written += ids.len();
                let text = insert_text(ids.len());
                let rows = ids.into_iter().zip(known.iter().cycle());
                seed::insert(&mut transaction, &text, rows).await?;
            }
            transaction.commit().await?;
            if written < together {
                return Ok(());
            }
        }
    };
    tokio::try_join!(reading, writing).map(drop)
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
/// As ours writes: writers that lay rows beside each other's do not wait for one another.
pub const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
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
