//! Hold-back: the ceiling of each pass at the low watermark, and the end of a bounded read.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant as Moment;
use tracing::{info, warn};

use super::{Ceilings, CursorValue, Mark, Pages, ScanPhase, ScanState, Table, cursor_values};
use crate::{
    model::{DateTime, Instant},
    source::{
        Nulls, SourceError,
        scan::{
            Marks,
            hold_back::{self, LowWatermark, POLL_INTERVAL, Watched},
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

/// What holds a reader back, from pass to pass.
pub(super) struct WatermarkTracker {
    /// Whether it waits for what was there when it began.
    waits: bool,
    /// What it has to reach then.
    goal: Option<Goal>,
    /// The same for rows without a value.
    nulls_goal: Option<Micros>,
    /// Of the last pass.
    watermark: Option<Watermark>,
    /// Since when a bounded read waits.
    waiting: Option<Moment>,
    /// Has said why it waits.
    has_said: bool,
}

#[derive(Debug, Clone)]
enum Goal {
    /// All of it has been read before.
    Nothing,
    /// The ceiling is above this.
    Value(CursorValue),
    /// What began before this is over.
    Time(Micros),
}

impl WatermarkTracker {
    pub fn new(waits: bool) -> Self {
        Self {
            waits,
            goal: None,
            nulls_goal: None,
            watermark: None,
            waiting: None,
            has_said: false,
        }
    }

    /// The ceilings of the next pass from `state`, whose samples are brought up to date.
    pub async fn pass(
        &mut self,
        table: &Table,
        pages: &mut dyn Pages,
        state: &mut ScanState,
    ) -> Result<Ceilings, SourceError> {
        if pages.watermark_basis().is_none() {
            return Ok(Ceilings::open());
        }
        let is_first = self.watermark.is_none();
        let begins = self.waits && self.goal.is_none();
        let phases = ScanPhase::with(table.nulls).iter();
        let series: Vec<_> = phases.map(|phase| (*phase, ())).collect();
        let wants_clocks = begins || is_first;
        let mut asked = Asked { table, pages };
        let look = hold_back::look(&mut asked, &series, wants_clocks, state).await?;
        let last = |phase: ScanPhase| {
            let found = look.last.iter().find(|(of, ..)| *of == phase);
            found.map_or(&[][..], |(_, _, last)| &last[..])
        };
        let (highest, clock) = (last(ScanPhase::Values).first(), &look.watermark.clock);
        if let (true, Some(value), Some(clock)) = (is_first, highest, clock)
            && is_earlier(&clock.now, value)
        {
            warn_ahead(table, value, &clock.now);
        }
        if begins {
            let newest = |phase| state.of(phase).seen.last().map(|it| it.at);
            if last(ScanPhase::Nulls) != state.nulls.after {
                self.nulls_goal = newest(ScanPhase::Nulls);
            }
            self.goal = Some(match (highest, clock) {
                (None, _) => Goal::Nothing,
                _ if last(ScanPhase::Values) == state.values.after => Goal::Nothing,
                // Values of the future would not be settled before it.
                (Some(value), Some(clock)) => Goal::Value(earlier(value, &clock.now).clone()),
                (Some(_), None) => {
                    Goal::Time(newest(ScanPhase::Values).unwrap_or(look.watermark.now))
                }
            });
        }
        self.watermark = Some(look.watermark);
        Ok(look.ceilings)
    }

    /// Whether a bounded read has all that it is to read, after a pass; waits a little where it
    /// has not.
    pub async fn is_done(&mut self, name: &str) -> bool {
        let Some(watermark) = &self.watermark else {
            return true;
        };
        let blocked_by = watermark.blocked_by;
        let nulls_reached = self.nulls_goal.is_none_or(|at| watermark.at >= at);
        let is_reached = match (&self.goal, &watermark.clock) {
            (None | Some(Goal::Nothing), _) => true,
            (Some(Goal::Time(at)), _) => watermark.at >= *at,
            (Some(Goal::Value(value)), Some(clock)) => is_earlier(value, &clock.below),
            (Some(Goal::Value(_)), None) => true,
        };
        if is_reached && nulls_reached {
            return true;
        }
        // What was not settled before the first page may be so now.
        let waiting = self.waiting.get_or_insert_with(Moment::now);
        // A day is over when it is over.
        let is_day = matches!(self.goal, Some(Goal::Value(CursorValue::Date(_))));
        if is_day || waiting.elapsed() >= watermark.patience {
            warn!(
                source = name,
                connection = blocked_by,
                "rows stay for a later run: transactions that are open may still commit below them"
            );
            return true;
        }
        if !self.has_said {
            log_wait(name, watermark);
            self.has_said = true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        false
    }

    /// Says once which connection keeps a following read from going on.
    pub fn log_block(&mut self, name: &str) {
        let Some(watermark) = &self.watermark else {
            return;
        };
        let behind = u64::try_from(watermark.now - watermark.at).unwrap_or_default();
        let is_leased = Duration::from_micros(behind) > 2 * watermark.patience;
        if is_leased && !self.has_said {
            warn!(
                source = name,
                connection = watermark.blocked_by,
                seconds = behind / 1_000_000,
                "reading is held back: a connection has been busy, or in a transaction, for long"
            );
        }
        self.has_said = is_leased;
    }
}

/// Where to go on after a full read that begins now: not behind what is not settled.
pub(super) async fn then(
    table: &Table,
    pages: &mut dyn Pages,
    mut stored: ScanState,
) -> Result<ScanState, SourceError> {
    let mut visible = ScanState {
        values: Mark::behind(last(table, ScanPhase::Values, pages).await?),
        nulls: Mark::behind(last_null(table, pages).await?),
        sent: None,
    };
    let is_empty = visible.values.after.is_empty() && visible.nulls.after.is_empty();
    if pages.watermark_basis().is_none() || is_empty {
        return Ok(visible);
    }
    let watermark = pages.watermark().await?;
    let at = watermark.now + watermark.tie;
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
    for (marks, value) in [
        (&mut stored.values, of_values),
        (&mut stored.nulls, visible.nulls.after.first()),
    ] {
        value.map(|it| marks.seen.see(at, it.clone()));
    }
    let newest = |it: &Mark| it.seen.last().map(|it| it.at);
    let goal = newest(&stored.values).max(newest(&stored.nulls));
    let goal = goal.unwrap_or(at);
    if watermark.at < goal {
        log_wait(&table.name, &watermark);
    }
    let patience = watermark.patience;
    let mut asked = Asked { table, pages };
    let at = hold_back::wait(&mut asked, watermark, goal, patience)
        .await?
        .at;
    if at >= goal {
        return Ok(visible);
    }
    if !is_clock {
        visible.values.after = stored.values.settled(at);
    }
    visible.nulls.after = stored.nulls.settled(at);
    Ok(visible)
}

fn log_wait(name: &str, watermark: &Watermark) {
    info!(
        source = name,
        connection = watermark.blocked_by,
        at_most = ?watermark.patience,
        "waiting until the last rows are settled: what is open may still commit below them"
    );
}

/// Times of another zone than the server's would be read hours late, and nobody would know why.
fn warn_ahead(table: &Table, value: &CursorValue, now: &CursorValue) {
    warn!(
        source = table.name,
        newest = value.text(),
        server = now.text(),
        "rows are ahead of the server's clock: they are read when their time has come. Where they are \
         written in another time zone than the server's, declare it as `time-zone`"
    );
}

/// The ordering values of a lane's last row; none where there is no row.
async fn last(
    table: &Table,
    phase: ScanPhase,
    pages: &mut dyn Pages,
) -> Result<Vec<CursorValue>, SourceError> {
    let last = pages.last(phase).await?;
    let cursor_values = last
        .get(0)
        .map(|row| cursor_values(table, table.by(phase), &row));
    cursor_values.transpose().map(Option::unwrap_or_default)
}

/// The key of the last row without a value, where these have a progress.
async fn last_null(table: &Table, pages: &mut dyn Pages) -> Result<Vec<CursorValue>, SourceError> {
    match table.nulls {
        Nulls::First => last(table, ScanPhase::Nulls, pages).await,
        Nulls::EveryRun | Nulls::Refuse => Ok(Vec::new()),
    }
}

impl Mark {
    /// The value up to which rows are settled where all that began before `watermark` is over;
    /// where it stands, if none is known.
    fn settled(&mut self, watermark: Micros) -> Vec<CursorValue> {
        match self.newest_until((), watermark) {
            Some(value) => vec![value],
            None => self.after.clone(),
        }
    }
}

/// The table is asked over the connection that reads it.
struct Asked<'a> {
    table: &'a Table,
    pages: &'a mut dyn Pages,
}

#[async_trait]
impl Watched<Mark> for Asked<'_> {
    type Watermark = Watermark;

    /// The key, by which rows without a value are read, is none.
    fn is_clock(&self, phase: ScanPhase, _series: ()) -> bool {
        let is_clock = self.pages.watermark_basis() == Some(WatermarkBasis::Clock);
        is_clock && phase == ScanPhase::Values
    }

    async fn last(
        &mut self,
        phase: ScanPhase,
        _series: (),
    ) -> Result<Vec<CursorValue>, SourceError> {
        last(self.table, phase, self.pages).await
    }

    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        self.pages.watermark().await
    }
}

impl LowWatermark<Mark> for Watermark {
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
}

fn is_earlier(one: &CursorValue, other: &CursorValue) -> bool {
    match (one, other) {
        (CursorValue::Date(one), CursorValue::Date(other)) => one < other,
        (CursorValue::DateTime(one), CursorValue::DateTime(other)) => one < other,
        _ => false,
    }
}

fn earlier<'m>(one: &'m CursorValue, other: &'m CursorValue) -> &'m CursorValue {
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
