//! A power loss behind a saved cursor: its bytes and its name are on the disk before anybody relies on it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    in_a_world, preload,
    program::{self, Ended},
    sql,
    world::World,
};

const RECORDS: u64 = 500;

#[test]
fn a_power_loss_takes_no_cursor_back() {
    in_a_world("power_loss", async |world| {
        let folder = world.folder.path();
        fs::write(folder.join("settings.toml"), SETTINGS)?;
        fs::create_dir_all(folder.join("cursors"))?;
        for name in ["disk/bytes", "disk/names"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let source = folder.join("shop.db");
        sql::run_in_file(&source, SOURCE).await?;
        let library = preload::library(world, "power_loss")?;
        ensure!(rows(&with(world, &library, "sync").await?)? == RECORDS);
        after_a_power_loss(world)?;
        ensure!(
            rows(&program::run(world, "sync --json").await?)? == 0,
            "what the cursor had passed is read again"
        );

        // One that goes on from there, and replaces what is on the disk already.
        sql::run_in_file(&source, "INSERT INTO records VALUES (501, 'one more')").await?;
        ensure!(rows(&with(world, &library, "sync").await?)? == 1);
        after_a_power_loss(world)?;
        ensure!(rows(&program::run(world, "sync --json").await?)? == 0);

        // And one that was removed stays so.
        let reset = "cursor reset records/records/shop.records --yes";
        with(world, &library, reset).await?;
        after_a_power_loss(world)?;
        ensure!(
            rows(&program::run(world, "sync --json").await?)? == RECORDS + 1,
            "the cursor that was reset has come back"
        );
        Ok(())
    });
}

/// Runs a command whose syncs of cursors are watched.
async fn with(world: &World, library: &Path, arguments: &str) -> Result<Ended> {
    // As the system will name it.
    let folder = world.folder.path().canonicalize()?;
    let (cursors, disk) = (folder.join("cursors"), folder.join("disk"));
    let variables: [(&str, &OsStr); 3] = [
        ("LD_PRELOAD", library.as_ref()),
        ("POWER_LOSS_FOLDER", cursors.as_ref()),
        ("POWER_LOSS_DISK", disk.as_ref()),
    ];
    let ended = program::start_with(world, &format!("{arguments} --json"), &variables)?;
    let ended = ended.ended().await?;
    ended.expect("exit 0", world.folder.path())?;
    Ok(ended)
}

/// What is on the disk takes the place of the cursors.
fn after_a_power_loss(world: &World) -> Result<()> {
    let folder = world.folder.path();
    for cursor in cursors(&folder.join("cursors"))? {
        fs::remove_file(cursor)?;
    }
    for kept in cursors(&folder.join("disk/names"))? {
        let name = kept.file_name().context("it has a name")?;
        fs::copy(&kept, folder.join("cursors").join(name))?;
    }
    Ok(())
}

fn cursors(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|it| Ok(it?.path()));
    let mut paths = entries.collect::<Result<Vec<_>>>()?;
    paths.retain(|it| it.extension().is_some_and(|it| it == "json"));
    Ok(paths)
}

fn rows(ended: &Ended) -> Result<u64> {
    ended.expect("exit 0", Path::new("."))?;
    let answer: Value = serde_json::from_str(&ended.out)?;
    let rows = answer["flows"][0]["rows"].as_u64();
    rows.with_context(|| ended.out.clone())
}

const SETTINGS: &str = r#"
[connections.shop]
kind = "sqlite"
path = "shop.db"

[connections.topics]
kind = "embedded"
path = "topics.db"

[data-types.records]
format = "json"
topic = "records"
broker = "topics"
create-topic = { partitions = 1, replication = 1 }
from = { connection = "shop", table = "records", incremental = "id", batch = { rows = 100 } }
"#;

const SOURCE: &str = "
CREATE TABLE records (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < 500)
INSERT INTO records SELECT id, 'a record' FROM numbers;
";
