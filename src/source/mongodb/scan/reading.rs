//! Reading a collection on from a place, round after round.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mongodb::bson::{Bson, Document, doc};

use super::{
    batches::{Batches, Toward},
    class::Class,
    collection::{Classes, Scanned},
    full, hold_back,
    position::Place,
    range::{Among, Bound},
};
use crate::source::{
    EarlySettings, Late, Manner, Nulls, ReadLimits, Sharing, SourceError,
    scan::{At, Lane, Outlet},
};

/// How a collection is read on.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub manner: Manner,
    /// How long a following read waits for new documents before it asks again.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// Where what is not settled is read early: how it is remembered.
    pub early: Option<EarlySettings>,
}

/// How many polls that find nothing pass between two looks at the field's classes, and how many
/// between two readings of all documents without a value.
pub(super) const POLLS: u32 = 60;

/// How far classes may be read, or have to be. What is not named has nothing yet to be read.
pub(super) type Bounds = Vec<(Lane, Class, Bound)>;

/// Reads on from `place` until the end, or for ever.
pub(super) async fn read(
    scanned: Arc<Scanned>,
    place: Place,
    classes: Classes,
    reading: Reading,
    outlet: Outlet,
) -> Result<(), SourceError> {
    let toward = Toward::Flow(outlet);
    let mut batches = Batches::start(scanned, place, classes, reading.limits, toward).await?;
    if let Some(hold) = reading.late.writers() {
        return hold_back::read(batches, reading, hold).await;
    }
    if batches.is_full() {
        batches.full(reading.sharing).await?;
        // A full read ends where the collection stood before it.
        if reading.manner == Manner::Bounded {
            return Ok(());
        }
    }
    let mut rounds = Rounds::start(&mut batches, &reading).await;
    let mut idle = 0;
    loop {
        let found = rounds.go(&mut batches, None).await?;
        if reading.manner == Manner::Bounded {
            return Ok(());
        }
        idle = if found { 0 } else { idle + 1 };
        // A value of another class that has come since would never be found.
        if idle % POLLS == POLLS - 1 {
            batches.look_for_classes().await?;
        }
        tokio::time::sleep(reading.poll).await;
    }
}

/// Rounds over all that can be read now.
pub(super) struct Rounds {
    manner: Manner,
    done: u32,
    /// The last documents that were sent early: what is not remembered before them may have been,
    /// and waits until it is settled.
    furthest: BTreeMap<(Lane, Class), Vec<Bson>>,
}

/// One query of a round.
struct Stretch<'b> {
    at: At,
    lane: Lane,
    class: Class,
    after: Option<Vec<Bson>>,
    /// Above what ends there.
    above: Option<&'b Bound>,
    bound: Option<&'b Bound>,
}

