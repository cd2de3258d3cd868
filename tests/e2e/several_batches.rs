//! Tasks over SQLite files whose rows come in many small batches: no server is needed.

use std::{path::Path, process::Command};

use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

const SETTINGS: &str = r#"
[connections]
a = { kind = "sqlite", path = "a.db" }
b = { kind = "sqlite", path = "b.db" }
[tasks.moved]
from = { connection = "a", table = "rows", incremental = "id", batch = { rows = 10 } }
into = { connection = "b", table = "copies" }
"#;

#[track_caller]
fn done(folder: &Path, arguments: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(arguments.split(' ')).current_dir(folder);
    let ended = command.output().expect("it starts");
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{arguments}: {err}");
}

async fn run(folder: &Path, name: &str, text: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(folder.join(name))
        .create_if_missing(true);
    let connection = SqliteConnection::connect_with(&options).await;
    let mut connection = connection.expect("a file");
    connection.execute(text).await.expect("it is written");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn batches_that_are_gathered_are_carried_and_repaired_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("settings.toml"), SETTINGS).expect("settings");
    let rows = "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT); \
        INSERT INTO rows WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < 3000) \
        SELECT id, 'name ' || id FROM n";
    run(folder, "a.db", rows).await;
    done(folder, "migrate --task moved");
    done(folder, "verify --task moved");
    let changed = "DELETE FROM copies WHERE id % 3 = 0; UPDATE copies SET name = 'x' WHERE id % 3 = 1; \
        INSERT INTO copies SELECT id + 5000, name FROM copies";
    run(folder, "b.db", changed).await;
    done(folder, "repair --task moved --apply --recheck-after 1ms");
    done(folder, "verify --task moved");
}
