//! Domains at their limits.

use super::*;
use crate::model::{Date, Instant, Time};

/// What a column that holds this takes of a value, as text; `None` where it refuses it.
fn taken(holds: &Holds, value: Value<'_>) -> Option<String> {
    let domain = Domain {
        holds: holds.clone(),
        is_nullable: false,
    };
    Some(match domain.admit(&value, Texts::default()).ok()? {
        Admitted::Null => "NULL".to_owned(),
        Admitted::Signed(it) => it.to_string(),
        Admitted::Unsigned(it) => it.to_string(),
        Admitted::Double(it) => format!("{it:?}"),
        Admitted::Text(it) => it.to_owned(),
        Admitted::Bytes(it) => hex::encode(it),
        Admitted::Clock(it) => it.to_string(),
        Admitted::Written(it) => format!("{it:?}"),
        Admitted::Json(_) => "JSON".to_owned(),
    })
}

#[track_caller]
fn takes<'v>(holds: &Holds, cases: impl IntoIterator<Item = (Value<'v>, &'v str)>) {
    for (value, kept) in cases {
        assert_eq!(taken(holds, value).as_deref(), Some(kept), "{value:?}");
    }
}

#[track_caller]
fn refuses<'v>(holds: &Holds, values: impl IntoIterator<Item = Value<'v>>) {
    for value in values {
        assert_eq!(taken(holds, value), None, "{value:?}");
    }
}

/// Values that no column of numbers or times takes.
fn strangers() -> Vec<Value<'static>> {
    vec![
        Value::Null,
        Value::String(""),
        Value::String(" "),
        Value::String("a"),
        Value::Bytes(0, b"1"),
        Value::ObjectId([0; 12]),
        Value::Timestamp(1, 2),
        Value::Json("\"1\""),
        Value::Json("null"),
        Value::MinKey,
    ]
}

#[test]
fn null_is_held_where_the_catalogue_says_so() {
    let admits = |is_nullable| {
        let holds = Holds::Timestamp;
        let domain = Domain { holds, is_nullable };
        domain.admit(&Value::Undefined, Texts::default()).is_ok()
    };
    assert!(admits(true) && !admits(false));
}

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

#[test]
fn a_member_is_named_letter_for_letter() {
    let names = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
    let members = |it: &[&str]| Arc::new(Members::new(names(it), true));
    let one = Holds::Enum(members(&["paid", "2", "1", ""]));
    takes(
        &one,
        [
            (Value::String("paid"), "paid"),
            (Value::Enum("2"), "2"),
            (Value::String(""), ""),
        ],
    );
    refuses(&one, ["Paid", "päid", "paid ", "3", "4"].map(Value::String));
    refuses(
        &one,
        [
            Value::I64(2),
            Value::Bool(true),
            Value::Decimal("2"),
            Value::Null,
        ],
    );
    let several = Holds::Set(members(&["b", "a", "2"]));
    takes(
        &several,
        ["", "b", "b,a,2", "b,2"].map(|it| (Value::String(it), it)),
    );
    refuses(
        &several,
        ["a,b", "a,a", "a,", ",a", "A", "1", "3", "c"].map(Value::String),
    );
    refuses(&several, [Value::I64(2), Value::Bool(true)]);
    let far = Holds::Enum(members(&["?", "a?"]));
    takes(&far, ["?", "😀", "a😀"].map(|it| (Value::String(it), it)));
    let folded = Members::new(vec!["?".to_owned()], false);
    refuses(&Holds::Enum(Arc::new(folded)), [Value::String("😀")]);
    let unclear = Holds::Set(members(&["", "a"]));
    takes(&unclear, [(Value::String("a"), "a")]);
    refuses(&unclear, ["", ",a"].map(Value::String));
}

#[test]
fn a_text_fits_whole_or_not_at_all() {
    let text = |most, unit, is_fixed| {
        let repertoire = Repertoire::All;
        Holds::Text(TextWidth {
            most,
            unit,
            is_fixed,
            repertoire,
        })
    };
    let three = text(3, Unit::Characters, false);
    takes(
        &three,
        ["abc", "äöü", "a  ", ""].map(|it| (Value::String(it), it)),
    );
    refuses(&three, ["abcd", "abc ", "    "].map(Value::String));
    refuses(&three, [Value::Bytes(0, &[0xff])]);
    refuses(
        &text(3, Unit::Utf8, false),
        ["äö", "abc "].map(Value::String),
    );
    refuses(&text(5, Unit::Utf16, false), ["abc"].map(Value::String));
    refuses(&text(5, Unit::Utf32, false), ["ab"].map(Value::String));
    refuses(&text(3, Unit::Characters, true), ["a "].map(Value::String));
}

