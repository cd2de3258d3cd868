//! A broker that goes away in the middle of work and comes back: nothing is lost, and no message
//! is applied twice.

use anyhow::{Context, Result, ensure};

use crate::{
    door::Door,
    in_a_world,
    kills::{
        LIMIT, settings_by,
        sink::{self, MESSAGES, SINK, every_message_was_applied_once},
        sync::{FIRST, MYSQL, RECORDS, cursor, end_of_topic, nothing_is_missing},
    },
    program::{self, Running},
    wait,
    world::World,
};

/// Records that are there when the broker goes away, and as many that come while it is away.
const NEW: i64 = 6_000;

#[test]
fn a_sync_goes_on_from_the_cursor_when_the_broker_is_back() {
    in_a_world("away_sync", async |world| {
        let mut door = Door::before(&world.kafka).await?;
        let settings = format!("{GIVE_UP_SOON}{RETRY}{MYSQL}");
        settings_by(world, &door.brokers(), &settings)?;
        world.kafka.create(&world.topic, 1, &[]).await?;
        let mut sql = world.mysql().await?;
        sql.run(RECORDS).await?;
        sql.run(&records(FIRST)).await?;
        let mut sync = program::start(world, "sync --follow")?;
        wait::until("some records are published", LIMIT, async || {
            ensure!(!sync.is_over()?, "{}", sync.said("err"));
            Ok((world.kafka.count(&world.topic)? > 100).then_some(()))
        })
        .await?;
        door.shut().await?;
        sql.run(&records(FIRST + NEW)).await?;
        backs_off(&mut sync).await?;
        let (messages, last) = end_of_topic(world)?;
        let cursor = cursor(world)?;
        ensure!(
            cursor <= last,
            "the cursor stands at {cursor}, after {last}"
        );
        let end = FIRST + 2 * NEW;
        ensure!(last < end - 1, "everything was published while it was away");
        println!(
            "broker away: cursor at {cursor}, topic ends with {last} ({messages} messages)\n{}",
            sync.said("err")
        );
        door.open().await?;
        wait::until("everything is published", LIMIT, async || {
            ensure!(!sync.is_over()?, "{}", sync.said("err"));
            Ok((end_of_topic(world)?.1 == end - 1).then_some(()))
        })
        .await
        .with_context(|| sync.said("err"))?;
        stopped(world, sync).await?;
        nothing_is_missing(world, end)
    });
}

#[test]
fn a_sink_goes_on_from_its_progress_when_the_broker_is_back() {
    in_a_world("away_sink", async |world| {
        let mut door = Door::before(&world.kafka).await?;
        settings_by(world, &door.brokers(), &format!("{RETRY}{SINK}"))?;
        for topic in [&world.topic, &format!("{}.dead-letters", world.topic)] {
            world.kafka.create(topic, sink::PARTITIONS, &[]).await?;
        }
        let mut sql = world.mysql().await?;
        sql.run(sink::LANDED).await?;
        sink::produce(world, 0)?;
        let mut running = program::start(world, "sink")?;
        let landed = wait::until("rows land", LIMIT, async || {
            ensure!(!running.is_over()?, "{}", running.said("err"));
            let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
            Ok((landed > 100).then_some(landed))
        })
        .await?;
        door.shut().await?;
        // The others know nothing of the door.
        sink::produce(world, MESSAGES)?;
        backs_off(&mut running).await?;
        let before = sql.number("SELECT COUNT(*) FROM landed").await?;
        println!(
            "broker away: {landed} rows had landed before, {before} now\n{}",
            running.said("err")
        );
        let all = 2 * MESSAGES * i64::from(sink::PARTITIONS);
        ensure!(before < all, "everything had landed while it was away");
        door.open().await?;
        wait::until("every row has landed", LIMIT, async || {
            ensure!(!running.is_over()?, "{}", running.said("err"));
            let landed = sql.number("SELECT COUNT(*) FROM landed").await?;
            Ok((landed >= all).then_some(()))
        })
        .await
        .with_context(|| running.said("err"))?;
        stopped(world, running).await?;
        every_message_was_applied_once(&mut sql, 2 * MESSAGES).await
    });
}

/// The statement that adds `NEW` records, all of one time.
fn records(from: i64) -> String {
    let rows: Vec<_> = (from..from + NEW)
        .map(|id| format!("({id}, 'a record', '2025-08-26 09:30:15.000001')"))
        .collect();
    format!("INSERT INTO records VALUES {}", rows.join(","))
}

/// Waits until it says that it waits, and why.
async fn backs_off(running: &mut Running) -> Result<()> {
    wait::until("it says that it will go on", LIMIT, async || {
        ensure!(!running.is_over()?, "it has ended: {}", running.said("err"));
        let said = running.said("err");
        let line = said
            .lines()
            .find(|it| it.contains("retrying from the stored position"));
        Ok(line.map(|it| it.contains("broker cannot be reached")))
    })
    .await
    .and_then(|why| {
        ensure!(why, "it does not say why: {}", running.said("err"));
        Ok(())
    })
}

/// Stops it, which has to be clean, and no message set aside.
async fn stopped(world: &World, mut running: Running) -> Result<()> {
    running.terminate()?;
    let ended = running.ended().await?;
    println!("{}{}", ended.err, ended.out);
    ended.expect("exit 0\nerr lacks dead letter", world.folder.path())
}

/// A message is given up in a test's time, not in two minutes. Part of the connection.
const GIVE_UP_SOON: &str = "options = { \"message.timeout.ms\" = \"2000\" }\n";

const RETRY: &str = "
[retry]
first = \"100ms\"
max = \"1s\"
";
