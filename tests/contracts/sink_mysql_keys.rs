//! Keys of every type with an order, as MySQL and MariaDB compare them when a row is deleted.

use highwater::{
    connect::mysql::MysqlConnection,
    model::{Op, Value},
};

use super::sinks::{
    Written, database, drop_database, on_both_servers, read, run, table_sink, write,
};

on_both_servers!(a_key_of_any_type_deletes_its_own_row_alone);

/// A column's type, three rows' keys as SQL, the keys of two of them, and keys of no row.
type Keyed = (
    &'static str,
    [&'static str; 3],
    [Value<'static>; 2],
    fn(usize) -> String,
);

const NUMBERS: &[Keyed] = &[
    (
        "DECIMAL(65,30)",
        [
            "1.000000000000000000000000000001",
            "1.000000000000000000000000000002",
            "1.000000000000000000000000000003",
        ],
        [
            Value::Decimal("1.000000000000000000000000000001"),
            Value::String("1.000000000000000000000000000003"),
        ],
        |it| format!("7.{it}"),
    ),
    (
        "DECIMAL(65,0)",
        ["9007199254740992", "9007199254740993", "9007199254740994"],
        [
            Value::I64(9_007_199_254_740_992),
            Value::Decimal("9007199254740994"),
        ],
        |it| it.to_string(),
    ),
    (
        "DECIMAL(4,2)",
        ["99.99", "-99.99", "1.01"],
        [Value::Decimal("99.99"), Value::String("1.010")],
        // Beyond the type, and by one digit: none of them is the row with the least number.
        |it| format!("-{}99.99", it + 1),
    ),
    (
        "FLOAT",
        ["0.1", "0.2", "0.3"],
        [Value::F32(0.1), Value::Decimal("0.3")],
        |it| format!("7.{it}"),
    ),
    (
        "DOUBLE",
        ["0.1", "0.2", "0.3"],
        [Value::F64(0.1), Value::Decimal("0.3")],
        |it| format!("7.{it}"),
    ),
    (
        "BIGINT UNSIGNED",
        [
            "18446744073709551613",
            "18446744073709551614",
            "18446744073709551615",
        ],
        [
            Value::U64(18_446_744_073_709_551_613),
            Value::String("18446744073709551615"),
        ],
        |it| it.to_string(),
    ),
    (
        "BIT(64)",
        ["1", "2", "3"],
        [Value::Bit(1), Value::I64(3)],
        |it| format!("{}", it + 99),
    ),
    (
        "YEAR",
        ["0", "1901", "2155"],
        [Value::Year(0), Value::I64(2155)],
        |it| format!("{}", it + 1950),
    ),
];

const CLOCKS: &[Keyed] = &[
    (
        "DATE",
        ["'0000-00-00'", "'2025-02-31'", "'2025-08-26'"],
        [Value::String("0000-00-00"), Value::String("2025-08-26")],
        |it| format!("2024-01-{:02}", it + 1),
    ),
    (
        "TIME(6)",
        ["'-00:00:00.000001'", "'00:00:00'", "'838:59:59'"],
        [
            Value::String("-00:00:00.000001"),
            Value::String("838:59:59"),
        ],
        |it| format!("07:00:{it:02}"),
    ),
    (
        "DATETIME(6)",
        [
            "'2025-08-26 09:30:15.000001'",
            "'2025-08-26 09:30:15.000002'",
            "'2025-08-26 09:30:15'",
        ],
        [
            Value::String("2025-08-26 09:30:15.000001"),
            Value::String("2025-08-26T09:30:15Z"),
        ],
        |it| format!("2024-01-01 00:00:{it:02}"),
    ),
    (
        "TIMESTAMP(6)",
        [
            "'2025-08-26 09:30:15.000001'",
            "'2025-08-26 09:30:15.000002'",
            "'0000-00-00 00:00:00'",
        ],
        [
            Value::String("2025-08-26T09:30:15.000001Z"),
            Value::String("0000-00-00 00:00:00"),
        ],
        |it| format!("2024-01-01T00:00:{it:02}Z"),
    ),
];

/// Compared as text or as floats, neighbours would go with them, or none. With many more keys than
/// rows no index is used: MariaDB deleted all rows of a decimal key.
async fn a_key_of_any_type_deletes_its_own_row_alone(connection: &MysqlConnection) {
    for (done, keyed) in NUMBERS.iter().chain(CLOCKS).enumerate() {
        let (kind, [first, second, third], [one, other], missing) = keyed;
        run(
            connection,
            &format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (k {kind} PRIMARY KEY, name VARCHAR(9)); \
                 INSERT INTO t VALUES ({first}, 'first'), ({second}, 'second'), ({third}, 'third')"
            ),
        )
        .await;
        let sink = table_sink(connection, None);
        let missing: Vec<String> = (0..14).map(missing).collect();
        let missing = missing.iter().map(|it| Value::String(it));
        let keys = [*one, *other].into_iter().chain(missing);
        let rows: Vec<_> = keys.map(|it| [("k", it)]).collect();
        let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Delete, &it[..])).collect();
        let from = (done > 0).then_some(done as i64);
        write(&sink, &rows, from).await.expect("written");
        let left = read(connection, "SELECT name FROM t ORDER BY name").await;
        assert_eq!(left, ["second"], "{kind}");
    }
}
