//! A collection's reader: ranges and chunks as queries, class by class, in one session.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use mongodb::{
    ClientSession,
    bson::{Bson, Document, Timestamp, doc},
};

use super::{
    Batches, Ceiling, Chunk, CursorValues, Key, KeyRange, ScanState,
    class::Class,
    collection::{Classes, Scanned},
    range::RangeFilter,
    watermark::{Look, Watch},
};
use crate::source::{
    Late, Nulls, SourceError,
    scan::{Reader, Reading, ScanPhase},
};

/// Documents in one answer of the server: fewer cost a round trip for every few, more wait here.
const SIZES: std::ops::RangeInclusive<usize> = 1000..=5000;

/// How many polls that find nothing pass between two looks at the field's classes.
const POLLS: u32 = 60;

pub(super) struct CollectionReader {
    pub scanned: Arc<Scanned>,
    pub classes: Classes,
    /// What is read in it sees all that had been committed by its operation time.
    pub session: ClientSession,
    /// What holds it back; `None` where nothing does.
    watch: Option<Watch>,
    /// When a bounded read that waits gives up, by the server's clock.
    over_at: Option<i64>,
    /// Documents in one answer of the server.
    size: u32,
    /// Polls since the last that found something.
    idle: u32,
}

impl CollectionReader {
    pub async fn start(
        scanned: Arc<Scanned>,
        classes: Classes,
        late: Late,
        reading: &Reading,
    ) -> Result<Self, SourceError> {
        let client = scanned.connection.database().client();
        let session = client.start_session().causal_consistency(true).await;
        let session = session.map_err(|error| scanned.error(&error))?;
        let size = reading.limits.rows.clamp(*SIZES.start(), *SIZES.end());
        let hold_back = late.writers();
        Ok(Self {
            watch: hold_back.map(|it| Watch::new(scanned.clone(), it)),
            over_at: None,
            scanned,
            classes,
            session,
            size: size as u32,
            idle: 0,
        })
    }

    /// Pages that are read from here on see all that had been committed by `time`.
    pub fn advance(&mut self, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.session.advance_operation_time(time);
        }
    }

    /// Waits until all that had been committed by `time` can be seen by any read.
    pub async fn wait_for(&mut self, time: Option<Timestamp>) -> Result<(), SourceError> {
        self.advance(time);
        let any = self.scanned.documents.find_one(doc! {});
        let any = any.projection(doc! { "_id": 1 }).session(&mut self.session);
        any.await.map_err(|error| self.scanned.error(&error))?;
        Ok(())
    }

    /// The classes that the incremental field holds now.
    pub async fn look_for_classes(&mut self) -> Result<(), SourceError> {
        self.classes = self.scanned.classes().await?;
        Ok(())
    }

    /// Classes that there may be something of: those that the phase held when it was last looked
    /// at, and those that have been read.
    pub fn classes(&self, phase: ScanPhase, cursor_values: &CursorValues) -> Vec<Class> {
        let mut classes = match phase {
            ScanPhase::Nulls => self.classes.ids.clone(),
            ScanPhase::Values => self.classes.values.clone(),
        };
        let read = cursor_values.all().iter();
        classes.extend(read.filter_map(|it| it.first().map(Class::of)));
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Reads what one query finds. Answers whether there was anything.
    pub async fn query(
        &mut self,
        filter: Document,
        sort: Document,
        batches: &mut Batches,
    ) -> Result<bool, SourceError> {
        let scanned = self.scanned.clone();
        let lost = |error| scanned.error(&error);
        let find = scanned.documents.find(filter).sort(sort);
        let find = find.batch_size(self.size).session(&mut self.session);
        let mut answers = find.batch().await.map_err(lost)?;
        let mut found = false;
        loop {
            let answer = answers.stream(&mut self.session).next().await;
            let Some(answer) = answer else {
                return Ok(found);
            };
            found |= batches.gather(&answer.map_err(lost)?).await?;
        }
    }
}

#[async_trait]
impl Reader for CollectionReader {
    type Of = Scanned;
    type Watermark = Look;

