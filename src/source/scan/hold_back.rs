//! Hold-back: how far a pass may read, below every open transaction, and the end of a bounded read.
//!
//! The order of the questions is the point. What is last is noted before the writers are asked for:
//! whatever takes its value after that takes a higher one, or is known to be under way.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Ceiling, Ceilings, CursorOf, Key, Ordered, Reader, ScanCursor, ScanPhase, SeriesOf, StateOf,
    ValueOf,
};
use crate::source::SourceError;

/// What a server says of its writers, at one time.
pub(in crate::source) trait ServerWatermark<C: ScanCursor>: Send {
    /// When the values that are last now had been given out, by the server's clock.
    fn given_out(&self) -> i64;

    /// Every transaction that began before this is over.
    fn until(&self) -> i64;

    /// No value of a series below this can be committed any more; `None` where its values are no clock.
    fn below(&self, phase: ScanPhase, series: C::Series) -> Option<C::Value>;

    /// Whether a time is before another one.
    fn is_earlier(one: &C::Value, other: &C::Value) -> bool;

    /// How long a bounded read waits, at most.
    fn patience(&self) -> Duration;

    /// Whether waiting for a time is in vain: a day is over when it is over.
    fn is_in_vain(_time: &C::Value) -> bool {
        false
    }

    /// Whether writers hold a following read back for long.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Says which writer that is.
    fn log_block(&self, _source: &str) {}

    /// Says that a bounded read waits, and why; so long at most.
    fn log_wait(&self, source: &str, at_most: Duration);

    /// Says that it has waited for long enough.
    fn log_left(&self, source: &str);

    /// Warns where the last row is ahead of the server's clock.
    fn warn_ahead(&self, _source: &str, _last: &Key<C>) {}
}

/// What holds a reader back, from pass to pass.
pub(super) struct WatermarkTracker<R: Reader> {
    /// The source's.
    name: String,
    phases: &'static [ScanPhase],
    /// Whether it waits for what was there when it began.
    waits: bool,
    /// What it has to reach then.
    goals: Vec<(ScanPhase, SeriesOf<R>, Goal<ValueOf<R>>)>,
    /// Of the last pass.
    watermark: Option<R::Watermark>,
    /// Since when a bounded read waits.
    waiting: Option<Instant>,
    /// Whether it has logged why it waits.
    is_logged: bool,
}

enum Goal<V> {
    /// The ceiling is above this.
    Value(V),
    /// The ceiling is what was last then, or later.
    Sample(i64),
}

/// How often a bounded read that waits asks again.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

impl<R: Reader> WatermarkTracker<R> {
    pub fn new(of: &R::Of, waits: bool) -> Self {
        Self {
            name: of.name().to_owned(),
            phases: ScanPhase::with(of.nulls()),
            waits,
            goals: Vec::new(),
            watermark: None,
            waiting: None,
            is_logged: false,
        }
    }

    /// The ceilings of the next pass from `state`, whose samples are brought up to date.
    pub async fn pass(
        &mut self,
        reader: &mut R,
        state: &mut StateOf<R>,
    ) -> Result<Ceilings<CursorOf<R>>, SourceError> {
        if !reader.is_held_back() {
            return Ok(Ceilings::open());
        }
        let is_first = self.watermark.is_none();
        let mut orders = Vec::new();
        for phase in self.phases {
            let series = reader.series(*phase, state.of(*phase)).into_iter();
            orders.extend(series.map(|series| (*phase, series)));
        }
        let mut last = Vec::new();
        for (phase, series) in &orders {
            if is_first || !reader.is_clock(*phase, *series) {
                let found = reader.last(*phase, *series).await?;
                last.push((*phase, *series, found));
            }
        }
        let watermark = reader.watermark().await?;
        for (phase, series, last) in last {
            if !reader.is_clock(phase, series) {
                let cursor = state.of_mut(phase);
                cursor.see(phase, watermark.given_out(), last.clone());
            } else if is_first {
                watermark.warn_ahead(&self.name, &last);
            }
            if is_first && self.waits {
                let goal = goal(reader, state, &watermark, (phase, series, last)).await?;
                self.goals.extend(goal.map(|it| (phase, series, it)));
            }
        }
        let mut ceilings = Vec::new();
        for (phase, series) in orders {
            let ceiling = self.ceiling(&watermark, state.of_mut(phase), (phase, series));
            ceilings.extend(ceiling.map(|it| (phase, series, it)));
        }
        self.watermark = Some(watermark);
        Ok(Ceilings::new(ceilings))
    }

