//! What a sink of MySQL and MariaDB promises beyond the contract of every sink.

use super::sinks::{
    Written, advance, database, drop_database, on_both_servers, read, run, table_sink, write,
};
use highwater::{
    connect::mysql::{Flavor, MysqlConnection},
    model::{Kind, Op, Records, Severity, Value},
    sink::{
        Sink, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
};

on_both_servers!(
    another_unique_index_never_redirects_a_write,
    a_value_that_moves_between_keys_in_order_passes,
    a_unique_index_can_be_the_key_beside_a_counted_one,
    a_table_that_cannot_roll_back_is_refused_by_name,
    a_column_that_would_stay_empty_is_found_at_once,
    two_keys_identify_a_row_together,
    a_table_that_is_missing_is_not_made_unasked,
    a_user_without_rights_is_told_so,
);

pub const ROWS: &str = "SELECT CAST(CONCAT_WS(' ', uid, name) AS CHAR) FROM t ORDER BY uid";

async fn another_unique_index_never_redirects_a_write(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) UNIQUE)",
    )
    .await;
    let sink = table_sink(connection, None);
    sink.prepare(None).await.expect("it fits");
    let row = |uid, name| [("uid", Value::String(uid)), ("name", Value::String(name))];
    let rows = [row("a", "x"), row("b", "y"), row("a", "z")];
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let taken = row("c", "y");
    let error = write(&sink, &[(Op::Upsert, &taken)], Some(1))
        .await
        .expect_err("b holds y");
    assert!(matches!(error, SinkError::Rows { .. }), "{error:?}");
    let moved = row("a", "y");
    let error = write(&sink, &[(Op::Upsert, &moved)], Some(1))
        .await
        .expect_err("b holds y");
    assert!(matches!(error, SinkError::Rows { .. }), "{error:?}");
    assert_eq!(read(connection, ROWS).await, ["a z", "b y"]);
    let findings = sink.check(None).await.expect("checked");
    assert!(
        findings
            .iter()
            .any(|it| it.text.contains("another unique index")),
        "{findings:?}"
    );
}

async fn a_value_that_moves_between_keys_in_order_passes(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) UNIQUE, kept INT DEFAULT 7); INSERT INTO t VALUES ('a', 'x', 8)";
    run(connection, table).await;
    let sink = table_sink(connection, None);
    let row = |uid, name| [("uid", Value::String(uid)), ("name", Value::String(name))];
    let rows = [
        row("a", "free"),
        row("b", "x"),
        row("b", "y"),
        row("c", "x"),
    ];
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    assert_eq!(read(connection, ROWS).await, ["a free", "b y", "c x"]);
    let kept = read(connection, "SELECT CAST(kept AS CHAR) FROM t ORDER BY uid").await;
    assert_eq!(
        kept,
        ["8", "7", "7"],
        "a column that is not written is left alone"
    );
}

async fn a_unique_index_can_be_the_key_beside_a_counted_one(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (list_id BIGINT AUTO_INCREMENT PRIMARY KEY, uid VARCHAR(9) NOT NULL UNIQUE, name VARCHAR(9))";
    run(connection, table).await;
    let sink = table_sink(connection, Some(&["uid"]));
    let row = |uid, name| [("uid", Value::String(uid)), ("name", Value::String(name))];
    let (first, second) = (row("a", "x"), row("a", "y"));
    write(&sink, &[(Op::Upsert, &first)], None)
        .await
        .expect("written");
    let id = read(connection, "SELECT CAST(list_id AS CHAR) FROM t").await;
    write(&sink, &[(Op::Upsert, &second)], Some(1))
        .await
        .expect("written");
    assert_eq!(
        read(connection, "SELECT CAST(list_id AS CHAR) FROM t").await,
        id
    );
    assert_eq!(read(connection, ROWS).await, ["a y"]);
}

async fn a_table_that_cannot_roll_back_is_refused_by_name(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY) ENGINE=MyISAM",
    )
    .await;
    let sink = table_sink(connection, None);
    let error = sink.prepare(None).await.expect_err("it cannot roll back");
    assert!(matches!(error, SinkError::Incompatible { .. }), "{error:?}");
    assert!(
        error.to_string().contains("table t is kept by MyISAM"),
        "{error}"
    );
    let row = [("uid", Value::String("a"))];
    write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect_err("nor is it written");
    assert_eq!(read(connection, "SELECT uid FROM t").await, [""; 0]);
}