    fn series(&self, phase: ScanPhase, cursor_values: &CursorValues) -> Vec<Option<Class>> {
        let classes = self.classes(phase, cursor_values);
        if classes.is_empty() && self.watch.is_none() && phase == ScanPhase::Values {
            // Whatever has come since it was looked at.
            return vec![None];
        }
        classes.into_iter().map(Some).collect()
    }

    async fn read(
        &mut self,
        range: KeyRange<'_>,
        batches: &mut Batches,
    ) -> Result<bool, SourceError> {
        let scanned = self.scanned.clone();
        let (phase, field) = (range.phase, scanned.order.field.as_str());
        let filter = match range.series {
            None if scanned.nulls != Nulls::Refuse => doc! { field: { "$ne": Bson::Null } },
            class => {
                let classes = self.classes(phase, batches.state.of(phase));
                let range_filter = RangeFilter {
                    class,
                    alone: scanned.nulls == Nulls::Refuse && classes.len() == 1,
                    after: range.after,
                    ceiling: range.ceiling,
                };
                scanned.filter(phase, range_filter)
            }
        };
        let filter = match range.above.and_then(|it| scanned.above(phase, it)) {
            None => filter,
            Some(above) => doc! { "$and": [filter, above] },
        };
        self.query(filter, scanned.sort(phase, 1), batches).await
    }

    async fn read_chunk(
        &mut self,
        chunk: Chunk<Key>,
        then: &ScanState,
        batches: &mut Batches,
    ) -> Result<(), SourceError> {
        for filter in self.filters(&chunk, then) {
            self.query(filter, doc! { "_id": 1 }, batches).await?;
        }
        Ok(())
    }

    async fn cut(&mut self, chunk: &Chunk<Key>, rows: usize) -> Result<Option<Key>, SourceError> {
        self.key_ahead(chunk, rows).await
    }

    fn is_held_back(&self) -> bool {
        self.watch.is_some()
    }

    fn is_clock(&self, _phase: ScanPhase, class: Option<Class>) -> bool {
        class.is_some_and(Class::is_clock)
    }

    async fn last(&mut self, phase: ScanPhase, class: Option<Class>) -> Result<Key, SourceError> {
        let Some(class) = class else {
            return Ok(Key::new());
        };
        let last = self.scanned.last(phase, class, &Ceiling::Open).await?;
        Ok(last.unwrap_or_default())
    }

    /// What is asked for behind it says a time at which the last documents had been there.
    async fn watermark(&mut self) -> Result<Look, SourceError> {
        let Some(watch) = &mut self.watch else {
            let advice = "its writers are not asked for: set `late` to \"hold-back\"";
            return Err(self.scanned.incompatible(advice.to_owned()));
        };
        let look = watch.look().await?;
        self.advance(look.operation_time);
        Ok(look)
    }

    /// Documents whose clocks are so far ahead that it would wait in vain do not count.
    async fn reachable(
        &mut self,
        phase: ScanPhase,
        class: Option<Class>,
        last: Key,
        watermark: &Look,
    ) -> Result<Option<Bson>, SourceError> {
        self.over_at = Some(watermark.over_at);
        let reachable = class.and_then(|it| Some((it, it.taken_at(watermark.over_at)?)));
        let Some((class, over)) = reachable else {
            return Ok(last.into_iter().next());
        };
        let found = self
            .scanned
            .last(phase, class, &Ceiling::Below(over))
            .await?;
        Ok(found.and_then(|it| it.into_iter().next()))
    }

    async fn end(&mut self, state: &ScanState) -> Result<(), SourceError> {
        match self.over_at {
            Some(over_at) => self.warn_of_clocks_ahead(state, over_at).await,
            None => Ok(()),
        }
    }

    async fn rest(&mut self, state: &ScanState, found: bool) -> Result<(), SourceError> {
        self.idle = if found { 0 } else { self.idle + 1 };
        // A value of another class that has come since would never be found.
        let is_due = self.idle % POLLS == POLLS - 1;
        if is_due || self.series(ScanPhase::Values, &state.values).is_empty() {
            self.look_for_classes().await?;
        }
        Ok(())
    }

    /// By `_id` a full read that is held back has read what was settled; by another order, all that there was.
    fn ends_with_full(&self) -> bool {
        self.watch.is_none() || !self.scanned.order.is_id()
    }
}
