//! Domains of texts, members and bytes at their limits.

use super::*;

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

#[test]
fn json_keeps_its_numbers_or_is_refused() {
    let doubles = Holds::Json(JsonNumbers::Doubles);
    let kept = [
        "[123456789.123456789, 18446744073709551615, -9223372036854775808]",
        "[0.1, 1e300, 1.7976931348623157e+308, 5e-324, 100000000000000000000000]",
        "{\"a \\\"123456789012345678901234567890\": \"0.1234567890123456789012\"}",
        "{\"a\": 1.1000000000000000000000000}",
        "null",
        "1180591620717411300000",
    ];
    takes(&doubles, kept.map(|it| (Value::Json(it), it)));
    let lost = [
        "18446744073709551616",
        "[1, -9223372036854775809]",
        "{\"a\": [true, 12345678901234567890.123456789]}",
        "0.1234567890123456789",
        "{\"a\": \"x\", \"b\":123456789012345678901234567890}",
    ];
    refuses(&doubles, lost.map(Value::Json));
    refuses(&doubles, [Value::String("128\0")]);
    refuses(&doubles, lost.map(Value::String));
    let written = Holds::Json(JsonNumbers::Written);
    takes(&written, lost.map(|it| (Value::Json(it), it)));
}
