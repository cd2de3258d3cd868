//! Three sinks on six partitions that come and go: killed, stopped, woken, their server started
//! anew under them. Audit rows tell how often each message was applied.
//!
//! Alone: a server that is started anew is so for every test. `HIGHWATER_PROOF=full`
//! goes on for twenty minutes, `HIGHWATER_SCHEDULE=seed` repeats what chance has chosen.

mod chance;
mod members;
mod producing;
mod restart;

use std::{env, fs, time::Duration};

use anyhow::{Result, ensure};

use crate::{gate, in_a_world, program, sql::Sql, world::World};
use chance::Chance;
use members::Members;
use producing::{PARTITIONS, Producing};

#[test]
fn members_that_come_and_go_apply_every_message_once_to_mysql() {
    let _gate = gate("rebalances");
    in_a_world("rebalances_mysql", async |world| {
        apply_once(world, "mysql").await
    });
}

#[test]
fn members_that_come_and_go_apply_every_message_once_to_mariadb() {
    let _gate = gate("rebalances");
    in_a_world("rebalances_mariadb", async |world| {
        apply_once(world, "mariadb").await
    });
}

async fn apply_once(world: &World, server: &'static str) -> Result<()> {
    let upper = server.to_uppercase();
    let settings = SETTINGS.replace("SERVER", server).replace(
        "HOST",
        &world.fill(&format!("${{{upper}_HOST}}/{}", world.database))?,
    );
    fs::write(world.folder.path().join("settings.toml"), settings)?;
    world.kafka.create(&world.topic, PARTITIONS, &[]).await?;
    let dead_letters = format!("{}.dead-letters", world.topic);
    world.kafka.create(&dead_letters, 1, &[]).await?;
    let url = world.fill(&format!("${{{upper}_URL}}"))?;
    let mut sql = Sql::open(&url).await?;
    sql.run(TABLES).await?;

    let mut chance = Chance::new();
    println!("{server}: HIGHWATER_SCHEDULE={}", chance.seed());
    let producing = Producing::begin(world);
    let mut members = Members::new(world, server, &url);
    let outcome = members.come_and_go(&mut chance, &producing, time()).await;
    members.forget_users().await?;
    let produced = producing.end();
    let stats = outcome?;
    let produced = produced?;

    let mut sql = Sql::open(&url).await?;
    let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
    let messages = produced * i64::from(PARTITIONS);
    ensure!(
        landed > messages / 2,
        "only {landed} of {messages} had landed by then"
    );
    last_one(world, "exit 0").await?;
    each_message_once(&mut sql, produced).await?;
    ensure!(
        world.kafka.count(&dead_letters)? == 0,
        "there are dead letters"
    );
    println!("{server}: {stats}; {messages} messages, each applied once, none missing, no letter");
    the_audit_tells_a_repeated_message(world, &mut sql, produced).await
}

fn time() -> Duration {
    if env::var("HIGHWATER_PROOF").is_ok_and(|it| it == "full") {
        Duration::from_secs(20 * 60)
    } else {
        Duration::from_secs(40)
    }
}

/// A sink of the administrator's, which writes what is left.
async fn last_one(world: &World, wanted: &str) -> Result<()> {
    let user = [("SINK_USER", "root".as_ref())];
    let sink = program::start_with(world, "sink --until-caught-up", &user)?;
    sink.ended().await?.expect(wanted, world.folder.path())
}

/// Rows and audit are what was published: in each partition, `n` is the offset.
async fn each_message_once(sql: &mut Sql, produced: i64) -> Result<()> {
    for table in ["landed", "audit"] {
        let query = format!(
            "SELECT p, COUNT(*), COUNT(DISTINCT n), MIN(n), MAX(n) FROM {table} GROUP BY p ORDER BY p"
        );
        let expected =
            (0..PARTITIONS).map(|it| format!("{it}\t{produced}\t{produced}\t0\t{}", produced - 1));
        let expected: Vec<_> = expected.collect();
        let found = sql.rows(&query).await?;
        let twice = sql.rows(TWICE).await?;
        ensure!(
            found == expected,
            "{table}: {found:?}, not {expected:?}; twice: {twice:?}"
        );
    }
    let progress = sql.rows(PROGRESS).await?;
    let all = (0..PARTITIONS).map(|it| format!("{it}\t{produced}"));
    ensure!(
        progress == all.collect::<Vec<_>>(),
        "progress: {progress:?}"
    );
    Ok(())
}

/// Without this, an audit that never says anything would pass.
async fn the_audit_tells_a_repeated_message(
    world: &World,
    sql: &mut Sql,
    produced: i64,
) -> Result<()> {
    let last = produced - 1;
    let back = format!("UPDATE highwater_progress SET next_offset = {last} WHERE `partition` = 3");
    sql.run(&back).await?;
    last_one(world, "exit 0").await?;
    let twice = sql.rows(TWICE).await?;
    ensure!(twice == [format!("3\t{last}\t2")], "{twice:?}");
    Ok(())
}

/// The trigger takes its time, so that transactions are open when something happens.
const TABLES: &str = "
CREATE TABLE landed (id BIGINT PRIMARY KEY, p INT NOT NULL, n BIGINT NOT NULL);
CREATE TABLE audit (
    number BIGINT AUTO_INCREMENT PRIMARY KEY,
    p INT NOT NULL, n BIGINT NOT NULL, done CHAR(6) NOT NULL, KEY (p, n)
);
CREATE TRIGGER made AFTER INSERT ON landed FOR EACH ROW
BEGIN
    INSERT INTO audit (p, n, done) VALUES (NEW.p, NEW.n, 'insert');
    DO SLEEP(0.01);
END;
CREATE TRIGGER changed AFTER UPDATE ON landed
    FOR EACH ROW INSERT INTO audit (p, n, done) VALUES (NEW.p, NEW.n, 'update');
";

const TWICE: &str =
    "SELECT p, n, COUNT(*) FROM audit GROUP BY p, n HAVING COUNT(*) > 1 ORDER BY p, n LIMIT 10";

const PROGRESS: &str =
    "SELECT `partition`, next_offset FROM highwater_progress ORDER BY `partition`";

/// The shortest session that a broker allows, so that a stop may outlast it.
const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.warehouse]
kind = "SERVER"
url = "mysql://${SINK_USER}@HOST"

[retry]
first = "100ms"
max = "1s"

[data-types.records]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.records.into]
connection = "warehouse"
table = "landed"
group = "${CASE_GROUP}"
batch = { rows = 20, wait = "100ms" }
session-timeout = "6s"
"#;
