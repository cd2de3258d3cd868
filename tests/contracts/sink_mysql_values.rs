//! Which values MySQL and MariaDB hold, and how large.

use highwater::{
    connect::mysql::MysqlConnection,
    fault::chain,
    model::{Date, DateTime, Instant, Kind, Op, Time, Value},
    sink::{
        BytesText, DatabaseSink, SinkError, Texts,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
};

use super::{
    sink_mysql::ROWS,
    sinks::{
        Written, database, drop_database, on_both_servers, read, reason, run, table_sink, write,
    },
};

on_both_servers!(
    every_kind_has_a_column_that_keeps_it,
    a_number_deletes_no_text_that_begins_like_it,
    a_zero_stays_a_zero,
    an_instant_is_the_same_in_a_column_of_either_type,
    texts_of_the_format_json_stand_for_bytes_and_json,
    numbers_since_1970_are_instants_where_they_were_chosen,
    texts_of_other_formats_are_the_content_itself,
    an_enums_error_value_is_refused_with_its_record,
    what_a_column_would_change_is_refused_with_its_record,
    what_a_column_keeps_is_taken_from_another_type,
    a_record_larger_than_a_packet_is_at_fault_by_itself,
    rows_larger_than_a_statement_are_split,
);

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
    let sink = table_sink(connection, Some(&["uid"]));
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
    let sink = table_sink(connection, None);
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
    let sink = table_sink(connection, None);
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

async fn an_instant_is_the_same_in_a_column_of_either_type(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid INT PRIMARY KEY, a TIMESTAMP(6) NULL, b DATETIME(6))";
    run(connection, table).await;
    let sink = table_sink(connection, None);
    let instant = Instant::from_millis(1_756_200_615_123);
    let text = instant.to_string();
    let rows = [
        [
            ("uid", Value::I64(1)),
            ("a", Value::Instant(instant)),
            ("b", Value::Instant(instant)),
        ],
        // As a format of texts has it.
        [
            ("uid", Value::I64(2)),
            ("a", Value::String(&text)),
            ("b", Value::String(&text)),
        ],
    ];
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let read = read(
        connection,
        "SELECT CAST(CONCAT_WS(' ', a, b) AS CHAR) FROM t",
    )
    .await;
    assert_eq!(
        read,
        ["2025-08-26 09:30:15.123000 2025-08-26 09:30:15.123000"; 2]
    );
}

const BYTES_AND_JSON: &str = "CREATE TABLE t (uid INT PRIMARY KEY, b VARBINARY(9), j JSON)";
const AS_TEXT: &str = "SELECT CAST(CONCAT_WS(' ', HEX(b), JSON_TYPE(j), CAST(j AS CHAR)) AS CHAR) FROM t ORDER BY uid";

async fn texts_of_the_format_json_stand_for_bytes_and_json(connection: &MysqlConnection) {
    run(connection, BYTES_AND_JSON).await;
    let settings = MysqlSinkSettings {
        texts: Texts::OF_JSON,
        ..MysqlSinkSettings::new("t")
    };
    let sink = MysqlSink::open(connection.clone(), settings).expect("named");
    let row = |uid, b, j| [("uid", Value::I64(uid)), ("b", Value::String(b)), ("j", j)];
    let rows = [
        row(1, "AP8=", Value::String("123")),
        row(2, "", Value::String("a\"b")),
        row(3, "YWJj", Value::Decimal("1.5")),
        row(4, "YWI=", Value::Json("[1]")),
        row(5, "YQ==", Value::Bool(true)),
        row(6, "YQ==", Value::I64(7)),
    ];
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let number = ["DOUBLE 1.5", "ARRAY [1]", "BOOLEAN true", "INTEGER 7"];
    let expected = [
        "00FF STRING \"123\"".to_owned(),
        " STRING \"a\\\"b\"".to_owned(),
        format!("616263 {}", number[0]),
        format!("6162 {}", number[1]),
        format!("61 {}", number[2]),
        format!("61 {}", number[3]),
    ];
    assert_eq!(read(connection, AS_TEXT).await, expected);
    let plain = row(7, "abc", Value::Null);
    let error = write(&sink, &[(Op::Upsert, &plain[..])], Some(1)).await;
    let error = error.expect_err("it is no base64");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    assert!(
        chain(&error).contains("binary = \"plain\""),
        "{}",
        chain(&error)
    );
}

