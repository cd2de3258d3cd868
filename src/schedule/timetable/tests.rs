//! Timetables where clocks are changed, in several zones.

use proptest::prelude::*;

use super::*;

fn table(cron: &str, zone: &str) -> Timetable {
    let zone = zone.parse().expect("a zone");
    Timetable::parse(cron, zone).unwrap_or_else(|error| panic!("{cron} {error}"))
}

/// From the first moment on, a line is due at these times of the zone.
#[track_caller]
fn check(cron: &str, zone: &str, from: &str, expected: &[&str]) {
    let from: DateTime<Utc> = from.parse().expect("a moment");
    let table = table(cron, zone);
    let found = table.next(from, expected.len());
    let found: Vec<String> = found
        .iter()
        .map(|it| it.with_timezone(&table.zone()).format("%m-%d %H:%M:%S%:z"))
        .map(|it| it.to_string())
        .collect();
    assert_eq!(found, expected, "{cron} in {zone}");
}

#[test]
fn seconds_may_be_left_out() {
    check(
        "30 2 * * *",
        "UTC",
        "2025-01-31T02:30:00Z",
        &["02-01 02:30:00+00:00"],
    );
    check(
        "*/20 * * * * *",
        "Asia/Shanghai",
        "2025-01-01T00:00:01.5Z",
        &["01-01 08:00:20+08:00", "01-01 08:00:40+08:00"],
    );
}

#[test]
fn a_day_of_the_month_and_one_of_the_week_are_both_due() {
    check(
        "0 6 1 * MON",
        "UTC",
        "2025-08-30T00:00:00Z",
        &["09-01 06:00:00+00:00", "09-08 06:00:00+00:00"],
    );
}

#[test]
fn a_time_that_does_not_exist_is_due_at_the_end_of_the_gap_once() {
    check(
        "0 30 2 * * *",
        "Europe/Berlin",
        "2025-03-29T00:00:00Z",
        &[
            "03-29 02:30:00+01:00",
            "03-30 03:00:00+02:00",
            "03-31 02:30:00+02:00",
        ],
    );
    // Half an hour only, and the other half of the year.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2025-10-04T00:00:00Z",
        &["10-05 02:30:00+11:00", "10-06 02:15:00+11:00"],
    );
    // Several that do not exist, and one that is at the end of the gap itself.
    check(
        "*/20 2,3 * * *",
        "America/New_York",
        "2025-03-09T06:00:00Z",
        &["03-09 03:00:00-04:00", "03-09 03:20:00-04:00"],
    );
    // A whole day that never was.
    check(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-01T00:00:00Z",
        &["12-31 00:00:00+14:00", "12-30 12:00:00+14:00"],
    );
    // Midnight itself is missing.
    check(
        "0 0 * * *",
        "Africa/Cairo",
        "2025-04-24T12:00:00Z",
        &["04-25 01:00:00+03:00", "04-26 00:00:00+03:00"],
    );
}

#[test]
fn a_time_that_exists_twice_is_due_once() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2025-10-25T12:00:00Z",
        &["10-26 02:30:00+02:00", "10-27 02:30:00+01:00"],
    );
    // Also where it is asked for within the second pass.
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2025-10-26T01:10:00Z",
        &["10-27 02:30:00+01:00"],
    );
    check(
        "*/30 1 * * *",
        "America/New_York",
        "2025-11-02T04:00:00Z",
        &[
            "11-02 01:00:00-04:00",
            "11-02 01:30:00-04:00",
            "11-03 01:00:00-05:00",
        ],
    );
}

#[test]
fn a_line_of_every_hour_goes_by_what_passes() {
    check(
        "30 * * * *",
        "Europe/Berlin",
        "2025-10-25T23:45:00Z",
        &[
            "10-26 02:30:00+02:00",
            "10-26 02:30:00+01:00",
            "10-26 03:30:00+01:00",
        ],
    );
    check(
        "30 * * * *",
        "Europe/Berlin",
        "2025-03-30T00:00:00Z",
        &["03-30 01:30:00+01:00", "03-30 03:30:00+02:00"],
    );
    // The change itself is one of its times.
    check(
        "*/30 * * * *",
        "Australia/Lord_Howe",
        "2025-04-05T14:20:00Z",
        &[
            "04-06 01:30:00+11:00",
            "04-06 01:30:00+10:30",
            "04-06 02:00:00+10:30",
        ],
    );
}

#[test]
fn what_is_no_line_is_refused() {
    for (cron, words) in [
        ("* * * *", "has 4 fields"),
        ("@daily", "has 1 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("61 * * * *", "is no cron line"),
        ("0 25 * * *", "is no cron line"),
        ("a b c d e", "is no cron line"),
        ("0 0 31 2 *", "names a day that never comes"),
        ("0 0 30 2 *", "names a day that never comes"),
    ] {
        let refused = Timetable::parse(cron, Tz::UTC).expect_err(cron);
        assert!(refused.starts_with(words), "{cron}: {refused}");
    }
    assert!(Timetable::parse("0 0 29 2 *", Tz::UTC).is_ok());
}

#[test]
fn the_latest_is_found_also_after_a_long_absence() {
    let since: DateTime<Utc> = "2020-01-01T00:00:00Z".parse().expect("a moment");
    let now: DateTime<Utc> = "2025-06-15T12:00:00Z".parse().expect("a moment");
    for (cron, latest) in [
        ("* * * * * *", Some("2025-06-15T12:00:00Z")),
        ("30 2 * * *", Some("2025-06-15T02:30:00Z")),
        ("0 0 29 2 *", Some("2024-02-29T00:00:00Z")),
        ("0 0 1 1 *", Some("2025-01-01T00:00:00Z")),
    ] {
        let latest = latest.map(|it| it.parse().expect("a moment"));
        assert_eq!(table(cron, "UTC").latest(since, now), latest, "{cron}");
    }
    let table = table("30 2 * * *", "UTC");
    assert_eq!(table.latest(now, now + Duration::hours(1)), None);
    assert_eq!(table.count(now - Duration::days(3), now), 3);
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Shanghai",
    "Pacific/Apia",
];
const LINES: &[&str] = &[
    "30 2 * * *",
    "*/10 1-3 * * *",
    "0 0 * * *",
    "15 * * * *",
    "*/7 */2 * * *",
    "30 15 2 * * 7",
];

proptest! {
    /// What is due is always later than what was, shows one of the line's times or stands at the end of
    /// a gap, and is not far from where it was looked for.
    #[test]
    fn what_is_due_moves_on(
        zone in proptest::sample::select(ZONES),
        line in proptest::sample::select(LINES),
        seconds in 1_700_000_000_i64..1_900_000_000,
    ) {
        let table = table(line, zone);
        let mut at = instant_of(seconds);
        for _ in 0..20 {
            let next = table.after(at).expect("there is one");
            prop_assert!(next > at);
            prop_assert!(next - at <= Duration::days(8), "{line} in {zone}: {at} {next}");
            let wall = next.with_timezone(&table.zone);
            let shown = table.cron.is_time_matching(&Utc.from_utc_datetime(&wall.naive_local()));
            let is_change = table.offset(next) != table.offset(next - Duration::seconds(1));
            prop_assert!(shown.expect("a time") || (is_change && table.by_wall), "{line} in {zone}: {next}");
            // Nothing is left out between the two.
            let middle = at + (next - at) / 2;
            prop_assert_eq!(table.after(middle), Some(next));
            at = next;
        }
    }
}
