//! NULL in columns of MySQL and MariaDB that are NOT NULL, and tables that are altered under a sink.

use highwater::{
    connect::mysql::MysqlConnection,
    fault::chain,
    model::{Op, Value},
    sink::{
        Advance, Onto, RowRules, Sink, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
};

use super::sinks::{
    FLOW, advance, database, drop_database, on_both_servers, read, records, run, table_sink, write,
};

on_both_servers!(
    null_never_becomes_a_value_of_the_servers_choice,
    a_record_in_a_batch_that_names_null_costs_itself_alone,
    every_way_of_writing_decides_alike,
    what_was_altered_counts_from_the_next_write,
    a_member_that_was_added_counts_from_the_next_write,
);

const TABLE: &str = "CREATE TABLE t (uid INT PRIMARY KEY, \
    at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, seq INT NOT NULL AUTO_INCREMENT UNIQUE, \
    name VARCHAR(9) NOT NULL DEFAULT 'x', state ENUM('new','paid') NULL)";

#[track_caller]
fn refused(written: Result<(), SinkError>, column: &str) {
    let said = match written.expect_err(column) {
        SinkError::Rows { faults, .. } => chain(&*faults[0].cause),
        error => chain(&error),
    };
    assert!(said.contains(&format!("`{column}`")), "{said}");
    assert!(said.contains("NOT NULL"), "{said}");
}

async fn null_never_becomes_a_value_of_the_servers_choice(connection: &MysqlConnection) {
    run(connection, TABLE).await;
    let sink = table_sink(connection, None);
    for column in ["at", "seq", "name"] {
        for null in [Value::Null, Value::Undefined] {
            let row = [("uid", Value::I64(1)), (column, null)];
            refused(write(&sink, &[(Op::Upsert, &row)], None).await, column);
        }
    }
    let row = [("uid", Value::I64(1)), ("state", Value::Null)];
    let written = write(&sink, &[(Op::Upsert, &row)], None).await;
    written.expect("this column may be NULL, and the others have their defaults");
    // A row that is known is changed in another way.
    let row = [("uid", Value::I64(1)), ("seq", Value::Null)];
    refused(write(&sink, &[(Op::Upsert, &row)], Some(1)).await, "seq");
    let stored = read(connection, "SELECT CAST(CONCAT(uid, name) AS CHAR) FROM t").await;
    assert_eq!(stored, ["1x"]);
}

async fn a_record_in_a_batch_that_names_null_costs_itself_alone(connection: &MysqlConnection) {
    run(connection, TABLE).await;
    let sink = table_sink(connection, None);
    let row = |uid, seq| [("uid", Value::I64(uid)), ("seq", seq)];
    let rows = [
        row(1, Value::I64(7)),
        row(2, Value::Null),
        row(3, Value::I64(9)),
    ];
    let rows: Vec<_> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    let error = write(&sink, &rows, None).await.expect_err("one is null");
    // Rows of this table may wait for each other, so they are refused by name.
    let SinkError::Rows { faults, .. } = error else {
        panic!("{error:?}");
    };
    let origins: Vec<_> = faults.iter().map(|it| (it.origin, it.may_pass)).collect();
    assert_eq!(origins, [(1, false)]);
}

async fn every_way_of_writing_decides_alike(connection: &MysqlConnection) {
    let plain = TABLE.replace(" UNIQUE", ", KEY (seq)");
    run(connection, &plain).await;
    let cases = [
        ("at", Value::Null),
        ("state", Value::I64(2)),
        ("state", Value::String("2")),
    ];
    let plain = table_sink(connection, None);
    let replacing = MysqlSinkSettings {
        rules: RowRules {
            replace_by: vec!["name".to_owned()],
            ..RowRules::default()
        },
        ..MysqlSinkSettings::new("t")
    };
    let replacing = MysqlSink::open(connection.clone(), replacing).expect("named");
    for (column, value) in cases {
        let row = [
            ("uid", Value::I64(1)),
            ("name", Value::String("a")),
            (column, value),
        ];
        let refused = |error: SinkError| {
            let said = chain(&error);
            assert!(said.contains(&format!("`{column}`")), "{said}");
        };
        let rows = records(&[(Op::Upsert, &row)]);
        let marker = Advance {
            flow: format!("{FLOW} letter"),
            ..advance(None, 1)
        };
        let replay = plain.capabilities().replay.expect("it replays");
        for onto in [Onto::Any, Onto::Absent] {
            let replayed = replay.replay(&rows, std::slice::from_ref(&marker), onto);
            refused(replayed.await.expect_err("replayed"));
        }
        let staging = plain.capabilities().staging.expect("it stages");
        match staging.stage(&rows).await {
            Ok(_) => panic!("{value:?} into {column} was staged"),
            Err(error) => refused(error),
        }
        let parent = [("name", Value::String("a"))];
        let rows = [(Op::Delete, &parent[..]), (Op::Upsert, &row)];
        refused(write(&replacing, &rows, None).await.expect_err("replaced"));
    }
    let count = read(connection, "SELECT CAST(COUNT(*) AS CHAR) FROM t").await;
    assert_eq!(count, ["0"]);
}

async fn what_was_altered_counts_from_the_next_write(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid INT PRIMARY KEY, seq INT NULL, KEY (seq))";
    run(connection, table).await;
    let sink = table_sink(connection, None);
    let row = |uid| [("uid", Value::I64(uid)), ("seq", Value::Null)];
    let written = write(&sink, &[(Op::Upsert, &row(1))], None).await;
    written.expect("NULL is a value here");
    run(
        connection,
        "DELETE FROM t; ALTER TABLE t MODIFY seq INT NOT NULL AUTO_INCREMENT",
    )
    .await;
    refused(write(&sink, &[(Op::Upsert, &row(2))], Some(1)).await, "seq");
    run(connection, "ALTER TABLE t MODIFY seq INT NULL").await;
    let written = write(&sink, &[(Op::Upsert, &row(2))], Some(1)).await;
    written.expect("and again");
    let stored = "SELECT CAST(CONCAT(uid, COALESCE(seq, 'NULL')) AS CHAR) FROM t";
    assert_eq!(read(connection, stored).await, ["2NULL"]);
}

async fn a_member_that_was_added_counts_from_the_next_write(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid INT PRIMARY KEY, state ENUM('a') NULL)",
    )
    .await;
    let sink = table_sink(connection, None);
    let row = [("uid", Value::I64(1)), ("state", Value::String("b"))];
    let error = write(&sink, &[(Op::Upsert, &row)], None).await;
    error.expect_err("no member yet");
    run(connection, "ALTER TABLE t MODIFY state ENUM('a','b') NULL").await;
    let written = write(&sink, &[(Op::Upsert, &row)], None).await;
    written.expect("it is one now");
    assert_eq!(read(connection, "SELECT state FROM t").await, ["b"]);
}