async fn numbers_since_1970_are_instants_where_they_were_chosen(connection: &MysqlConnection) {
    let table = "CREATE TABLE t (uid BIGINT PRIMARY KEY, at TIMESTAMP(6) NULL, b VARBINARY(9))";
    run(connection, table).await;
    for (id, epoch, count, from) in [
        (1, 1_000, 1_756_200_615_123, None),
        (2, 1_000_000, 1_756_200_615_123_000, Some(1)),
    ] {
        let settings = MysqlSinkSettings {
            texts: Texts {
                bytes: BytesText::Hex,
                epoch: Some(epoch),
                ..Texts::OF_JSON
            },
            ..MysqlSinkSettings::new("t")
        };
        let sink = MysqlSink::open(connection.clone(), settings).expect("named");
        let row = [
            ("uid", Value::I32(id)),
            ("at", Value::I64(count)),
            ("b", Value::String("00ff")),
        ];
        write(&sink, &[(Op::Upsert, &row)], from)
            .await
            .expect("written");
    }
    let query = "SELECT CAST(CONCAT_WS(' ', at, HEX(b)) AS CHAR) FROM t";
    assert_eq!(
        read(connection, query).await,
        ["2025-08-26 09:30:15.123000 00FF"; 2]
    );
}

async fn texts_of_other_formats_are_the_content_itself(connection: &MysqlConnection) {
    run(connection, BYTES_AND_JSON).await;
    let sink = table_sink(connection, None);
    let row = [
        ("uid", Value::I64(1)),
        ("b", Value::String("AP8=")),
        ("j", Value::String("{\"a\": 1}")),
    ];
    write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect("written");
    assert_eq!(
        read(connection, AS_TEXT).await,
        ["4150383D OBJECT {\"a\": 1}"]
    );
}

/// What a lenient server has kept of a value that was no member: a strict one does not take it.
async fn an_enums_error_value_is_refused_with_its_record(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid INT PRIMARY KEY, e ENUM('a','b'), s SET('a','b'))",
    )
    .await;
    let sink = table_sink(connection, None);
    let row = |uid, e, s| {
        [
            ("uid", Value::I64(uid)),
            ("e", Value::Enum(e)),
            ("s", Value::Enum(s)),
        ]
    };
    write(&sink, &[(Op::Upsert, &row(1, "b", ""))], None)
        .await
        .expect("a set of none is a value");
    let error = write(&sink, &[(Op::Upsert, &row(2, "", "a"))], Some(1))
        .await
        .expect_err("no member");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    let read = read(connection, "SELECT CAST(CONCAT(e, '/', s) AS CHAR) FROM t").await;
    assert_eq!(read, ["b/"]);
}

