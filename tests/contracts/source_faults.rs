//! Tables that change and servers that fail while a source reads: nothing is taken for an end, for
//! a value, or for granted.

use std::time::Duration;

use highwater::{
    connect::mysql::{Flavor, MysqlConnection, MysqlSettings, open as connect},
    fault::{Fault, Faulty, chain},
    model::{Severity, Value},
    source::{InspectableSource, ReadMode, Scope, Source},
};
use tokio::time::timeout;

use super::{
    sinks::{database, drop_database, on_both_servers},
    sources::{Server, Sqlite, limits, open, read, start},
};

on_both_servers!(
    rows_with_null_are_refused_before_the_first_row,
    a_read_whose_session_is_killed_is_lost_and_never_at_its_end,
    a_column_that_is_dropped_while_it_is_read_is_tried_again,
    a_column_that_is_added_while_it_is_read_is_noticed,
    a_user_without_the_right_is_told_so_and_no_password_is_shown,
    tables_that_differ_by_case_are_two,
);

async fn rows_with_null_are_refused_before_the_first_row(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, at INT NULL); INSERT INTO t VALUES (1, 1), (2, NULL)")
        .await;
    let source = server.scan("t", "at", limits(2));
    let error = source
        .begin(Scope::Incremental, None)
        .await
        .expect_err("a NULL");
    assert!(error.to_string().contains("NULL in `at`"), "{error}");
}

/// Ends every other session in the test's database.
async fn kill_sessions(server: &Server) {
    let query = "SELECT CAST(id AS CHAR) FROM information_schema.processlist \
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let mut session = server.0.pool().acquire().await.expect("a session");
    let ids: Vec<String> = sqlx::query_scalar(query)
        .fetch_all(&mut *session)
        .await
        .expect("read");
    for id in ids {
        let kill = sqlx::AssertSqlSafe(format!("KILL CONNECTION {id}"));
        // It may have ended by itself.
        let _ = sqlx::raw_sql(kill).execute(&mut *session).await;
    }
}

async fn a_read_whose_session_is_killed_is_lost_and_never_at_its_end(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run(
            "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, text TEXT); \
             INSERT INTO t (text) VALUES (REPEAT('x', 2000)); \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t; \
             INSERT INTO t (text) SELECT text FROM t; INSERT INTO t (text) SELECT text FROM t",
        )
        .await;
    for mode in [ReadMode::Bounded, ReadMode::Follow] {
        let source = server.scan("t", "id", limits(50));
        let begun = start(&source, Scope::Incremental).await;
        let mut reader = open(&source, &begun, mode).await;
        reader.next_batch().await.expect("read").expect("rows");
        kill_sessions(&server).await;
        let whole = timeout(Duration::from_secs(30), async {
            loop {
                match reader.next_batch().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("a cut read is taken for a whole one"),
                    Err(error) => return error,
                }
            }
        });
        let error = whole.await.expect("in time");
        assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    }
}

async fn a_column_that_is_dropped_while_it_is_read_is_tried_again(connection: &MysqlConnection) {
    altered_while_read(connection, "ALTER TABLE t DROP COLUMN text").await;
}

async fn a_column_that_is_added_while_it_is_read_is_noticed(connection: &MysqlConnection) {
    altered_while_read(connection, "ALTER TABLE t ADD COLUMN new INT").await;
}

/// Opening anew learns the table as it is then, so that the error may pass.
async fn altered_while_read(connection: &MysqlConnection, alter: &str) {
    let server = Server(connection.clone());
    server
        .run("CREATE TABLE t (id BIGINT PRIMARY KEY, text TEXT); INSERT INTO t VALUES (1, 'a')")
        .await;
    let source = server.scan("t", "id", limits(50));
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Follow).await;
    let first = reader.next_batch().await.expect("read").expect("a row");
    server.run(alter).await;
    let lost = timeout(Duration::from_secs(20), async {
        loop {
            if let Err(error) = reader.next_batch().await {
                return error;
            }
        }
    });
    let error = lost.await.expect("it is noticed");
    assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    server.run("INSERT INTO t (id) VALUES (2)").await;
    assert_eq!(read(&source, &first.position, usize::MAX).await.0, [2]);
}

