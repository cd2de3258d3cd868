//! The right row only: values that move between rows, versions, and known keys, on both servers.

use highwater::{
    connect::mysql::MysqlConnection,
    fault::chain,
    model::{Op, Value},
    sink::{
        OnKnown, RowRules, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
};

use super::sinks::{
    Written, database, drop_database, on_both_servers, read, run, table_sink, write,
};

on_both_servers!(
    values_that_swap_or_go_round_in_one_batch_pass,
    a_value_that_is_never_freed_names_its_holder,
    an_older_change_never_overwrites_a_newer_row,
    a_known_row_that_is_ignored_stays,
);

const ROWS: &str = "SELECT CAST(CONCAT_WS(' ', uid, name, kept) AS CHAR) FROM t ORDER BY uid";

type Named = [(&'static str, Value<'static>); 2];

fn row(uid: &'static str, name: &'static str) -> Named {
    [("uid", Value::String(uid)), ("name", Value::String(name))]
}

fn upserts(rows: &[Named]) -> Vec<Written<'_>> {
    rows.iter().map(|it| (Op::Upsert, &it[..])).collect()
}

async fn values_that_swap_or_go_round_in_one_batch_pass(connection: &MysqlConnection) {
    for null in ["NULL", "NOT NULL"] {
        run(
            connection,
            &format!(
                "DROP TABLE IF EXISTS t, highwater_progress; \
                 CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) {null} UNIQUE, kept INT); \
                 INSERT INTO t VALUES ('a','x',1),('b','y',2),('c','z',3)"
            ),
        )
        .await;
        let sink = table_sink(connection, None);
        let swap = [row("a", "y"), row("b", "x")];
        write(&sink, &upserts(&swap), None).await.expect("a swap");
        assert_eq!(read(connection, ROWS).await, ["a y 1", "b x 2", "c z 3"]);
        let cycle = [row("a", "x"), row("b", "z"), row("c", "y")];
        write(&sink, &upserts(&cycle), Some(1))
            .await
            .expect("a cycle");
        assert_eq!(read(connection, ROWS).await, ["a x 1", "b z 2", "c y 3"]);
        let chain = [row("d", "x"), row("a", "z"), row("b", "new")];
        write(&sink, &upserts(&chain), Some(2))
            .await
            .expect("a chain");
        let expected = ["a z 1", "b new 2", "c y 3", "d x"];
        assert_eq!(read(connection, ROWS).await, expected);
    }
}

async fn a_value_that_is_never_freed_names_its_holder(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) UNIQUE, kept INT); \
         INSERT INTO t VALUES ('a','x',1),('b','y',2),('h','held',3)",
    )
    .await;
    let sink = table_sink(connection, None);
    let rows = [row("a", "y"), row("n", "held"), row("b", "x")];
    let error = write(&sink, &upserts(&rows), None).await.expect_err("held");
    let SinkError::Rows { faults, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].origin, faults[0].may_pass), (1, true));
    let said = chain(&*faults[0].cause);
    assert!(said.contains("uid=h"), "{said}");
    assert_eq!(read(connection, ROWS).await, ["a x 1", "b y 2", "h held 3"]);
}

async fn an_older_change_never_overwrites_a_newer_row(connection: &MysqlConnection) {
    for unique in ["", ", UNIQUE (name)"] {
        run(
            connection,
            &format!(
                "DROP TABLE IF EXISTS t, highwater_progress; \
                 CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, kept INT, name VARCHAR(9){unique})"
            ),
        )
        .await;
        let sink = ruled(connection, OnKnown::Update, Some("kept"));
        let of = |name, kept| {
            let [uid, name] = row("a", name);
            [("kept", Value::I64(kept)), uid, name]
        };
        let rows = [of("new", 5), of("old", 4), of("equal", 5), of("oldest", 1)];
        let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
        write(&sink, &rows, None).await.expect("written");
        assert_eq!(read(connection, ROWS).await, ["a equal 5"], "{unique}");
        let gone = of("", 4);
        write(&sink, &[(Op::Delete, &gone)], Some(1))
            .await
            .expect("older");
        assert_eq!(read(connection, ROWS).await.len(), 1);
        let gone = of("", 5);
        write(&sink, &[(Op::Delete, &gone)], Some(2))
            .await
            .expect("as new");
        assert_eq!(read(connection, ROWS).await.len(), 0);
    }
}

async fn a_known_row_that_is_ignored_stays(connection: &MysqlConnection) {
    for unique in ["", ", UNIQUE (name)"] {
        run(
            connection,
            &format!(
                "DROP TABLE IF EXISTS t, highwater_progress; \
                 CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, kept INT, name VARCHAR(9){unique})"
            ),
        )
        .await;
        let sink = ruled(connection, OnKnown::Ignore, None);
        let rows = [row("a", "first"), row("a", "second"), row("b", "b")];
        write(&sink, &upserts(&rows), None).await.expect("written");
        assert_eq!(read(connection, ROWS).await, ["a first", "b b"], "{unique}");
    }
}

fn ruled(connection: &MysqlConnection, on_known: OnKnown, version: Option<&str>) -> MysqlSink {
    let settings = MysqlSinkSettings {
        rules: RowRules {
            on_known,
            version: version.map(str::to_owned),
            ..RowRules::default()
        },
        ..MysqlSinkSettings::new("t")
    };
    MysqlSink::open(connection.clone(), settings).expect("named")
}
