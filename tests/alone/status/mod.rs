//! `highwater status` on real servers: the connection that holds a flow back is named.
//!
//! Alone: its open transactions would hold back the readers of tests beside it.

use std::{env, fs, path::Path, process::Command};

use mongodb::bson::{Document, doc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, raw_sql};

use crate::gate;

#[tokio::test]
async fn on_mysql_the_connection_that_holds_a_flow_back_is_named() {
    let _gate = gate("status");
    named("mysql", "HIGHWATER_TEST_MYSQL_URL").await;
}

#[tokio::test]
async fn on_mariadb_the_connection_that_holds_a_flow_back_is_named() {
    let _gate = gate("status");
    named("mariadb", "HIGHWATER_TEST_MARIADB_URL").await;
}

#[tokio::test]
async fn on_mongodb_the_connection_that_holds_a_flow_back_is_named() {
    let _gate = gate("status");
    let (url, name) = (address("HIGHWATER_TEST_MONGODB_URL"), database("mongodb"));
    let folder = tempfile::tempdir().expect("a folder");
    let from = format!("database = {name:?}");
    settings(folder.path(), "mongodb", &url, &from, "collection = \"t\"");
    let mut options = mongodb::options::ClientOptions::parse(&url)
        .await
        .expect("an address");
    options.app_name = Some("the holder".to_owned());
    let client = mongodb::Client::with_options(options).expect("a client");
    let documents = client.database(&name).collection::<Document>("t");
    documents.insert_one(doc! { "_id": 1 }).await.expect("it");
    let mut session = client.start_session().await.expect("a session");
    session.start_transaction().await.expect("begun");
    let written = documents.insert_one(doc! { "_id": 2 });
    written.session(&mut session).await.expect("written");
    let answer = status(folder.path(), true);
    session.abort_transaction().await.expect("ended");
    client.database(&name).drop().await.expect("dropped");
    let holder = &answer["flows"][0]["low_watermark"]["blocked_by"];
    let text = |field: &str| holder[field].as_str().unwrap_or_default().to_owned();
    assert!(text("connection").starts_with("connection "), "{answer}");
    assert!(text("who").contains("the holder"), "{answer}");
    assert!(holder["seconds"].as_f64().is_some(), "{answer}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_its_own_flow_alone() {
    let _gate = gate("status");
    let folder = tempfile::tempdir().expect("a folder");
    let url = "mysql://root:hunter2secret@127.0.0.1:1/shop";
    settings(
        folder.path(),
        "mysql",
        url,
        "",
        "table = \"t\"\nincremental = \"at\"",
    );
    let more = "\n[connections.local]\nkind = \"sqlite\"\npath = \"source.db\"\n\
        [data-types.near]\nformat = \"json\"\ntopic = \"near\"\n\
        from = { connection = \"local\", table = \"t\", incremental = \"id\" }\n\
        into = { connection = \"local\", table = \"copy\" }\ncreate-topic = { partitions = 1, replication = 1 }\n";
    let path = folder.path().join("settings.toml");
    let text = fs::read_to_string(&path).expect("written") + more;
    fs::write(&path, text).expect("written");
    let source = format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("source.db").display()
    );
    let mut source = sqlx::SqliteConnection::connect(&source)
        .await
        .expect("made");
    let rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b'); \
        CREATE TABLE copy (id INTEGER PRIMARY KEY, text TEXT)";
    source.execute(raw_sql(rows)).await.expect("filled");
    let before = line_of(&status(folder.path(), false), "near/near/local.t");
    assert_eq!(before["rows_behind"], 2, "{before}");
    assert_eq!(before["read_up_to"], Value::Null, "{before}");
    assert!(run(folder.path(), "sync --data-type near").0);
    let answer = status(folder.path(), false);
    let near = line_of(&answer, "near/near/local.t");
    assert_eq!(
        (&near["rows_behind"], &near["read_up_to"]),
        (&0.into(), &"2".into()),
        "{answer}"
    );
    let saved_by = near["saved_by"].as_str().unwrap_or_default();
    assert!(saved_by.starts_with("process "), "{answer}");
    let sink = line_of(&answer, "near/near/to:local.copy");
    assert_eq!(sink["messages_behind"], 2, "{answer}");
    let far = line_of(&answer, "held/held/server.t");
    assert!(far["error"].is_string(), "{answer}");
    assert!(!answer.to_string().contains("hunter2secret"));
}

