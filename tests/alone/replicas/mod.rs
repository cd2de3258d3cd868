//! Reading from a replica or a node of Galera, on real servers: there are writers elsewhere, so that the declared time
//! counts alone.
//!
//! Alone: a server that is set up to follow another is a replica for every test.

use std::{env, fs, path::Path, process::Command, time::Duration};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, Row, mysql::MySqlRow, raw_sql};

use crate::gate;

/// How late a row may come to the replica behind others, as the flow declares it.
const MAX_COMMIT_DELAY: &str = "6s";

/// Longer than a reader that takes the replica for the only server would wait, and shorter than `MAX_COMMIT_DELAY`.
const LATE: Duration = Duration::from_secs(3);

const IN_TIME: Duration = Duration::from_secs(60);

/// The row of a transaction that is open on the source is nowhere on the replica, whose other rows
/// are of later times: without the declared time the cursor would pass it.
#[tokio::test]
async fn a_row_that_is_committed_late_on_the_source_is_read_from_its_replica() {
    let _gate = gate("replicas");
    let source_url = address("HIGHWATER_TEST_MARIADB_URL");
    let replica_url = address("HIGHWATER_TEST_REPLICA_URL");
    let name = format!("replica_{}", std::process::id());
    let mut source = MySqlConnection::connect(&source_url).await.expect("there");
    let mut replica = MySqlConnection::connect(&replica_url).await.expect("there");
    run(
        &mut source,
        &format!("CREATE DATABASE `{name}`; USE `{name}`; {TABLE}"),
    )
    .await;
    run(
        &mut replica,
        &format!("CREATE DATABASE `{name}`; USE `{name}`; {TABLE}"),
    )
    .await;
    follow(&mut replica, &mut source, &source_url, &name).await;

    let folder = tempfile::tempdir().expect("a folder");
    settings(folder.path(), "mariadb", &replica_url, &name);
    let said = highwater(folder.path(), &["check"]).1;
    assert!(
        said.contains("`max-commit-delay` alone (the server is a replica"),
        "{said}"
    );
    assert!(said.contains("a transaction of more than 6 s"), "{said}");

    let mut late = MySqlConnection::connect(&format!("{source_url}/{name}"))
        .await
        .expect("there");
    run(&mut late, "BEGIN; INSERT INTO t (id) VALUES (1)").await;
    run(&mut source, "INSERT INTO t (id) VALUES (2)").await;
    until(async || one(&mut replica, "SELECT COUNT(*) FROM t").await == 1).await;
    let reader = reading(folder.path());
    let age = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, at, NOW(6)) AS SIGNED) FROM t WHERE id = 2";
    until(async || one(&mut source, age).await > LATE.as_micros() as i64).await;
    run(&mut late, "COMMIT").await;
    let rows = reader.join().expect("it has run");
    assert_eq!(rows, 2, "the late row is behind the cursor");

    // Standing still it is a replica all the same: what it will write then is older.
    run(&mut replica, "STOP SLAVE").await;
    let said = highwater(folder.path(), &["check"]).1;
    assert!(
        said.contains("`max-commit-delay` alone (the server is a replica"),
        "{said}"
    );
    // Who may not ask whether it is one, is told so.
    let user = format!("reader_{}", std::process::id());
    let granted = format!(
        "CREATE USER {user}@'%'; GRANT PROCESS ON *.* TO {user}@'%'; GRANT ALL ON `{name}`.* TO {user}@'%'"
    );
    run(&mut replica, &granted).await;
    settings(
        folder.path(),
        "mariadb",
        &replica_url.replace("root@", &format!("{user}@")),
        &name,
    );
    let said = highwater(folder.path(), &["check"]).1;
    assert!(
        said.contains("not seen: whether the server is a replica"),
        "{said}"
    );

    run(
        &mut replica,
        "RESET SLAVE ALL; SET GLOBAL replicate_wild_do_table = ''",
    )
    .await;
    settings(folder.path(), "mariadb", &replica_url, &name);
    let said = highwater(folder.path(), &["check"]).1;
    assert!(!said.contains("`max-commit-delay` alone"), "{said}");
    run(
        &mut replica,
        &format!("DROP USER {user}@'%'; DROP DATABASE `{name}`"),
    )
    .await;
    run(&mut source, &format!("DROP DATABASE `{name}`")).await;
}

/// Set up to follow a server that is not there: standing still, and trying to reach it.
#[tokio::test]
async fn on_mysql_a_replica_is_known_by_its_set_up_and_by_its_threads() {
    let _gate = gate("replicas");
    let url = address("HIGHWATER_TEST_MYSQL_URL");
    let name = format!("replica_{}", std::process::id());
    let mut server = MySqlConnection::connect(&url).await.expect("there");
    run(
        &mut server,
        &format!("CREATE DATABASE `{name}`; USE `{name}`; {TABLE}"),
    )
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    settings(folder.path(), "mysql", &url, &name);
    let check = || highwater(folder.path(), &["check"]).1;
    let said = check();
    assert!(!said.contains("`max-commit-delay` alone"), "{said}");
    let source = "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1, SOURCE_USER = 'root'";
    run(&mut server, source).await;
    let stopped = check();
    run(&mut server, "START REPLICA IO_THREAD").await;
    let trying = check();
    run(&mut server, "STOP REPLICA; RESET REPLICA ALL").await;
    let said = check();
    run(&mut server, &format!("DROP DATABASE `{name}`")).await;
    for said in [stopped, trying] {
        assert!(
            said.contains("`max-commit-delay` alone (the server is a replica"),
            "{said}"
        );
    }
    assert!(!said.contains("`max-commit-delay` alone"), "{said}");
}

