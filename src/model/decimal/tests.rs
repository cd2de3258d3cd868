//! One number has one text, and its digits are compared and counted where they stand.

use proptest::prelude::*;

use super::*;

fn plain(text: &str, places: Option<u8>) -> Option<String> {
    let mut out = Vec::new();
    Decimal::read(text)?.write_plain(places, &mut out)?;
    Some(String::from_utf8(out).expect("digits"))
}

#[test]
fn one_number_has_one_text() {
    for (text, expected) in [
        ("1.50", "1.5"),
        ("+1.5", "1.5"),
        ("0001.5", "1.5"),
        ("15e-1", "1.5"),
        ("0.15E1", "1.5"),
        ("-0", "0"),
        ("-0.00", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1e-3", "0.001"),
        ("-12e-4", "-0.0012"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        assert_eq!(plain(text, None).as_deref(), Some(expected), "{text}");
    }
    for text in [
        "", ".", "-", "1x", "e1", "NaN", "Infinity", "1e999", "0x1", "1 ", "--1",
    ] {
        assert_eq!(plain(text, None), None, "{text}");
    }
}

#[test]
fn what_a_column_has_no_digits_for_is_rounded_as_servers_do() {
    for (text, places, expected) in [
        ("1.005", 2, "1.01"),
        ("1.004", 2, "1"),
        ("-1.005", 2, "-1.01"),
        ("9.995", 2, "10"),
        ("0.4", 0, "0"),
        ("0.5", 0, "1"),
        ("99.9", 0, "100"),
        ("-0.4", 0, "0"),
    ] {
        assert_eq!(
            plain(text, Some(places)).as_deref(),
            Some(expected),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn numbers_are_equal_exactly_where_their_texts_are(
        a in -1_000_000_i64..1_000_000, scale in 0_u32..6, zeros in 0_usize..4,
    ) {
        let factor = 10_i64.pow(scale);
        let sign = if a < 0 { "-" } else { "" };
        let text = format!("{sign}{}.{:0width$}{}", (a / factor).abs(), (a % factor).abs(),
            "0".repeat(zeros), width = scale as usize);
        let text = if scale == 0 { a.to_string() } else { text };
        let exponent = format!("{a}e-{scale}");
        prop_assert_eq!(plain(&text, None), plain(&exponent, None));
        let other = format!("{}e-{scale}", a + 1);
        prop_assert_ne!(plain(&text, None), plain(&other, None));
    }
}

#[test]
fn a_whole_number_is_read_however_it_is_written() {
    let most = i128::MAX.to_string();
    for (text, number) in [
        ("+12.50e1", Some(125)),
        ("-1200e-2", Some(-12)),
        ("0e99999999999999999999", Some(0)),
        ("1e99999999999999999999", None),
        ("1e-99999999999999999999", None),
        ("1e38", Some(10_i128.pow(38))),
        ("1e39", None),
        (most.as_str(), Some(i128::MAX)),
        ("170141183460469231731687303715884105728", None),
        ("1.5", None),
    ] {
        let read = Decimal::read(text).and_then(|it| it.to_integer());
        assert_eq!(read, number, "{text}");
    }
}

#[test]
fn the_same_number_is_known_however_it_is_written() {
    let same = |a, b| {
        Decimal::read(a)
            .zip(Decimal::read(b))
            .map(|(a, b)| a.is_same(&b))
    };
    for (a, b) in [
        ("1.50", "15e-1"),
        ("-0", "0.0"),
        ("0.001e3", "1"),
        ("100", "1e2"),
    ] {
        assert_eq!(same(a, b), Some(true), "{a} {b}");
    }
    for (a, b) in [
        ("1", "-1"),
        ("1", "10"),
        ("1.0000000000000000001", "1"),
        ("0", "1e-400"),
    ] {
        assert_eq!(same(a, b), Some(false), "{a} {b}");
    }
}

#[test]
fn an_exponent_of_no_column_is_worked_out_by_nobody() {
    for text in ["1e401", "1e-401", "1e-2147483648", "1e99999999999999999999"] {
        assert_eq!(plain(text, None), None, "{text}");
        assert!(Decimal::read(text).is_some(), "{text}");
    }
}
