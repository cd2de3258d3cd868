//! The low watermark as wall-clock time of the time zone in the settings.

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

use crate::source::scan::table::Micros;

/// The wall clock of `zone` at a time, as if it were one of UTC.
pub(super) fn local(zone: Tz, at: Micros) -> Option<Micros> {
    let utc = DateTime::<Utc>::from_timestamp_micros(at)?;
    let offset = zone.offset_from_utc_datetime(&utc.naive_utc()).fix();
    Some(at + i64::from(offset.local_minus_utc()) * 1_000_000)
}

/// The lowest wall clock that `zone` has from that time on. Where clocks are put back, what is to
/// come is lower than what has been: the readings that come twice are settled the second time.
pub(super) fn lowest_from(zone: Tz, at: Micros) -> Option<Micros> {
    let now = local(zone, at)?;
    let (mut before, mut behind) = (at, at + AHEAD);
    let shift = |at| Some(local(zone, at)? - at);
    if shift(behind)? >= shift(before)? {
        return Some(now);
    }
    // The first moment of the new clock.
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        if shift(middle)? < shift(at)? {
            behind = middle
        } else {
            before = middle
        }
    }
    Some(now.min(local(zone, behind)?))
}

/// No clock that is in use is put back by as much at once.
const AHEAD: Micros = 4 * 3600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::table::{CursorValue, ValueKind, clock, micros_of};

    fn utc(text: &str) -> Micros {
        match ValueKind::DateTime.parse(text) {
            Some(CursorValue::DateTime(it)) => micros_of(it).expect("a time"),
            other => panic!("{other:?}"),
        }
    }

    fn lowest(zone: Tz, at: impl AsRef<str>) -> String {
        let lowest = lowest_from(zone, utc(at.as_ref())).and_then(clock);
        lowest.expect("a time").to_string()
    }

    #[test]
    fn a_zone_without_changes_is_a_shift() {
        let reported = lowest(Tz::Asia__Shanghai, "2025-08-26 20:00:00.123456");
        assert_eq!(reported, "2025-08-27 04:00:00.123456");
    }

    #[test]
    fn what_comes_twice_in_autumn_is_settled_the_second_time() {
        // In Berlin 03:00 is followed by 02:00 at 01:00 UTC.
        let berlin = |at: &str| lowest(Tz::Europe__Berlin, at);
        assert_eq!(berlin("2025-10-25 23:59:59"), "2025-10-26 01:59:59");
        for first_time in ["00:00:00", "00:00:01", "00:59:59", "01:00:00"] {
            let reported = berlin(&format!("2025-10-26 {first_time}"));
            assert_eq!(reported, "2025-10-26 02:00:00", "{first_time}");
        }
        assert_eq!(berlin("2025-10-26 01:30:00"), "2025-10-26 02:30:00");
        assert_eq!(berlin("2025-10-26 02:00:00"), "2025-10-26 03:00:00");
    }

    #[test]
    fn an_hour_left_out_in_spring_is_passed() {
        let berlin = |at: &str| lowest(Tz::Europe__Berlin, at);
        assert_eq!(berlin("2025-03-30 00:59:59"), "2025-03-30 01:59:59");
        assert_eq!(berlin("2025-03-30 01:00:00"), "2025-03-30 03:00:00");
    }

    #[test]
    fn no_later_clock_is_below_it() {
        let zones = [
            Tz::Europe__Berlin,
            Tz::America__New_York,
            Tz::Australia__Lord_Howe,
        ];
        for zone in zones {
            let (mut at, end) = (utc("2025-01-01 00:00:00"), utc("2026-01-01 00:00:00"));
            while at < end {
                let lowest = lowest_from(zone, at).expect("a time");
                for later in [0, 600, 1_800, 3_600, 7_200, 86_400] {
                    let then = local(zone, at + later * 1_000_000).expect("a time");
                    assert!(lowest <= then, "{zone} {at} {later}");
                }
                at += 600 * 1_000_000;
            }
        }
    }
}
