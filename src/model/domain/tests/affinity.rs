//! Columns of SQLite, by what they would make of a text.

use super::*;

const NUMERIC: [Affinity; 3] = [Affinity::Integer, Affinity::Real, Affinity::Numeric];

#[test]
fn a_declared_type_is_read_as_sqlite_reads_it() {
    let of = |declared| Affinity::of(declared, false);
    assert_eq!(of("VARCHAR(20)"), Affinity::Text);
    assert_eq!(of("unsigned bigint"), Affinity::Integer);
    for declared in ["DECIMAL(10,5)", "STRING", "DATETIME", "BOOLEAN", "JSON"] {
        assert_eq!(of(declared), Affinity::Numeric, "{declared}");
    }
    assert_eq!(of("double precision"), Affinity::Real);
    assert_eq!(of(""), Affinity::Blob);
    let any = (of("ANY"), Affinity::of("ANY", true));
    assert_eq!(any, (Affinity::Numeric, Affinity::Blob));
}

#[test]
fn a_text_that_a_column_would_store_as_another_is_refused() {
    let others = [
        "00123",
        "+1",
        "1e5",
        "15E2621",
        " 1",
        "1 ",
        "\t1",
        "1.",
        ".5",
        "-0",
        "-0.00",
        "1234567890123456.10",
        "9223372036854775808",
    ];
    for affinity in NUMERIC {
        refuses(&Holds::Affinity(affinity), others.map(Value::String));
    }
    for affinity in [Affinity::Text, Affinity::Blob] {
        takes(
            &Holds::Affinity(affinity),
            others.map(|it| (Value::String(it), it)),
        );
    }
    let real = Holds::Affinity(Affinity::Real);
    refuses(&real, ["9007199254740993"].map(Value::String));
    refuses(&real, [Value::I64((1 << 53) + 1), Value::U64(u64::MAX)]);
}

#[test]
fn a_number_and_a_text_that_is_none_are_taken() {
    let numeric = Holds::Affinity(Affinity::Numeric);
    takes(
        &numeric,
        [
            (Value::String("123"), "123"),
            (Value::String("1.50"), "1.5"),
            (Value::String("9007199254740993"), "9007199254740993"),
            (Value::String("0.30000000000000004"), "0.30000000000000004"),
            (Value::Decimal("0012.50"), "12.5"),
            (Value::Decimal("1E+3"), "1000"),
            (Value::Decimal("9007199254740993e2"), "900719925474099300"),
            (Value::F64(900719925474099300.0), "900719925474099300"),
            (Value::F64(1e300), "1e300"),
            (Value::Json("1e5"), "100000"),
            (Value::Json("[1e5]"), "[1e5]"),
            (Value::F32(0.1), "0.1"),
        ],
    );
    let words = [
        "",
        "a",
        "2025-08-26",
        "12 apples",
        "inf",
        "0x10",
        "1_000",
        "e5",
        "1e",
    ];
    for affinity in NUMERIC {
        takes(
            &Holds::Affinity(affinity),
            words.map(|it| (Value::String(it), it)),
        );
    }
    refuses(
        &numeric,
        [
            Value::F64(f64::NAN),
            Value::U64(u64::MAX),
            Value::Decimal("15E2621"),
            Value::Json("123456789012345678901"),
            Value::ObjectId([0x12; 12]),
        ],
    );
}