impl Rounds {
    pub async fn start(batches: &mut Batches, reading: &Reading) -> Self {
        batches.remember_early(reading.early.as_ref()).await;
        Self {
            manner: reading.manner,
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
        let is_due = match self.manner {
            Manner::Bounded => self.done == 0,
            Manner::Follow => self.done.is_multiple_of(POLLS),
        };
        let mut found = false;
        if batches.scanned.nulls == Nulls::EveryRun && is_due {
            found |= anew(batches).await?;
        }
        for lane in batches.lanes() {
            found |= settled(batches, *lane, bounds).await?;
            if let (true, Some(bounds)) = (batches.reads_early(), bounds) {
                found |= self.early(batches, *lane, bounds).await?;
            }
        }
        batches.end_round().await;
        self.done = self.done.wrapping_add(1);
        Ok(found)
    }

    /// What is not settled: what was read before, and what lies behind that.
    async fn early(
        &mut self,
        batches: &mut Batches,
        lane: Lane,
        bounds: &Bounds,
    ) -> Result<bool, SourceError> {
        let mut found = false;
        for class in batches.classes(lane) {
            let after = batches
                .place
                .stand()
                .of(lane)
                .of(class)
                .map(<[Bson]>::to_vec);
            let above = bound(bounds, lane, class);
            let reached = self.furthest.get(&(lane, class)).cloned();
            if let Some(value) = reached.as_ref().and_then(|it| it.first()) {
                let again = Stretch {
                    at: At::Again(lane),
                    lane,
                    class,
                    after: after.clone(),
                    above,
                    bound: Some(&Bound::UpTo(value.clone())),
                };
                found |= stretch(batches, again).await?;
            }
            let on = Stretch {
                at: At::Early(lane),
                lane,
                class,
                after: reached.or(after),
                above,
                bound: None,
            };
            found |= stretch(batches, on).await?;
            if let Some(reached) = batches.reached() {
                self.furthest.insert((lane, class), reached);
            }
        }
        Ok(found)
    }
}

/// All documents without a value; a restart in the middle of them goes on there.
async fn anew(batches: &mut Batches) -> Result<bool, SourceError> {
    let mut found = false;
    for class in batches.classes(Lane::Nulls) {
        let after = batches.place.stand().nulls.of(class).map(<[Bson]>::to_vec);
        let all = Stretch {
            at: At::Anew,
            lane: Lane::Nulls,
            class,
            after,
            above: None,
            bound: None,
        };
        found |= stretch(batches, all).await?;
    }
    batches.send().await;
    batches.place.stand_mut().nulls = Default::default();
    Ok(found)
}

async fn settled(
    batches: &mut Batches,
    lane: Lane,
    bounds: Option<&Bounds>,
) -> Result<bool, SourceError> {
    let classes = batches.classes(lane);
    let mut found = false;
    if classes.is_empty() && bounds.is_none() && lane == Lane::Values {
        let all = match batches.scanned.nulls {
            Nulls::Refuse => doc! {},
            _ => doc! { batches.scanned.order.field.as_str(): { "$ne": Bson::Null } },
        };
        batches.turn_to(At::Settled(lane)).await;
        found = batches.query(all, batches.scanned.sort(lane, 1)).await?;
    }
    for class in classes {
        let bound = match bounds {
            None => None,
            Some(bounds) => match bound(bounds, lane, class) {
                None => continue,
                bound => bound,
            },
        };
        let after = batches
            .place
            .stand()
            .of(lane)
            .of(class)
            .map(<[Bson]>::to_vec);
        let settled = Stretch {
            at: At::Settled(lane),
            lane,
            class,
            after,
            above: None,
            bound,
        };
        found |= stretch(batches, settled).await?;
    }
    Ok(found)
}

async fn stretch(batches: &mut Batches, stretch: Stretch<'_>) -> Result<bool, SourceError> {
    let scanned = batches.scanned.clone();
    let filter = scanned.filter(
        stretch.lane,
        Among {
            class: Some(stretch.class),
            alone: scanned.nulls == Nulls::Refuse && batches.classes(stretch.lane).len() == 1,
            after: stretch.after.as_deref(),
            bound: stretch.bound,
        },
    );
    let filter = match stretch.above {
        None => filter,
        Some(above) => doc! { "$and": [filter, above_of(&scanned, stretch.lane, above)] },
    };
    batches.turn_to(stretch.at).await;
    batches.query(filter, scanned.sort(stretch.lane, 1)).await
}

/// The filter of what lies above a bound.
fn above_of(scanned: &Scanned, lane: Lane, bound: &Bound) -> Document {
    let field = match lane {
        Lane::Nulls => "_id",
        Lane::Values => scanned.order.field.as_str(),
    };
    let (operator, value) = match bound {
        Bound::Below(value) => ("$gte", value),
        Bound::UpTo(value) => ("$gt", value),
    };
    doc! { field: { operator: value.clone() } }
}

fn bound(bounds: &Bounds, lane: Lane, class: Class) -> Option<&Bound> {
    let mut bounds = bounds.iter();
    let found = bounds.find(|(its, of, _)| *its == lane && *of == class);
    found.map(|(_, _, bound)| bound)
}

impl Batches {
    /// Reads what is left of a full read, and goes over to the incremental one.
    pub async fn full(&mut self, sharing: Sharing) -> Result<(), SourceError> {
        self.place.stand_mut().forget_read();
        let Place::Full(full) = self.place.clone() else {
            return Ok(());
        };
        self.place = Place::Incremental(full.then.clone());
        full::read(self, full, sharing).await?;
        self.stands();
        Ok(())
    }
}
