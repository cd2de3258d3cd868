//! Kills of `sink`: audit rows, written by triggers, tell how often each message was applied.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::{LIMIT, kills, settings};
use crate::{in_a_world, kafka::Outgoing, program, sql::Sql, wait, world::World};

/// Messages in each partition that are new at each kill of a `sink`.
pub const MESSAGES: i64 = 1_500;
pub const PARTITIONS: i32 = 2;
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

/// Publishes further messages of known places: in each partition, `n` is the offset.
pub fn produce(world: &World, from: i64) -> Result<()> {
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
    let open = open_transactions(sql).await?;
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

pub async fn every_message_was_applied_once(sql: &mut Sql, produced: i64) -> Result<()> {
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

/// The shortest session that a broker allows: a killed member keeps its partitions as long.
pub const SINK: &str = r#"
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

pub const LANDED: &str = "
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
pub const WAITING: &str = "SELECT COUNT(*) FROM performance_schema.data_lock_waits \
    JOIN performance_schema.threads ON thread_id = requesting_thread_id \
    WHERE processlist_db = DATABASE()";

/// Transactions of this database that wait for a lock, after they have changed something.
pub async fn open_transactions(sql: &mut Sql) -> Result<Vec<String>> {
    let what = "a transaction is open that has changed something";
    wait::until(what, LIMIT, async || {
        sleep(SELDOM).await;
        let open = sql.rows(OPEN).await?;
        Ok((!open.is_empty()).then_some(open))
    })
    .await
}

/// The server answers from a cache for as long as anybody asks ten times a second: not only this test does.
const SELDOM: Duration = Duration::from_millis(250);

const OPEN: &str = "SELECT trx_state, CONCAT(trx_rows_modified, ' rows changed') \
    FROM information_schema.innodb_trx \
    JOIN information_schema.processlist ON id = trx_mysql_thread_id \
    WHERE db = DATABASE() AND trx_state = 'LOCK WAIT' AND trx_rows_modified > 0";
