//! `run`: schedules beside following flows and sinks, reloaded, killed, and by two processes.

mod retries;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{
    Connection, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use crate::{
    in_a_world,
    program::{self, Running},
    wait,
    world::World,
};

const FLOWS: &str = r#"
[connections.a]
kind = "sqlite"
path = "source.db"

[connections.topics]
kind = "embedded"
path = "topics.db"

[connections.b]
kind = "sqlite"
path = "target.db"

[data-types.orders]
format = "json"
topic = "orders"
broker = "topics"
create-topic = { partitions = 1, replication = 1 }
from = { connection = "a", table = "orders", incremental = "id" }
into = { connection = "b", table = "orders", batch = { wait = "100ms" } }
"#;

const BROKEN: &str = r#"
[data-types.broken]
format = "json"
topic = "broken"
broker = "topics"
create-topic = { partitions = 1, replication = 1 }
from = { connection = "a", table = "gone", incremental = "id" }
"#;

fn scheduled(name: &str, cron: &str, run: &str, more: &str) -> String {
    format!("\n[[schedules]]\nname = {name:?}\ncron = {cron:?}\nrun = {run:?}\n{more}\n")
}

/// The folder of a world, with a table to read and one to write.
struct Stage<'a> {
    world: &'a World,
    source: SqliteConnection,
    target: SqliteConnection,
}

impl<'a> Stage<'a> {
    async fn new(world: &'a World, settings: &str) -> Result<Self> {
        let open = async |name: &str| {
            let options = SqliteConnectOptions::new()
                .filename(world.folder.path().join(name))
                .journal_mode(SqliteJournalMode::Wal)
                .create_if_missing(true);
            let mut connection = SqliteConnection::connect_with(&options).await?;
            let create = "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT)";
            connection.execute(create).await?;
            anyhow::Ok(connection)
        };
        let stage = Self {
            world,
            source: open("source.db").await?,
            target: open("target.db").await?,
        };
        stage.settings(settings)?;
        Ok(stage)
    }

    fn settings(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.path("settings.toml"), text)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.folder.path().join(name)
    }

    async fn insert(&mut self, id: i64) -> Result<()> {
        let insert = sqlx::query("INSERT INTO orders VALUES (?, 'a')").bind(id);
        insert.execute(&mut self.source).await?;
        Ok(())
    }

    async fn arrived(&mut self, count: i64, by: &Running) -> Result<()> {
        let look = async || {
            let count_of = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders");
            let found = count_of.fetch_one(&mut self.target).await?;
            Ok((found == count).then_some(()))
        };
        let outcome = wait::until("the rows have arrived", wait::SOON, look).await;
        outcome.map_err(|error| error.context(by.said("err")))
    }

    /// The runs of a schedule, the newest first.
    async fn runs(&self, name: &str) -> Result<Vec<Value>> {
        let listed = program::run(self.world, "schedule list --json").await?;
        let answer: Value =
            serde_json::from_str(&listed.out).with_context(|| listed.err.clone())?;
        let all = answer["schedules"].as_array().context("schedules")?;
        let found = all.iter().find(|it| it["name"] == name).context("it")?;
        ensure!(found["error"].is_null(), "{found}");
        Ok(found["runs"].as_array().context("runs")?.clone())
    }

    /// Ends it, and answers what it said.
    async fn stopped(&self, mut running: Running, exit: &str) -> Result<String> {
        running.terminate()?;
        let ended = running.ended().await?;
        ended.expect(exit, self.world.folder.path())?;
        Ok(format!("{}{}", ended.err, ended.out))
    }
}

async fn said(running: &Running, words: &str) -> Result<()> {
    let look = async || Ok(running.said("err").contains(words).then_some(()));
    let outcome = wait::until(words, wait::SOON, look).await;
    outcome.map_err(|error| error.context(running.said("err")))
}

fn skipped(runs: &[Value]) -> u64 {
    runs.iter().filter_map(|it| it["skipped"].as_u64()).sum()
}

const EVERY_SECOND: &str = "* * * * * *";
const SYNC: &str = "sync --data-type orders";

