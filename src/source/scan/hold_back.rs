//! Reading no further than what is settled: the ceiling of each pass, and what a bounded read waits for.

use std::time::Duration;

use tokio::time::Instant as Moment;
use tracing::{info, warn};

use super::{Lane, Mark, Pages, Stand, Table, marks};
use crate::{
    model::{DateTime, Instant},
    source::{Nulls, SourceError, samples::Samples},
};

/// What tells which values are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum HeldBy {
    /// The values are times of the server's clock.
    Clock,
    /// They are not: what was the highest when, is kept with the position.
    Samples,
}

/// What the server says of its writers.
#[derive(Debug, Clone)]
pub(in crate::source) struct Settled {
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
    pub holder: Option<u64>,
}

/// Microseconds since 1970, UTC.
pub(in crate::source) type Micros = i64;

/// A settled time as values of the column.
#[derive(Debug, Clone)]
pub(in crate::source) struct Clock {
    /// No transaction can commit a value below this any more.
    pub below: Mark,
    /// No value of the present is above this.
    pub now: Mark,
}

/// How far a pass may read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) enum Ceiling {
    /// To the end.
    Open,
    /// The incremental field is below this.
    Below(Mark),
    /// The incremental field is this or below.
    UpTo(Mark),
    /// Nothing yet.
    Shut,
}

/// How far a pass may read of each kind of rows.
#[derive(Debug)]
pub(super) struct Ceilings {
    pub values: Ceiling,
    /// Of the key's first field.
    pub nulls: Ceiling,
}

/// What holds a reader back, from pass to pass.
pub(super) struct Hold {
    /// Whether it waits for what was there when it began.
    waits: bool,
    /// What it has to reach then.
    goal: Option<Goal>,
    /// The same for rows without a value.
    nulls_goal: Option<Micros>,
    /// Of the last pass.
    settled: Option<Settled>,
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
    Value(Mark),
    /// What began before this is over.
    Time(Micros),
}

/// How often a bounded read that waits asks again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

impl Hold {
    pub fn new(waits: bool) -> Self {
        Self {
            waits,
            goal: None,
            nulls_goal: None,
            settled: None,
            waiting: None,
            has_said: false,
        }
    }

    /// The ceilings of the next pass from `stand`, whose samples are brought up to date.
    pub async fn pass(
        &mut self,
        table: &Table,
        pages: &mut dyn Pages,
        stand: &mut Stand,
    ) -> Result<Ceilings, SourceError> {
        let Some(by) = pages.held_by() else {
            return Ok(Ceilings {
                values: Ceiling::Open,
                nulls: Ceiling::Open,
            });
        };
        let Stand {
            after,
            seen,
            nulls,
            nulls_seen,
            ..
        } = stand;
        let is_first = self.settled.is_none();
        let begins = self.waits && self.goal.is_none();
        // Before the clock is read: what is given out later than this is higher.
        let visible = match by == HeldBy::Samples || begins || is_first {
            true => last(table, Lane::Values, pages).await?,
            false => Vec::new(),
        };
        let last_null = last_null(table, pages).await?;
        let settled = pages.settled().await?;
        let ceiling = match &settled.clock {
            Some(clock) => Ceiling::Below(clock.below.clone()),
            None => {
                see(seen, visible.first(), settled.now + settled.tie);
                ceiling(seen, settled.at)
            }
        };
        if let (true, Some(value), Some(clock)) = (is_first, visible.first(), &settled.clock)
            && is_earlier(&clock.now, value)
        {
            say_ahead(table, value, &clock.now);
        }
        if last_null != *nulls {
            see(nulls_seen, last_null.first(), settled.now + settled.tie);
            if begins {
                self.nulls_goal = nulls_seen.last().map(|it| it.at);
            }
        }
        let nulls = self::ceiling(nulls_seen, settled.at);
        if begins {
            self.goal = Some(match (visible.first(), &settled.clock) {
                (None, _) => Goal::Nothing,
                _ if visible == *after => Goal::Nothing,
                // Values of the future would not be settled before it.
                (Some(value), Some(clock)) => Goal::Value(earlier(value, &clock.now).clone()),
                (Some(_), None) => Goal::Time(seen.last().map_or(settled.now, |it| it.at)),
            });
        }
        self.settled = Some(settled);
        let values = ceiling;
        Ok(Ceilings { values, nulls })
    }

