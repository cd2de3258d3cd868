//! Numbers that a column of another type would round without a word.

/// Whether a double keeps this whole number: by the fewest digits that read back, which is how numbers
/// are written and compared.
pub(super) fn double_keeps(number: i128) -> bool {
    number.unsigned_abs() <= 1 << 53 || (number as f64).to_string() == number.to_string()
}

/// Whether single precision keeps it.
pub(super) fn single_keeps(number: i128) -> bool {
    number.unsigned_abs() <= 1 << 24 || (number as f32).to_string() == number.to_string()
}

/// What is said of a number of too many digits.
pub(super) const ROUNDED: &str =
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
}
