//! What each column of MySQL and MariaDB takes and refuses: only a value that is one of its own.

use highwater::{
    connect::mysql::{Flavor, MysqlConnection},
    fault::chain,
    model::{Instant, Op, Time, Value},
    sink::{SinkError, mysql::MysqlSink},
    source::{ReadMode, Scope},
};

use super::{
    sinks::{database, drop_database, on_both_servers, read, reason, run, table_sink, write},
    sources::{Server, limits, next, open, start},
};

on_both_servers!(
    a_member_is_never_found_by_its_number_or_by_letters_that_are_like_it,
    a_year_is_never_guessed_from_fewer_digits,
    bits_are_never_made_of_characters,
    a_time_is_never_made_of_what_only_looks_like_digits_of_one,
    a_number_is_never_made_of_a_text_that_is_written_otherwise,
    blanks_and_zeros_at_the_end_are_never_cut_or_filled_up,
    a_text_of_bytes_is_never_taken_for_another_character_set,
    what_is_a_value_of_its_column_is_taken,
    an_enum_keeps_its_empty_member,
    an_enums_error_value_is_told_from_its_empty_member,
    a_key_that_its_character_set_lacks_is_refused_by_name,
    numbers_within_json_keep_their_digits,
    members_of_any_letters_are_taken,
);

const TABLE: &str = "CREATE TABLE t (uid INT PRIMARY KEY, \
    state ENUM('new','paid','2','1') NULL, flags SET('a','b','2') NULL, digits ENUM('1','2') NULL, \
    made YEAR NULL, yes BIT(1) NULL, bits BIT(64) NULL, is_on TINYINT(1) NULL, size INT NULL, \
    price DECIMAL(10,2) NULL, ratio DOUBLE NULL, small FLOAT NULL, \
    on_day DATE NULL, span TIME NULL, clock DATETIME(6) NULL, second DATETIME NULL, moment TIMESTAMP(6) NULL, \
    name VARCHAR(3) NULL, fixed CHAR(3) NULL, id CHAR(24) NULL, note TINYTEXT NULL, \
    said JSON NULL, raw VARBINARY(3) NULL, four BINARY(4) NULL, \
    latin VARCHAR(9) CHARACTER SET latin1 NULL, wide TINYTEXT CHARACTER SET utf16 NULL)";

