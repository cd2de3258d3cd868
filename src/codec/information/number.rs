//! Numbers as the older producer prints them: the shortest digits that read back, laid out as its
//! JSON library does, or as Python does.

use std::{
    fmt::{LowerExp, Write},
    io::Write as _,
};

use crate::model::Decimal;

/// How a float is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `0.00001`, `1e-7`, `1000000000000000.0`, `1e16`.
    Short,
    /// `1e-05`, `1e-07`, `1000000000000000.0`, `1e+16`.
    Python,
}

/// Appends a finite float.
pub(super) fn write_float(value: impl LowerExp, layout: Layout, out: &mut Vec<u8>) {
    let mut shortest = Scratch::default();
    // The longest is `-1.7976931348623157e-308`.
    let _ = write!(shortest, "{value:e}");
    if let Some(number) = Decimal::read(shortest.text()) {
        write_decimal(&number, layout, out);
    }
}

/// Appends the number that `text`, valid JSON, says. Whole numbers keep their digits; others are
/// floats, but for those with more digits than a float holds, which keep theirs.
///
/// # Errors
/// Where it is larger than a float can be.
pub(super) fn write_json_number(
    text: &str,
    layout: Layout,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if !text.contains(['.', 'e', 'E']) {
        // JSON has a negative zero, whole numbers have none.
        let digits = if text == "-0" { "0" } else { text };
        out.extend_from_slice(digits.as_bytes());
        return Ok(());
    }
    let value: f64 = text.parse().unwrap_or(f64::INFINITY);
    if !value.is_finite() {
        return Err(format!("{text} is more than a float can hold"));
    }
    let start = out.len();
    write_float(value, layout, out);
    let printed = std::str::from_utf8(&out[start..]).unwrap_or_default();
    let both = Decimal::read(text).zip(Decimal::read(printed));
    if both.is_none_or(|(written, printed)| !written.is_same(&printed)) {
        out.truncate(start);
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

fn write_decimal(number: &Decimal<'_>, layout: Layout, out: &mut Vec<u8>) {
    if number.is_negative() {
        out.push(b'-');
    }
    let digits = number.significant();
    let count = digits.clone().count() as i64;
    if count == 0 {
        out.extend_from_slice(b"0.0");
        return;
    }
    let magnitude = number.magnitude();
    let smallest = match layout {
        Layout::Short => -5,
        Layout::Python => -4,
    };
    if (0..16).contains(&magnitude) {
        let whole = magnitude + 1;
        let padded = digits.chain(std::iter::repeat(b'0'));
        out.extend(padded.clone().take(whole as usize));
        out.push(b'.');
        let fraction = (count - whole).max(1);
        out.extend(padded.skip(whole as usize).take(fraction as usize));
    } else if (smallest..0).contains(&magnitude) {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-magnitude - 1) as usize));
        out.extend(digits);
    } else {
        out.extend(digits.clone().take(1));
        if count > 1 {
            out.push(b'.');
            out.extend(digits.skip(1));
        }
        // Writing to a Vec cannot fail.
        let _ = match layout {
            Layout::Short => write!(out, "e{magnitude}"),
            Layout::Python => write!(out, "e{magnitude:+03}"),
        };
    }
}

/// A short text without an allocation.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    length: usize,
}

impl Scratch {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len());
        room.ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float(value: impl LowerExp, layout: Layout) -> String {
        let mut out = Vec::new();
        write_float(value, layout, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn floats_have_either_layout() {
        for (value, short, python) in [
            (0.0, "0.0", "0.0"),
            (-0.0, "-0.0", "-0.0"),
            (2.0, "2.0", "2.0"),
            (1.5, "1.5", "1.5"),
            (-123.456, "-123.456", "-123.456"),
            (0.1, "0.1", "0.1"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "0.00001", "1e-05"),
            (1.234e-5, "0.00001234", "1.234e-05"),
            (1e-6, "1e-6", "1e-06"),
            (1e-7, "1e-7", "1e-07"),
            (1.5e-10, "1.5e-10", "1.5e-10"),
            (1e15, "1000000000000000.0", "1000000000000000.0"),
            (
                1234567890123456.7,
                "1234567890123456.8",
                "1234567890123456.8",
            ),
            (
                9007199254740993.0,
                "9007199254740992.0",
                "9007199254740992.0",
            ),
            (1e16, "1e16", "1e+16"),
            (
                1.2345678901234568e17,
                "1.2345678901234568e17",
                "1.2345678901234568e+17",
            ),
            (1e100, "1e100", "1e+100"),
            (
                f64::MAX,
                "1.7976931348623157e308",
                "1.7976931348623157e+308",
            ),
            (5e-324, "5e-324", "5e-324"),
        ] {
            assert_eq!(float(value, Layout::Short), short);
            assert_eq!(float(value, Layout::Python), python);
        }
        assert_eq!(float(1.1_f32, Layout::Short), "1.1");
    }

    #[test]
    fn a_number_of_json_keeps_what_a_float_would_lose() {
        for (text, short) in [
            ("0", "0"),
            ("-0", "0"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1.50", "1.5"),
            ("-0.0", "-0.0"),
            ("1E5", "100000.0"),
            ("0.10e1", "1.0"),
            ("1e16", "1e16"),
            ("1.2345678901234567890123", "1.2345678901234567890123"),
            ("1e-400", "1e-400"),
            ("0e999999999999999999999", "0.0"),
        ] {
            let mut out = Vec::new();
            write_json_number(text, Layout::Short, &mut out).expect(text);
            assert_eq!(String::from_utf8(out).expect("ASCII"), short, "{text}");
        }
        assert!(write_json_number("1e400", Layout::Short, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn every_float_reads_back(value in any::<f64>().prop_filter("finite", |it| it.is_finite())) {
            for layout in [Layout::Short, Layout::Python] {
                let text = float(value, layout);
                let back: f64 = text.parse().expect("a number");
                prop_assert_eq!(back.to_bits(), value.to_bits());
            }
        }
    }
}
