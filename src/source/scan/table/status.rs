//! Source status of a table: the position beside the newest row.

use std::time::Duration;

use super::{CursorValue, Micros, Pages, ScanPhase, ScanPosition, Table, micros_of};
use crate::{
    model::DateTime,
    source::{
        SourceError,
        plan::{Counted, LowWatermark},
        status::SourceStatus,
    },
};

/// The standing of `scan_position`, past which there are so many rows.
pub(in crate::source) async fn status(
    table: &Table,
    pages: &mut dyn Pages,
    scan_position: &ScanPosition,
    past: Counted,
    watermark: Option<LowWatermark>,
) -> Result<SourceStatus, SourceError> {
    let last = pages.last(ScanPhase::Values).await?;
    let newest = last.get(0).and_then(|row| {
        let column = table.incremental.first()?;
        column.cursor_value(column.value(&row)?)
    });
    let behind = match (scan_position.state().values.after.first(), &newest) {
        (Some(at), Some(newest)) => between(at, newest),
        _ => None,
    };
    Ok(SourceStatus {
        at: words(scan_position, table),
        newest: newest.map(|it| it.text()),
        behind,
        past,
        watermark,
    })
}

/// What a place is behind, as a person writes it.
fn words(scan_position: &ScanPosition, table: &Table) -> Option<String> {
    let after = &scan_position.state().values.after;
    let key = table.incremental.iter().zip(after).skip(1);
    let key: Vec<String> = key
        .map(|(column, cursor_value)| format!("{} {}", column.name, cursor_value.text()))
        .collect();
    let value = after.first().map(|it| {
        if key.is_empty() {
            it.text()
        } else {
            format!("{} ({})", it.text(), key.join(", "))
        }
    });
    scan_position.text(value, "rows")
}

/// The time from one mark to another, where they are times; zero where the second is earlier.
fn between(one: &CursorValue, other: &CursorValue) -> Option<Duration> {
    let ahead = u64::try_from(at(other)? - at(one)?).unwrap_or_default();
    Some(Duration::from_micros(ahead))
}

fn at(cursor_value: &CursorValue) -> Option<Micros> {
    match cursor_value {
        CursorValue::DateTime(it) => micros_of(*it),
        CursorValue::Date(date) => micros_of(DateTime {
            date: *date,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::table::{ValueKind, tests::table};

    #[test]
    fn a_place_is_told_as_a_person_writes_it() {
        let table = table();
        let time = ValueKind::DateTime
            .parse("2025-08-26 09:30:15")
            .expect("it");
        let words = |after: Vec<CursorValue>| words(&ScanPosition::behind(after), &table);
        assert_eq!(words(vec![]), None);
        assert_eq!(
            words(vec![time.clone()]).as_deref(),
            Some("2025-08-26 09:30:15")
        );
        assert_eq!(
            words(vec![time, CursorValue::U64(42)]).as_deref(),
            Some("2025-08-26 09:30:15 (id 42)")
        );
    }

    #[test]
    fn time_behind_is_between_times_alone_and_never_below_zero() {
        let of = |kind: ValueKind, text: &str| kind.parse(text).expect("a value");
        let (day, next) = (
            of(ValueKind::Date, "2025-08-26"),
            of(ValueKind::Date, "2025-08-27"),
        );
        assert_eq!(between(&day, &next), Some(Duration::from_secs(86_400)));
        assert_eq!(between(&next, &day), Some(Duration::ZERO));
        assert_eq!(between(&CursorValue::U64(1), &CursorValue::U64(9)), None);
    }
}
