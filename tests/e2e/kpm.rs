//! kpm: its test producer's 30,000 messages through Kafka into its three tables, and the md5 check.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{case, in_a_world, kafka::Outgoing, program, wait, world::World};

#[path = "../../examples/kpm/producer.rs"]
mod producer;

/// As many as the older producer makes of each kind. No batch of 999 rows ends with the last one.
const EACH: u32 = 10_000;

#[test]
fn thirty_thousand_messages_arrive_to_the_last_and_are_verified_by_their_hashes() {
    in_a_world("kpm", async |world| {
        write_settings_in(world).await?;
        let hashes = producer::produce(&world.servers.kafka, &world.topic, 0..EACH).await?;
        let file = world.folder.path().join("md5.info");
        fs::write(&file, producer::file_of(&hashes))?;

        // It is never told to catch up: the last rows are written when their time is over.
        let mut sink = program::start(world, "sink")?;
        let mut sql = world.mysql().await?;
        let arrived = async || {
            let counted = "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM blogs) \
                           + (SELECT COUNT(*) FROM comments)";
            let counted = sql.rows(counted).await?;
            Ok((counted == [(3 * EACH).to_string()]).then_some(()))
        };
        wait::until("every row is there", Duration::from_secs(80), arrived).await?;
        sink.terminate()?;
        sink.ended().await?.expect("exit 0", world.folder.path())?;
        verify(
            world,
            "exit 0\nout contains 30,000 rows, 30,000 hashes in md5.info: complete",
        )
        .await
    });
}

#[test]
fn what_is_missing_or_changed_is_told_and_bad_messages_cost_no_neighbour() {
    in_a_world("kpm_bad", async |world| {
        write_settings_in(world).await?;
        let mut hashes = producer::produce(&world.servers.kafka, &world.topic, 0..50).await?;
        let dead_letters = format!("{}.dead-letters", world.topic);
        world.kafka.create(&dead_letters, 1, &[]).await?;
        let long = [&b"\x0a\x33"[..], &[b'x'; 51]].concat();
        let bad: [(Option<&[u8]>, &[u8]); 5] = [
            (Some(b"user"), b"\x0a\x7fcut"),
            (Some(b"users"), b""),
            (None, b"\x0a\x01a"),
            (Some(b"comment"), &long),
            (Some(b"blog"), b"\x0a\x01\xff"),
        ];
        let bad = bad.map(|(key, value)| Outgoing {
            partition: None,
            key,
            value: Some(value),
        });
        world.kafka.produce(&world.topic, bad)?;
        hashes.extend(producer::produce(&world.servers.kafka, &world.topic, 50..53).await?);
        fs::write(
            world.folder.path().join("md5.info"),
            producer::file_of(&hashes),
        )?;
        let ended = program::run(world, "sink --until-caught-up").await?;
        ended.expect("exit 0\nout contains 5 dead letters", world.folder.path())?;
        ensure!(world.kafka.count(&dead_letters)? == 5, "other letters");
        verify(world, "exit 0\nout contains 159 rows, 159 hashes").await?;

        let mut sql = world.mysql().await?;
        let filled = "SELECT COUNT(*) FROM users JOIN blogs ON blogs.user_id = users.id \
                      WHERE ABS(users.created_at - UNIX_TIMESTAMP()) < 600";
        ensure!(sql.number(filled).await? == 53, "created_at is not filled");
        sql.run("UPDATE users SET admin = 1 WHERE name = 'test_name7'")
            .await?;
        sql.run("DELETE FROM comments LIMIT 12").await?;
        let left = "exit 3\nout contains : its hash is not in the file\nout contains users 0\n\
                    out contains and 3 more lines\nout contains not complete, 1 rows are not in \
                    the file and 13 hashes have no row";
        verify(world, left).await?;
        verify_with(
            world,
            "--json",
            "exit 3\nout contains \"hashes_without_row\":13",
        )
        .await?;
        sql.run("DROP TABLE blogs").await?;
        verify(world, "exit 1\nerr contains blogs").await?;
        fs::write(world.folder.path().join("md5.info"), "no hash\n")?;
        verify(world, "exit 1\nerr contains line 1 is no md5 hash").await
    });
}

/// The settings and the tables that are shipped, for this world.
async fn write_settings_in(world: &World) -> Result<()> {
    let folder = case::folder().join("../../../examples/kpm");
    let settings = fs::read_to_string(folder.join("settings.toml")).context("settings")?;
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/kpm.proto");
    let changes = [
        ("../../proto/kpm.proto", schema),
        ("\"my-topic\"", &format!("{:?}", world.topic)),
        ("rows = 1000", "rows = 999"),
        (
            "route =",
            &format!("group = \"{}.group\"\nroute =", world.topic),
        ),
        (
            "messages =",
            "create-topic = { partitions = 1, replication = 1 }\nmessages =",
        ),
    ];
    let mut changed = settings;
    for (before, after) in changes {
        ensure!(changed.contains(before), "{before} is not in the settings");
        changed = changed.replacen(before, after, 1);
    }
    fs::write(world.folder.path().join("settings.toml"), changed)?;
    let tables = fs::read_to_string(folder.join("tables.sql"))?;
    world.mysql().await?.run(&tables).await
}

async fn verify(world: &World, expected: &str) -> Result<()> {
    verify_with(world, "", expected).await
}

async fn verify_with(world: &World, more: &str, expected: &str) -> Result<()> {
    let ended = program::run(world, &format!("verify --md5 md5.info {more}")).await?;
    ended.expect(expected, world.folder.path())
}