/// Each of these the servers take without a word, as another value.
async fn what_a_column_would_change_is_refused_with_its_record(connection: &MysqlConnection) {
    let bytes = Value::Bytes(0, b"12");
    let cases = [
        ("BIGINT", Value::F64(1.5)),
        ("BIGINT", Value::F32(-0.5)),
        ("INT UNSIGNED", Value::Decimal("2.50")),
        ("INT", Value::String(" 15e-1")),
        ("INT", bytes),
        ("YEAR", Value::F64(2025.5)),
        ("FLOAT", Value::F64(1e-60)),
        ("FLOAT", Value::I64((1 << 24) + 1)),
        ("FLOAT", bytes),
        ("DOUBLE", Value::I64(-(1 << 53) - 1)),
        ("DOUBLE", Value::U64(u64::MAX)),
        ("DOUBLE", Value::Decimal("9007199254740993")),
        ("DECIMAL(20,2)", bytes),
        ("DATETIME", Value::I64(1_101_010_101)),
        ("DATE", Value::F64(20_250_826.0)),
        ("TIME", Value::U64(93_015)),
        ("DATE", Value::Bytes(0, b"2025-08-26")),
        ("VARBINARY(20)", Value::I64(12)),
        ("BLOB", Value::F64(1.5)),
        ("JSON", Value::Bytes(0, b"[1]")),
    ];
    for (column, value) in cases {
        let table = format!("CREATE TABLE t (uid INT PRIMARY KEY, v {column})");
        make(connection, &table).await;
        let sink = table_sink(connection, None);
        let row = [("uid", Value::I64(1)), ("v", value)];
        let error = write(&sink, &[(Op::Upsert, &row)], None)
            .await
            .expect_err(column);
        assert!(
            matches!(error, SinkError::Data { .. }),
            "{column}: {error:?}"
        );
        assert!(chain(&error).contains("`v`"), "{column}: {error:?}");
        let count = read(connection, "SELECT CAST(COUNT(*) AS CHAR) FROM t").await;
        assert_eq!(count, ["0"], "{column}");
    }
}

async fn what_a_column_keeps_is_taken_from_another_type(connection: &MysqlConnection) {
    let cases = [
        ("BIGINT", Value::F64(2.0), "2"),
        (
            "BIGINT",
            Value::F64(-9_223_372_036_854_775_808.0),
            "-9223372036854775808",
        ),
        (
            "BIGINT UNSIGNED",
            Value::Decimal("18446744073709551615.000"),
            "18446744073709551615",
        ),
        ("INT", Value::String("1.5e3"), "1500"),
        ("FLOAT", Value::I64(1 << 24), "16777200"),
        ("FLOAT", Value::F64(0.1), "0.1"),
        ("DOUBLE", Value::I64(1 << 53), "9.007199254740992e15"),
        (
            "DOUBLE",
            Value::U64(12_345_678_901_234_567_000),
            "1.2345678901234567e19",
        ),
        (
            "DECIMAL(30,2)",
            Value::U64(u64::MAX),
            "18446744073709551615.00",
        ),
        ("TEXT", Value::I64(12), "12"),
        ("TEXT", Value::Bytes(0, b"ab"), "ab"),
        ("BLOB", Value::String("ab"), "ab"),
    ];
    for ((column, value, kept), from) in cases.into_iter().zip(0..) {
        let table = format!("CREATE TABLE t (uid INT PRIMARY KEY, v {column})");
        make(connection, &table).await;
        let sink = table_sink(connection, None);
        let row = [("uid", Value::I64(1)), ("v", value)];
        let from = (from > 0).then_some(from);
        let written = write(&sink, &[(Op::Upsert, &row)], from).await;
        written.expect(column);
        let read = read(connection, "SELECT CAST(v AS CHAR) FROM t").await;
        assert_eq!(read, [kept], "{column}");
    }
}

async fn make(connection: &MysqlConnection, table: &str) {
    run(connection, &format!("DROP TABLE IF EXISTS t; {table}")).await;
}

async fn a_record_larger_than_a_packet_is_at_fault_by_itself(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid VARCHAR(9) PRIMARY KEY, name LONGTEXT)",
    )
    .await;
    let sink = table_sink(connection, None);
    let text = "x".repeat(connection.max_allowed_packet());
    let row = [("uid", Value::String("a")), ("name", Value::String(&text))];
    let error = write(&sink, &[(Op::Upsert, &row)], None)
        .await
        .expect_err("too large");
    let said = reason(&error);
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
    let sink = table_sink(connection, None);
    let text = "x".repeat(3 << 20);
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let rows = keys.map(|it| [("uid", Value::String(it)), ("name", Value::String(&text))]);
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    write(&sink, &rows, None).await.expect("written");
    let lengths = read(connection, "SELECT CAST(SUM(LENGTH(name)) AS CHAR) FROM t").await;
    assert_eq!(lengths, [(7 * text.len()).to_string()]);
}
