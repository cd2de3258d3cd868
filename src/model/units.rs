//! Durations and sizes as people write them: `"500ms"`, `"1h30m"`, `"4MiB"`.

use std::time::Duration;

/// Milliseconds of each unit, largest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Bytes of each unit, largest first.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Beyond this, adding to a clock could overflow; nobody means it.
const MOST_DAYS: u64 = 3_650;

/// Reads a duration: parts of number and unit, such as `1h30m`. Zero is none.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let most = MOST_DAYS * 86_400_000;
    let milliseconds = sum(text, &TIMES)?;
    (1..=most)
        .contains(&milliseconds)
        .then(|| Duration::from_millis(milliseconds))
}

/// Reads a size: number and unit, such as `4MiB`. Zero is none.
pub(crate) fn size(text: &str) -> Option<u64> {
    sum(text, &SIZES).filter(|&bytes| bytes > 0)
}

/// The shortest text that reads back as `duration`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    measured(milliseconds, &TIMES)
}

/// The shortest text that reads back as `bytes`.
pub(crate) fn size_text(bytes: u64) -> String {
    measured(bytes, &SIZES)
}

fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let length = rest
            .find(|it: char| !it.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, factor) = units
            .iter()
            .find(|(unit, _)| unit.eq_ignore_ascii_case(&rest[..length]))?;
        total = total.checked_add(number.checked_mul(*factor)?)?;
        rest = rest[length..].trim_start();
    }
    Some(total)
}

fn measured(amount: u64, units: &[(&str, u64)]) -> String {
    let (unit, factor) = units
        .iter()
        .find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor))
        .unwrap_or(&units[units.len() - 1]);
    format!("{}{unit}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("10 s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("1m 5s", Some(65_000)),
            ("2d", Some(172_800_000)),
            ("0s", None),
            ("10", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 seconds", None),
            ("99999999999999999999s", None),
            ("9999999999999d", None),
        ] {
            assert_eq!(
                duration(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("4MiB", Some(4 << 20)),
            ("4 mib", Some(4 << 20)),
            ("1MB", Some(1_000_000)),
            ("17B", Some(17)),
            ("4096", None),
            ("4M", None),
            ("0B", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        for milliseconds in [1, 999, 1_000, 1_500, 60_000, 86_400_000, 90_061_001] {
            let it = Duration::from_millis(milliseconds);
            assert_eq!(duration(&duration_text(it)), Some(it));
        }
        for bytes in [1, 1_000, 1_024, 4 << 20, 1_000_000, 12_345_678] {
            assert_eq!(size(&size_text(bytes)), Some(bytes));
        }
    }
}
