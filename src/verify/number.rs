//! Numbers by their value: one text for each, however it was written.

/// Exponents past this are of no column.
const MOST_EXPONENT: i32 = 400;

/// Appends the one text of the number that `text` writes: no sign of plus, no zeros that say nothing,
/// no exponent. Rounded half away from zero to `places` behind the point, where these are given.
/// `None` where it is no number, and nothing is appended.
pub(super) fn write(text: &str, places: Option<u8>, out: &mut Vec<u8>) -> Option<()> {
    if let Some((negative, whole, fraction)) = parts(text.as_bytes(), places) {
        if negative && !(whole.is_empty() && fraction.is_empty()) {
            out.push(b'-');
        }
        out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        return Some(());
    }
    out.extend_from_slice(worked_out(text, places)?.as_bytes());
    Some(())
}

/// Whether it is below zero, and what its digits are before the point and behind, without zeros that
/// say nothing, where these stand in the text; `None` where there is more to it.
fn parts(text: &[u8], places: Option<u8>) -> Option<(bool, &[u8], &[u8])> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = |it: &[u8]| it.iter().take_while(|it| it.is_ascii_digit()).count();
    let (mut whole, rest) = text.split_at(digits(text));
    let mut fraction = match rest {
        [] => rest,
        [b'.', fraction @ ..] if digits(fraction) == fraction.len() => fraction,
        _ => return None,
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    while let [b'0', rest @ ..] = whole {
        whole = rest;
    }
    while let [rest @ .., b'0'] = fraction {
        fraction = rest;
    }
    let room = places.is_none_or(|it| fraction.len() <= usize::from(it));
    room.then_some((negative, whole, fraction))
}

/// The same, where digits have to be moved or rounded.
fn worked_out(text: &str, places: Option<u8>) -> Option<String> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let is_number = !(whole.is_empty() && fraction.is_empty());
    if !is_number || !are_digits(whole) || !are_digits(fraction) || exponent.abs() > MOST_EXPONENT {
        return None;
    }
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    // How many of them stand before the point.
    let mut point = whole.len() as i32 + exponent;
    if point < 0 {
        digits.splice(
            0..0,
            std::iter::repeat_n(b'0', point.unsigned_abs() as usize),
        );
        point = 0;
    }
    let mut point = point as usize;
    while digits.len() < point {
        digits.push(b'0');
    }
    if let Some(places) = places {
        point += round(&mut digits, point + usize::from(places));
    }
    Some(written(negative, &digits, point))
}

/// Keeps `kept` digits. Answers how many have come to stand in front.
fn round(digits: &mut Vec<u8>, kept: usize) -> usize {
    if digits.len() <= kept {
        return 0;
    }
    let up = digits[kept] >= b'5';
    digits.truncate(kept);
    if !up {
        return 0;
    }
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return 0;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
    1
}

fn written(negative: bool, digits: &[u8], point: usize) -> String {
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    let (whole, fraction) = digits.split_at(point.min(digits.len()));
    let whole = text(whole);
    let whole = whole.trim_start_matches('0');
    let fraction = text(fraction);
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::with_capacity(digits.len() + 3);
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str, places: Option<u8>) -> Option<String> {
        let mut out = Vec::new();
        write(text, places, &mut out)?;
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
        fn what_is_written_as_it_stands_is_what_would_be_worked_out(
            text in "[-+]?[0-9.]{0,12}(e[0-9])?", places in prop::option::of(0_u8..4),
        ) {
            prop_assert_eq!(plain(&text, places), worked_out(&text, places));
        }

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
}
