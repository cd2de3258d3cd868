//! The low watermark of a table, in values of its column; and where its full read goes on from.

use std::time::Duration;

use tracing::{info, warn};

use super::{CursorValue, ScanPhase, ScanState, TableCursor, TableReader};
use crate::{
    model::{DateTime, Instant},
    source::{
        SourceError,
        scan::{
            Reader, ScanCursor,
            hold_back::{self, ServerWatermark},
        },
    },
};

/// What tells which values are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum WatermarkBasis {
    /// The values are times of the server's clock.
    Clock,
    /// They are not: what was the highest when, is kept with the position.
    Samples,
}

/// What the server says of its writers.
#[derive(Debug, Clone)]
pub(in crate::source) struct Watermark {
    /// Its clock when it was asked.
    pub now: Micros,
    /// Every transaction that began before this is over.
    pub at: Micros,
    /// The same as values of the column, where these are times.
    pub clock: Option<Clock>,
    /// How much later than it was first seen a value may still be given out.
    pub tie: Micros,
    /// How long a bounded read waits, at most.
    pub patience: Duration,
    /// The connection that holds it back.
    pub blocked_by: Option<u64>,
}

/// Microseconds since 1970, UTC.
pub(in crate::source) type Micros = i64;

/// A settled time as values of the column.
#[derive(Debug, Clone)]
pub(in crate::source) struct Clock {
    /// No transaction can commit a value below this any more.
    pub below: CursorValue,
    /// No value of the present is above this.
    pub now: CursorValue,
}

impl ServerWatermark<TableCursor> for Watermark {
    fn given_out(&self) -> i64 {
        self.now + self.tie
    }

    fn until(&self) -> i64 {
        self.at
    }

    fn below(&self, phase: ScanPhase, _series: ()) -> Option<CursorValue> {
        let clock = self.clock.as_ref().filter(|_| phase == ScanPhase::Values);
        clock.map(|it| it.below.clone())
    }

    fn is_earlier(one: &CursorValue, other: &CursorValue) -> bool {
        is_earlier(one, other)
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn is_in_vain(time: &CursorValue) -> bool {
        matches!(time, CursorValue::Date(_))
    }

    fn is_blocked(&self) -> bool {
        self.behind() > 2 * self.patience
    }

    fn log_block(&self, source: &str) {
        warn!(
            source,
            connection = self.blocked_by,
            seconds = self.behind().as_secs(),
            "reading is held back: a connection has been busy, or in a transaction, for long"
        );
    }

    fn log_wait(&self, source: &str, at_most: Duration) {
        info!(
            source,
            connection = self.blocked_by,
            ?at_most,
            "waiting until the last rows are settled: what is open may still commit below them"
        );
    }

    fn log_left(&self, source: &str) {
        warn!(
            source,
            connection = self.blocked_by,
            "rows stay for a later run: transactions that are open may still commit below them"
        );
    }

    /// Times of another zone than the server's would be read hours late, and nobody would know why.
    fn warn_ahead(&self, source: &str, last: &Vec<CursorValue>) {
        let (Some(newest), Some(clock)) = (last.first(), &self.clock) else {
            return;
        };
        if is_earlier(&clock.now, newest) {
            warn!(
                source,
                newest = newest.text(),
                server = clock.now.text(),
                "rows are ahead of the server's clock: they are read when their time has come. Where \
                 they are written in another time zone than the server's, declare it as `time-zone`"
            );
        }
    }
}

impl Watermark {
    fn behind(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.now - self.at).unwrap_or_default())
    }
}