#[test]
fn a_text_has_the_characters_of_its_column() {
    let text = |repertoire| {
        Holds::Text(TextWidth {
            repertoire,
            ..TextWidth::ANY
        })
    };
    let cases = [
        (Repertoire::All, "a€ä中😀", ""),
        (Repertoire::Basic, "a€ä中", "😀"),
        (Repertoire::Latin1, "a€ä\u{81}ÿ", "中😀\u{80}\u{85}Ā"),
        (Repertoire::Ascii, "a~\u{7f}", "€ä\u{80}"),
    ];
    for (repertoire, has, lacks) in cases {
        takes(&text(repertoire), [(Value::String(has), has)]);
        for character in lacks.chars() {
            refuses(&text(repertoire), [Value::String(&character.to_string())]);
        }
    }
}

#[test]
fn bytes_are_neither_cut_nor_filled_up() {
    let bytes = |is_fixed| Holds::Bytes { most: 2, is_fixed };
    takes(
        &bytes(false),
        [
            (Value::Bytes(0, b"a"), "61"),
            (Value::String("ab"), "6162"),
            (Value::Bytes(0, b""), ""),
        ],
    );
    refuses(
        &bytes(false),
        [
            Value::Bytes(0, b"ab "),
            Value::I64(1),
            Value::Decimal("1"),
            Value::Bool(true),
        ],
    );
    takes(&bytes(true), [(Value::Bytes(0, b"ab"), "6162")]);
    refuses(
        &bytes(true),
        [Value::Bytes(0, b"a"), Value::Bytes(0, b"abc")],
    );
}

#[test]
fn only_texts_that_are_days_and_times_are_taken_for_some() {
    let itself = |it| (Value::String(it), it);
    let wrong = [
        "1701010101",
        "1700000000",
        "05/06/07",
        "1530",
        "2024^01^05",
        "2025-8-26",
        "25-08-26",
        "2025-13-01",
        "2025-08-32",
        "2025-08-26 ",
        " 2025-08-26",
        "2025-08-26 9:30:15",
        "2025-08-26 09:30",
        "2025-08-26 24:00:00",
        "2025-08-26 09:60:15",
        "2025-08-26 09:30:60",
        "2025-08-26 09:30:15.",
        "2025-08-26 09:30:15.1234567",
        "2025-08-26  09:30:15",
        "2025-08-26 09:30:15Z",
        "2025-08-26T09:30:15z",
        "2025-08-26T09:30:15+2",
        "2025-08-26T09:30:15+24:00",
        "2025-02-31T09:30:15Z",
    ];
    for holds in [Holds::Date, Holds::DateTime, Holds::Timestamp, Holds::Time] {
        refuses(&holds, wrong.map(Value::String));
        refuses(&holds, strangers());
        refuses(
            &holds,
            [
                Value::I64(20_250_826),
                Value::Decimal("1701010101.5"),
                Value::Json("1701010101.5"),
                Value::Bool(true),
                Value::Year(2025),
            ],
        );
    }
    takes(
        &Holds::Date,
        ["2025-08-26", "0000-00-00", "2025-00-15", "2025-02-31"].map(itself),
    );
    refuses(&Holds::Date, ["2025-08-26 09:30:15"].map(Value::String));
    takes(
        &Holds::DateTime,
        [
            itself("2025-08-26 09:30:15"),
            itself("2025-08-26T09:30:15.1"),
            itself("2025-08-26"),
            itself("0000-00-00 00:00:00"),
            itself("2025-00-15 09:30:15.123456"),
            (Value::String("2025-08-26T09:30:15Z"), "2025-08-26 09:30:15"),
            (
                Value::String("2025-08-26T00:30:15.5+02:00"),
                "2025-08-25 22:30:15.500000",
            ),
            (
                Value::String("2025-08-26T09:30:15-05:30"),
                "2025-08-26 15:00:15",
            ),
            (
                Value::Instant(Instant::from_millis(0)),
                "1970-01-01 00:00:00",
            ),
        ],
    );
    takes(
        &Holds::Timestamp,
        ["1970-01-01 00:00:01", "0000-00-00 00:00:00", "0000-00-00"].map(itself),
    );
    refuses(
        &Holds::Timestamp,
        [
            "1970-01-01 00:00:00",
            "2025-00-15 09:30:15",
            "2025-02-31 00:00:00",
            "1969-12-31 23:59:59",
        ]
        .map(Value::String),
    );
    takes(
        &Holds::Time,
        ["09:30:15", "-838:59:59.000001", "838:59:59", "00:00:00.5"].map(itself),
    );
    refuses(
        &Holds::Time,
        [
            "839:00:00",
            "9:30:15",
            "0009:30:15",
            "09:30",
            "+09:30:15",
            "1 09:30:15",
        ]
        .map(Value::String),
    );
}

