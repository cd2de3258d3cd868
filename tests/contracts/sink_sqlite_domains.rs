//! What each column of SQLite takes and refuses: no text becomes a number of another spelling.

use highwater::{
    connect::sqlite::{self, Absent, Durability, SqliteConnection, SqliteSettings},
    fault::chain,
    model::{Op, Value},
    sink::{
        Sink, SinkError,
        sqlite::{SqliteSink, SqliteSinkSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

use super::sinks::{advance, records};

const TABLE: &str = "CREATE TABLE t (id TEXT PRIMARY KEY, word STRING, number NUMERIC, whole INTEGER, \
    ratio REAL, price DECIMAL(10,2), at DATETIME, is_on BOOLEAN, text TEXT, raw BLOB, \
    seq INTEGER NOT NULL DEFAULT 7)";

const NUMERIC: [&str; 7] = ["word", "number", "whole", "ratio", "price", "at", "is_on"];

#[tokio::test]
async fn a_text_never_becomes_a_number_of_another_spelling() {
    let file = File::with(TABLE).await;
    let sink = file.sink();
    let texts = [
        "00123",
        "1e5",
        "15E2621",
        " 1",
        "1 ",
        "+1",
        ".5",
        "1.",
        "-0",
        "1234567890123456.10",
    ];
    for column in NUMERIC {
        for text in texts {
            let written = write(&sink, (column, Value::String(text)), None).await;
            let error = written.expect_err(text);
            assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
            let said = chain(&error);
            assert!(said.contains(&format!("`{column}`")), "{text}: {said}");
        }
    }
    assert_eq!(file.read("SELECT CAST(count(*) AS TEXT) FROM t").await, "0");
}

#[tokio::test]
async fn a_key_that_only_looks_alike_is_refused() {
    let file = File::with("CREATE TABLE t (id NUMERIC PRIMARY KEY, text TEXT)").await;
    let sink = file.sink();
    for id in ["00123", "123.0e0"] {
        let row = [("id", Value::String(id)), ("text", Value::Null)];
        for op in [Op::Upsert, Op::Delete] {
            let (rows, advance) = (records(&[(op, &row)]), advance(None, 1));
            let written = sink.write(&rows, (&advance).into()).await;
            let said = chain(&written.expect_err(id));
            assert!(said.contains("`id`"), "{said}");
        }
    }
}

#[tokio::test]
async fn what_a_column_keeps_is_taken() {
    let file = File::with(TABLE).await;
    let sink = file.sink();
    let cases = [
        ("number", Value::String("123"), "integer 123"),
        ("price", Value::String("1.50"), "real 1.5"),
        ("price", Value::Decimal("0.10"), "real 0.1"),
        (
            "whole",
            Value::String("9223372036854775807"),
            "integer 9223372036854775807",
        ),
        ("ratio", Value::F32(0.1), "real 0.1"),
        (
            "at",
            Value::String("2025-08-26 09:30:15"),
            "text 2025-08-26 09:30:15",
        ),
        ("word", Value::String("abc"), "text abc"),
        ("word", Value::String(""), "text "),
        ("is_on", Value::Bool(true), "integer 1"),
        ("text", Value::String("00123"), "text 00123"),
        ("text", Value::I64(12), "text 12"),
        ("raw", Value::String("1e5"), "text 1e5"),
        ("number", Value::Json("[1e5]"), "text [1e5]"),
    ];
    let mut from = None;
    for (column, value, kept) in cases {
        let written = write(&sink, (column, value), from).await;
        written.unwrap_or_else(|error| panic!("{value:?}: {}", chain(&error)));
        from = Some(from.unwrap_or(0) + 1);
        let stored = format!("SELECT typeof({column}) || ' ' || {column} FROM t");
        assert_eq!(file.read(&stored).await, kept, "{value:?} into {column}");
    }
}

#[tokio::test]
async fn null_is_refused_where_a_column_is_not_null_and_an_altered_table_is_read_again() {
    let file = File::with(TABLE).await;
    let sink = file.sink();
    let null = ("seq", Value::Null);
    let said = chain(&write(&sink, null, None).await.expect_err("NOT NULL"));
    assert!(
        said.contains("`seq`") && said.contains("NOT NULL"),
        "{said}"
    );
    let altered = TABLE.replace("INTEGER NOT NULL DEFAULT 7", "INTEGER");
    file.run(&format!("DROP TABLE t; {altered}")).await;
    write(&sink, null, None).await.expect("it may be NULL now");
    file.run(
        "DELETE FROM t; ALTER TABLE t DROP COLUMN text; ALTER TABLE t ADD COLUMN text NUMERIC",
    )
    .await;
    let written = write(&sink, ("text", Value::String("007")), Some(1)).await;
    written.expect_err("it would become a number now");
    file.run("DROP TABLE t").await;
    let written = write(&sink, null, Some(1)).await.expect_err("it is gone");
    assert!(
        matches!(written, SinkError::Incompatible { .. }),
        "{written:?}"
    );
}

async fn write(
    sink: &SqliteSink,
    field: (&str, Value<'_>),
    from: Option<i64>,
) -> Result<(), SinkError> {
    let row = [("id", Value::String("a")), field];
    let to = from.unwrap_or(0) + 1;
    let advance = advance(from, to);
    sink.write(&records(&[(Op::Upsert, &row)]), (&advance).into())
        .await
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
        let file = Self {
            connection: connection.await.expect("opened"),
            _folder: folder,
        };
        file.run(statements).await;
        file
    }

    async fn run(&self, statements: &str) {
        let statements = raw_sql(AssertSqlSafe(statements.to_owned()));
        let done = self.connection.writer().execute(statements).await;
        done.expect("it is valid");
    }

    fn sink(&self) -> SqliteSink {
        let settings = SqliteSinkSettings::new("t");
        SqliteSink::open(self.connection.clone(), settings).expect("named")
    }

    async fn read(&self, query: &str) -> String {
        let read = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
        read.fetch_one(self.connection.readers())
            .await
            .expect("read")
    }
}
