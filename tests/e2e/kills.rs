//! Kill -9 in the middle of work: nothing is lost, and no message is applied twice.
//!
//! A kill counts only where there was something to lose: records acknowledged beyond the saved
//! cursor, or a transaction open on the target. `HIGHWATER_PROOF=full` counts ten of each.

use std::{collections::BTreeMap, env, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use mongodb::bson::{Document, doc};
use rdkafka::Message;
use tokio::time::Instant;

use crate::{
    in_a_world,
    kafka::Outgoing,
    program::{self, Running},
    sql::Sql,
    wait,
    world::World,
};

/// Kills that have to count.
fn kills() -> usize {
    match full_scale() {
        true => 10,
        false => 2,
    }
}

/// Whether this is a proof, and not one of many tests.
pub fn full_scale() -> bool {
    env::var("HIGHWATER_PROOF").is_ok_and(|it| it == "full")
}

/// Numbers of records have seven digits, so that they are found in a position.
const FIRST: i64 = 1_000_001;
/// Records that are new at each kill of a `sync`.
const NEW: i64 = 6_000;
/// Messages in each partition that are new at each kill of a `sink`.
const MESSAGES: i64 = 1_500;
const PARTITIONS: i32 = 2;
/// A kill that does not come about in this time is a defect of the test.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn kills_of_a_sync_from_mongodb_lose_nothing() {
    in_a_world("kills_mongodb", async |world| {
        settings(world, MONGODB)?;
        let records = world.mongodb().await?.collection::<Document>("records");
        kill_syncs(world, async |from| {
            let new = (from..from + NEW).map(|id| doc! { "_id": id, "text": "a record" });
            records.insert_many(new).await?;
            Ok(())
        })
        .await
    });
}

#[test]
fn kills_of_a_sync_from_mysql_lose_nothing() {
    in_a_world("kills_mysql", async |world| {
        settings(world, MYSQL)?;
        let mut sql = world.mysql().await?;
        sql.run(RECORDS).await?;
        kill_syncs(world, async |from| {
            // All of one time: only the key tells where a page ends.
            let rows: Vec<_> = (from..from + NEW)
                .map(|id| format!("({id}, 'a record', '2025-08-26 09:30:15.000001')"))
                .collect();
            let insert = format!("INSERT INTO records VALUES {}", rows.join(","));
            sql.run(&insert).await
        })
        .await
    });
}

#[test]
fn kills_of_a_sink_apply_every_message_once() {
    in_a_world("kills_sink", async |world| {
        settings(world, SINK)?;
        for topic in [&world.topic, &format!("{}.dead-letters", world.topic)] {
            world.kafka.create(topic, PARTITIONS, &[]).await?;
        }
        let mut sql = world.mysql().await?;
        sql.run(LANDED).await?;
        let mut produced = 0;
        for round in 0..kills() {
            produce(world, produced)?;
            produced += MESSAGES;
            let at = produced - MESSAGES / 2;
            kill_in_a_transaction(world, &mut sql, round, at).await?;
            kill_between(world, &mut sql, round).await?;
        }
        let ended = program::run(world, "sink --until-caught-up").await?;
        ended.expect("exit 0", world.folder.path())?;
        every_message_was_applied_once(&mut sql, produced).await?;
        the_audit_tells_a_repeated_message(world, &mut sql).await
    });
}

/// Kills `sync` until enough kills count, then lets it end and looks through the topic.
async fn kill_syncs(world: &World, mut add: impl AsyncFnMut(i64) -> Result<()>) -> Result<()> {
    let mut next = FIRST;
    let mut counted = 0;
    world.kafka.create(&world.topic, 1, &[]).await?;
    while counted < kills() {
        ensure!(next < FIRST + 40 * NEW, "too few kills counted: {counted}");
        add(next).await?;
        next += NEW;
        let mut sync = program::start(world, "sync")?;
        work_beyond_the_cursor(world, &mut sync, counted % 2 == 1).await?;
        let killed = sync.kill().await?;
        let cursor = cursor(world)?;
        let (messages, last) = end_of_topic(world)?;
        let counts = killed && last > cursor;
        counted += usize::from(counts);
        println!(
            "kill -9 of sync: cursor at {cursor}, topic ends with {last} ({messages} messages), \
             {} acknowledged beyond the cursor: {}",
            (last - cursor).max(0),
            if counts {
                format!("counts, {counted}")
            } else {
                "does not count".to_owned()
            },
        );
    }
    let ended = program::run(world, "sync").await?;
    ended.expect("exit 0", world.folder.path())?;
    nothing_is_missing(world, next)
}

/// Waits until this run has published something; where `saved`, beyond a cursor of its own.
async fn work_beyond_the_cursor(world: &World, sync: &mut Running, saved: bool) -> Result<()> {
    let before = cursor(world)?;
    if saved {
        wait::until("the cursor is saved", LIMIT, async || {
            let over = sync.is_over()?;
            Ok((over || cursor(world)? > before).then_some(()))
        })
        .await?;
    }
    let begun = world.kafka.count(&world.topic)?;
    wait::until("more is published", LIMIT, async || {
        let over = sync.is_over()?;
        Ok((over || world.kafka.count(&world.topic)? > begun + 100).then_some(()))
    })
    .await
}