async fn a_user_without_the_right_is_told_so_and_no_password_is_shown(
    connection: &MysqlConnection,
) {
    let server = Server(connection.clone());
    let database = connection.database().expect("it has one");
    let user = format!("u{}", database.trim_start_matches("highwater_sink_"));
    server
        .run(&format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, secret INT); CREATE TABLE other (id INT PRIMARY KEY); \
             CREATE USER {user} IDENTIFIED BY 'hunter2'; GRANT SELECT ON {database}.other TO {user}"
        ))
        .await;
    let variable = match connection.flavor() {
        Flavor::Mysql => "HIGHWATER_TEST_MYSQL_URL",
        Flavor::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
    };
    let url = std::env::var(variable).expect("it is set");
    let host = url
        .rsplit_once('@')
        .expect("a user")
        .1
        .trim_end_matches('/');
    let settings = MysqlSettings {
        url: format!("mysql://{user}:hunter2@{host}/{database}").into(),
        pool: 2,
        tls_ca: None,
    };
    let theirs = Server(connect("crawler", &settings).await.expect("opened"));
    for table in ["t", "none"] {
        let source = theirs.scan(table, "id", limits(2));
        let error = source
            .begin(Scope::Incremental, None)
            .await
            .expect_err("no right");
        let said = format!("{} {error:?}", chain(&error));
        assert!(
            said.contains("crawler") && !said.contains("hunter2"),
            "{said}"
        );
        let findings = source.check().await.expect("checked");
        assert!(
            findings.iter().any(|it| it.severity == Severity::Problem),
            "{findings:?}"
        );
        assert!(
            !format!("{findings:?} {source:?}").contains("hunter2"),
            "{findings:?}"
        );
    }
    // The right to read is all that a read needs.
    server.run("INSERT INTO other VALUES (7)").await;
    let source = theirs.scan("other", "id", limits(2));
    let findings = source.check().await.expect("checked");
    // Systems are called as their makers write them.
    let called = match connection.flavor() {
        Flavor::Mysql => "other on MySQL ",
        Flavor::Mariadb => "other on MariaDB ",
    };
    assert!(
        findings.iter().any(|it| it.text.contains(called)),
        "{findings:?}"
    );
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Bounded).await;
    let batch = reader.next_batch().await.expect("read").expect("a row");
    assert_eq!(batch.records.len(), 1);
    server.run(&format!("DROP USER {user}")).await;
}

async fn tables_that_differ_by_case_are_two(connection: &MysqlConnection) {
    let server = Server(connection.clone());
    server
        .run(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, a INT); CREATE TABLE T (b INT, id INT PRIMARY KEY); \
             INSERT INTO t VALUES (1, 2); INSERT INTO T VALUES (3, 4)",
        )
        .await;
    for (table, expected) in [("t", ["id", "a"]), ("T", ["b", "id"])] {
        let source = server.scan(table, "id", limits(2));
        let begun = start(&source, Scope::Incremental).await;
        let mut reader = open(&source, &begun, ReadMode::Bounded).await;
        let batch = reader.next_batch().await.expect("read").expect("a row");
        let names: Vec<&str> = batch
            .records
            .get(0)
            .expect("a row")
            .fields()
            .map(|it| it.0)
            .collect();
        assert_eq!(names, expected);
    }
}

/// SQLite takes a name in double quotes that it does not know for a text.
#[tokio::test]
async fn a_column_that_is_renamed_while_it_is_read_is_not_taken_for_a_text() {
    let file = Sqlite::open("id").await;
    file.run("INSERT INTO t VALUES ('a', 1, 1, 'text')").await;
    let source = file.scan("t", "id", limits(2));
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Follow).await;
    reader.next_batch().await.expect("read").expect("a row");
    file.run("ALTER TABLE t RENAME COLUMN text TO words; INSERT INTO t VALUES ('a', 2, 2, 'new')")
        .await;
    let lost = timeout(Duration::from_secs(20), async {
        loop {
            match reader.next_batch().await {
                Ok(batch) => {
                    for row in batch.expect("it never ends").records.iter() {
                        assert_ne!(row.get("text"), Some(Value::String("text")));
                    }
                }
                Err(error) => return error,
            }
        }
    });
    let error = lost.await.expect("it is noticed");
    assert_eq!(error.fault(), Fault::Transient, "{}", chain(&error));
    assert_eq!(read(&source, &begun, usize::MAX).await.0, [1, 2]);
}

/// Only a key of one INTEGER column is never NULL in SQLite.
#[tokio::test]
async fn a_null_in_a_key_of_sqlite_is_refused() {
    let file = Sqlite::empty().await;
    file.run("CREATE TABLE t (id INTEGER, b TEXT, at INT NOT NULL, PRIMARY KEY (id, b)); INSERT INTO t VALUES (NULL, 'a', 1)")
        .await;
    let error = file
        .scan("t", "at", limits(2))
        .begin(Scope::Incremental, None)
        .await;
    let error = error.expect_err("a NULL").to_string();
    assert!(error.contains("NULL in"), "{error}");
}