/// A transaction that has written holds back, and is named with its user.
async fn named(kind: &str, variable: &str) {
    let (url, name) = (address(variable), database(kind));
    let mut admin = MySqlConnection::connect(&url).await.expect("connected");
    let made = format!(
        "CREATE DATABASE `{name}`; USE `{name}`; \
         CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (at)); \
         INSERT INTO t (id) VALUES (1)"
    );
    run_sql(&mut admin, &made).await;
    let folder = tempfile::tempdir().expect("a folder");
    let in_database = format!("{url}/{name}");
    settings(
        folder.path(),
        kind,
        &in_database,
        "",
        "table = \"t\"\nincremental = \"at\"",
    );
    let mut writer = MySqlConnection::connect(&in_database)
        .await
        .expect("connected");
    let id: u64 = sqlx::query_scalar("SELECT CONNECTION_ID()")
        .fetch_one(&mut writer)
        .await
        .expect("an id");
    // Beyond the second that every read stays behind by: the statement itself takes it.
    run_sql(
        &mut writer,
        "BEGIN; INSERT INTO t (id) VALUES (2); DO SLEEP(1.2)",
    )
    .await;
    let answer = status(folder.path(), true);
    let shown = run(folder.path(), "status").1;
    run_sql(&mut writer, "ROLLBACK").await;
    run_sql(&mut admin, &format!("DROP DATABASE `{name}`")).await;
    let holder = &answer["flows"][0]["low_watermark"]["blocked_by"];
    assert_eq!(holder["connection"], format!("connection {id}"), "{answer}");
    let who = holder["who"].as_str().unwrap_or_default();
    assert!(who.starts_with("root@"), "{answer}");
    assert!(holder["seconds"].as_f64() > Some(1.0), "{answer}");
    assert!(
        shown.contains(&format!("blocked by connection {id} (root@")),
        "{shown}"
    );
}

fn settings(folder: &Path, kind: &str, url: &str, connection: &str, from: &str) {
    let text = format!(
        "[connections.server]\nkind = \"{kind}\"\nurl = \"{url}\"\n{connection}\n\
         [connections.topics]\nkind = \"embedded\"\npath = \"topics.db\"\n\
         [data-types.held]\nformat = \"json\"\ntopic = \"held\"\n\
         [data-types.held.from]\nconnection = \"server\"\n{from}\n"
    );
    fs::write(folder.join("settings.toml"), text).expect("written");
}

/// What `status --json` says.
fn status(folder: &Path, succeeds: bool) -> Value {
    let (done, text) = run(folder, "status --json");
    assert_eq!(done, succeeds, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

fn line_of(status: &Value, flow: &str) -> Value {
    let flows = status["flows"].as_array();
    let mut flows = flows.unwrap_or_else(|| panic!("{status}")).iter();
    let found = flows.find(|it| it["flow"] == flow);
    found.unwrap_or_else(|| panic!("{flow}: {status}")).clone()
}

fn run(folder: &Path, arguments: &str) -> (bool, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("it starts");
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    eprint!("{}", String::from_utf8_lossy(&ended.stderr));
    (ended.status.success(), out)
}

async fn run_sql(session: &mut MySqlConnection, text: &str) {
    let ran = session
        .execute(raw_sql(AssertSqlSafe(text.to_owned())))
        .await;
    ran.unwrap_or_else(|error| panic!("{error}: {text}"));
}

fn database(kind: &str) -> String {
    format!("status_{kind}_{}", std::process::id())
}

fn address(variable: &str) -> String {
    let address = env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: `cargo xtask test` brings the servers up and runs these tests"
        )
    });
    address.trim_end_matches('/').to_owned()
}