/// The number of the record at which the saved cursor stands.
fn cursor(world: &World) -> Result<i64> {
    let Ok(entries) = fs::read_dir(world.folder.path().join("cursors")) else {
        return Ok(FIRST - 1);
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let stored: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
            return Ok(number_in(&stored["position"].to_string()).unwrap_or(FIRST - 1));
        }
    }
    Ok(FIRST - 1)
}

/// The largest number of a record in a text.
fn number_in(text: &str) -> Option<i64> {
    let runs = text.split(|it: char| !it.is_ascii_digit());
    let numbers = runs.filter(|it| it.len() == 7 && it.starts_with('1'));
    numbers.filter_map(|it| it.parse().ok()).max()
}

/// Messages in the topic, and the largest number of a record among them.
fn end_of_topic(world: &World) -> Result<(usize, i64)> {
    let numbers = published(world)?;
    let last = numbers.iter().max().copied().unwrap_or(FIRST - 1);
    Ok((numbers.len(), last))
}

/// The numbers of all records in the topic, in order.
fn published(world: &World) -> Result<Vec<i64>> {
    let messages = world.kafka.read(&world.topic)?;
    let number = |key: Option<&[u8]>| {
        let text = std::str::from_utf8(key.context("a message without key")?)?;
        Ok(text.parse()?)
    };
    messages.iter().map(|it| number(it.key())).collect()
}

/// A restart may go back, but never forth: whatever is published stands right behind what was
/// published before it.
fn nothing_is_missing(world: &World, end: i64) -> Result<()> {
    let numbers = published(world)?;
    let mut furthest = FIRST - 1;
    for number in &numbers {
        ensure!(*number <= furthest + 1, "after {furthest} came {number}");
        furthest = furthest.max(*number);
    }
    ensure!(
        furthest == end - 1,
        "{furthest} is the last, not {}",
        end - 1
    );
    let records = usize::try_from(end - FIRST)?;
    let repeated = numbers.len() - records;
    println!("{records} records, each published, in order; {repeated} repeated after kills");
    Ok(())
}

/// Publishes further messages of known places: in each partition, `n` is the offset.
fn produce(world: &World, from: i64) -> Result<()> {
    for partition in 0..PARTITIONS {
        let values: Vec<_> = (from..from + MESSAGES)
            .map(|n| {
                let id = id_of(partition, n);
                format!("{{\"id\":{id},\"p\":{partition},\"n\":{n}}}")
            })
            .collect();
        let messages = values.iter().map(|value| Outgoing {
            partition: Some(partition),
            key: None,
            value: Some(value.as_bytes()),
        });
        world.kafka.produce(&world.topic, messages)?;
    }
    Ok(())
}

fn id_of(partition: i32, n: i64) -> i64 {
    n * i64::from(PARTITIONS) + i64::from(partition)
}

/// Holds a row that the sink is about to write, so that its transaction is surely open, and kills
/// the sink while it waits.
async fn kill_in_a_transaction(world: &World, sql: &mut Sql, round: usize, at: i64) -> Result<()> {
    let mut blocker = world.mysql().await?;
    let id = id_of(0, at);
    blocker.run("START TRANSACTION").await?;
    let held = format!("INSERT INTO landed VALUES ({id}, 0, -1)");
    blocker.run(&held).await?;
    let mut sink = program::start(world, "sink")?;
    wait::until("the sink waits for the held row", LIMIT, async || {
        ensure!(!sink.is_over()?, "the sink has ended by itself");
        Ok((sql.number(WAITING).await? > 0).then_some(()))
    })
    .await
    .with_context(|| sink.said("err"))?;
    let open = sql.rows(OPEN).await?;
    ensure!(
        !open.is_empty(),
        "no transaction is open that has changed something"
    );
    ensure!(sink.kill().await?, "the sink has ended by itself");
    let stored = sql.rows(PROGRESS).await?;
    println!(
        "kill -9 of sink, counts, {}: transaction open on the server ({}), progress stored: {}",
        round + 1,
        open.join("; ").replace('\t', " "),
        stored.join(", ")
    );
    blocker.run("ROLLBACK").await
}

/// Kills the sink at any moment while rows land; whether a transaction is open is chance.
async fn kill_between(world: &World, sql: &mut Sql, round: usize) -> Result<()> {
    let before = sql.number("SELECT COUNT(*) FROM landed").await?;
    let wanted = before + 130 + 70 * i64::try_from(round)?;
    let mut sink = program::start(world, "sink")?;
    let landed = wait::until("rows land", LIMIT, async || {
        let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
        Ok((landed >= wanted).then_some(landed))
    })
    .await?;
    let begun = Instant::now();
    ensure!(sink.kill().await?, "the sink has ended by itself");
    println!(
        "kill -9 of sink at any moment: {landed} rows had landed {:?} before",
        begun.elapsed()
    );
    Ok(())
}