#[test]
fn rows_arrive_by_a_schedule_beside_a_flow_that_fails() {
    in_a_world("scheduled", async |world| {
        let often = scheduled("often", EVERY_SECOND, SYNC, "");
        let mut stage = Stage::new(world, &format!("{FLOWS}{BROKEN}{often}")).await?;
        stage.insert(1).await?;
        let running = program::start(world, "run")?;
        stage.arrived(1, &running).await?;
        said(&running, "failed; the others continue").await?;
        stage.insert(2).await?;
        stage.arrived(2, &running).await?;
        // That one flow has failed is told at the end as well.
        let all = stage.stopped(running, "exit 1").await?;
        for words in [
            "following broken: failed",
            "writing orders: stopped",
            "0 failed",
        ] {
            ensure!(all.contains(words), "{words} in {all}");
        }
        let runs = stage.runs("often").await?;
        let rows: u64 = runs.iter().filter_map(|it| it["rows"].as_u64()).sum();
        ensure!(rows == 2, "{runs:?}");
        let status = program::run(world, "status --json").await?;
        let answer: Value = serde_json::from_str(&status.out)?;
        ensure!(
            answer["schedules"][0]["runs"][0]["result"] == "done",
            "{answer}"
        );
        Ok(())
    });
}

#[test]
fn settings_are_read_again_and_bad_ones_are_refused() {
    in_a_world("reloaded", async |world| {
        let mut stage = Stage::new(world, FLOWS).await?;
        stage.insert(1).await?;
        let mut running = program::start(world, "run")?;
        stage.arrived(1, &running).await?;

        stage.settings(&format!(
            "{FLOWS}\n[[schedules]]\nname = \"x\"\ncron = \"bad\"\n"
        ))?;
        running.signal("HUP")?;
        said(&running, "the new settings have mistakes").await?;
        for words in ["schedules[0].cron", "schedules[0].run"] {
            said(&running, words).await?;
        }
        stage.insert(2).await?;
        stage.arrived(2, &running).await?;

        // The same again is a change of nothing.
        stage.settings(FLOWS)?;
        running.signal("HUP")?;
        said(&running, "begun=0 ended=0 goes_on=2").await?;

        // No longer followed but scheduled: the sink goes on undisturbed.
        let often = scheduled("often", EVERY_SECOND, SYNC, "");
        stage.settings(&format!("{FLOWS}{often}"))?;
        running.signal("HUP")?;
        said(&running, "begun=1 ended=1 goes_on=1").await?;
        stage.insert(3).await?;
        stage.arrived(3, &running).await?;
        stage.stopped(running, "exit 0").await?;
        ensure!(!stage.runs("often").await?.is_empty());
        Ok(())
    });
}

#[test]
fn what_was_missed_or_interrupted_runs_once_after_downtime() {
    in_a_world("missed", async |world| {
        // New year's night, and only one of both makes up for it.
        let yearly = "0 0 1 1 *";
        let caught = scheduled("caught", yearly, SYNC, "catch-up = \"once\"");
        let left = scheduled("left", yearly, SYNC, "catch-up = \"none\"");
        let cut = scheduled(
            "cut",
            yearly,
            "sink --data-type orders --until-caught-up",
            "",
        );
        let mut stage = Stage::new(world, &format!("{FLOWS}{caught}{left}{cut}")).await?;
        stage.insert(1).await?;
        fs::create_dir(stage.path("cursors"))?;
        let run = "{\"due\":1000,\"started\":1000,\"ended\":null,\"outcome\":\"running\",\"rows\":0,\
            \"skipped\":0,\"error\":null,\"by\":\"a process that was killed\"}";
        for (name, runs) in [("caught", ""), ("left", ""), ("cut", run)] {
            let text = format!(
                "{{\"flow\":\"schedule/{name}/runs\",\"saved_at\":0,\"position\":{{\"since\":0,\"runs\":[{runs}]}}}}"
            );
            fs::write(
                stage.path(&format!("cursors/schedule@{name}@runs.json")),
                text,
            )?;
        }
        ensure!(stage.runs("cut").await?[0]["result"] == "interrupted");
        let running = program::start(world, "run")?;
        said(&running, "was missed: it runs now schedule=\"caught\"").await?;
        said(&running, "done schedule=\"caught\" rows=1").await?;
        said(&running, "done schedule=\"cut\"").await?;
        stage.stopped(running, "exit 0").await?;
        let runs = (stage.runs("caught").await?, stage.runs("left").await?);
        ensure!((runs.0.len(), runs.1.len()) == (1, 0), "{runs:?}");
        ensure!(stage.runs("cut").await?.len() == 2);
        // It has been made up for.
        let running = program::start(world, "run")?;
        said(&running, "the settings were taken").await?;
        let all = stage.stopped(running, "exit 0").await?;
        ensure!(!all.contains("was missed"), "{all}");
        Ok(())
    });
}