/// What another node has begun is to be seen nowhere on this one until it is committed: the row comes
/// with its older time, as if from there.
#[tokio::test]
async fn a_row_that_another_node_commits_late_is_read_from_a_node_of_galera() {
    let _gate = gate("replicas");
    let url = address("HIGHWATER_TEST_GALERA_URL");
    let name = format!("galera_{}", std::process::id());
    let mut node = MySqlConnection::connect(&url).await.expect("there");
    let is_node = "SELECT COUNT(*) FROM information_schema.GLOBAL_STATUS \
        WHERE VARIABLE_NAME = 'WSREP_READY' AND VARIABLE_VALUE = 'ON'";
    assert_eq!(one(&mut node, is_node).await, 1, "it is no node of Galera");
    let tables = format!("CREATE DATABASE `{name}`; USE `{name}`; {TABLE}");
    run(&mut node, &tables).await;
    let folder = tempfile::tempdir().expect("a folder");
    settings(folder.path(), "mariadb", &url, &name);
    let said = highwater(folder.path(), &["check"]).1;
    assert!(
        said.contains("`max-commit-delay` alone (the server is one of a Galera cluster"),
        "{said}"
    );

    run(&mut node, "INSERT INTO t (id) VALUES (2)").await;
    let reader = reading(folder.path());
    let age = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, at, NOW(6)) AS SIGNED) FROM t WHERE id = 2";
    until(async || one(&mut node, age).await > LATE.as_micros() as i64).await;
    let older = "INSERT INTO t SELECT 1, at - INTERVAL 1 MICROSECOND FROM t WHERE id = 2";
    run(&mut node, older).await;
    let rows = reader.join().expect("it has run");
    assert_eq!(rows, 2, "the late row is behind the cursor");
    run(&mut node, &format!("DROP DATABASE `{name}`")).await;
}

const TABLE: &str =
    "CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (at))";

/// Makes `replica` follow `source` in this database alone, from now on.
async fn follow(
    replica: &mut MySqlConnection,
    source: &mut MySqlConnection,
    source_url: &str,
    name: &str,
) {
    let log_position: MySqlRow = rows(source, "SHOW MASTER STATUS").await.remove(0);
    let (file, position): (String, u64) = (log_position.get(0), log_position.get(1));
    let port = one(source, "SELECT CAST(@@port AS SIGNED)").await;
    let host = source_url.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    // From a container the other is not at this machine's own address.
    for (host, port) in [(host, port), ("mariadb", 3306)] {
        let text = format!(
            "STOP SLAVE; SET GLOBAL replicate_wild_do_table = '{name}.%'; \
             CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_PORT = {port}, MASTER_USER = 'root', \
             MASTER_LOG_FILE = '{file}', MASTER_LOG_POS = {position}, MASTER_USE_GTID = no; START SLAVE"
        );
        run(replica, &text).await;
        let mut looks = 0..50;
        while looks.next().is_some() {
            let status = rows(replica, "SHOW SLAVE STATUS").await.remove(0);
            let runs = |it: &str| status.get::<String, _>(it) == "Yes";
            if runs("Slave_IO_Running") && runs("Slave_SQL_Running") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let status = rows(replica, "SHOW SLAVE STATUS").await.remove(0);
    panic!(
        "it does not follow: {}",
        status.get::<String, _>("Last_IO_Error")
    );
}

/// A flow of the table into a topic of a file, with its settings in a folder.
fn settings(folder: &Path, kind: &str, url: &str, database: &str) {
    let text = format!(
        "[connections.server]\nkind = \"{kind}\"\nurl = \"{url}/{database}\"\n\
         [connections.topics]\nkind = \"embedded\"\npath = \"topics.db\"\n\
         [data-types.rows]\nformat = \"json\"\ntopic = \"rows\"\n\
         create-topic = {{ partitions = 1, replication = 1 }}\n\
         [data-types.rows.from]\nconnection = \"server\"\ntable = \"t\"\nincremental = \"at\"\n\
         max-commit-delay = \"{MAX_COMMIT_DELAY}\"\n"
    );
    fs::write(folder.join("settings.toml"), text).expect("written");
}

/// A run of `sync` beside the test: how many rows it has sent.
fn reading(folder: &Path) -> std::thread::JoinHandle<u64> {
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let (is_done, said) = highwater(&folder, &["sync", "--json"]);
        assert!(is_done, "{said}");
        let answer: Value = serde_json::from_str(&said).expect("JSON");
        answer["flows"][0]["rows"].as_u64().expect("a number")
    })
}

/// Whether it ended well, and what it said.
fn highwater(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    let output = command.args(arguments).current_dir(folder).output();
    let output = output.expect("the program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        (true, said)
    } else {
        (false, said + &String::from_utf8_lossy(&output.stderr))
    }
}

fn address(variable: &str) -> String {
    let address = env::var(variable);
    address.unwrap_or_else(|_| {
        panic!("{variable} names no server: `cargo xtask services up` brings it up")
    })
}

async fn run(session: &mut MySqlConnection, text: &str) {
    let ran = session.execute(raw_sql(AssertSqlSafe(text.to_owned())));
    ran.await.unwrap_or_else(|error| panic!("{text}: {error}"));
}

async fn rows(session: &mut MySqlConnection, text: &str) -> Vec<MySqlRow> {
    let asked = session.fetch_all(raw_sql(AssertSqlSafe(text.to_owned())));
    asked
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn one(session: &mut MySqlConnection, text: &str) -> i64 {
    let query = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
    query
        .fetch_one(session)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(IN_TIME, looking)
        .await
        .expect("in time");
}