#[test]
fn a_day_is_no_time_and_a_time_no_day() {
    let day = Date {
        year: 2010,
        month: 11,
        day: 12,
    };
    let clock = |hour| {
        let (minute, second, micros) = (0, 0, 0);
        DateTime {
            date: day,
            hour,
            minute,
            second,
            micros,
        }
    };
    let time = Value::Time(Time {
        negative: false,
        hours: 10,
        minutes: 11,
        seconds: 12,
        micros: 0,
    });
    refuses(&Holds::Date, [time, Value::DateTime(clock(1))]);
    refuses(&Holds::DateTime, [time]);
    refuses(&Holds::Time, [Value::Date(day), Value::DateTime(clock(0))]);
    assert!(taken(&Holds::Date, Value::DateTime(clock(0))).is_some());
    assert!(taken(&Holds::DateTime, Value::Date(day)).is_some());
}

#[test]
fn numbers_are_instants_where_they_were_declared_so() {
    let texts = Texts {
        epoch: Some(1_000),
        ..Texts::default()
    };
    let domain = |holds| Domain {
        holds,
        is_nullable: true,
    };
    let count = Value::I64(1_756_200_615_123);
    for holds in [Holds::DateTime, Holds::Timestamp] {
        let admitted = domain(holds).admit(&count, texts);
        let Ok(Admitted::Clock(clock)) = admitted else {
            panic!("{admitted:?}");
        };
        assert_eq!(clock.to_string(), "2025-08-26 09:30:15.123000");
    }
    for holds in [Holds::Date, Holds::Time] {
        assert!(domain(holds).admit(&count, texts).is_err());
    }
}

#[test]
fn addresses_and_uuids_are_taken_as_they_are_shown() {
    let itself = |it| (Value::String(it), it);
    takes(
        &Holds::Uuid,
        ["0198e3f0-1c2b-7a00-8000-00000000000a"].map(itself),
    );
    refuses(
        &Holds::Uuid,
        [
            "0198E3F0-1C2B-7A00-8000-00000000000A",
            "0198e3f01c2b7a00800000000000000a",
        ]
        .map(Value::String),
    );
    refuses(&Holds::Uuid, [Value::Bytes(4, &[7; 16])]);
    takes(&Holds::Inet4, ["10.0.0.1"].map(itself));
    refuses(
        &Holds::Inet4,
        ["10.0.0.01", "10.1", "::1"].map(Value::String),
    );
    takes(
        &Holds::Inet6,
        ["::1", "2001:db8::1", "::ffff:1.2.3.4", "::1.2.3.4"].map(itself),
    );
    refuses(
        &Holds::Inet6,
        ["::0001", "2001:DB8::1", "0:0:0:0:0:0:0:1"].map(Value::String),
    );
}

#[test]
fn the_names_of_members_are_read_as_the_servers_print_them() {
    let of = "enum('zeta','it''s','b\\\\s','a\\nb','x,y','7','Ünï','')";
    let names = ["zeta", "it's", "b\\s", "a\nb", "x,y", "7", "Ünï", ""];
    assert_eq!(member_names(of), Some(names.map(str::to_owned).to_vec()));
    for of in ["enum('a'", "enum(a)", "set()", "int", "enum('a','b') x"] {
        assert_eq!(member_names(of), None, "{of}");
    }
}
