//! Numbers that a column of another type would round without a word.

use crate::model::Decimal;

/// Whether a double keeps this whole number: by the fewest digits that read back, which is how numbers
/// are written and compared.
pub(in crate::sink) fn double_keeps(number: i128) -> bool {
    number.unsigned_abs() <= 1 << 53 || (number as f64).to_string() == number.to_string()
}

/// Whether single precision keeps it.
pub(in crate::sink) fn single_keeps(number: i128) -> bool {
    number.unsigned_abs() <= 1 << 24 || (number as f32).to_string() == number.to_string()
}

/// Whether `text` is a number with a fraction, or with more digits than can be told. What is no number
/// is the server's to refuse.
pub(in crate::sink) fn has_fraction(text: &str) -> bool {
    let text = text.trim();
    let Some(number) = Decimal::read(text) else {
        return false;
    };
    if number.exponent().is_none() {
        return number.fraction().bytes().any(|it| it != b'0');
    }
    let digits = number.whole().len() + number.fraction().len();
    digits > 15 || text.parse::<f64>().is_ok_and(|it| it.fract() != 0.0)
}

/// What is said of a fraction.
pub(in crate::sink) const NOT_WHOLE: &str =
    "the column holds whole numbers alone, and it has a fraction";
/// What is said of a number of too many digits.
pub(in crate::sink) const ROUNDED: &str =
    "the column would round this whole number: make it an integer or a decimal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_kept_by_the_digits_that_read_back() {
        assert!(double_keeps(1 << 53) && double_keeps(-(1 << 53)));
        assert!(!double_keeps((1 << 53) + 1) && !double_keeps(i128::from(u64::MAX)));
        // As a format writes the double that is nearest to it.
        assert!(double_keeps(12_345_678_901_234_567_000));
        assert!(single_keeps(1 << 24) && !single_keeps((1 << 24) + 1));
        assert!(single_keeps(12_345_679_000) && single_keeps(-10_000_000_000));
        assert!(!single_keeps(i128::from(i64::MIN)));
    }

    #[test]
    fn a_fraction_is_found_in_every_way_of_writing_it() {
        for text in [
            "1.5",
            " -0.5 ",
            ".5",
            "1.50",
            "15e-1",
            "1.0000000000000001e0",
        ] {
            assert!(has_fraction(text), "{text}");
        }
        for text in ["1", "1.", "1.000", "1.5e3", "-2.0", "inf", "1.5 apples", ""] {
            assert!(!has_fraction(text), "{text}");
        }
    }
}
