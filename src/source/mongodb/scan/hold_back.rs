//! Hold-back in a collection: reading up to the low watermark, below every open transaction.
//!
//! A bounded read fixes what was there when it began, and waits a while for that to settle. A
//! following one reads at each poll what has settled since. Unlike a table's, whose clock has one
//! value, each class has a bound of its own, and the server is asked whether anything is left.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::{Bson, doc};
use tokio::time::Instant;

use super::{
    Ceiling, Ceilings, CursorValues, ScanPosition, ScanState,
    class::Class,
    collection::Scanned,
    range::RangeFilter,
    reader::CollectionReader,
    watermark::{Look, Watch},
};
use crate::source::{
    HoldBack, SourceError,
    scan::{
        Marks, ScanPhase,
        hold_back::{self, LowWatermark, POLL_INTERVAL, Watched},
    },
};

/// What holds a reader back, from pass to pass.
pub(super) struct Held {
    watch: Watch,
    /// Whether it waits for what was there when it began.
    waits: bool,
    /// What it waits for then.
    goal: Option<Goal>,
    /// Of the last pass.
    look: Option<Look>,
    is_logged: bool,
}

/// The documents that were there when a bounded read began, but for those whose clocks are so far
/// ahead that it would wait in vain.
struct Goal {
    last: Vec<(ScanPhase, Class, Bson)>,
    /// By this time of the server's, waiting is over.
    over_at: i64,
    deadline: Instant,
}

impl Held {
    pub fn new(scanned: Arc<Scanned>, hold_back: HoldBack, waits: bool) -> Self {
        Self {
            watch: Watch::new(scanned, hold_back),
            waits,
            goal: None,
            look: None,
            is_logged: false,
        }
    }

    /// Before the first page: what has been committed can be seen, and a full read knows where the
    /// incremental one will go on.
    pub async fn begin(
        &mut self,
        reader: &mut CollectionReader,
        scan_position: &mut ScanPosition,
    ) -> Result<(), SourceError> {
        let look = self.watch.look().await?;
        reader.wait_for(look.operation_time).await?;
        reader.look_for_classes().await?;
        match scan_position {
            ScanPosition::Full(full) if full.is_at_start() => {
                fix_then(reader, &mut self.watch, &mut full.then, look).await
            }
            _ => Ok(()),
        }
    }

    /// Notes what is last, then asks how far that is settled. Answers how far each class may be read.
    pub async fn pass(
        &mut self,
        reader: &mut CollectionReader,
        state: &mut ScanState,
    ) -> Result<Ceilings, SourceError> {
        if self.waits && self.goal.is_none() {
            self.goal = Some(goal(reader, &mut self.watch, state).await?);
        }
        let orders = reader.orders(state).into_iter();
        let series: Vec<_> = orders.map(|(phase, class)| (phase, Some(class))).collect();
        let watch = &mut self.watch;
        let mut asked = Asked { reader, watch };
        let look = hold_back::look(&mut asked, &series, false, state).await?;
        self.look = Some(look.watermark);
        Ok(look.ceilings)
    }

    /// Whether a bounded read has all that it waits for, or has waited for long enough.
    pub async fn is_done(
        &mut self,
        reader: &CollectionReader,
        state: &ScanState,
    ) -> Result<bool, SourceError> {
        let (Some(goal), Some(look)) = (&self.goal, &self.look) else {
            return Ok(true);
        };
        let source = &reader.scanned.order.source;
        let left = goal.is_left(reader, state).await?;
        if !left || Instant::now() >= goal.deadline {
            if left {
                tracing::warn!(
                    source = %source,
                    "the last documents are left for the next run: {}",
                    reason(look, &self.watch)
                );
            }
            warn_of_clocks_ahead(reader, state, goal.over_at).await?;
            return Ok(true);
        }
        if !self.is_logged {
            tracing::info!(
                source = %source,
                "waiting up to {:.1?} for the last documents: {}",
                goal.deadline.duration_since(Instant::now()),
                reason(look, &self.watch)
            );
            self.is_logged = true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        Ok(false)
    }
}

impl CollectionReader {
    /// The orders in which documents are read, each with a progress of its own.
    fn orders(&self, state: &ScanState) -> Vec<(ScanPhase, Class)> {
        let of_phase = |phase: &ScanPhase| {
            let phase = *phase;
            let classes = self.classes(phase, state.of(phase)).into_iter();
            classes.map(move |class| (phase, class))
        };
        let phases = ScanPhase::with(self.scanned.nulls);
        phases.iter().flat_map(of_phase).collect()
    }
}

/// The server is asked beside the session of the reader, which then sees what had been committed.
struct Asked<'a> {
    reader: &'a mut CollectionReader,
    watch: &'a mut Watch,
}