    /// Whether a bounded read has all that it is to read, after a pass; waits a little where it
    /// has not.
    pub async fn is_done(&mut self, name: &str) -> bool {
        let Some(settled) = &self.settled else {
            return true;
        };
        let holder = settled.holder;
        let nulls_reached = self.nulls_goal.is_none_or(|at| settled.at >= at);
        let is_reached = match (&self.goal, &settled.clock) {
            (None | Some(Goal::Nothing), _) => true,
            (Some(Goal::Time(at)), _) => settled.at >= *at,
            (Some(Goal::Value(value)), Some(clock)) => is_earlier(value, &clock.below),
            (Some(Goal::Value(_)), None) => true,
        };
        if is_reached && nulls_reached {
            return true;
        }
        // What was not settled before the first page may be so now.
        let waiting = self.waiting.get_or_insert_with(Moment::now);
        // A day is over when it is over.
        let is_day = matches!(self.goal, Some(Goal::Value(Mark::Date(_))));
        if is_day || waiting.elapsed() >= settled.patience {
            warn!(
                source = name,
                connection = holder,
                "rows stay for a later run: transactions that are open may still commit below them"
            );
            return true;
        }
        if !self.has_said {
            say_why(name, settled);
            self.has_said = true;
        }
        tokio::time::sleep(ASK_AGAIN).await;
        false
    }

    /// Says once which connection keeps a following read from going on.
    pub fn tell(&mut self, name: &str) {
        let Some(settled) = &self.settled else { return };
        let held = u64::try_from(settled.now - settled.at).unwrap_or_default();
        let is_held = Duration::from_micros(held) > 2 * settled.patience;
        if is_held && !self.has_said {
            warn!(
                source = name,
                connection = settled.holder,
                seconds = held / 1_000_000,
                "reading is held back: a connection has been busy, or in a transaction, for long"
            );
        }
        self.has_said = is_held;
    }
}

/// Where to go on after a full read that begins now: not behind what is not settled.
pub(super) async fn then(
    table: &Table,
    pages: &mut dyn Pages,
    mut stored: Stand,
) -> Result<Stand, SourceError> {
    let after = last(table, Lane::Values, pages).await?;
    let nulls = last_null(table, pages).await?;
    let mut visible = Stand {
        after,
        nulls,
        ..Stand::default()
    };
    if pages.held_by().is_none() || (visible.after.is_empty() && visible.nulls.is_empty()) {
        return Ok(visible);
    }
    let settled = pages.settled().await?;
    let at = settled.now + settled.tie;
    let is_clock = settled.clock.is_some();
    if let (Some(clock), Some(value)) = (&settled.clock, visible.after.first())
        && !is_earlier(value, &clock.below)
    {
        visible.after = before(&clock.below).map_or(stored.after.clone(), |it| vec![it]);
    }
    if is_clock && visible.nulls.is_empty() {
        return Ok(visible);
    }
    see(
        &mut stored.seen,
        visible.after.first().filter(|_| !is_clock),
        at,
    );
    see(&mut stored.nulls_seen, visible.nulls.first(), at);
    let newest = |it: &Samples<Mark>| it.last().map(|it| it.at);
    let goal = newest(&stored.seen)
        .max(newest(&stored.nulls_seen))
        .unwrap_or(at);
    let (began, patience) = (Moment::now(), settled.patience);
    let mut at = settled.at;
    if at < goal {
        say_why(&table.name, &settled);
    }
    while at < goal && began.elapsed() < patience {
        tokio::time::sleep(ASK_AGAIN).await;
        at = pages.settled().await?.at;
    }
    if at >= goal {
        return Ok(visible);
    }
    if !is_clock {
        visible.after = match ceiling(&mut stored.seen, at) {
            Ceiling::UpTo(value) => vec![value],
            _ => stored.after,
        };
    }
    visible.nulls = match ceiling(&mut stored.nulls_seen, at) {
        Ceiling::UpTo(value) => vec![value],
        _ => stored.nulls,
    };
    Ok(visible)
}