    /// How far a series may be read; a goal that is not above this is reached by the pass.
    fn ceiling(
        &mut self,
        watermark: &R::Watermark,
        cursor: &mut CursorOf<R>,
        (phase, series): (ScanPhase, SeriesOf<R>),
    ) -> Option<Ceiling<ValueOf<R>>> {
        let below = watermark.below(phase, series);
        let sample = match below {
            Some(_) => None,
            None => cursor.newest_until(series, watermark.until()),
        };
        self.goals.retain(|(its, of, goal)| {
            let is_reached = match goal {
                Goal::Value(value) => below
                    .as_ref()
                    .is_some_and(|it| R::Watermark::is_earlier(value, it)),
                Goal::Sample(at) => sample.as_ref().is_some_and(|it| it.at >= *at),
            };
            (*its, *of) != (phase, series) || !is_reached
        });
        let up_to = sample.map(|it| Ceiling::UpTo(it.value));
        below.map(Ceiling::Below).or(up_to)
    }

    /// Whether a bounded read has all that it is to read, after a pass; waits a little where it
    /// has not.
    pub async fn is_done(&mut self) -> bool {
        let Some(watermark) = self.watermark.as_ref().filter(|_| !self.goals.is_empty()) else {
            return true;
        };
        // What was not settled before the first page may be so now.
        let waited = self.waiting.get_or_insert_with(Instant::now).elapsed();
        let patience = watermark.patience();
        let mut goals = self.goals.iter();
        let is_in_vain = goals.any(|(_, _, goal)| match goal {
            Goal::Value(value) => R::Watermark::is_in_vain(value),
            Goal::Sample(_) => false,
        });
        if is_in_vain || waited >= patience {
            watermark.log_left(&self.name);
            return true;
        }
        if !self.is_logged {
            watermark.log_wait(&self.name, patience);
            self.is_logged = true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        false
    }

    /// Says once which connection keeps a following read from going on.
    pub fn log_block(&mut self) {
        let blocked = self.watermark.as_ref().filter(|it| it.is_blocked());
        if let (Some(watermark), false) = (blocked, self.is_logged) {
            watermark.log_block(&self.name);
        }
        self.is_logged = blocked.is_some();
    }
}

/// What a bounded read has to reach in a series whose last row this is; `None` where it has been read.
async fn goal<R: Reader>(
    reader: &mut R,
    state: &StateOf<R>,
    watermark: &R::Watermark,
    (phase, series, last): (ScanPhase, SeriesOf<R>, Key<CursorOf<R>>),
) -> Result<Option<Goal<ValueOf<R>>>, SourceError> {
    let cursor = state.of(phase);
    if last.is_empty() || last == cursor.of(series) {
        return Ok(None);
    }
    if !reader.is_clock(phase, series) {
        return Ok(cursor.newest(series).map(Goal::Sample));
    }
    let reachable = reader.reachable(phase, series, last, watermark).await?;
    Ok(reachable.map(Goal::Value))
}

/// Asks again until all that began before `goal` is over, or until `patience` is. Answers the last
/// answer.
pub(in crate::source) async fn wait<R: Reader>(
    reader: &mut R,
    mut watermark: R::Watermark,
    goal: i64,
    patience: Duration,
) -> Result<R::Watermark, SourceError> {
    let began = Instant::now();
    while watermark.until() < goal && began.elapsed() < patience {
        tokio::time::sleep(POLL_INTERVAL).await;
        watermark = reader.watermark().await?;
    }
    Ok(watermark)
}
