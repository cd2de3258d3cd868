//! Rounds of queries over all that can be read now, class by class.

use std::{collections::BTreeMap, time::Duration};

use mongodb::bson::{Bson, Document, doc};

use super::{
    batches::Batches,
    class::Class,
    collection::Scanned,
    range::{Bound, RangeFilter},
};
use crate::source::{
    DeduplicationSettings, Late, Nulls, ReadLimits, ReadMode, Sharing, SourceError,
    scan::{At, ScanPhase},
};

/// How a collection is read on.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub mode: ReadMode,
    /// How long a following read waits for new documents before it asks again.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// Where what is not settled is read early: how it is remembered.
    pub deduplication: Option<DeduplicationSettings>,
}

/// How many polls that find nothing pass between two looks at the field's classes, and how many
/// between two readings of all documents without a value.
pub(super) const POLLS: u32 = 60;

/// How far classes may be read, or have to be. What is not named has nothing yet to be read.
pub(super) type Bounds = Vec<(ScanPhase, Class, Bound)>;

/// Rounds over all that can be read now.
pub(super) struct Rounds {
    mode: ReadMode,
    done: u32,
    /// The last documents that were sent early: what is not remembered before them may have been,
    /// and waits until it is settled.
    furthest: BTreeMap<(ScanPhase, Class), Vec<Bson>>,
}

/// One query of a round.
struct RoundQuery<'b> {
    at: At,
    phase: ScanPhase,
    class: Class,
    after: Option<Vec<Bson>>,
    /// Above what ends there.
    above: Option<&'b Bound>,
    bound: Option<&'b Bound>,
}

impl Rounds {
    pub async fn start(batches: &mut Batches, reading: &Reading) -> Self {
        batches
            .open_deduplication(reading.deduplication.as_ref())
            .await;
        Self {
            mode: reading.mode,
            done: 0,
            furthest: BTreeMap::new(),
        }
    }

    /// Reads all that is behind the marks now, of each class up to its bound where there are
    /// `bounds`; what is above these, where that is read early. Answers whether there was anything.
    pub async fn go(
        &mut self,
        batches: &mut Batches,
        bounds: Option<&Bounds>,
    ) -> Result<bool, SourceError> {
        let is_due = match self.mode {
            ReadMode::Bounded => self.done == 0,
            ReadMode::Follow => self.done.is_multiple_of(POLLS),
        };
        let mut found = false;
        if batches.scanned.nulls == Nulls::EveryRun && is_due {
            found |= read_null_rows(batches).await?;
        }
        for phase in batches.phases() {
            found |= read_below(batches, *phase, bounds).await?;
            if let (true, Some(bounds)) = (batches.reads_above_watermark(), bounds) {
                found |= self.read_above(batches, *phase, bounds).await?;
            }
        }
        batches.end_round().await;
        self.done = self.done.wrapping_add(1);
        Ok(found)
    }

    /// What is not settled: what was read before, and what lies behind that.
    async fn read_above(
        &mut self,
        batches: &mut Batches,
        phase: ScanPhase,
        bounds: &Bounds,
    ) -> Result<bool, SourceError> {
        let mut found = false;
        for class in batches.classes(phase) {
            let after = batches
                .scan_position
                .state()
                .of(phase)
                .of(class)
                .map(<[Bson]>::to_vec);
            let above = bound(bounds, phase, class);
            let reached = self.furthest.get(&(phase, class)).cloned();
            if let Some(value) = reached.as_ref().and_then(|it| it.first()) {
                let reread = RoundQuery {
                    at: At::Reread(phase),
                    phase,
                    class,
                    after: after.clone(),
                    above,
                    bound: Some(&Bound::UpTo(value.clone())),
                };
                found |= run_query(batches, reread).await?;
            }
            let on = RoundQuery {
                at: At::AboveWatermark(phase),
                phase,
                class,
                after: reached.or(after),
                above,
                bound: None,
            };
            found |= run_query(batches, on).await?;
            if let Some(reached) = batches.reached() {
                self.furthest.insert((phase, class), reached);
            }
        }
        Ok(found)
    }
}

/// All documents without a value; a restart in the middle of them goes on there.
async fn read_null_rows(batches: &mut Batches) -> Result<bool, SourceError> {
    let mut found = false;
    for class in batches.classes(ScanPhase::Nulls) {
        let after = batches
            .scan_position
            .state()
            .nulls
            .of(class)
            .map(<[Bson]>::to_vec);
        let all = RoundQuery {
            at: At::NullRows,
            phase: ScanPhase::Nulls,
            class,
            after,
            above: None,
            bound: None,
        };
        found |= run_query(batches, all).await?;
    }
    batches.send().await;
    batches.scan_position.state_mut().nulls = Default::default();
    Ok(found)
}

async fn read_below(
    batches: &mut Batches,
    phase: ScanPhase,
    bounds: Option<&Bounds>,
) -> Result<bool, SourceError> {
    let classes = batches.classes(phase);
    let mut found = false;
    if classes.is_empty() && bounds.is_none() && phase == ScanPhase::Values {
        let all = match batches.scanned.nulls {
            Nulls::Refuse => doc! {},
            _ => doc! { batches.scanned.order.field.as_str(): { "$ne": Bson::Null } },
        };
        batches.turn_to(At::BelowWatermark(phase)).await;
        found = batches.query(all, batches.scanned.sort(phase, 1)).await?;
    }
    for class in classes {
        let bound = match bounds {
            None => None,
            Some(bounds) => match bound(bounds, phase, class) {
                None => continue,
                bound => bound,
            },
        };
        let after = batches
            .scan_position
            .state()
            .of(phase)
            .of(class)
            .map(<[Bson]>::to_vec);
        let read_below = RoundQuery {
            at: At::BelowWatermark(phase),
            phase,
            class,
            after,
            above: None,
            bound,
        };
        found |= run_query(batches, read_below).await?;
    }
    Ok(found)
}

async fn run_query(batches: &mut Batches, query: RoundQuery<'_>) -> Result<bool, SourceError> {
    let scanned = batches.scanned.clone();
    let filter = scanned.filter(
        query.phase,
        RangeFilter {
            class: Some(query.class),
            alone: scanned.nulls == Nulls::Refuse && batches.classes(query.phase).len() == 1,
            after: query.after.as_deref(),
            bound: query.bound,
        },
    );
    let filter = match query.above {
        None => filter,
        Some(above) => doc! { "$and": [filter, above_of(&scanned, query.phase, above)] },
    };
    batches.turn_to(query.at).await;
    batches.query(filter, scanned.sort(query.phase, 1)).await
}

/// The filter of what lies above a bound.
fn above_of(scanned: &Scanned, phase: ScanPhase, bound: &Bound) -> Document {
    let field = match phase {
        ScanPhase::Nulls => "_id",
        ScanPhase::Values => scanned.order.field.as_str(),
    };
    let (operator, value) = match bound {
        Bound::Below(value) => ("$gte", value),
        Bound::UpTo(value) => ("$gt", value),
    };
    doc! { field: { operator: value.clone() } }
}

fn bound(bounds: &Bounds, phase: ScanPhase, class: Class) -> Option<&Bound> {
    let mut bounds = bounds.iter();
    let found = bounds.find(|(its, of, _)| *its == phase && *of == class);
    found.map(|(_, _, bound)| bound)
}