/// Where to go on after a full read that begins now: not behind what is not settled.
///
/// It is known before the read begins: of a clock, the value just below is written down.
pub(super) async fn then(
    reader: &mut TableReader,
    mut stored: ScanState,
) -> Result<ScanState, SourceError> {
    let mut visible = ScanState::default();
    for phase in ScanPhase::with(reader.table.nulls) {
        visible.of_mut(*phase).after = reader.last(*phase, ()).await?;
    }
    let is_empty = visible.values.after.is_empty() && visible.nulls.after.is_empty();
    if !reader.is_held_back() || is_empty {
        return Ok(visible);
    }
    let watermark = reader.watermark().await?;
    let at = watermark.given_out();
    let is_clock = watermark.clock.is_some();
    if let (Some(clock), Some(value)) = (&watermark.clock, visible.values.after.first())
        && !is_earlier(value, &clock.below)
    {
        visible.values.after =
            before(&clock.below).map_or(stored.values.after.clone(), |it| vec![it]);
    }
    if is_clock && visible.nulls.after.is_empty() {
        return Ok(visible);
    }
    let of_values = visible.values.after.first().filter(|_| !is_clock);
    for (cursor, value) in [
        (&mut stored.values, of_values),
        (&mut stored.nulls, visible.nulls.after.first()),
    ] {
        if let Some(value) = value {
            cursor.seen.see(at, value.clone());
        }
    }
    let goal = stored.values.newest(()).max(stored.nulls.newest(()));
    let goal = goal.unwrap_or(at);
    if watermark.at < goal {
        watermark.log_wait(&reader.table.name, watermark.patience);
    }
    let patience = watermark.patience;
    let at = hold_back::wait(reader, watermark, goal, patience).await?.at;
    if at >= goal {
        return Ok(visible);
    }
    if !is_clock {
        visible.values.after = stored.values.below_watermark(at);
    }
    visible.nulls.after = stored.nulls.below_watermark(at);
    Ok(visible)
}

impl TableCursor {
    /// The value up to which nothing can come any more where all that began before `watermark` is over;
    /// the cursor's own, if none is known.
    fn below_watermark(&mut self, watermark: Micros) -> Vec<CursorValue> {
        match self.newest_until((), watermark) {
            Some(sample) => vec![sample.value],
            None => self.after.clone(),
        }
    }
}

fn is_earlier(one: &CursorValue, other: &CursorValue) -> bool {
    match (one, other) {
        (CursorValue::Date(one), CursorValue::Date(other)) => one < other,
        (CursorValue::DateTime(one), CursorValue::DateTime(other)) => one < other,
        _ => false,
    }
}

pub(super) fn earlier<'m>(one: &'m CursorValue, other: &'m CursorValue) -> &'m CursorValue {
    if is_earlier(other, one) { other } else { one }
}

/// The value just below a time.
fn before(cursor_value: &CursorValue) -> Option<CursorValue> {
    let midnight = |date| DateTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };
    let below = |it| clock(micros_of(it)? - 1);
    match cursor_value {
        CursorValue::DateTime(it) => below(*it).map(CursorValue::DateTime),
        CursorValue::Date(it) => below(midnight(*it)).map(|it| CursorValue::Date(it.date)),
        _ => None,
    }
}

/// The wall clock of UTC at that time.
pub(in crate::source) fn clock(at: Micros) -> Option<DateTime> {
    let instant = Instant {
        seconds: at.div_euclid(1_000_000),
        micros: at.rem_euclid(1_000_000) as u32,
    };
    instant.to_utc()
}

/// The time at which UTC has that wall clock.
pub(in crate::source) fn micros_of(clock: DateTime) -> Option<Micros> {
    let instant = Instant::from_utc(clock)?;
    Some(instant.seconds * 1_000_000 + i64::from(instant.micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::table::ValueKind;

    #[test]
    fn the_value_just_below_a_time_borrows_from_the_day() {
        let just_before = |kind: ValueKind, text| {
            let cursor_value = kind.parse(text).expect("a time");
            before(&cursor_value).map(|it| it.text())
        };
        assert_eq!(
            just_before(ValueKind::DateTime, "2025-01-01 00:00:00").as_deref(),
            Some("2024-12-31 23:59:59.999999")
        );
        assert_eq!(
            just_before(ValueKind::Date, "2024-03-01").as_deref(),
            Some("2024-02-29")
        );
        assert_eq!(just_before(ValueKind::U64, "7"), None);
    }
}
