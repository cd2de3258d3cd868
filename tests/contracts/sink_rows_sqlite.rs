//! The right row only, on SQLite: values that move between rows, versions, known keys, tombstones.

use highwater::{
    connect::sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    fault::chain,
    model::{Op, Value},
    sink::{
        OnKnown, RowRules, Sink, SinkError,
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

use super::sinks::{Written, advance, records};

type Named = [(&'static str, Value<'static>); 3];

fn row(uid: &'static str, name: &'static str, kept: i64) -> Named {
    let (uid, name) = (Value::String(uid), Value::String(name));
    [("uid", uid), ("name", name), ("kept", Value::I64(kept))]
}

#[tokio::test]
async fn values_that_swap_or_go_round_in_one_batch_pass() {
    for null in ["", "NOT NULL"] {
        let file = File::with(&format!(
            "CREATE TABLE t (uid TEXT PRIMARY KEY, name TEXT {null} UNIQUE, kept INT, more INT); \
             INSERT INTO t VALUES ('a','x',1,1),('b','y',2,2),('c','z',3,3)"
        ))
        .await;
        let sink = file.sink(RowRules::default());
        let swap = [row("a", "y", 1), row("b", "x", 2)];
        write(&sink, &swap, None).await.expect("a swap");
        assert_eq!(file.rows().await, ["a y 1 1", "b x 2 2", "c z 3 3"]);
        let cycle = [row("a", "x", 1), row("b", "z", 2), row("c", "y", 3)];
        write(&sink, &cycle, Some(1)).await.expect("a cycle");
        assert_eq!(file.rows().await, ["a x 1 1", "b z 2 2", "c y 3 3"]);
        // The next batch frees it, or the one before did.
        let taken = [row("d", "x", 4)];
        let error = write(&sink, &taken, Some(2)).await.expect_err("held");
        let SinkError::Rows { faults, .. } = error else {
            panic!("{error:?}");
        };
        let said = chain(&*faults[0].cause);
        assert!(faults[0].may_pass && said.contains("uid=a"), "{said}");
        let freed = [row("a", "w", 1)];
        write(&sink, &freed, Some(2)).await.expect("freed");
        write(&sink, &taken, Some(3)).await.expect("taken");
        let expected = ["a w 1 1", "b z 2 2", "c y 3 3", "d x 4 -"];
        assert_eq!(file.rows().await, expected);
    }
}

#[tokio::test]
async fn an_older_change_never_overwrites_a_newer_row() {
    for unique in ["", ", UNIQUE (name)"] {
        let file = File::with(&format!(
            "CREATE TABLE t (uid TEXT PRIMARY KEY, name TEXT, kept INT, more INT{unique})"
        ))
        .await;
        let sink = file.sink(RowRules {
            version: Some("kept".to_owned()),
            ..RowRules::default()
        });
        let rows = [row("a", "new", 5), row("a", "old", 4), row("a", "same", 5)];
        write(&sink, &rows, None).await.expect("written");
        assert_eq!(file.rows().await, ["a same 5 -"], "{unique}");
    }
}

#[tokio::test]
async fn a_known_row_that_is_ignored_stays_and_a_tombstone_removes_it() {
    let table = "CREATE TABLE t (uid TEXT PRIMARY KEY, name TEXT UNIQUE, kept INT, more INT)";
    let file = File::with(table).await;
    let sink = file.sink(RowRules {
        on_known: OnKnown::Ignore,
        ..RowRules::default()
    });
    let rows = [row("a", "first", 1), row("a", "second", 2)];
    write(&sink, &rows, None).await.expect("written");
    assert_eq!(file.rows().await, ["a first 1 -"]);
    let tombstone = [("key", Value::String("a"))];
    let gone = records(&[(Op::Delete, &tombstone)]);
    let gone = sink.write(&gone, &advance(Some(1), 2)).await;
    gone.expect("removed");
    assert_eq!(file.rows().await.len(), 0);
}

#[tokio::test]
async fn a_message_is_added_once_by_its_identity() {
    let table = "CREATE TABLE t (number INTEGER PRIMARY KEY, name TEXT, kept INT, more INT, uid TEXT UNIQUE)";
    let file = File::with(table).await;
    let settings = SqliteSinkSettings {
        key: Some(vec!["uid".to_owned()]),
        rules: RowRules {
            on_known: OnKnown::Ignore,
            ..RowRules::default()
        },
        ..SqliteSinkSettings::new("t")
    };
    let sink = SqliteSink::open(file.connection.clone(), settings).expect("named");
    let rows = [row("1", "one", 1), row("1", "again", 2)];
    write(&sink, &rows, None).await.expect("written");
    let rows = [row("2", "one", 1), row("1", "again", 2)];
    write(&sink, &rows, Some(1)).await.expect("written");
    assert_eq!(file.rows().await, ["1 one 1 -", "2 one 1 -"]);
}

#[tokio::test]
async fn a_whole_number_that_the_column_would_round_is_refused() {
    let file =
        File::with("CREATE TABLE t (uid TEXT PRIMARY KEY, name REAL, kept INT, more INT)").await;
    let sink = file.sink(RowRules::default());
    let row = |name| {
        [[
            ("uid", Value::String("a")),
            ("name", name),
            ("kept", Value::I64(1)),
        ]]
    };
    for name in [
        Value::I64((1 << 53) + 1),
        Value::U64((1 << 53) + 1),
        Value::String("9007199254740993"),
    ] {
        let error = write(&sink, &row(name), None).await.expect_err("rounded");
        assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    }
    let kept = write(&sink, &row(Value::I64(1 << 53)), None).await;
    kept.expect("it is kept");
}

#[tokio::test]
async fn check_says_what_another_unique_index_means() {
    let file = File::with("CREATE TABLE t (uid TEXT PRIMARY KEY, name TEXT UNIQUE)").await;
    let sink = file.sink(RowRules::default());
    let findings = sink.check(None).await.expect("checked");
    let reported = |it: &highwater::model::Finding| it.text.contains("another unique index");
    assert!(findings.iter().any(reported), "{findings:?}");
}

async fn write(sink: &SqliteSink, rows: &[Named], from: Option<i64>) -> Result<(), SinkError> {
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    let to = from.unwrap_or(0) + 1;
    sink.write(&records(&rows), &advance(from, to)).await
}

struct File {
    connection: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl File {
    async fn with(statements: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SqliteSettings {
            path: folder.path().join("target.db"),
        };
        let connection = sqlite::open("local", &settings, Absent::Create, Durability::Normal);
        let connection = connection.await.expect("opened");
        let made = raw_sql(AssertSqlSafe(statements.to_owned()));
        connection.writer().execute(made).await.expect("made");
        Self {
            connection,
            _folder: folder,
        }
    }

    fn sink(&self, rules: RowRules) -> SqliteSink {
        let settings = SqliteSinkSettings {
            rules,
            ..SqliteSinkSettings::new("t")
        };
        SqliteSink::open(self.connection.clone(), settings).expect("named")
    }

    async fn rows(&self) -> Vec<String> {
        let rows = "SELECT uid || ' ' || name || ' ' || kept || ' ' || COALESCE(more,'-') FROM t ORDER BY uid";
        let rows = sqlx::query_scalar(rows).fetch_all(self.connection.readers());
        rows.await.expect("read")
    }
}
