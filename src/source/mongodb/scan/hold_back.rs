//! Hold-back: reading up to the low watermark, below every open transaction.
//!
//! A bounded read fixes what was there when it began, and waits a while for that to settle. A
//! following one reads at each poll what has settled since.

use std::time::Duration;

use mongodb::bson::doc;
use tokio::time::Instant;

use super::{
    batches::Batches,
    full,
    range::{Bound, RangeFilter},
    rounds::{Bounds, POLLS, Reading, Rounds},
    watermark::{Look, Watch},
};
use crate::source::{HoldBack, ReadMode, SourceError, scan::ScanPhase};

/// Between two looks of a bounded read that waits.
const STEP: Duration = Duration::from_millis(200);

/// Reads on until what was there when it began is read and the rest is left for the next run, or
/// for ever.
pub(super) async fn read(
    mut batches: Batches,
    reading: Reading,
    hold_back: HoldBack,
) -> Result<(), SourceError> {
    let mut watch = Watch::new(batches.scanned.clone(), hold_back);
    let look = watch.look().await?;
    batches.wait_for(look.operation_time).await?;
    batches.look_for_classes().await?;
    if batches.is_full() {
        fix_then(&mut batches, &mut watch, look).await?;
        full::finish(&mut batches, reading.sharing).await?;
        // By `_id` it has read what was settled; by another order, all that there was.
        if reading.mode == ReadMode::Bounded && !batches.scanned.order.is_id() {
            return Ok(());
        }
    }
    let rounds = Rounds::start(&mut batches, &reading).await;
    match reading.mode {
        ReadMode::Bounded if batches.reads_above_watermark() => once(batches, rounds, watch).await,
        ReadMode::Bounded => bounded(batches, rounds, watch).await,
        ReadMode::Follow => follow(batches, rounds, watch, reading.poll).await,
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
    let over_at = watch.over_at(&look);
    let goals = goals(&batches, over_at).await?;
    let deadline = Instant::now() + watch.patience();
    let mut is_logged = false;
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
            warn_of_clocks_ahead(&batches, over_at).await?;
            batches.end().await;
            return Ok(());
        }
        if !is_logged {
            tracing::info!(
                source = %batches.scanned.order.source,
                "waiting up to {:.1?} for the last documents: {}",
                deadline.duration_since(Instant::now()),
                reason(&look, &watch)
            );
            is_logged = true;
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
        if idle % POLLS == POLLS - 1 || batches.classes(ScanPhase::Values).is_empty() {
            batches.look_for_classes().await?;
        }
        tokio::time::sleep(poll).await;
    }
}

/// Notes what is last, then asks how far that is settled.
async fn look_on(batches: &mut Batches, watch: &mut Watch) -> Result<Look, SourceError> {
    let mut last = Vec::new();
    for phase in batches.phases() {
        let classes = batches.classes(*phase).into_iter();
        for class in classes.filter(|it| !it.is_clock()) {
            let found = batches.scanned.last(*phase, class, None).await?;
            last.extend(found.map(|it| (*phase, it)));
        }
    }
    // What is asked for behind it says a time at which it had been there.
    let look = watch.look().await?;
    batches.advance(look.operation_time);
    for (phase, last) in last {
        let state = batches.scan_position.state_mut();
        state.of_mut(phase).see(look.now, last);
    }
    Ok(look)
}

/// How far each class is settled.
fn bounds(batches: &mut Batches, look: &Look) -> Bounds {
    let mut bounds = Vec::new();
    for phase in batches.phases() {
        for class in batches.classes(*phase) {
            let bound = match class.taken_at(look.until) {
                Some(value) => Some(Bound::Below(value)),
                None => {
                    let cursor_values = batches.scan_position.state_mut().of_mut(*phase);
                    cursor_values
                        .newest_until(class, look.until)
                        .map(Bound::UpTo)
                }
            };
            bounds.extend(bound.map(|it| (*phase, class, it)));
        }
    }
    bounds
}

/// What a bounded read waits for: the documents that are there, but for those whose clocks are so
/// far ahead that it would wait in vain.
async fn goals(batches: &Batches, over_at: i64) -> Result<Bounds, SourceError> {
    let mut goals = Vec::new();
    for phase in batches.phases() {
        for class in batches.classes(*phase) {
            let reachable = class.taken_at(over_at).map(Bound::Below);
            let last = batches.scanned.last(*phase, class, reachable.as_ref());
            let value = last.await?.and_then(|it| it.into_iter().next());
            goals.extend(value.map(|it| (*phase, class, Bound::UpTo(it))));
        }
    }
    Ok(goals)
}

async fn is_left(batches: &Batches, goals: &Bounds) -> Result<bool, SourceError> {
    for (phase, class, goal) in goals {
        let range_filter = RangeFilter {
            class: Some(*class),
            alone: false,
            after: batches.scan_position.state().of(*phase).of(*class),
            bound: Some(goal),
        };
        let filter = batches.scanned.filter(*phase, range_filter);
        if batches.scanned.has(filter).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn warn_of_clocks_ahead(batches: &Batches, over_at: i64) -> Result<(), SourceError> {
    let field = &batches.scanned.order.field;
    let values = batches
        .classes(ScanPhase::Values)
        .into_iter()
        .filter_map(|it| it.taken_at(over_at));
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
    for phase in batches.phases() {
        for class in batches.classes(*phase) {
            match class.taken_at(look.until).map(Bound::Below) {
                Some(bound) => {
                    let found_below = batches.scanned.last(*phase, class, Some(&bound)).await?;
                    let state = batches.scan_position.state_mut();
                    state.of_mut(*phase).put(found_below.unwrap_or_default());
                }
                None => {
                    let found = batches.scanned.last(*phase, class, None).await?;
                    last.extend(found.map(|it| (*phase, it)));
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
    for (phase, last) in last {
        batches.scan_position.state_mut().of_mut(phase).put(last);
    }
    Ok(())
}

/// Why documents are held back.
fn reason(look: &Look, watch: &Watch) -> String {
    let max_commit_delay = watch.max_commit_delay();
    match &look.open {
        Some(open) if open.lasts > Duration::from_secs(1) => {
            let connection = open.connection.as_deref().unwrap_or("unknown");
            let seconds = open.lasts.as_secs();
            format!(
                "a transaction or write ({connection}) has been under way for {seconds} s, and may still \
                 commit below them"
            )
        }
        _ => format!(
            "they are held back for {max_commit_delay:?}, as others may still commit below them"
        ),
    }
}
