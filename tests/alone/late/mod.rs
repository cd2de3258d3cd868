//! `late = "re-read"` by the program on real servers: what commits late comes with the next run, and nothing twice.
//!
//! Alone: its open transactions would hold back the readers of tests beside it.

mod rests;

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use mongodb::bson::{DateTime, Document, doc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, raw_sql};
use tempfile::TempDir;

use crate::gate;

/// One test at a time: each changes what the others of its server rest on.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// As long as a run may be from one sentence of a test to the next: what is older is settled.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn on_mysql_a_late_row_comes_with_the_next_run_and_nothing_twice() {
    let _gate = gate("late");
    of_a_table("mysql", "HIGHWATER_TEST_MYSQL_URL").await;
}

#[tokio::test]
async fn on_mariadb_a_late_row_comes_with_the_next_run_and_nothing_twice() {
    let _gate = gate("late");
    of_a_table("mariadb", "HIGHWATER_TEST_MARIADB_URL").await;
}

#[tokio::test]
async fn on_mongodb_a_late_document_comes_with_the_next_run_and_nothing_twice() {
    let _gate = gate("late");
    let _alone = ALONE.lock().await;
    let (url, name) = (address("HIGHWATER_TEST_MONGODB_URL"), database("mongodb"));
    let from = "collection = \"t\"\nclock-skew = \"100ms\"";
    let flow = Flow::of(
        "mongodb",
        &url,
        &format!("database = {name:?}"),
        from,
        "_id",
    );
    let client = mongodb::Client::with_uri_str(&url).await.expect("a client");
    let documents = client.database(&name).collection::<Document>("t");
    let now = |id: i64| doc! { "_id": id, "at": DateTime::now() };
    // A collection and its index are not made within a transaction.
    documents.insert_one(now(1)).await.expect("written");
    let index = doc! { "createIndexes": "t", "indexes": [{ "key": { "at": 1, "_id": 1 }, "name": "by_at" }] };
    let made = client.database(&name).run_command(index).await;
    made.expect("an index");
    let mut session = client.start_session().await.expect("a session");
    session.start_transaction().await.expect("begun");
    let late = documents.insert_one(now(2)).session(&mut session);
    late.await.expect("written");
    tokio::time::sleep(Duration::from_millis(20)).await;
    documents.insert_one(now(3)).await.expect("written");
    flow.sends(2, "at once, though a document is open");
    session.commit_transaction().await.expect("committed");
    flow.sends(1, "the late one");
    flow.is_caught_up();
    client.database(&name).drop().await.expect("dropped");
    assert_eq!(flow.arrived().await, [1, 2, 3]);
}

async fn of_a_table(kind: &str, variable: &str) {
    let _alone = ALONE.lock().await;
    let (url, name) = (address(variable), database(kind));
    let mut admin = MySqlConnection::connect(&url).await.expect("connected");
    let made = format!(
        "CREATE DATABASE `{name}`; USE `{name}`; \
         CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (at)); \
         INSERT INTO t (id) VALUES (1)"
    );
    run_sql(&mut admin, &made).await;
    let in_database = format!("{url}/{name}");
    let flow = Flow::of(kind, &in_database, "", "table = \"t\"", "id");
    let mut late = MySqlConnection::connect(&in_database)
        .await
        .expect("connected");
    run_sql(&mut late, "BEGIN; INSERT INTO t (id) VALUES (2)").await;
    run_sql(&mut admin, "INSERT INTO t (id) VALUES (3)").await;
    flow.sends(2, "at once, though a row is open");
    run_sql(&mut late, "COMMIT").await;
    flow.sends(1, "the late one");
    flow.is_caught_up();
    run_sql(&mut admin, &format!("DROP DATABASE `{name}`")).await;
    assert_eq!(flow.arrived().await, [1, 2, 3]);
}

/// A flow from a server into a table of a file, with its settings in a folder.
struct Flow {
    folder: TempDir,
    key: &'static str,
}

impl Flow {
    fn of(kind: &str, url: &str, connection: &str, from: &str, key: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "[connections.server]\nkind = \"{kind}\"\nurl = \"{url}\"\n{connection}\n\
             [connections.topics]\nkind = \"embedded\"\npath = \"topics.db\"\n\
             [connections.copies]\nkind = \"sqlite\"\npath = \"copies.db\"\n\
             [data-types.late]\nformat = \"json\"\ntopic = \"late\"\n\
             create-topic = {{ partitions = 1, replication = 1 }}\n\
             into = {{ connection = \"copies\", table = \"copies\" }}\n\
             [data-types.late.from]\nconnection = \"server\"\nincremental = \"at\"\n\
             late = \"re-read\"\nmax-commit-delay = \"3s\"\n{from}\n"
        );
        fs::write(folder.path().join("settings.toml"), text).expect("written");
        Self { folder, key }
    }

    /// Runs `sync`, which sends that many rows.
    fn sends(&self, rows: u64, what: &str) {
        let flow = self.sync();
        assert_eq!(flow["rows"], rows, "{what}: {flow}");
    }

    /// Further runs send nothing, until the cursor itself stands at row 3.
    fn is_caught_up(&self) {
        let began = Instant::now();
        loop {
            let flow = self.sync();
            assert_eq!(flow["rows"], 0, "nothing twice: {flow}");
            let after = flow["position"]["after"].to_string();
            if after.contains("\"3\"") {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{flow}");
        }
    }

    fn sync(&self) -> Value {
        let text = run(self.folder.path(), "sync --json");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["flows"][0].clone()
    }

    /// The ids that a table holds to which each message adds a row.
    async fn arrived(&self) -> Vec<i64> {
        let file = self.folder.path().join("copies.db");
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let mut copies = sqlx::SqliteConnection::connect(&url).await.expect("made");
        let key = self.key;
        let table = format!("CREATE TABLE copies ({key} INTEGER PRIMARY KEY, at ANY)");
        let made = copies.execute(AssertSqlSafe(table)).await;
        made.expect("made");
        run(self.folder.path(), "sink --until-caught-up");
        let ids = format!("SELECT {key} FROM copies ORDER BY 1");
        let ids = sqlx::query_scalar(AssertSqlSafe(ids));
        ids.fetch_all(&mut copies).await.expect("read")
    }
}

/// Runs the program to its good end; what it says.
fn run(folder: &Path, arguments: &str) -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("it starts");
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments}: {out}{err}");
    out
}

async fn run_sql(session: &mut MySqlConnection, text: &str) {
    let ran = session
        .execute(raw_sql(AssertSqlSafe(text.to_owned())))
        .await;
    ran.unwrap_or_else(|error| panic!("{error}: {text}"));
}

fn database(kind: &str) -> String {
    format!("late_{kind}_{}", std::process::id())
}

fn address(variable: &str) -> String {
    let address = env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: `cargo xtask test` brings the servers up and runs these tests"
        )
    });
    address.trim_end_matches('/').to_owned()
}