/// Each of these is refused with the name of its column, and no row is written.
async fn refuses(connection: &MysqlConnection, cases: &[(&str, Value<'_>)]) {
    run(connection, TABLE).await;
    let sink = table_sink(connection, None);
    for (column, value) in cases {
        let row = [("uid", Value::I64(1)), (*column, *value)];
        let written = write(&sink, &[(Op::Upsert, &row)], None).await;
        let case = format!("{value:?} into {column}");
        let error = written.expect_err(&case);
        assert!(matches!(error, SinkError::Data { .. }), "{case}: {error:?}");
        let said = chain(&error);
        assert!(said.contains(&format!("`{column}`")), "{case}: {said}");
    }
    let count = read(connection, "SELECT CAST(COUNT(*) AS CHAR) FROM t").await;
    assert_eq!(count, ["0"]);
}

async fn a_member_is_never_found_by_its_number_or_by_letters_that_are_like_it(
    connection: &MysqlConnection,
) {
    let texts = ["3", "4", "0", "Paid", "päid", "paid ", " paid", ""];
    let state = texts.map(|it| ("state", Value::String(it)));
    let sets = ["1", "3", "A", "b,a", "a,a", "a,", "a ,b"];
    let flags = sets.map(|it| ("flags", Value::String(it)));
    let others = [
        Value::Bool(true),
        Value::I64(2),
        Value::F64(2.0),
        Value::Decimal("2"),
        Value::Json("2"),
    ];
    let numbers = ["state", "flags", "digits"];
    let numbers = numbers
        .iter()
        .flat_map(|it| others.map(|value| (*it, value)));
    let cases: Vec<_> = state.into_iter().chain(flags).chain(numbers).collect();
    refuses(connection, &cases).await;
}

async fn a_year_is_never_guessed_from_fewer_digits(connection: &MysqlConnection) {
    let values = [
        Value::I64(5),
        Value::String("99"),
        Value::String("05"),
        Value::Decimal("70"),
        Value::Json("5"),
        Value::Bool(true),
        Value::I64(1900),
        Value::String("2024-01-01"),
    ];
    refuses(connection, &values.map(|it| ("made", it))).await;
}

async fn bits_are_never_made_of_characters(connection: &MysqlConnection) {
    let cases = [
        ("bits", Value::String("Y")),
        ("bits", Value::String("")),
        ("bits", Value::Decimal("5.50")),
        ("bits", Value::ObjectId([7; 12])),
        ("yes", Value::I64(2)),
        ("yes", Value::String("Y")),
    ];
    refuses(connection, &cases).await;
}

async fn a_time_is_never_made_of_what_only_looks_like_digits_of_one(connection: &MysqlConnection) {
    let texts = [
        "1701010101",
        "1700000000",
        "20250826",
        "05/06/07",
        "1530",
        "2024^01^05",
        "25-08-26",
        "2025-8-26",
        "",
        "0",
    ];
    let numbers = [
        Value::Decimal("1701010101.5"),
        Value::Json("1701010101.5"),
        Value::Json("1701010101"),
        Value::I64(20_250_826),
        Value::U64(93_015),
        Value::Timestamp(1, 2),
        Value::ObjectId([0x20; 12]),
    ];
    let values = texts.map(Value::String).into_iter().chain(numbers);
    let values: Vec<_> = values.collect();
    let columns = ["on_day", "span", "clock", "moment"];
    let each = |column| values.iter().map(move |it| (column, *it));
    let time = Value::Time(Time {
        negative: false,
        hours: 10,
        minutes: 11,
        seconds: 12,
        micros: 0,
    });
    let further = [
        ("on_day", time),
        ("clock", time),
        ("moment", time),
        ("on_day", Value::String("2025-08-26 09:30:15")),
        ("span", Value::String("2025-08-26 09:30:15")),
        (
            "span",
            Value::Instant(Instant::from_millis(1_756_200_615_123)),
        ),
        ("moment", Value::String("1970-01-01 00:00:00")),
        ("moment", Value::String("2025-02-31 00:00:00")),
    ];
    let cases: Vec<_> = columns.into_iter().flat_map(each).chain(further).collect();
    refuses(connection, &cases).await;
}

async fn a_number_is_never_made_of_a_text_that_is_written_otherwise(connection: &MysqlConnection) {
    let texts = [
        " 1", "1 ", "+1", "01", "1.", ".5", "0x1", "1_0", "", "1e400", "inf",
    ];
    let columns = ["size", "price", "ratio", "small", "is_on"];
    let each = |column| texts.map(|it| (column, Value::String(it)));
    let further = [
        ("size", Value::Json("1.5")),
        ("said", Value::String("128\0")),
        ("size", Value::ObjectId([0; 12])),
        ("size", Value::Json("true")),
        ("price", Value::String("100000000")),
        ("small", Value::String("1e-60")),
        ("ratio", Value::String("1e-400")),
    ];
    let cases: Vec<_> = columns.into_iter().flat_map(each).chain(further).collect();
    refuses(connection, &cases).await;
}

async fn blanks_and_zeros_at_the_end_are_never_cut_or_filled_up(connection: &MysqlConnection) {
    let (long, wide) = (format!("a{}", " ".repeat(255)), "a ".repeat(65));
    let cases = [
        ("name", Value::String("abc  ")),
        ("name", Value::String("    ")),
        ("fixed", Value::String("a ")),
        ("fixed", Value::String("abc ")),
        ("note", Value::String(&long)),
        ("wide", Value::String(&wide)),
        ("raw", Value::Bytes(0, b"abc ")),
        ("raw", Value::String("abc ")),
        ("four", Value::Bytes(0, b"abc")),
        ("four", Value::Bytes(0, b"abcd ")),
    ];
    refuses(connection, &cases).await;
}

async fn a_text_of_bytes_is_never_taken_for_another_character_set(connection: &MysqlConnection) {
    let cases = [
        ("latin", Value::Bytes(0, &[0xe4])),
        ("wide", Value::Bytes(0, &[0xd8, 0])),
        ("latin", Value::String("中")),
        ("latin", Value::Bytes(0, "中".as_bytes())),
    ];
    refuses(connection, &cases).await;
    let sink = table_sink(connection, None);
    let row = [
        ("uid", Value::I64(1)),
        ("latin", Value::Bytes(0, "ä€".as_bytes())),
        ("wide", Value::Bytes(0, "ab".as_bytes())),
    ];
    let written = write(&sink, &[(Op::Upsert, &row)], None).await;
    written.expect("they are UTF-8");
    let stored = "SELECT CAST(CONCAT(HEX(latin), ' ', HEX(wide)) AS CHAR) FROM t";
    assert_eq!(read(connection, stored).await, ["E480 00610062"]);
}

async fn what_is_a_value_of_its_column_is_taken(connection: &MysqlConnection) {
    run(connection, TABLE).await;
    let sink = table_sink(connection, None);
    let text = Value::String;
    let cases = [
        ("state", text("paid"), "paid"),
        ("state", Value::Enum("2"), "2"),
        ("digits", text("2"), "2"),
        ("flags", text("a,b"), "a,b"),
        ("flags", text(""), ""),
        ("made", Value::I64(2024), "2024"),
        ("made", text("2024"), "2024"),
        ("made", Value::Year(0), "0000"),
        ("is_on", Value::Bool(true), "1"),
        ("size", Value::Bool(false), "0"),
        ("size", text("-12"), "-12"),
        ("size", Value::F64(2.0), "2"),
        ("size", Value::Json("7"), "7"),
        ("price", text("1.50"), "1.50"),
        ("price", text("1.005"), "1.01"),
        ("price", Value::Decimal("-12345678.9"), "-12345678.90"),
        ("price", Value::F64(0.1), "0.10"),
        ("ratio", text("0.1"), "0.1"),
        ("ratio", Value::F32(0.1), "0.1"),
        ("on_day", text("2025-08-26"), "2025-08-26"),
        ("on_day", text("0000-00-00"), "0000-00-00"),
        ("on_day", text("2025-00-15"), "2025-00-15"),
        ("on_day", text("2025-02-31"), "2025-02-31"),
        ("on_day", text("2025-08-26 00:00:00"), "2025-08-26"),
        ("span", text("-838:59:59"), "-838:59:59"),
        ("span", text("09:30:15.4"), "09:30:15"),
        ("span", text("09:30:15.5"), "09:30:16"),
        (
            "second",
            text("2025-08-26 23:59:59.5"),
            "2025-08-27 00:00:00",
        ),
        (
            "second",
            Value::Instant(Instant::from_millis(1_756_200_615_500)),
            "2025-08-26 09:30:16",
        ),
        ("clock", text("2025-08-26"), "2025-08-26 00:00:00.000000"),
        (
            "clock",
            text("2025-08-26T09:30:15.5"),
            "2025-08-26 09:30:15.500000",
        ),
        (
            "clock",
            text("2025-08-26T09:30:15Z"),
            "2025-08-26 09:30:15.000000",
        ),
        (
            "clock",
            text("2025-08-26T09:30:15+02:00"),
            "2025-08-26 07:30:15.000000",
        ),
        (
            "clock",
            text("0000-00-00 00:00:00"),
            "0000-00-00 00:00:00.000000",
        ),
        (
            "moment",
            text("2025-08-26T09:30:15.123Z"),
            "2025-08-26 09:30:15.123000",
        ),
        (
            "moment",
            text("0000-00-00 00:00:00"),
            "0000-00-00 00:00:00.000000",
        ),
        (
            "moment",
            text("1970-01-01 00:00:01"),
            "1970-01-01 00:00:01.000000",
        ),
        ("name", text("a  "), "a  "),
        ("name", Value::I64(12), "12"),
        ("fixed", text("abc"), "abc"),
        (
            "id",
            Value::ObjectId([0xab; 12]),
            "abababababababababababab",
        ),
        ("raw", Value::Bytes(0, b"ab"), "ab"),
        ("four", Value::Bytes(0, b"abcd"), "abcd"),
        ("latin", text("ä€"), "ä€"),
    ];
    let mut from = None;
    for (column, value, kept) in cases {
        let row = [("uid", Value::I64(1)), (column, value)];
        let written = write(&sink, &[(Op::Upsert, &row)], from).await;
        if let Err(error) = written {
            panic!("{value:?} into {column}: {}", chain(&error));
        }
        from = Some(from.unwrap_or(0) + 1);
        let stored = format!("SELECT CAST({column} AS CHAR) FROM t");
        assert_eq!(
            read(connection, &stored).await,
            [kept],
            "{value:?} into {column}"
        );
    }
    let bits = [
        ("yes", Value::I64(1), "1"),
        ("yes", Value::Bool(false), "0"),
        ("bits", Value::Bit(u64::MAX), "18446744073709551615"),
        ("bits", Value::Decimal("5.00"), "5"),
        ("bits", Value::String("5"), "5"),
    ];
    for (column, value, kept) in bits {
        let row = [("uid", Value::I64(1)), (column, value)];
        let written = write(&sink, &[(Op::Upsert, &row)], from).await;
        written.expect(column);
        from = Some(from.unwrap_or(0) + 1);
        let stored = format!("SELECT CAST({column}+0 AS CHAR) FROM t");
        assert_eq!(
            read(connection, &stored).await,
            [kept],
            "{value:?} into {column}"
        );
    }
}

/// The servers' errors for it name no column, and once stopped the flow.
async fn a_key_that_its_character_set_lacks_is_refused_by_name(connection: &MysqlConnection) {
    for charset in ["latin1", "utf8mb3", "ascii", "cp1251", "sjis"] {
        run(
            connection,
            &format!(
                "DROP TABLE IF EXISTS t, highwater_progress; CREATE TABLE t (uid INT, \
                 k VARCHAR(9) CHARACTER SET {charset}, name VARCHAR(9), PRIMARY KEY (k))"
            ),
        )
        .await;
        let sink = table_sink(connection, None);
        let row = |k| [("uid", Value::I64(1)), ("k", Value::String(k))];
        let far = row("\u{1F600}");
        for op in [Op::Upsert, Op::Delete] {
            let error = write(&sink, &[(op, &far)], None).await.expect_err(charset);
            let said = reason(&error);
            assert!(said.contains("`k`"), "{charset}: {said}");
        }
        let written = write(&sink, &[(Op::Upsert, &row("a"))], None).await;
        written.expect(charset);
    }
}

async fn numbers_within_json_keep_their_digits(connection: &MysqlConnection) {
    run(connection, "CREATE TABLE t (uid INT PRIMARY KEY, j JSON)").await;
    let sink = table_sink(connection, None);
    let exact = "[12345678901234567890.123456789]";
    let near = "[123456789.123456789]";
    let stored = "SELECT CAST(j AS CHAR) FROM t";
    let written = one(&sink, ("j", Value::Json(exact))).await;
    match connection.flavor() {
        Flavor::Mariadb => {
            written.expect("it keeps the text");
            assert_eq!(read(connection, stored).await, [exact]);
        }
        Flavor::Mysql => {
            let said = chain(&written.expect_err("it makes a double of it"));
            assert!(
                said.contains("`j`") && said.contains("lose digits"),
                "{said}"
            );
            one(&sink, ("j", Value::Json(near)))
                .await
                .expect("the nearest double");
            assert_eq!(read(connection, stored).await, ["[123456789.12345679]"]);
        }
    }
}

/// A lenient server keeps it of what was no member, with the text of the empty one.
async fn an_enums_error_value_is_told_from_its_empty_member(connection: &MysqlConnection) {
    let members = "ENUM('ä','') CHARACTER SET latin1 NULL";
    run(
        connection,
        &format!(
            "CREATE TABLE s (uid INT PRIMARY KEY, e {members}); CREATE TABLE t LIKE s; \
             INSERT IGNORE INTO s VALUES (1, 'ä'), (2, ''), (3, NULL), (4, 'none')"
        ),
    )
    .await;
    let numbers =
        |table| format!("SELECT COALESCE(CAST(e+0 AS CHAR), '-') FROM {table} ORDER BY uid");
    assert_eq!(read(connection, &numbers("s")).await, ["1", "2", "-", "0"]);
    let source = Server(connection.clone()).scan("s", "uid", limits(9));
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Bounded).await;
    let sink = table_sink(connection, None);
    let mut from = None;
    for row in next(&mut *reader).await.expect("rows").records.iter() {
        let fields: Vec<_> = row.fields().collect();
        let written = write(&sink, &[(Op::Upsert, &fields)], from).await;
        if row.get("uid") == Some(Value::I64(4)) {
            let said = chain(&written.expect_err("it is no member"));
            assert!(said.contains("`e`"), "{said}");
        } else {
            written.expect("it is one, or NULL");
            from = Some(from.unwrap_or(0) + 1);
        }
    }
    assert_eq!(read(connection, &numbers("t")).await, ["1", "2", "-"]);
}

async fn an_enum_keeps_its_empty_member(connection: &MysqlConnection) {
    run(
        connection,
        "CREATE TABLE t (uid INT PRIMARY KEY, e ENUM('a','') NULL)",
    )
    .await;
    let sink = table_sink(connection, None);
    one(&sink, ("e", Value::Enum(""))).await.expect("a member");
    let stored = read(connection, "SELECT CAST(e+0 AS CHAR) FROM t").await;
    assert_eq!(stored, ["2"]);
}

/// As the catalogue prints them.
async fn members_of_any_letters_are_taken(connection: &MysqlConnection) {
    let names = [
        "it's", "b\\s", "a\nb", "x y", "ö", "中", "?", "😀", "\"", "()",
    ];
    let quoted = names.map(|it| format!("'{}'", it.replace('\\', "\\\\").replace('\'', "''")));
    let table = format!(
        "CREATE TABLE t (uid INT PRIMARY KEY, e ENUM({}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL)",
        quoted.join(",")
    );
    run(connection, &table).await;
    for (number, name) in names.iter().enumerate() {
        run(
            connection,
            "DELETE FROM t; DROP TABLE IF EXISTS highwater_progress",
        )
        .await;
        let sink = table_sink(connection, None);
        let written = one(&sink, ("e", Value::String(name))).await;
        written.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        let stored = read(connection, "SELECT CAST(e+0 AS CHAR) FROM t").await;
        assert_eq!(stored, [(number + 1).to_string()], "{name}");
    }
}

async fn one(sink: &MysqlSink, field: (&str, Value<'_>)) -> Result<(), SinkError> {
    let row = [("uid", Value::I64(1)), field];
    write(sink, &[(Op::Upsert, &row)], None).await
}