async fn every_message_was_applied_once(sql: &mut Sql, produced: i64) -> Result<()> {
    let messages = produced * i64::from(PARTITIONS);
    let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
    ensure!(landed == messages, "{landed} rows of {messages} messages");
    let per_partition = sql
        .rows("SELECT p, COUNT(DISTINCT n), MIN(n), MAX(n) FROM landed GROUP BY p ORDER BY p")
        .await?;
    let expected: Vec<_> = (0..PARTITIONS)
        .map(|it| format!("{it}\t{produced}\t0\t{}", produced - 1))
        .collect();
    ensure!(per_partition == expected, "{per_partition:?}");
    let twice = sql.rows(TWICE).await?;
    ensure!(twice.is_empty(), "applied more than once: {twice:?}");
    let audited = sql.number("SELECT COUNT(*) FROM audit").await?;
    ensure!(
        audited == messages,
        "{audited} audit rows of {messages} messages"
    );
    println!("{messages} messages, {landed} rows, {audited} audit rows, none of them twice");
    Ok(())
}

/// Without this, an audit that never says anything would pass.
async fn the_audit_tells_a_repeated_message(world: &World, sql: &mut Sql) -> Result<()> {
    let flow = format!("records/{}/to:warehouse.landed", world.topic);
    let last = sql.number("SELECT MAX(n) FROM landed").await?;
    let back = format!("cursor set {flow} 0:{last}");
    let ended = program::run(world, &back).await?;
    ended.expect("exit 0", world.folder.path())?;
    let ended = program::run(world, "sink --until-caught-up").await?;
    ended.expect("exit 0", world.folder.path())?;
    let twice = sql.rows(TWICE).await?;
    ensure!(twice == [format!("0\t{last}\t2")], "{twice:?}");
    Ok(())
}

fn settings(world: &World, part: &str) -> Result<()> {
    let path = world.folder.path().join("settings.toml");
    let known: BTreeMap<_, _> = world.variables().collect();
    ensure!(known.contains_key("CASE_TOPIC"), "no topic");
    Ok(fs::write(path, format!("{KAFKA}{part}"))?)
}

const KAFKA: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]
"#;

/// Small batches, so that there is time to kill.
const MONGODB: &str = r#"
[connections.crawler]
kind = "mongodb"
url = "${MONGODB_URL}"
database = "${CASE_DATABASE}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
in-flight = 2
from = { connection = "crawler", collection = "records", batch = { rows = 10 } }
"#;

const MYSQL: &str = r#"
[connections.shop]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"
create-topic = { partitions = 1, replication = 1 }
in-flight = 2
from = { connection = "shop", table = "records", incremental = "changed_at", batch = { rows = 10 } }
"#;

const RECORDS: &str = "CREATE TABLE records (
    id BIGINT PRIMARY KEY,
    text VARCHAR(20) NOT NULL,
    changed_at DATETIME(6) NOT NULL,
    KEY (changed_at, id)
)";

/// The shortest session that a broker allows: a killed member keeps its partitions as long.
const SINK: &str = r#"
[connections.warehouse]
kind = "mysql"
url = "${MYSQL_URL}"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.records.into]
connection = "warehouse"
table = "landed"
group = "${CASE_GROUP}"
batch = { rows = 20, wait = "200ms" }
session-timeout = "6s"
"#;

const LANDED: &str = "
CREATE TABLE landed (id BIGINT PRIMARY KEY, p INT NOT NULL, n BIGINT NOT NULL);
CREATE TABLE audit (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    p INT NOT NULL, n BIGINT NOT NULL, done CHAR(6) NOT NULL
);
CREATE TRIGGER landed_insert AFTER INSERT ON landed
    FOR EACH ROW INSERT INTO audit (p, n, done) VALUES (NEW.p, NEW.n, 'insert');
CREATE TRIGGER landed_update AFTER UPDATE ON landed
    FOR EACH ROW INSERT INTO audit (p, n, done) VALUES (NEW.p, NEW.n, 'update');
";

const TWICE: &str =
    "SELECT p, n, COUNT(*) FROM audit GROUP BY p, n HAVING COUNT(*) > 1 ORDER BY p, n LIMIT 10";

const PROGRESS: &str = "SELECT CONCAT(`partition`, ':', next_offset) FROM highwater_progress \
    ORDER BY `partition`";

/// Statements of this database that wait for a lock.
const WAITING: &str = "SELECT COUNT(*) FROM performance_schema.data_lock_waits \
    JOIN performance_schema.threads ON thread_id = requesting_thread_id \
    WHERE processlist_db = DATABASE()";

/// Transactions of this database that wait for a lock, after they have changed something. Not
/// for polling: the server answers from a cache for as long as it is asked ten times a second.
const OPEN: &str = "SELECT trx_state, CONCAT(trx_rows_modified, ' rows changed') \
    FROM information_schema.innodb_trx \
    JOIN information_schema.processlist ON id = trx_mysql_thread_id \
    WHERE db = DATABASE() AND trx_state = 'LOCK WAIT' AND trx_rows_modified > 0";
