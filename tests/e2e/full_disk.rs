//! A full disk below topics, target and cursors: the flow stops with one sentence, nothing is
//! set aside, and when there is room again the same command goes on.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::{
    in_a_world, preload,
    program::{self, Ended},
    world::World,
};

const RECORDS: i64 = 5_000;

#[test]
fn a_full_disk_under_the_topics_stops_the_sync_and_loses_nothing() {
    in_a_world("full_disk_topics", async |world| {
        let disk = prepare(world).await?;
        let ended = disk.run(world, "sync", "topics", 400_000).await?;
        one_sentence(&ended, "the disk is full: make room")?;
        let published = ids(world).await?.len();
        println!("{published} records were published before the disk was full");
        ensure!(published > 0, "the disk was full before the work began");
        nothing_is_set_aside(world).await?;
        done(&program::run(world, "sync").await?)?;
        every_record_is_published_in_order(world).await
    });
}

#[test]
fn a_full_disk_under_the_target_stops_the_sink_and_costs_no_message() {
    in_a_world("full_disk_target", async |world| {
        let disk = prepare(world).await?;
        done(&program::run(world, "sync").await?)?;
        let mut target = open(&world.folder.path().join("target/warehouse.db")).await?;
        target.execute(LANDED).await?;
        let sink = "sink --until-caught-up";
        let ended = disk.run(world, sink, "target", 400_000).await?;
        one_sentence(&ended, "the disk is full: make room")?;
        let landed = number(&mut target, "SELECT COUNT(*) FROM landed").await?;
        println!("{landed} rows had landed before the disk was full");
        ensure!(landed > 0 && landed < RECORDS, "{landed} rows have landed");
        nothing_is_set_aside(world).await?;
        done(&program::run(world, sink).await?)?;
        for (query, expected) in [
            ("SELECT COUNT(*) FROM landed", RECORDS),
            ("SELECT COUNT(*) FROM audit", RECORDS),
            ("SELECT COUNT(DISTINCT id) FROM audit", RECORDS),
        ] {
            let found = number(&mut target, query).await?;
            ensure!(found == expected, "{query}: {found}, not {expected}");
        }
        nothing_is_set_aside(world).await
    });
}

#[test]
fn a_full_disk_under_the_cursors_stops_the_sync_and_loses_nothing() {
    in_a_world("full_disk_cursors", async |world| {
        let disk = prepare(world).await?;
        let ended = disk.run(world, "sync", "cursors", 60).await?;
        one_sentence(&ended, "cannot be stored: the disk is full: make room")?;
        nothing_is_set_aside(world).await?;
        // What was published, but not noted, is published again.
        done(&program::run(world, "sync").await?)?;
        every_record_is_published_in_order(world).await
    });
}

/// What makes a disk full for one command.
struct Disk {
    library: PathBuf,
}

/// Settings, a source, and the library.
async fn prepare(world: &World) -> Result<Disk> {
    let folder = world.folder.path();
    fs::write(folder.join("settings.toml"), SETTINGS)?;
    for name in ["topics", "target", "cursors"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let mut source = open(&folder.join("shop.db")).await?;
    source.execute(SOURCE).await?;
    let library = preload::library(world, "full_disk")?;
    Ok(Disk { library })
}

impl Disk {
    /// Runs a command for which the disk below a folder has room for so many bytes.
    async fn run(&self, world: &World, arguments: &str, folder: &str, room: u64) -> Result<Ended> {
        // As the system will name it.
        let folder = world.folder.path().join(folder).canonicalize()?;
        let room = room.to_string();
        let variables: [(&str, &OsStr); 3] = [
            ("LD_PRELOAD", self.library.as_ref()),
            ("FULL_DISK_FOLDER", folder.as_ref()),
            ("FULL_DISK_ROOM", room.as_ref()),
        ];
        let running = program::start_with(world, arguments, &variables)?;
        running.ended().await
    }
}

fn one_sentence(ended: &Ended, sentence: &str) -> Result<()> {
    ended.expect("exit 1", Path::new("."))?;
    let errors = ended.err.lines().filter(|it| it.contains("error"));
    let errors: Vec<_> = errors.collect();
    println!("{errors:#?}\n{}", ended.out);
    let said = errors.len() == 1 && errors[0].contains(sentence);
    ensure!(said, "{}", ended.err);
    ensure!(!ended.err.contains("will go on"), "{}", ended.err);
    Ok(())
}

fn done(ended: &Ended) -> Result<()> {
    ended.expect("exit 0", Path::new("."))
}

async fn nothing_is_set_aside(world: &World) -> Result<()> {
    let mut topics = open(&world.folder.path().join("topics/topics.db")).await?;
    let dead_letters =
        "SELECT COUNT(*) FROM messages JOIN topics USING (topic) WHERE name <> 'records'";
    let dead_letters = number(&mut topics, dead_letters).await?;
    ensure!(dead_letters == 0, "{dead_letters} dead letters");
    let folder = world.folder.path().join("runtime/dead-letters");
    ensure!(!folder.exists(), "{} is there", folder.display());
    Ok(())
}

/// A record may be there again, but none before one that was never there.
async fn every_record_is_published_in_order(world: &World) -> Result<()> {
    let mut furthest = 0;
    for id in ids(world).await? {
        ensure!(id <= furthest + 1, "after {furthest} came {id}");
        furthest = furthest.max(id);
    }
    ensure!(furthest == RECORDS, "{furthest} is the last");
    nothing_is_set_aside(world).await
}

/// The records in the topic, in order.
async fn ids(world: &World) -> Result<Vec<i64>> {
    let mut topics = open(&world.folder.path().join("topics/topics.db")).await?;
    let keys = "SELECT CAST(CAST(key AS TEXT) AS INTEGER) FROM messages \
        JOIN topics USING (topic) WHERE name = 'records' ORDER BY offset";
    Ok(sqlx::query_scalar(keys).fetch_all(&mut topics).await?)
}

async fn open(path: &Path) -> Result<SqliteConnection> {
    let url = format!("sqlite://{}?mode=rwc", path.display());
    Ok(SqliteConnection::connect(&url).await?)
}

async fn number(file: &mut SqliteConnection, query: &str) -> Result<i64> {
    let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    Ok(query.fetch_one(file).await?)
}

const SETTINGS: &str = r#"
[connections.shop]
kind = "sqlite"
path = "shop.db"

[connections.topics]
kind = "embedded"
path = "topics/topics.db"

[connections.warehouse]
kind = "sqlite"
path = "target/warehouse.db"

[data-types.records]
format = "json"
topic = "records"
broker = "topics"
create-topic = { partitions = 1, replication = 1 }
max-in-flight = 2
from = { connection = "shop", table = "records", incremental = "id", batch = { rows = 100 } }
into = { connection = "warehouse", table = "landed", batch = { rows = 100, wait = "200ms" } }
"#;

const SOURCE: &str = "
CREATE TABLE records (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < 5000)
INSERT INTO records SELECT id, 'a record of some length, so that a disk fills up: ' || id FROM numbers;
";

/// The audit has a row for each time that a row is written.
const LANDED: &str = "
CREATE TABLE landed (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE audit (id INTEGER NOT NULL);
CREATE TRIGGER landed_insert AFTER INSERT ON landed BEGIN INSERT INTO audit VALUES (NEW.id); END;
CREATE TRIGGER landed_update AFTER UPDATE ON landed BEGIN INSERT INTO audit VALUES (NEW.id); END;
";