async fn a_column_that_would_stay_empty_is_found_at_once(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name TEXT NOT NULL, twice VARCHAR(20) AS (CONCAT(uid, uid)) STORED, at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6))";
    run(connection, table).await;
    let sink = table_sink(connection, None);
    let fields = |names: &[&str]| -> Vec<(String, Kind)> {
        names
            .iter()
            .map(|it| ((*it).to_owned(), Kind::String))
            .collect()
    };
    let error = sink
        .prepare(Some(&fields(&["uid"])))
        .await
        .expect_err("name stays empty");
    assert!(error.to_string().contains("column `name`"), "{error}");
    let both = fields(&["uid", "name", "twice"]);
    // What the server computes is left out: nobody may write it.
    sink.prepare(Some(&both)).await.expect("it fits");
    let found = sink.check(Some(&both)).await.expect("checked");
    let reported = |it: &highwater::model::Finding| it.text.contains("computes twice by itself");
    assert!(found.iter().any(reported), "{found:?}");
    let row = ["uid", "name", "twice"].map(|it| (it, Value::String(it)));
    write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect("written");
    assert_eq!(read(connection, "SELECT twice FROM t").await, ["uiduid"]);
    let by_computed = "ALTER TABLE t ADD UNIQUE KEY by_twice (twice)";
    run(connection, by_computed).await;
    let sink = table_sink(connection, Some(&["twice"]));
    let error = sink.prepare(Some(&both)).await.expect_err("a computed key");
    let said = highwater::fault::chain(&error);
    assert!(said.contains("declare another `key`"), "{said}");
}

async fn two_keys_identify_a_row_together(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9), part INT, name VARCHAR(9), PRIMARY KEY (part, uid))",
    )
    .await;
    let sink = table_sink(connection, None);
    let row = |uid, part, name| {
        [
            ("uid", Value::String(uid)),
            ("part", Value::I64(part)),
            ("name", Value::String(name)),
        ]
    };
    let (a, b, c) = (row("a", 1, "x"), row("a", 2, "y"), row("b", 1, "z"));
    let rows = [
        (Op::Upsert, &a[..]),
        (Op::Upsert, &b),
        (Op::Upsert, &c),
        (Op::Delete, &a),
    ];
    write(&sink, &rows, None).await.expect("written");
    assert_eq!(read(connection, ROWS).await, ["a y", "b z"]);
}

async fn a_table_that_is_missing_is_not_made_unasked(connection: &MysqlConnection) {
    use highwater::sink::CreateTable;
    let settings = MysqlSinkSettings {
        create: CreateTable::Never,
        key: Some(vec!["uid".to_owned()]),
        ..MysqlSinkSettings::new("t")
    };
    let never = MysqlSink::open(connection.clone(), settings).expect("named");
    let fields = [("uid".to_owned(), Kind::String)];
    let error = never
        .prepare(Some(&fields))
        .await
        .expect_err("it is missing");
    assert!(error.to_string().contains("does not exist"), "{error}");
    let keyless = table_sink(connection, None)
        .prepare(Some(&fields))
        .await
        .expect_err("no key");
    assert!(keyless.to_string().contains("key = "), "{keyless}");
    let made = table_sink(connection, Some(&["uid"]));
    let findings = made.check(Some(&fields)).await.expect("checked");
    assert!(
        findings.iter().any(|it| it.text.contains("will be made")),
        "{findings:?}"
    );
    let tables = "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    assert_eq!(
        read(connection, tables).await,
        [""; 0],
        "a check makes nothing"
    );
}

async fn a_user_without_rights_is_told_so(connection: &MysqlConnection) {
    use highwater::connect::mysql::{MysqlSettings, open};
    run(connection, "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY)").await;
    let database = connection.database().expect("named");
    let variable = match connection.flavor() {
        Flavor::Mysql => "HIGHWATER_TEST_MYSQL_URL",
        Flavor::Mariadb => "HIGHWATER_TEST_MARIADB_URL",
    };
    let reader = format!(
        "CREATE USER {database}@'%' IDENTIFIED BY 'p'; GRANT SELECT ON {database}.* TO {database}@'%'"
    );
    run(connection, &reader).await;
    let url = std::env::var(variable).expect("it was read before");
    let host = url.rsplit('@').next().expect("it names a host");
    let settings = MysqlSettings {
        url: format!("mysql://{database}:p@{host}/{database}").into(),
        pool: 1,
        tls_ca: None,
    };
    let limited = open("limited", &settings)
        .await
        .expect("the server answers");
    let sink = table_sink(&limited, None);
    let findings = sink.check(None).await.expect("checked");
    let problem = findings.iter().find(|it| it.severity == Severity::Problem);
    assert!(
        problem.is_some_and(|it| it.text.contains("grant it")),
        "{findings:?}"
    );
    let none: [Records; 0] = [];
    let error = sink
        .write(&none, &advance(None, 1))
        .await
        .expect_err("no rights");
    assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
    run(connection, &format!("DROP USER {database}@'%'")).await;
}
