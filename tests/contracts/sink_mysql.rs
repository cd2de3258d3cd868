//! What a sink of MySQL and MariaDB promises beyond the contract of every sink.

use highwater::{
    connect::mysql::{Flavor, MysqlConnection},
    fault::chain,
    model::{Date, DateTime, Instant, Kind, Op, Records, Severity, Time, Value},
    sink::{
        Sink, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
};
use sqlx::{AssertSqlSafe, Executor, raw_sql};

use super::sink::{Written, advance, database, drop_database, records};

/// The behaviours, each a test by its own name on either server.
macro_rules! on_both_servers {
    ($($behaviour:ident),* $(,)?) => {
        on_both_servers!(@ mysql, "HIGHWATER_TEST_MYSQL_URL", $($behaviour),*);
        on_both_servers!(@ mariadb, "HIGHWATER_TEST_MARIADB_URL", $($behaviour),*);
    };
    (@ $server:ident, $variable:expr, $($behaviour:ident),*) => {
        mod $server {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let connection = super::database($variable).await;
                    super::$behaviour(&connection).await;
                    super::drop_database(&connection).await;
                }
            )*
        }
    };
}

on_both_servers!(
    another_unique_index_never_redirects_a_write,
    a_value_that_moves_between_keys_in_order_passes,
    a_unique_index_can_be_the_key_beside_a_counted_one,
    a_table_that_cannot_roll_back_is_refused_by_name,
    a_record_larger_than_a_packet_is_at_fault_by_itself,
    rows_larger_than_a_statement_are_split,
    a_column_that_would_stay_empty_is_found_at_once,
    every_kind_has_a_column_that_keeps_it,
    a_number_deletes_no_text_that_begins_like_it,
    a_zero_stays_a_zero,
    two_keys_identify_a_row_together,
    a_table_that_is_missing_is_not_made_unasked,
    a_user_without_rights_is_told_so,
);

async fn run(connection: &MysqlConnection, text: &str) {
    let text = AssertSqlSafe(text.to_owned());
    connection
        .pool()
        .execute(raw_sql(text))
        .await
        .expect("it is valid");
}

/// One text for each row of the query's one column.
async fn read(connection: &MysqlConnection, query: &str) -> Vec<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    query
        .fetch_all(connection.pool())
        .await
        .expect("it is valid")
}

fn sink(connection: &MysqlConnection, key: Option<&[&str]>) -> MysqlSink {
    let settings = MysqlSinkSettings {
        key: key.map(|it| it.iter().map(|it| (*it).to_owned()).collect()),
        ..MysqlSinkSettings::new("t")
    };
    MysqlSink::open(connection.clone(), settings).expect("named")
}

async fn write(sink: &MysqlSink, rows: &[Written<'_>], from: Option<i64>) -> Result<(), SinkError> {
    let to = from.unwrap_or(0) + 1;
    sink.write(&records(rows), &advance(from, to)).await
}

const ROWS: &str = "SELECT CAST(CONCAT_WS(' ', uid, name) AS CHAR) FROM t ORDER BY uid";

async fn another_unique_index_never_redirects_a_write(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9) UNIQUE)",
    )
    .await;
    let sink = sink(connection, None);
    sink.prepare(None).await.expect("it fits");
    let row = |uid, name| [("uid", Value::String(uid)), ("name", Value::String(name))];
    let rows = [row("a", "x"), row("b", "y"), row("a", "z")];
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let taken = row("c", "y");
    let error = write(&sink, &[(Op::Upsert, &taken)], Some(1))
        .await
        .expect_err("b holds y");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    let moved = row("a", "y");
    let error = write(&sink, &[(Op::Upsert, &moved)], Some(1))
        .await
        .expect_err("b holds y");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
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
    let sink = sink(connection, None);
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
    let sink = sink(connection, Some(&["uid"]));
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
    let sink = sink(connection, None);
    let error = sink.prepare(None).await.expect_err("it cannot roll back");
    assert!(matches!(error, SinkError::Unfit { .. }), "{error:?}");
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

async fn a_record_larger_than_a_packet_is_at_fault_by_itself(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name LONGTEXT)",
    )
    .await;
    let sink = sink(connection, None);
    let text = "x".repeat(connection.max_allowed_packet());
    let row = [("uid", Value::String("a")), ("name", Value::String(&text))];
    let error = write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect_err("too large");
    assert!(matches!(error, SinkError::Data { .. }), "{}", chain(&error));
    let said = chain(&error);
    assert!(
        said.contains("`name`") && said.contains("max_allowed_packet"),
        "{said}"
    );
}

async fn rows_larger_than_a_statement_are_split(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name LONGTEXT)",
    )
    .await;
    let sink = sink(connection, None);
    let text = "x".repeat(3 << 20);
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let rows = keys.map(|it| [("uid", Value::String(it)), ("name", Value::String(&text))]);
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let lengths = read(connection, "SELECT CAST(SUM(LENGTH(name)) AS CHAR) FROM t").await;
    assert_eq!(lengths, [(7 * text.len()).to_string()]);
}

