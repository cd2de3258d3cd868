//! Hold-back: how far each series may be read, by what was last and how far the writers are.
//!
//! The order of the questions is the point. What is last is noted before the writers are asked for:
//! whatever takes its value after that takes a higher one, or is known to be under way.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Ceiling, Ceilings, Key, Marks, ScanPhase, ScanState};
use crate::source::SourceError;

/// What a server says of its writers, at one time.
pub(in crate::source) trait LowWatermark<M: Marks>: Send {
    /// When the values that are last now had been given out, by the server's clock.
    fn given_out(&self) -> i64;

    /// Every transaction that began before this is over.
    fn until(&self) -> i64;

    /// No value of a series that is below this can be committed any more; `None` where its values
    /// are no clock.
    fn below(&self, phase: ScanPhase, series: M::Series) -> Option<M::Value>;
}

/// Who is asked what is last, and how far the writers are.
#[async_trait]
pub(in crate::source) trait Watched<M: Marks>: Send {
    type Watermark: LowWatermark<M>;

    /// Whether the values of a series are times of a clock.
    fn is_clock(&self, phase: ScanPhase, series: M::Series) -> bool;

    /// The values of the last row of a series; none where there is no row.
    async fn last(&mut self, phase: ScanPhase, series: M::Series) -> Result<Key<M>, SourceError>;

    async fn watermark(&mut self) -> Result<Self::Watermark, SourceError>;
}

/// Between two questions of a read that waits.
pub(in crate::source) const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What one look at the writers says.
pub(in crate::source) struct Look<M: Marks, W> {
    pub watermark: W,
    /// What was last before, where it was asked for.
    pub last: Vec<(ScanPhase, M::Series, Key<M>)>,
    pub ceilings: Ceilings<M>,
}

/// Looks how far `series` may be read from `state`, whose samples are brought up to date. What is last
/// is asked for where it says what is settled, and else where it `wants_clocks`.
pub(in crate::source) async fn look<M: Marks, A: Watched<M>>(
    asked: &mut A,
    series: &[(ScanPhase, M::Series)],
    wants_clocks: bool,
    state: &mut ScanState<M>,
) -> Result<Look<M, A::Watermark>, SourceError> {
    let mut last = Vec::new();
    for (phase, series) in series {
        if wants_clocks || !asked.is_clock(*phase, *series) {
            let found = asked.last(*phase, *series).await?;
            last.push((*phase, *series, found));
        }
    }
    let watermark = asked.watermark().await?;
    for (phase, series, last) in &last {
        if !asked.is_clock(*phase, *series) {
            let marks = state.of_mut(*phase);
            marks.see(*phase, watermark.given_out(), last.clone());
        }
    }
    let mut ceilings = Vec::new();
    for (phase, series) in series {
        let ceiling = match watermark.below(*phase, *series) {
            Some(value) => Some(Ceiling::Below(value)),
            None => {
                let marks = state.of_mut(*phase);
                let newest = marks.newest_until(*series, watermark.until());
                newest.map(Ceiling::UpTo)
            }
        };
        ceilings.extend(ceiling.map(|it| (*phase, *series, it)));
    }
    Ok(Look {
        watermark,
        last,
        ceilings: Ceilings::new(ceilings),
    })
}

/// Asks again until all that began before `goal` is over, or until `patience` is. Answers the last
/// answer.
pub(in crate::source) async fn wait<M: Marks, A: Watched<M>>(
    asked: &mut A,
    mut watermark: A::Watermark,
    goal: i64,
    patience: Duration,
) -> Result<A::Watermark, SourceError> {
    let began = Instant::now();
    while watermark.until() < goal && began.elapsed() < patience {
        tokio::time::sleep(POLL_INTERVAL).await;
        watermark = asked.watermark().await?;
    }
    Ok(watermark)
}