#[async_trait]
impl Watched<CursorValues> for Asked<'_> {
    type Watermark = Look;

    fn is_clock(&self, _phase: ScanPhase, class: Option<Class>) -> bool {
        class.is_some_and(Class::is_clock)
    }

    async fn last(
        &mut self,
        phase: ScanPhase,
        class: Option<Class>,
    ) -> Result<Vec<Bson>, SourceError> {
        let Some(class) = class else {
            return Ok(Vec::new());
        };
        let scanned = &self.reader.scanned;
        let found = scanned.last(phase, class, &Ceiling::Open).await?;
        Ok(found.unwrap_or_default())
    }

    /// What is asked for behind it says a time at which the last documents had been there.
    async fn watermark(&mut self) -> Result<Look, SourceError> {
        let look = self.watch.look().await?;
        self.reader.advance(look.operation_time);
        Ok(look)
    }
}

impl LowWatermark<CursorValues> for Look {
    fn given_out(&self) -> i64 {
        self.now
    }

    fn until(&self) -> i64 {
        self.until
    }

    fn below(&self, _phase: ScanPhase, class: Option<Class>) -> Option<Bson> {
        class?.taken_at(self.until)
    }
}

async fn goal(
    reader: &mut CollectionReader,
    watch: &mut Watch,
    state: &ScanState,
) -> Result<Goal, SourceError> {
    let look = watch.look().await?;
    reader.wait_for(look.operation_time).await?;
    let over_at = watch.over_at(&look);
    let mut last = Vec::new();
    for (phase, class) in reader.orders(state) {
        let reachable = class.taken_at(over_at);
        let reachable = reachable.map_or(Ceiling::Open, Ceiling::Below);
        let found = reader.scanned.last(phase, class, &reachable).await?;
        let value = found.and_then(|it| it.into_iter().next());
        last.extend(value.map(|it| (phase, class, it)));
    }
    Ok(Goal {
        last,
        over_at,
        deadline: Instant::now() + watch.patience(),
    })
}

impl Goal {
    async fn is_left(
        &self,
        reader: &CollectionReader,
        state: &ScanState,
    ) -> Result<bool, SourceError> {
        for (phase, class, last) in &self.last {
            let range_filter = RangeFilter {
                class: Some(*class),
                alone: false,
                after: Marks::of(state.of(*phase), Some(*class)),
                ceiling: &Ceiling::UpTo(last.clone()),
            };
            let filter = reader.scanned.filter(*phase, range_filter);
            if reader.scanned.has(filter).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn warn_of_clocks_ahead(
    reader: &CollectionReader,
    state: &ScanState,
    over_at: i64,
) -> Result<(), SourceError> {
    let scanned = &reader.scanned;
    let field = &scanned.order.field;
    let classes = reader.classes(ScanPhase::Values, &state.values).into_iter();
    for value in classes.filter_map(|it| it.taken_at(over_at)) {
        if scanned.has(doc! { field: { "$gte": value } }).await? {
            tracing::warn!(
                source = %scanned.order.source,
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
    reader: &mut CollectionReader,
    watch: &mut Watch,
    then: &mut ScanState,
    mut look: Look,
) -> Result<(), SourceError> {
    let mut last = Vec::new();
    for (phase, class) in reader.orders(then) {
        let ceiling = class.taken_at(look.until);
        let is_clock = ceiling.is_some();
        let ceiling = ceiling.map_or(Ceiling::Open, Ceiling::Below);
        let found = reader.scanned.last(phase, class, &ceiling).await?;
        if is_clock {
            then.of_mut(phase).put(found.unwrap_or_default());
        } else {
            last.extend(found.map(|it| (phase, it)));
        }
    }
    if last.is_empty() {
        return Ok(());
    }
    look = watch.look().await?;
    let (seen, patience) = (look.now, watch.longest_wait());
    tracing::info!(
        source = %reader.scanned.order.source,
        "a full read begins when the last documents have settled: {}",
        reason(&look, watch)
    );
    let mut asked = Asked { reader, watch };
    look = hold_back::wait(&mut asked, look, seen, patience).await?;
    if look.until < seen {
        tracing::warn!(
            source = %reader.scanned.order.source,
            "the next run repeats this full read, as it could not be told what is settled: {}",
            reason(&look, watch)
        );
        return Ok(());
    }
    reader.wait_for(look.operation_time).await?;
    for (phase, last) in last {
        then.of_mut(phase).put(last);
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
