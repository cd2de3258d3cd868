//! The rows, made once and read by every run.

use std::sync::Arc;

use anyhow::Result;
use mongodb::bson::Document;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, query::Query};

use crate::{
    pipe::Pipe,
    rows::{COLUMNS, Row, row},
    servers::{Servers, TABLE},
    topics::{self, BareProducer},
};

/// Rows in one statement.
pub const TOGETHER: usize = 1_000;

/// Makes the rows where `pipe` reads them.
pub async fn seed(pipe: Pipe, servers: &Servers, rows: u64) -> Result<()> {
    match pipe {
        Pipe::MysqlToKafka | Pipe::Migrate => mysql(servers, rows).await,
        Pipe::MongodbToKafka => mongodb(servers, rows).await,
        Pipe::KafkaToMysql => kafka(servers, rows).await,
    }
}

async fn mysql(servers: &Servers, rows: u64) -> Result<()> {
    let mut session = servers.make_database(&servers.rows()).await?;
    let ids: Vec<u64> = (1..=rows).collect();
    // Few commits: each waits for the disk.
    for many in ids.chunks(20 * TOGETHER) {
        let mut transaction = session.begin().await?;
        for ids in many.chunks(TOGETHER) {
            let made: Vec<_> = ids.iter().map(|id| row(*id)).collect();
            let rows = made.iter().map(|it| (it.id, it));
            insert(&mut transaction, &insert_text(ids.len()), rows).await?;
        }
        transaction.commit().await?;
    }
    // So that no run meets the statistics of an empty table.
    let analyze = format!("ANALYZE TABLE `{TABLE}`");
    sqlx::query(AssertSqlSafe(analyze))
        .execute(&mut session)
        .await?;
    Ok(())
}

/// The statement that makes so many rows.
pub fn insert_text(rows: usize) -> Arc<str> {
    let tuple = format!("({})", vec!["?"; COLUMNS.len()].join(","));
    let text = format!(
        "INSERT INTO `{TABLE}` (`{}`) VALUES {}",
        COLUMNS.join("`,`"),
        vec![tuple; rows].join(",")
    );
    text.into()
}

/// One prepared statement for all rows; each comes with the number that it is written by.
pub async fn insert<'r>(
    session: &mut MySqlConnection,
    text: &Arc<str>,
    rows: impl Iterator<Item = (u64, &'r Row)>,
) -> Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(text.clone()));
    for (id, row) in rows {
        query = bind(query, id, row);
    }
    query.execute(session).await?;
    Ok(())
}

type MysqlQuery<'q> = Query<'q, sqlx::MySql, sqlx::mysql::MySqlArguments>;

fn bind<'q>(query: MysqlQuery<'q>, id: u64, row: &'q Row) -> MysqlQuery<'q> {
    query
        .bind(id)
        .bind(&*row.uid)
        .bind(&*row.name)
        .bind(&*row.email)
        .bind(row.status)
        .bind(&*row.amount)
        .bind(row.quantity)
        .bind(row.rating)
        .bind(&*row.note)
        .bind(&*row.tags)
        .bind(&*row.created_at)
        .bind(&*row.updated_at)
}

async fn mongodb(servers: &Servers, rows: u64) -> Result<()> {
    let collection = servers.mongodb().await?.collection::<Document>(TABLE);
    let ids: Vec<u64> = (1..=rows).collect();
    for ids in ids.chunks(TOGETHER) {
        let documents = ids.iter().map(|id| row(*id).document());
        collection.insert_many(documents).await?;
    }
    Ok(())
}

async fn kafka(servers: &Servers, rows: u64) -> Result<()> {
    let topic = servers.rows();
    topics::create(&servers.brokers, &topic).await?;
    let mut producer = BareProducer::open(&servers.brokers, &topic)?;
    for id in 1..=rows {
        producer.send(id.to_string().as_bytes(), row(id).json().as_bytes())?;
    }
    producer.finish()
}
