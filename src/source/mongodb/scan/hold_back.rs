//! Reading up to what is settled: no further than where an open transaction may still commit.
//!
//! A bounded read fixes what was there when it began, and waits a while for that to settle. A
//! following one reads at each poll what has settled since.

use std::time::Duration;

use mongodb::bson::doc;
use tokio::time::Instant;

use super::{
    batches::Batches,
    range::{Among, Bound},
    reading::{Bounds, POLLS, Reading, Rounds},
    watermark::{Look, Watch},
};
use crate::source::{HoldBack, Manner, SourceError, scan::Lane};

/// Between two looks of a bounded read that waits.
const STEP: Duration = Duration::from_millis(200);

/// Reads on until what was there when it began is read and the rest is left for the next run, or
/// for ever.
pub(super) async fn read(
    mut batches: Batches,
    reading: Reading,
    hold: HoldBack,
) -> Result<(), SourceError> {
    let mut watch = Watch::new(batches.scanned.clone(), hold);
    let look = watch.look().await?;
    batches.wait_for(look.operation_time).await?;
    batches.look_for_classes().await?;
    if batches.is_full() {
        fix_then(&mut batches, &mut watch, look).await?;
        batches.full(reading.sharing).await?;
        // By `_id` it has read what was settled; by another order, all that there was.
        if reading.manner == Manner::Bounded && !batches.scanned.order.is_id() {
            return Ok(());
        }
    }
    let rounds = Rounds::start(&mut batches, &reading).await;
    match reading.manner {
        Manner::Bounded if batches.reads_early() => once(batches, rounds, watch).await,
        Manner::Bounded => bounded(batches, rounds, watch).await,
        Manner::Follow => follow(batches, rounds, watch, reading.poll).await,
    }
}

/// What is not settled is read as well, so that nothing is waited for.
async fn once(
    mut batches: Batches,
    mut rounds: Rounds,
    mut watch: Watch,
) -> Result<(), SourceError> {
    let look = look_on(&mut batches, &mut watch).await?;
    batches.wait_for(look.operation_time).await?;
    let bounds = bounds(&mut batches, &look);
    rounds.go(&mut batches, Some(&bounds)).await?;
    batches.end().await;
    Ok(())
}

async fn bounded(
    mut batches: Batches,
    mut rounds: Rounds,
    mut watch: Watch,
) -> Result<(), SourceError> {
    let look = watch.look().await?;
    batches.wait_for(look.operation_time).await?;
    let reach = watch.reach(&look);
    let goals = goals(&batches, reach).await?;
    let deadline = Instant::now() + watch.patience();
    let mut told = false;
    loop {
        let look = look_on(&mut batches, &mut watch).await?;
        let bounds = bounds(&mut batches, &look);
        rounds.go(&mut batches, Some(&bounds)).await?;
        let left = is_left(&batches, &goals).await?;
        if !left || Instant::now() >= deadline {
            if left {
                tracing::warn!(
                    source = %batches.scanned.order.source,
                    "the last documents are left for the next run: {}",
                    reason(&look, &watch)
                );
            }
            warn_of_clocks_ahead(&batches, reach).await?;
            batches.end().await;
            return Ok(());
        }
        if !told {
            tracing::info!(
                source = %batches.scanned.order.source,
                "waiting up to {:.1?} for the last documents: {}",
                deadline.duration_since(Instant::now()),
                reason(&look, &watch)
            );
            told = true;
        }
        tokio::time::sleep(STEP).await;
    }
}

async fn follow(
    mut batches: Batches,
    mut rounds: Rounds,
    mut watch: Watch,
    poll: Duration,
) -> Result<(), SourceError> {
    let mut idle = 0;
    loop {
        let look = look_on(&mut batches, &mut watch).await?;
        let bounds = bounds(&mut batches, &look);
        let found = rounds.go(&mut batches, Some(&bounds)).await?;
        idle = if found { 0 } else { idle + 1 };
        if idle % POLLS == POLLS - 1 || batches.classes(Lane::Values).is_empty() {
            batches.look_for_classes().await?;
        }
        tokio::time::sleep(poll).await;
    }
}

/// Notes what is last, then asks how far that is settled.
async fn look_on(batches: &mut Batches, watch: &mut Watch) -> Result<Look, SourceError> {
    let mut last = Vec::new();
    for lane in batches.lanes() {
        let classes = batches.classes(*lane).into_iter();
        for class in classes.filter(|it| !it.is_clock()) {
            let found = batches.scanned.last(*lane, class, None).await?;
            last.extend(found.map(|it| (*lane, it)));
        }
    }
    // What is asked for behind it says a time at which it had been there.
    let look = watch.look().await?;
    batches.advance(look.operation_time);
    for (lane, last) in last {
        let stand = batches.place.stand_mut();
        stand.of_mut(lane).see(look.now, last);
    }
    Ok(look)
}

