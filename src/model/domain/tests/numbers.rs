//! Domains of numbers at their limits.

use super::*;

#[test]
fn a_whole_number_is_held_within_the_columns_range() {
    let tiny = Holds::Integer(-128, 127);
    takes(
        &tiny,
        [
            (Value::Bool(true), "1"),
            (Value::I64(-128), "-128"),
            (Value::U64(127), "127"),
            (Value::F64(2.0), "2"),
            (Value::Decimal("2.00"), "2"),
            (Value::Decimal("1E+2"), "100"),
            (Value::String("-12"), "-12"),
            (Value::String("1.2e1"), "12"),
            (Value::Json("7"), "7"),
            (Value::Enum("7"), "7"),
        ],
    );
    refuses(&tiny, strangers());
    refuses(
        &tiny,
        [
            Value::I64(128),
            Value::I64(-129),
            Value::F64(1.5),
            Value::F64(f64::NAN),
            Value::Json("1.5"),
            Value::Json("true"),
            Value::Decimal("NaN"),
        ],
    );
    refuses(
        &tiny,
        [
            "1.5", "007", "+7", " 7", "7 ", "7.", ".7", "0x7", "1e50", "1e-9",
        ]
        .map(Value::String),
    );
    let large = Holds::Integer(0, u64::MAX);
    takes(
        &large,
        [
            (Value::U64(u64::MAX), "18446744073709551615"),
            (
                Value::F64(9_223_372_036_854_775_808.0),
                "9223372036854775808",
            ),
        ],
    );
    refuses(
        &large,
        [
            Value::I64(-1),
            Value::F64(18_446_744_073_709_551_616.0),
            Value::String("18446744073709551616"),
        ],
    );
}

#[test]
fn bits_are_whole_numbers_and_no_characters() {
    let bits = Holds::Bits(7);
    takes(
        &bits,
        [
            (Value::Bit(7), "7"),
            (Value::Bool(false), "0"),
            (Value::Decimal("5.00"), "5"),
            (Value::String("5"), "5"),
        ],
    );
    refuses(
        &bits,
        [Value::String("Y"), Value::I64(8), Value::Decimal("5.50")],
    );
    refuses(&bits, strangers());
}

#[test]
fn no_year_is_guessed() {
    takes(
        &Holds::Year,
        [
            (Value::I64(2024), "2024"),
            (Value::Year(0), "0"),
            (Value::String("1901"), "1901"),
            (Value::String("0000"), "0"),
            (Value::Decimal("2155"), "2155"),
        ],
    );
    refuses(
        &Holds::Year,
        [
            Value::I64(5),
            Value::String("99"),
            Value::String("00"),
            Value::String("0"),
            Value::String("2.024e3"),
            Value::I64(1900),
            Value::I64(2156),
        ],
    );
    refuses(&Holds::Year, [Value::Bool(true), Value::Bool(false)]);
    refuses(&Holds::Year, strangers());
}

#[test]
fn floats_keep_whole_numbers_and_are_finite() {
    let double = Holds::Double(Sign::Signed);
    takes(
        &double,
        [
            (Value::F32(0.1), "0.1"),
            (Value::I64(1 << 53), "9007199254740992.0"),
            (Value::String("1.50"), "1.5"),
            (Value::Decimal("0.30000000000000004"), "0.30000000000000004"),
        ],
    );
    refuses(&double, strangers());
    refuses(
        &double,
        [
            Value::I64((1 << 53) + 1),
            Value::Decimal("9007199254740993"),
            Value::Decimal("9007199254740993.0"),
            Value::F64(f64::INFINITY),
        ],
    );
    refuses(
        &double,
        ["1e400", "1e-400", "inf", "nan", "+1", "01"].map(Value::String),
    );
    let single = Holds::Single(Sign::Unsigned);
    takes(
        &single,
        [
            (Value::F64(0.5), "0.5"),
            (Value::I64(1 << 24), "16777216.0"),
        ],
    );
    refuses(
        &single,
        [
            Value::F64(-0.5),
            Value::F64(1e-60),
            Value::F64(1e60),
            Value::String("1e-60"),
            Value::I64((1 << 24) + 1),
        ],
    );
}

#[test]
fn a_decimal_keeps_its_digits_before_the_point() {
    let decimal = Holds::Decimal(3, Sign::Unsigned);
    takes(
        &decimal,
        [
            (Value::I64(999), "999"),
            (Value::Decimal("0012.50"), "0012.50"),
            (Value::String("999.999"), "999.999"),
            (Value::String("0.0001"), "0.0001"),
            (Value::F64(0.5), "0.5"),
            (Value::Bool(true), "1"),
        ],
    );
    refuses(&decimal, strangers());
    refuses(
        &decimal,
        [
            Value::I64(1000),
            Value::I64(-1),
            Value::String("1e3"),
            Value::String("-0.5"),
            Value::String("012"),
            Value::F64(1000.0),
            Value::Decimal("Infinity"),
        ],
    );
}
