//! The right row only: values that move between rows, versions, and known keys, on both servers.

use highwater::{
    connect::mysql::MysqlConnection,
    fault::chain,
    model::{Op, Value},
    sink::{
        OnDelete, OnKnown, RowRules, SinkError,
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
    a_message_is_added_once_by_its_identity_beside_rows_that_have_none,
    values_that_cannot_be_parked_swap_where_the_rows_are_carried_whole,
    keys_that_differ_by_case_swap_their_values,
    deletions_and_tombstones_go_by_policy,
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

async fn a_message_is_added_once_by_its_identity_beside_rows_that_have_none(
    connection: &MysqlConnection,
) {
    run(
        connection,
        "CREATE TABLE t (number BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(9), \
         uid VARCHAR(100) UNIQUE, kept INT); INSERT INTO t (name) VALUES ('old'),('old')",
    )
    .await;
    let settings = MysqlSinkSettings {
        key: Some(vec!["uid".to_owned()]),
        rules: RowRules {
            on_known: OnKnown::Ignore,
            ..RowRules::default()
        },
        ..MysqlSinkSettings::new("t")
    };
    let sink = MysqlSink::open(connection.clone(), settings).expect("named");
    let batch = [row("1", "one"), row("1", "again"), row("2", "one")];
    write(&sink, &upserts(&batch), None).await.expect("written");
    let repeated = [row("2", "again"), row("3", "one"), row("1", "again")];
    let written = write(&sink, &upserts(&repeated), Some(1)).await;
    written.expect("written");
    let expected = ["old", "old", "1 one", "2 one", "3 one"];
    assert_eq!(read(connection, ROWS).await, expected);
}

async fn values_that_cannot_be_parked_swap_where_the_rows_are_carried_whole(
    connection: &MysqlConnection,
) {
    let table = "CREATE TABLE named (name VARCHAR(9) PRIMARY KEY); \
        INSERT INTO named VALUES ('x'),('y'); \
        CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) NOT NULL UNIQUE, kept INT, \
        FOREIGN KEY (name) REFERENCES named (name)); \
        INSERT INTO t VALUES ('a','x',1),('b','y',2)";
    run(connection, table).await;
    let of = |uid, name, kept| {
        let [uid, name] = row(uid, name);
        [uid, name, ("kept", Value::I64(kept))]
    };
    let swap = [of("a", "y", 7), of("b", "x", 8)];
    let swap: Vec<Written<'_>> = swap.iter().map(|it| (Op::Upsert, &it[..])).collect();
    let sink = table_sink(connection, None);
    write(&sink, &swap, None).await.expect("a swap");
    assert_eq!(read(connection, ROWS).await, ["a y 7", "b x 8"]);
    // Where other rows would go with a row, it stays.
    let child = "CREATE TABLE child (uid VARCHAR(9), \
        FOREIGN KEY (uid) REFERENCES t (uid) ON DELETE CASCADE); \
        INSERT INTO child VALUES ('a'),('b')";
    run(connection, child).await;
    let back = [of("a", "x", 1), of("b", "y", 2)];
    let back: Vec<Written<'_>> = back.iter().map(|it| (Op::Upsert, &it[..])).collect();
    let error = write(&sink, &back, Some(1)).await.expect_err("a cascade");
    assert!(matches!(error, SinkError::Rows { .. }), "{error:?}");
    let children = "SELECT uid FROM child ORDER BY uid";
    assert_eq!(read(connection, children).await, ["a", "b"]);
    assert_eq!(read(connection, ROWS).await, ["a y 7", "b x 8"]);
}

async fn keys_that_differ_by_case_swap_their_values(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY, \
        name VARCHAR(9) UNIQUE, kept INT); INSERT INTO t VALUES ('a','x',1),('A','y',2)";
    run(connection, table).await;
    let sink = table_sink(connection, None);
    let swap = [row("a", "y"), row("A", "x")];
    write(&sink, &upserts(&swap), None).await.expect("a swap");
    assert_eq!(read(connection, ROWS).await, ["A x 2", "a y 1"]);
    // A new key that merely looks like the holder's takes nothing from it.
    let lookalike = [row("Á", "y")];
    let error = write(&sink, &upserts(&lookalike), Some(1)).await;
    error.expect_err("held");
    assert_eq!(read(connection, ROWS).await, ["A x 2", "a y 1"]);
}

async fn deletions_and_tombstones_go_by_policy(connection: &MysqlConnection) {
    let rows = "SELECT CAST(id AS CHAR) FROM t ORDER BY id";
    for (policy, left) in [
        (OnDelete::Delete, &["9007199254740993"][..]),
        (
            OnDelete::Ignore,
            &["1", "2", "9007199254740992", "9007199254740993"],
        ),
        (
            OnDelete::Refuse,
            &["1", "2", "9007199254740992", "9007199254740993"],
        ),
    ] {
        let table = "DROP TABLE IF EXISTS t, highwater_progress; \
            CREATE TABLE t (id BIGINT PRIMARY KEY); \
            INSERT INTO t VALUES (1),(2),(9007199254740992),(9007199254740993)";
        run(connection, table).await;
        let settings = MysqlSinkSettings {
            rules: RowRules {
                on_delete: policy,
                ..RowRules::default()
            },
            ..MysqlSinkSettings::new("t")
        };
        let sink = MysqlSink::open(connection.clone(), settings).expect("named");
        let deletion = [("id", Value::I64(1))];
        let tombstones = ["2", "9007199254740992"].map(|it| [("key", Value::String(it))]);
        let gone = [&deletion, &tombstones[0], &tombstones[1]].map(|it| (Op::Delete, &it[..]));
        let written = write(&sink, &gone, None).await;
        assert_eq!(written.is_err(), policy == OnDelete::Refuse, "{written:?}");
        assert_eq!(read(connection, rows).await, left, "{policy:?}");
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