#[test]
fn what_is_due_during_a_run_is_skipped_or_queued() {
    in_a_world("overlapping", async |world| {
        // A run lasts as long as another process has the flow.
        let run = format!("{SYNC} --wait 1m");
        let other = "name = \"other\"\ncron = \"0 0 1 1 *\"\nrun = \"sink --data-type orders --until-caught-up\"";
        let off = format!("\n[[schedules]]\n{other}\nenabled = false\n");
        for (overlap, words) in [
            ("skip", "skipped: the run before goes on"),
            ("queue", "waits for the run before"),
        ] {
            let more = format!("overlap = {overlap:?}");
            let often = scheduled(overlap, EVERY_SECOND, &run, &more);
            let mut stage = if fs::exists(world.folder.path().join("source.db"))? {
                for name in ["source.db", "target.db"] {
                    for end in ["", "-wal", "-shm"] {
                        let _ = fs::remove_file(world.folder.path().join(format!("{name}{end}")));
                    }
                }
                Stage::new(world, &format!("{FLOWS}{often}{off}")).await?
            } else {
                Stage::new(world, &format!("{FLOWS}{often}{off}")).await?
            };
            stage.insert(1).await?;
            let mut holder = program::start(world, "sync --data-type orders --follow")?;
            wait::until("it is held", wait::SOON, async || {
                let lock = stage.path("cursors/orders@orders@a.orders.lock");
                Ok(fs::read_to_string(lock).ok().filter(|it| !it.is_empty()))
            })
            .await?;
            let running = program::start(world, "run")?;
            said(&running, "waiting for its end").await?;
            said(&running, words).await?;
            ensure!(holder.kill().await?, "{}", holder.said("err"));
            said(&running, &format!("done schedule={overlap:?}")).await?;
            let two = async || Ok((stage.runs(overlap).await?.len() > 1).then_some(()));
            wait::until("the next one has run", wait::SOON, two).await?;
            stage.stopped(running, "exit 0").await?;
            let runs = stage.runs(overlap).await?;
            ensure!(overlap == "queue" || skipped(&runs) > 0, "{runs:?}");
        }
        Ok(())
    });
}

#[test]
fn two_processes_run_each_time_once_and_one_takes_over() {
    in_a_world("two_runners", async |world| {
        let often = scheduled("often", EVERY_SECOND, SYNC, "");
        let store = "\n[connections.store]\nkind = \"mysql\"\nurl = \"${MYSQL_URL}\"\n[cursors]\nstore = \"store\"\n";
        let off = "\n[[schedules]]\nname = \"off\"\ncron = \"0 0 1 1 *\"\nenabled = false\n\
            run = \"sink --data-type orders --until-caught-up\"\n";
        let mut stage = Stage::new(world, &format!("{FLOWS}{often}{off}{store}")).await?;
        stage.insert(1).await?;
        let mut first = program::start(world, "run")?;
        said(&first, "done schedule=\"often\"").await?;
        let second = program::start(world, "run")?;
        said(&second, "the settings were taken").await?;
        let ran = |runs: &[Value]| runs.iter().filter(|it| it["result"] == "done").count();
        let look = async || Ok((ran(&stage.runs("often").await?) >= 6).then_some(()));
        wait::until("it has run", wait::SOON, look).await?;
        ensure!(first.kill().await?, "{}", first.said("err"));
        stage.insert(2).await?;
        // The lease of the one that was killed outlives it by up to 30 seconds.
        let limit = wait::SOON * 3;
        let killed = format!("process {}", first.id);
        let look = async || {
            let runs = stage.runs("often").await?;
            let rows = runs
                .iter()
                .filter(|it| !it["by"].as_str().unwrap_or_default().starts_with(&killed));
            let rows: u64 = rows.filter_map(|it| it["rows"].as_u64()).sum();
            Ok((rows > 0).then_some(()))
        };
        let taken = wait::until("the second has taken over", limit, look).await;
        taken.map_err(|error| error.context(second.said("err")))?;
        stage.stopped(second, "exit 0").await?;
        let runs = stage.runs("often").await?;
        let mut done: Vec<&str> = runs
            .iter()
            .filter(|it| it["result"] == "done")
            .filter_map(|it| it["due"].as_str())
            .collect();
        let all = done.len();
        done.sort_unstable();
        done.dedup();
        ensure!(done.len() == all, "{runs:?}");
        Ok(())
    });
}
