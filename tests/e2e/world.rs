//! What one test has for itself: databases, topics, group, working folder.

use std::{
    collections::BTreeMap,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{kafka::Kafka, mongo, servers::Servers, sql::Sql};

/// A test's own corner of the real servers.
pub struct World {
    /// Where `highwater` runs: settings, cursors and runtime are there.
    pub folder: TempDir,
    /// The name of the database that it has on each server.
    pub database: String,
    /// Its topic; every other topic of its own begins with this.
    pub topic: String,
    pub kafka: Kafka,
    pub servers: Servers,
    variables: BTreeMap<&'static str, String>,
}

impl World {
    /// # Errors
    /// A server is missing.
    pub async fn create(test: &str) -> Result<Self> {
        let servers = Servers::from_environment()?;
        let suffix = suffix();
        // A database's name has 64 characters at most.
        let short: String = test.chars().take(40).collect();
        let database = format!("e2e_{suffix}_{short}");
        let topic = format!("e2e-{}-{suffix}", test.replace('_', "-"));
        let world = Self {
            folder: tempfile::tempdir()?,
            kafka: Kafka::new(&servers.kafka),
            variables: variables(&servers, &database, &topic),
            servers,
            database,
            topic,
        };
        for url in [&world.servers.mysql, &world.servers.mariadb] {
            let create = format!("CREATE DATABASE `{}` CHARACTER SET utf8mb4", world.database);
            Sql::open(url).await?.run(&create).await?;
        }
        Ok(world)
    }

    /// A connection to this test's database on MySQL.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn mysql(&self) -> Result<Sql> {
        Sql::open(&self.variables["MYSQL_URL"]).await
    }

    /// A connection to this test's database on MariaDB.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn mariadb(&self) -> Result<Sql> {
        Sql::open(&self.variables["MARIADB_URL"]).await
    }

    /// This test's database on MongoDB.
    ///
    /// # Errors
    /// The address is none.
    pub async fn mongodb(&self) -> Result<mongodb::Database> {
        mongo::open(&self.servers.mongodb, &self.database).await
    }

    /// What settings may name as `${NAME}`.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (*name, &value[..]))
    }

    /// A text with every `${NAME}` replaced.
    ///
    /// # Errors
    /// There is no such name.
    pub fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').context("`${` without `}`")?;
            let Some(value) = self.variables.get(name) else {
                bail!("there is no ${{{name}}} for tests");
            };
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Leaves nothing behind on the servers.
    ///
    /// # Errors
    /// A server is gone.
    pub async fn drop(self) -> Result<()> {
        self.kafka.remove(&self.topic).await?;
        for url in [&self.servers.mysql, &self.servers.mariadb] {
            let drop = format!("DROP DATABASE IF EXISTS `{}`", self.database);
            Sql::open(url).await?.run(&drop).await?;
        }
        self.mongodb().await?.drop().await?;
        Ok(())
    }
}

/// Runs a test in a world of its own, which is dropped afterwards, however it ends.
pub fn in_a_world(name: &str, test: impl AsyncFnOnce(&World) -> Result<()>) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let world = World::create(name).await?;
            let outcome = test(&world).await;
            let dropped = world.drop().await;
            outcome.and(dropped)
        })
    };
    if let Err(error) = run() {
        // Not its backtrace, which says nothing of the case.
        let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
        panic!("{name}: {}", causes.join(":\n"));
    }
}

fn variables(servers: &Servers, database: &str, topic: &str) -> BTreeMap<&'static str, String> {
    let host = |url: &str| {
        let address = url.rsplit('@').next().unwrap_or(url);
        address.trim_start_matches("mysql://").to_owned()
    };
    let after_scheme = servers.mongodb.trim_start_matches("mongodb://");
    BTreeMap::from([
        ("CASE_DATABASE", database.to_owned()),
        ("CASE_TOPIC", topic.to_owned()),
        ("CASE_GROUP", format!("{topic}.group")),
        ("MYSQL_URL", format!("{}/{database}", servers.mysql)),
        ("MYSQL_HOST", host(&servers.mysql)),
        ("MARIADB_URL", format!("{}/{database}", servers.mariadb)),
        ("MARIADB_HOST", host(&servers.mariadb)),
        ("MONGODB_URL", servers.mongodb.clone()),
        ("MONGODB_HOST", host(after_scheme)),
        ("KAFKA_BROKERS", servers.kafka.clone()),
    ])
}

/// Unlike that of any other test, of this run or of another beside it.
fn suffix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |it| it.as_secs());
    format!("{:x}{:x}{count:x}", process::id(), seconds & 0xf_ffff)
}