async fn a_column_that_would_stay_empty_is_found_at_once(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name TEXT NOT NULL, twice VARCHAR(20) AS (CONCAT(uid, uid)) STORED, at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6))";
    run(connection, table).await;
    let sink = sink(connection, None);
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
    let error = sink
        .prepare(Some(&both))
        .await
        .expect_err("twice is computed");
    assert!(error.to_string().contains("computed"), "{error}");
    sink.prepare(Some(&both[..2])).await.expect("it fits");
}

async fn every_kind_has_a_column_that_keeps_it(connection: &MysqlConnection) {
    let (date, micros) = (
        Date {
            year: 2025,
            month: 8,
            day: 26,
        },
        123_000,
    );
    let clock = DateTime {
        date,
        hour: 9,
        minute: 30,
        second: 15,
        micros,
    };
    let time = Time {
        negative: true,
        hours: 838,
        minutes: 59,
        seconds: 59,
        micros: 0,
    };
    let instant = Instant::from_utc(clock).expect("a day");
    let decimal = "12345678901234567890123456789012345.123456789012345678901234567891";
    let cases = [
        (
            "uid",
            Kind::I64,
            Value::I64(i64::MIN),
            "-9223372036854775808",
        ),
        ("a_bool", Kind::Bool, Value::Bool(true), "1"),
        (
            "b_many",
            Kind::U64,
            Value::U64(u64::MAX),
            "18446744073709551615",
        ),
        ("c_small", Kind::F32, Value::F32(0.1), "0.1"),
        ("d_real", Kind::F64, Value::F64(0.1), "0.1"),
        ("e_exact", Kind::Decimal, Value::Decimal(decimal), decimal),
        (
            "f_text",
            Kind::String,
            Value::String("中\u{1F600} \\'\""),
            "中\u{1F600} \\'\"",
        ),
        ("g_bytes", Kind::Bytes, Value::Bytes(0, b"ab"), "ab"),
        ("h_date", Kind::Date, Value::Date(date), "2025-08-26"),
        ("i_time", Kind::Time, Value::Time(time), "-838:59:59.000000"),
        (
            "j_clock",
            Kind::DateTime,
            Value::DateTime(clock),
            "2025-08-26 09:30:15.123000",
        ),
        (
            "k_at",
            Kind::Instant,
            Value::Instant(instant),
            "2025-08-26 09:30:15.123000",
        ),
        ("l_json", Kind::Json, Value::Json("[1]"), "[1]"),
        (
            "m_json_text",
            Kind::Json,
            Value::String("{\"a\": 1}"),
            "{\"a\": 1}",
        ),
        ("n_json_number", Kind::Json, Value::Bool(true), "true"),
        (
            "o_any",
            Kind::Any,
            Value::ObjectId([1; 12]),
            "010101010101010101010101",
        ),
        ("p_null", Kind::Instant, Value::Null, "NULL"),
    ];
    let fields: Vec<_> = cases
        .iter()
        .map(|(name, kind, ..)| ((*name).to_owned(), *kind))
        .collect();
    let sink = sink(connection, Some(&["uid"]));
    sink.prepare(Some(&fields)).await.expect("made");
    let row: Vec<_> = cases
        .iter()
        .map(|(name, _, value, _)| (*name, *value))
        .collect();
    write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect("written");
    for (name, _, _, expected) in cases {
        let query = format!("SELECT COALESCE(CAST({name} AS CHAR), 'NULL') FROM t");
        assert_eq!(read(connection, &query).await, [expected], "{name}");
    }
}

async fn a_number_deletes_no_text_that_begins_like_it(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name VARCHAR(9)); INSERT INTO t (uid) VALUES ('1'), ('1abc'), ('01')";
    run(connection, table).await;
    let sink = sink(connection, None);
    let row = [("uid", Value::I64(1))];
    write(&sink, &[(Op::Delete, &row)], None)
        .await
        .expect("written");
    assert_eq!(read(connection, ROWS).await, ["01", "1abc"]);
}

async fn a_zero_stays_a_zero(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)",
    )
    .await;
    let sink = sink(connection, None);
    let row = [("uid", Value::I64(0)), ("name", Value::String("zero"))];
    write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect("written");
    assert_eq!(read(connection, ROWS).await, ["0 zero"]);
    let text = [("uid", Value::String("0abc"))];
    let error = write(&sink, &[(Op::Delete, &text)], Some(1))
        .await
        .expect_err("no number");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    assert_eq!(read(connection, ROWS).await, ["0 zero"]);
}

async fn two_keys_identify_a_row_together(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9), part INT, name VARCHAR(9), PRIMARY KEY (part, uid))",
    )
    .await;
    let sink = sink(connection, None);
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
    let keyless = sink(connection, None)
        .prepare(Some(&fields))
        .await
        .expect_err("no key");
    assert!(keyless.to_string().contains("key = "), "{keyless}");
    let made = sink(connection, Some(&["uid"]));
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
    let sink = sink(&limited, None);
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
