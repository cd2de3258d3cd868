//! What `check` says that the late rule rests on: with transactions in sight, on a server that only reads, on a replica.

use std::fs;

use serde_json::Value;
use sqlx::{Connection, MySqlConnection};

use super::{ALONE, address, database, run_sql};
use crate::gate;

#[tokio::test]
async fn on_mysql_check_says_what_the_late_rule_rests_on() {
    let _gate = gate("late");
    let replica = [
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1; START REPLICA SQL_THREAD",
        "STOP REPLICA; RESET REPLICA ALL",
    ];
    said("mysql", "HIGHWATER_TEST_MYSQL_URL", replica).await;
}

#[tokio::test]
async fn on_mariadb_check_says_what_the_late_rule_rests_on() {
    let _gate = gate("late");
    let replica = [
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1; START SLAVE SQL_THREAD",
        "STOP SLAVE; RESET SLAVE ALL",
    ];
    said("mariadb", "HIGHWATER_TEST_MARIADB_URL", replica).await;
}

async fn said(kind: &str, variable: &str, [replicates, stops]: [&str; 2]) {
    let _alone = ALONE.lock().await;
    let (url, name) = (address(variable), database(&format!("{kind}_rests")));
    let mut admin = MySqlConnection::connect(&url).await.expect("connected");
    let made = format!(
        "CREATE DATABASE `{name}`; USE `{name}`; CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMP(6) NOT NULL, KEY (at))"
    );
    run_sql(&mut admin, &made).await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[connections.server]\nkind = \"{kind}\"\nurl = \"{url}/{name}\"\n\
         [connections.topics]\nkind = \"embedded\"\npath = \"topics.db\"\n\
         [data-types.t]\nformat = \"json\"\ntopic = \"t\"\ncreate-topic = {{ partitions = 1, replication = 1 }}\n\
         from = {{ connection = \"server\", table = \"t\", incremental = \"at\" }}\n"
    );
    fs::write(folder.path().join("settings.toml"), text).expect("written");
    let check = || {
        let answer: Value =
            serde_json::from_str(&super::run(folder.path(), "check --json")).expect("JSON");
        answer.to_string()
    };
    let usual = check();
    run_sql(&mut admin, "SET GLOBAL read_only = 1").await;
    let reads = check();
    run_sql(&mut admin, "SET GLOBAL read_only = 0").await;
    run_sql(&mut admin, replicates).await;
    let replica = check();
    run_sql(&mut admin, stops).await;
    run_sql(&mut admin, &format!("DROP DATABASE `{name}`")).await;
    let seen = "held back by the statements and transactions that are open now";
    assert!(usual.contains(seen), "{usual}");
    assert!(
        reads.contains("`max-commit-delay` alone (the server is a replica, or read-only"),
        "{reads}"
    );
    assert!(
        replica.contains("`max-commit-delay` alone (the server is a replica:"),
        "{replica}"
    );
}