fn say_why(name: &str, settled: &Settled) {
    info!(
        source = name,
        connection = settled.holder,
        at_most = ?settled.patience,
        "waiting until the last rows are settled: what is open may still commit below them"
    );
}

/// Times of another zone than the server's would be read hours late, and nobody would know why.
fn say_ahead(table: &Table, value: &Mark, now: &Mark) {
    warn!(
        source = table.name,
        newest = value.text(),
        server = now.text(),
        "rows are ahead of the server's clock: they are read when their time has come. Where they are \
         written in another time zone than the server's, declare it as `time-zone`"
    );
}

/// The ordering values of a lane's last row; none where there is no row.
async fn last(table: &Table, lane: Lane, pages: &mut dyn Pages) -> Result<Vec<Mark>, SourceError> {
    let last = pages.last(lane).await?;
    let marks = last.get(0).map(|row| marks(table, table.by(lane), &row));
    marks.transpose().map(Option::unwrap_or_default)
}

/// The key of the last row without a value, where these have a progress.
async fn last_null(table: &Table, pages: &mut dyn Pages) -> Result<Vec<Mark>, SourceError> {
    match table.nulls {
        Nulls::First => last(table, Lane::Nulls, pages).await,
        Nulls::EveryRun | Nulls::Refuse => Ok(Vec::new()),
    }
}

/// Notes the highest value, where there is a row.
fn see(seen: &mut Samples<Mark>, value: Option<&Mark>, at: Micros) {
    if let Some(value) = value {
        seen.see(at, value.clone());
    }
}

/// Where all that began before `settled` is over.
fn ceiling(seen: &mut Samples<Mark>, settled: Micros) -> Ceiling {
    match seen.settled(settled) {
        Some(value) => Ceiling::UpTo(value.clone()),
        None => Ceiling::Shut,
    }
}

fn is_earlier(one: &Mark, other: &Mark) -> bool {
    match (one, other) {
        (Mark::Date(one), Mark::Date(other)) => one < other,
        (Mark::DateTime(one), Mark::DateTime(other)) => one < other,
        _ => false,
    }
}

fn earlier<'m>(one: &'m Mark, other: &'m Mark) -> &'m Mark {
    if is_earlier(other, one) { other } else { one }
}

/// The value just below a time.
fn before(mark: &Mark) -> Option<Mark> {
    let midnight = |date| DateTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };
    let below = |it| clock(micros_of(it)? - 1);
    match mark {
        Mark::DateTime(it) => below(*it).map(Mark::DateTime),
        Mark::Date(it) => below(midnight(*it)).map(|it| Mark::Date(it.date)),
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
    use crate::source::scan::MarkKind;

    #[test]
    fn the_value_just_below_a_time_borrows_from_the_day() {
        let just_before = |kind: MarkKind, text| {
            let mark = kind.parse(text).expect("a time");
            before(&mark).map(|it| it.text())
        };
        assert_eq!(
            just_before(MarkKind::DateTime, "2025-01-01 00:00:00").as_deref(),
            Some("2024-12-31 23:59:59.999999")
        );
        assert_eq!(
            just_before(MarkKind::Date, "2024-03-01").as_deref(),
            Some("2024-02-29")
        );
        assert_eq!(just_before(MarkKind::U64, "7"), None);
    }
}