/// How far each class is settled.
fn bounds(batches: &mut Batches, look: &Look) -> Bounds {
    let mut bounds = Vec::new();
    for lane in batches.lanes() {
        for class in batches.classes(*lane) {
            let bound = match class.taken_at(look.until) {
                Some(value) => Some(Bound::Below(value)),
                None => {
                    let marks = batches.place.stand_mut().of_mut(*lane);
                    marks.settled(class, look.until).map(Bound::UpTo)
                }
            };
            bounds.extend(bound.map(|it| (*lane, class, it)));
        }
    }
    bounds
}

/// What a bounded read waits for: the documents that are there, but for those whose clocks are so
/// far ahead that it would wait in vain.
async fn goals(batches: &Batches, reach: i64) -> Result<Bounds, SourceError> {
    let mut goals = Vec::new();
    for lane in batches.lanes() {
        for class in batches.classes(*lane) {
            let reachable = class.taken_at(reach).map(Bound::Below);
            let last = batches.scanned.last(*lane, class, reachable.as_ref());
            let value = last.await?.and_then(|it| it.into_iter().next());
            goals.extend(value.map(|it| (*lane, class, Bound::UpTo(it))));
        }
    }
    Ok(goals)
}

async fn is_left(batches: &Batches, goals: &Bounds) -> Result<bool, SourceError> {
    for (lane, class, goal) in goals {
        let among = Among {
            class: Some(*class),
            alone: false,
            after: batches.place.stand().of(*lane).of(*class),
            bound: Some(goal),
        };
        let filter = batches.scanned.filter(*lane, among);
        if batches.scanned.has(filter).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn warn_of_clocks_ahead(batches: &Batches, reach: i64) -> Result<(), SourceError> {
    let field = &batches.scanned.order.field;
    let values = batches
        .classes(Lane::Values)
        .into_iter()
        .filter_map(|it| it.taken_at(reach));
    for value in values {
        if batches
            .scanned
            .has(doc! { field: { "$gte": value } })
            .await?
        {
            tracing::warn!(
                source = %batches.scanned.order.source,
                "documents whose `{field}` is ahead of the server's clock are left until it is \
                 their time, as what comes before them would be passed by; `late = \"none\"` reads \
                 them"
            );
        }
    }
    Ok(())
}

/// Fixes where the incremental read will go on, before a full read's first page.
async fn fix_then(
    batches: &mut Batches,
    watch: &mut Watch,
    mut look: Look,
) -> Result<(), SourceError> {
    if !batches.is_at_start_of_full() {
        return Ok(());
    }
    let mut last = Vec::new();
    for lane in batches.lanes() {
        for class in batches.classes(*lane) {
            match class.taken_at(look.until).map(Bound::Below) {
                Some(bound) => {
                    let settled = batches.scanned.last(*lane, class, Some(&bound)).await?;
                    let stand = batches.place.stand_mut();
                    stand.of_mut(*lane).put(settled.unwrap_or_default());
                }
                None => {
                    let found = batches.scanned.last(*lane, class, None).await?;
                    last.extend(found.map(|it| (*lane, it)));
                }
            }
        }
    }
    if last.is_empty() {
        return Ok(());
    }
    look = watch.look().await?;
    let (seen, deadline) = (look.now, Instant::now() + watch.longest_wait());
    tracing::info!(
        source = %batches.scanned.order.source,
        "a full read begins when the last documents have settled: {}",
        reason(&look, watch)
    );
    while look.until < seen {
        if Instant::now() >= deadline {
            tracing::warn!(
                source = %batches.scanned.order.source,
                "the next run repeats this full read, as it could not be told what is settled: {}",
                reason(&look, watch)
            );
            return Ok(());
        }
        tokio::time::sleep(STEP).await;
        look = watch.look().await?;
    }
    batches.wait_for(look.operation_time).await?;
    for (lane, last) in last {
        batches.place.stand_mut().of_mut(lane).put(last);
    }
    Ok(())
}

/// Why documents are held back.
fn reason(look: &Look, watch: &Watch) -> String {
    let settle = watch.settle();
    match &look.open {
        Some(open) if open.lasts > Duration::from_secs(1) => {
            let connection = open.connection.as_deref().unwrap_or("unknown");
            let seconds = open.lasts.as_secs();
            format!(
                "a transaction or write ({connection}) has been under way for {seconds} s, and may still \
                 commit below them"
            )
        }
        _ => format!("they are held back for {settle:?}, as others may still commit below them"),
    }
}
