//! A time as a person writes it: a day, or a day and a clock, with a time zone or without.

use super::table::{CursorValue, ValueKind};
use crate::model::Instant;

/// The point in time that `text` names: `2025-08-26`, `2025-08-26 09:30`,
/// `2025-08-26T09:30:15.123+08:00`. Without a zone it is UTC.
pub(in crate::source) fn instant(text: &str) -> Option<Instant> {
    let (clock, offset) = zone(text).unwrap_or((text, 0));
    let Some(CursorValue::DateTime(clock)) = ValueKind::DateTime.parse(clock.trim()) else {
        return None;
    };
    let mut instant = Instant::from_utc(clock)?;
    instant.seconds -= offset;
    Some(instant)
}

/// Whether `text` says a time zone.
pub(super) fn is_zoned(text: &str) -> bool {
    zone(text).is_some()
}

/// What stands before the zone, and the zone's seconds east of UTC: `Z`, `+08:00`, `+0800`, `+08`.
fn zone(text: &str) -> Option<(&str, i64)> {
    // Behind the clock, as a day has dashes of its own.
    let clock = text.find(':')?;
    if let Some(before) = text.strip_suffix(['Z', 'z']) {
        return Some((before, 0));
    }
    let sign = clock + text[clock..].rfind(['+', '-'])?;
    let (before, offset) = (&text[..sign], &text[sign + 1..]);
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 4 => offset.split_at_checked(2)?,
        None => (offset, "00"),
    };
    let part = |text: &str, most: i64| {
        let is_plain = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
        let number: i64 = is_plain.then(|| text.parse().ok()).flatten()?;
        (number <= most).then_some(number)
    };
    let seconds = part(hours, 14)? * 3600 + part(minutes, 59)? * 60;
    let is_west = text[sign..].starts_with('-');
    Some((before, if is_west { -seconds } else { seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_in_time_has_many_spellings() {
        let expected = Instant {
            seconds: 1_756_200_600,
            micros: 0,
        };
        for text in [
            "2025-08-26 09:30",
            "2025-08-26T09:30:00",
            "2025-08-26T09:30Z",
            "2025-08-26 09:30:00.000 z",
            "2025-08-26T17:30:00+08:00",
            "2025-08-26 17:30 +0800",
            "2025-08-26 17:30+08",
            "2025-08-26T05:00:00-04:30",
            "2025-08-25 23:30:00.000000-10",
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        let day = instant("2025-08-26").expect("a day");
        assert_eq!(day.seconds, 1_756_166_400);
        let exact = instant("1969-12-31T23:59:59.5+00:00").expect("a time");
        assert_eq!((exact.seconds, exact.micros), (-1, 500_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "12",
            "yesterday",
            "09:30",
            "2025-02-30 09:30",
            "2025-08-26 25:00",
            "2025-08-26 09:30+8",
            "2025-08-26 09:30+15:00",
            "2025-08-26 09:30+08:60",
            "2025-08-26 09:30+08:00:00",
            "2025-08-26 09:30 UTC",
            "2025-08-26+08:00",
            "2025-08-26 09:30+ä",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
