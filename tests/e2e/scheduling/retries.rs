//! Retries of failed units of `run`, and their `status`.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::Executor;

use super::{BROKEN, FLOWS, Stage, said, scheduled};
use crate::{in_a_world, program, program::Running, wait, world::World};

/// What `status` tells of the failure of a flow of this data type.
async fn failure(world: &World, data_type: &str) -> Result<Value> {
    let status = program::run(world, "status --json").await?;
    let answer: Value = serde_json::from_str(&status.out).with_context(|| status.err.clone())?;
    let flows = answer["flows"].as_array().context("flows")?;
    let of = |it: &&Value| {
        it["flow"]
            .as_str()
            .is_some_and(|it| it.starts_with(data_type))
    };
    Ok(flows.iter().find(of).context("the flow")?["failure"].clone())
}

async fn answer(world: &World, running: &Running, is_there: impl Fn(&Value) -> bool) -> Result<()> {
    let look = async || Ok(is_there(&failure(world, "broken/").await?).then_some(()));
    let outcome = wait::until("status tells it", wait::SOON, look).await;
    outcome.map_err(|error| error.context(running.said("err")))
}

#[test]
fn what_has_failed_is_tried_again_and_goes_on_by_itself() {
    in_a_world("again", async |world| {
        let mut stage = Stage::new(world, &format!("{FLOWS}{BROKEN}")).await?;
        stage.insert(1).await?;
        let running = program::start(world, "run")?;
        stage.arrived(1, &running).await?;
        said(&running, "next attempt in 5 s").await?;
        answer(world, &running, |it| it["times"] == 1).await?;
        let shown = program::run(world, "status").await?;
        for words in ["has failed once since", "next attempt at", "gone"] {
            ensure!(shown.out.contains(words), "{words} in {}", shown.out);
        }
        let listed = program::run(world, "cursor list").await?;
        ensure!(!listed.out.contains("run/"), "{}", listed.out);
        // Later and later, as long as nobody mends it.
        said(&running, "next attempt in 10 s").await?;
        answer(world, &running, |it| it["times"] == 2).await?;
        let mend = "CREATE TABLE gone (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO gone VALUES (1, 'a')";
        stage.source.execute(mend).await?;
        answer(world, &running, Value::is_null).await?;
        // What had failed, and goes on, is no failure of the run.
        let all = stage.stopped(running, "exit 0").await?;
        ensure!(all.contains("following broken: stopped; 1 row,"), "{all}");
        Ok(())
    });
}

#[test]
fn a_flow_that_gave_up_as_it_was_told_is_not_tried_again() {
    in_a_world("gave_up", async |world| {
        let retry = "\n[retry]\nfirst = \"50ms\"\nmax = \"50ms\"\ngive-up-after = \"200ms\"\n";
        let away = BROKEN.replace("\"a\", table", "\"away\", table");
        let away = format!(
            "{away}\n[connections.away]\nkind = \"mysql\"\nurl = \"mysql://root@127.0.0.1:1/none\"\n{retry}"
        );
        let stage = Stage::new(world, &format!("{FLOWS}{away}")).await?;
        let running = program::start(world, "run")?;
        said(&running, "no further attempt before SIGHUP or a restart").await?;
        answer(world, &running, |it| {
            it["times"] == 1 && it["next"].is_null()
        })
        .await?;
        stage.stopped(running, "exit 1").await?;
        Ok(())
    });
}

#[test]
fn a_target_that_is_not_there_yet_is_told_and_verified_at_the_next_time() {
    in_a_world("not_yet", async |world| {
        let proof = scheduled(
            "proof",
            super::EVERY_SECOND,
            "verify --task copied --recheck-after 1ms",
            "",
        );
        let task = "\n[connections.new]\nkind = \"sqlite\"\npath = \"new.db\"\n[tasks.copied]\n\
            from = { connection = \"a\", table = \"orders\", incremental = \"id\" }\n\
            into = { connection = \"new\", table = \"orders\" }\n";
        let mut stage = Stage::new(world, &format!("{FLOWS}{task}{proof}")).await?;
        stage.insert(1).await?;
        let running = program::start(world, "run")?;
        said(&running, "the target is not there yet: new.db").await?;
        let failed = stage.runs("proof").await?;
        ensure!(failed.iter().all(|it| it["result"] != "done"), "{failed:?}");
        ensure!(!fs::exists(stage.path("new.db"))?, "verify makes nothing");
        let moved = program::run(world, "migrate --task copied").await?;
        moved.expect("exit 0", world.folder.path())?;
        said(&running, "done schedule=\"proof\" rows=1").await?;
        stage.stopped(running, "exit 0").await?;
        Ok(())
    });
}

#[test]
fn settings_with_nothing_to_run_are_refused_before_anything_is_taken() {
    in_a_world("nothing", async |world| {
        fs::write(
            world.folder.path().join("settings.toml"),
            "[connections.a]\nkind = \"sqlite\"\npath = \"a.db\"\n",
        )?;
        let ended = program::run(world, "run").await?;
        ended.expect(
            "exit 2\nerr contains have nothing to run",
            world.folder.path(),
        )?;
        ensure!(!ended.err.contains("were taken"), "{}", ended.err);
        Ok(())
    });
}
