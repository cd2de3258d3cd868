//! A target that refuses everything: the flow stops with what to do, no message is set aside, and
//! when it is mended the same command goes on.
//!
//! Alone: a server that is read-only is so for every test.

mod target;

use std::{fs, iter};

use anyhow::{Context, Result, ensure};

use crate::{gate, in_a_world, kafka::Outgoing, program, wait, world::World};
use target::Target;

/// What is broken, how it is mended, and what has to be said.
struct Break<'b> {
    what: &'b str,
    broken: &'b str,
    mended: &'b str,
    /// Of these, a sink that hits it while it runs says the first, and one that starts the second.
    advice: [&'b str; 2],
}

const TABLE_GONE: Break<'_> = Break {
    what: "the table is gone",
    broken: "ALTER TABLE items RENAME TO elsewhere",
    mended: "ALTER TABLE elsewhere RENAME TO items",
    advice: ["there is no such table: create it", "create it"],
};

const COLUMN_GONE: Break<'_> = Break {
    what: "a column is gone",
    broken: "ALTER TABLE items RENAME COLUMN name TO other",
    mended: "ALTER TABLE items RENAME COLUMN other TO name",
    advice: ["add the column"; 2],
};

/// Messages that are new at each break.
const MESSAGES: i64 = 30;

#[test]
fn mysql_that_refuses_costs_no_message() {
    let _gate = gate("refused");
    in_a_world("refused_mysql", async |world| {
        on_a_server(world, "mysql", Target::Server(world.mysql().await?)).await
    });
}

#[test]
fn mariadb_that_refuses_costs_no_message() {
    let _gate = gate("refused");
    in_a_world("refused_mariadb", async |world| {
        on_a_server(world, "mariadb", Target::Server(world.mariadb().await?)).await
    });
}

#[test]
fn sqlite_that_refuses_costs_no_message() {
    let _gate = gate("refused");
    in_a_world("refused_sqlite", async |world| {
        let mut target = Target::file(&world.folder.path().join("warehouse.db")).await?;
        write_settings(world, "kind = \"sqlite\"\npath = \"warehouse.db\"").await?;
        target.run(TABLE).await?;
        target.run(FILE_AUDIT).await?;
        breaks(world, &mut target, &[TABLE_GONE, COLUMN_GONE]).await
    });
}

/// By a user of its own: the administrator may write whatever is read-only.
async fn on_a_server(world: &World, server: &str, mut target: Target) -> Result<()> {
    let host = world.fill(&format!("${{{}_HOST}}", server.to_uppercase()))?;
    let (database, user) = (&world.database, user(world));
    write_settings(
        world,
        &format!("kind = \"{server}\"\nurl = \"mysql://{user}:secret-1@{host}/{database}\""),
    )
    .await?;
    target.run(TABLE).await?;
    target.run(SERVER_AUDIT).await?;
    target
        .run(&format!(
            "CREATE USER {user} IDENTIFIED BY 'secret-1'; \
             GRANT CREATE, SELECT ON {database}.* TO {user}; \
             GRANT ALL ON {database}.items TO {user}; \
             GRANT ALL ON {database}.highwater_progress TO {user}"
        ))
        .await?;
    let (revoke, grant) = (
        format!("REVOKE INSERT ON {database}.items FROM {user}"),
        format!("GRANT INSERT ON {database}.items TO {user}"),
    );
    let right = Break {
        what: "a right is gone",
        broken: &revoke,
        mended: &grant,
        advice: ["the user lacks a right: grant it"; 2],
    };
    let read_only = Break {
        what: "the server is read-only",
        broken: "SET GLOBAL read_only = 1",
        mended: "SET GLOBAL read_only = 0",
        advice: ["the server is read-only: connect to the one that is written"; 2],
    };
    let outcome = breaks(
        world,
        &mut target,
        &[TABLE_GONE, COLUMN_GONE, right, read_only],
    )
    .await;
    target.run(&format!("DROP USER {user}")).await?;
    outcome
}

