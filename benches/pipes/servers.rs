//! Sources and targets of one measurement, made for it and removed after it.

use std::{env, str::FromStr};

use anyhow::{Context, Result, ensure};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Executor, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use crate::{
    pipe::Pipe,
    rows::{self, COLUMNS, TYPES},
    topics::{self, PARTITIONS},
};

/// The servers, and the name that all databases and topics of one measurement begin with, a `_`
/// behind it.
#[derive(Debug)]
pub struct Servers {
    pub name: String,
    pub mysql: String,
    pub mongodb: String,
    pub brokers: String,
    /// Rows that the bare pipe into a table writes in a statement.
    pub statement: usize,
}

/// Where one run writes.
#[derive(Debug)]
pub enum Target {
    Topic(String),
    Database(String),
}

/// The table or collection that is read, and the table that is written.
pub const TABLE: &str = "orders";

impl Servers {
    /// On the servers that the environment names.
    pub fn named(name: &str, statement: usize) -> Result<Self> {
        let server = |variable: &str| {
            env::var(variable)
                .with_context(|| format!("{variable} is not set: run `cargo xtask bench`"))
        };
        Ok(Self {
            name: name.to_owned(),
            mysql: server("HIGHWATER_TEST_MYSQL_URL")?,
            mongodb: server("HIGHWATER_TEST_MONGODB_URL")?,
            brokers: server("HIGHWATER_TEST_KAFKA_BROKERS")?,
            statement,
        })
    }

    /// The database or topic that the rows are read from.
    pub fn rows(&self) -> String {
        format!("{}_rows", self.name)
    }

    /// Where a run of `pipe` writes; `run` tells it from the others.
    pub fn target(&self, pipe: Pipe, run: &str) -> Target {
        let name = format!("{}_{run}", self.name);
        match pipe {
            Pipe::MysqlToKafka | Pipe::MongodbToKafka => Target::Topic(name),
            Pipe::KafkaToMysql | Pipe::Migrate => Target::Database(name),
        }
    }

    /// Connected to MySQL, to one database or to none.
    pub async fn mysql(&self, database: Option<&str>) -> Result<MySqlConnection> {
        // As ours: on this machine nothing is encrypted. (The driver's large statements would
        // stall for 40 ms each over TLS.)
        let mut options =
            MySqlConnectOptions::from_str(&self.mysql)?.ssl_mode(MySqlSslMode::Disabled);
        if let Some(database) = database {
            options = options.database(database);
        }
        options.connect().await.context("MySQL does not answer")
    }

    /// The URL of one database of MySQL.
    pub fn mysql_url(&self, database: &str) -> String {
        let (url, parameters) = match self.mysql.split_once('?') {
            Some((url, parameters)) => (url, format!("?{parameters}")),
            None => (self.mysql.as_str(), String::new()),
        };
        let host = url.find("://").map_or(0, |it| it + 3);
        let end = url[host..].find('/').map_or(url.len(), |it| host + it);
        format!("{}/{database}{parameters}", &url[..end])
    }

    pub async fn mongodb(&self) -> Result<mongodb::Database> {
        let client = mongodb::Client::with_uri_str(&self.mongodb).await?;
        Ok(client.database(&self.rows()))
    }

    /// Makes the target, empty.
    pub async fn make(&self, target: &Target) -> Result<()> {
        match target {
            Target::Topic(topic) => topics::create(&self.brokers, topic).await,
            Target::Database(database) => self.make_database(database).await.map(drop),
        }
    }

    /// A new database with the empty table.
    pub async fn make_database(&self, database: &str) -> Result<MySqlConnection> {
        let mut server = self.mysql(None).await?;
        execute(&mut server, format!("CREATE DATABASE `{database}`")).await?;
        let mut session = self.mysql(Some(database)).await?;
        let columns = COLUMNS.iter().zip(TYPES);
        let columns: Vec<_> = columns.map(|(name, is)| format!("`{name}` {is}")).collect();
        let table = format!("CREATE TABLE `{TABLE}` ({})", columns.join(", "));
        execute(&mut session, table).await?;
        Ok(session)
    }

    /// Whether the target holds just the rows.
    pub async fn check(&self, target: &Target, rows: u64) -> Result<()> {
        match target {
            Target::Topic(topic) => {
                let count = topics::count(&self.brokers, topic)?;
                ensure!(count == rows, "the topic has {count} messages, not {rows}");
            }
            Target::Database(database) => {
                let text = format!("SELECT COUNT(*), CAST(SUM(id) AS UNSIGNED) FROM `{TABLE}`");
                let (count, sum): (i64, Option<u64>) = sqlx::query_as(AssertSqlSafe(text))
                    .fetch_one(&mut self.mysql(Some(database)).await?)
                    .await?;
                ensure!(
                    count as u64 == rows,
                    "the table has {count} rows, not {rows}"
                );
                ensure!(sum == Some(rows::sum(rows)), "the table has other rows");
            }
        }
        Ok(())
    }

    /// Removes a target, so that the next one has the disk to itself.
    pub async fn clear(&self, target: &Target) -> Result<()> {
        match target {
            Target::Topic(topic) => topics::delete(&self.brokers, topic).await,
            Target::Database(database) => {
                let mut server = self.mysql(None).await?;
                execute(&mut server, format!("DROP DATABASE IF EXISTS `{database}`")).await
            }
        }
    }

    /// Removes everything that begins with the name.
    pub async fn remove(&self) -> Result<()> {
        let prefix = format!("{}_", self.name);
        let mut server = self.mysql(None).await?;
        let text = "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata \
                    WHERE LEFT(schema_name, CHAR_LENGTH(?)) = ?";
        let databases: Vec<String> = sqlx::query_scalar(text)
            .bind(&prefix)
            .bind(&prefix)
            .fetch_all(&mut server)
            .await?;
        for database in databases {
            execute(&mut server, format!("DROP DATABASE `{database}`")).await?;
        }
        self.mongodb().await?.drop().await?;
        topics::delete(&self.brokers, &prefix).await
    }
}

/// Runs a statement of this benchmark's own text.
pub async fn execute(session: &mut MySqlConnection, text: String) -> Result<()> {
    session.execute(sqlx::raw_sql(AssertSqlSafe(text))).await?;
    Ok(())
}

/// What settings call the topic's shape.
pub fn create_topic() -> String {
    format!("{{ partitions = {PARTITIONS}, replication = 1 }}")
}