/// Breaks the target below a sink that runs, and again and again.
async fn breaks(world: &World, target: &mut Target, breaks: &[Break<'_>]) -> Result<()> {
    let mut produced = 0;
    let mut publish = || {
        produce(world, produced)?;
        produced += MESSAGES;
        anyhow::Ok(produced)
    };
    for it in breaks {
        let landed = publish()?;
        let mut sink = program::start(world, "sink")?;
        let there = async || {
            ensure!(!sink.is_over()?, "the sink has ended by itself");
            let rows = target.number("SELECT COUNT(*) FROM audit").await?;
            Ok((rows == landed).then_some(()))
        };
        let outcome = wait::until("the rows are there", wait::SOON, there).await;
        outcome.with_context(|| sink.said("err"))?;

        target.run(it.broken).await?;
        let outcome = async {
            let all = publish()?;
            stopped(&sink.ended().await?, it.advice[0])?;
            let again = program::run(world, "sink --until-caught-up").await?;
            stopped(&again, it.advice[1])?;
            anyhow::Ok(all)
        };
        let outcome = outcome.await;
        // Whatever came of it: others use this server.
        target.run(it.mended).await?;
        let all = outcome.with_context(|| it.what.to_owned())?;
        nothing_is_set_aside(world)?;

        let goes_on = program::run(world, "sink --until-caught-up").await?;
        goes_on.expect("exit 0", world.folder.path())?;
        each_row_once(target, all)
            .await
            .context(it.what.to_owned())?;
        nothing_is_set_aside(world)?;
        println!("{}: {all} messages, each applied once, no letter", it.what);
    }
    Ok(())
}

fn stopped(ended: &program::Ended, advice: &str) -> Result<()> {
    let expected =
        format!("exit 1\nerr contains {advice}\nerr lacks will go on\nerr lacks secret-1");
    ended.expect(&expected, std::path::Path::new("/nowhere"))
}

fn nothing_is_set_aside(world: &World) -> Result<()> {
    let dead_letters = world.kafka.count(&dead_letters(world))?;
    ensure!(dead_letters == 0, "{dead_letters} dead letters");
    let folder = world.folder.path().join("runtime/dead-letters");
    ensure!(!folder.exists(), "{} is there", folder.display());
    Ok(())
}

async fn each_row_once(target: &mut Target, all: i64) -> Result<()> {
    for query in [
        "SELECT COUNT(*) FROM items WHERE name = CONCAT('item ', id)",
        "SELECT COUNT(*) FROM audit",
        "SELECT COUNT(DISTINCT id) FROM audit",
    ] {
        let found = target.number(query).await?;
        ensure!(found == all, "{query}: {found}, not {all}");
    }
    Ok(())
}

fn produce(world: &World, from: i64) -> Result<()> {
    let value = |id| format!(r#"{{"id":{id},"name":"item {id}"}}"#);
    let values: Vec<_> = (from..from + MESSAGES).map(value).collect();
    let messages = values.iter().map(|value| Outgoing {
        partition: Some(0),
        key: None,
        value: Some(value.as_bytes()),
    });
    world.kafka.produce(&world.topic, messages)
}

async fn write_settings(world: &World, warehouse: &str) -> Result<()> {
    let settings = SETTINGS.replace("WAREHOUSE", warehouse);
    fs::write(world.folder.path().join("settings.toml"), settings)?;
    world.kafka.create(&world.topic, 1, &[]).await?;
    world.kafka.create(&dead_letters(world), 1, &[]).await
}

fn dead_letters(world: &World) -> String {
    format!("{}.dead-letters", world.topic)
}

/// A name of 32 characters at most that no other test has.
fn user(world: &World) -> String {
    let own = world.database.trim_start_matches("e2e_");
    // A letter first: a name such as `4e0d` would be read as a number.
    iter::once('u').chain(own.chars()).take(30).collect()
}

const TABLE: &str = "
CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL);
CREATE TABLE audit (id INTEGER NOT NULL);
";

const SERVER_AUDIT: &str = "
CREATE TRIGGER made AFTER INSERT ON items FOR EACH ROW INSERT INTO audit VALUES (NEW.id);
CREATE TRIGGER changed AFTER UPDATE ON items FOR EACH ROW INSERT INTO audit VALUES (NEW.id);
";

const FILE_AUDIT: &str = "
CREATE TRIGGER made AFTER INSERT ON items BEGIN INSERT INTO audit VALUES (NEW.id); END;
CREATE TRIGGER changed AFTER UPDATE ON items BEGIN INSERT INTO audit VALUES (NEW.id); END;
";

const SETTINGS: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["${KAFKA_BROKERS}"]

[connections.warehouse]
WAREHOUSE

[data-types.items]
format = "json"
topic = "${CASE_TOPIC}"
broker = "kafka"

[data-types.items.into]
connection = "warehouse"
table = "items"
group = "${CASE_GROUP}"
session-timeout = "6s"
batch = { rows = 10, wait = "100ms" }
"#;
