//! An incremental read: pass after pass over the rows without a value and over those with one.
//!
//! Rows below the watermark move the cursor. Where `late` is "re-read", rows above it are read at once
//! as well: the cursor stays, and the rows are remembered.

use std::collections::BTreeMap;

use super::{
    At, Batches, Ceiling, Ceilings, CursorOf, KeyOf, KeyRange, Ordered, Reader, Reading,
    ScanCursor, ScanPhase, SeriesOf, hold_back::WatermarkTracker,
};
use crate::source::{Nulls, ReadMode, SourceError};

/// How many passes of a following read lie between two readings of all rows without a value.
const PASSES: u32 = 60;

/// Reads on until the end, or for ever.
pub(super) async fn read<R: Reader>(
    reader: &mut R,
    batches: &mut Batches<R::Of>,
    reading: &Reading,
) -> Result<(), SourceError> {
    batches.open_window(reading.deduplication.as_ref()).await;
    // Where rows above the watermark are read as well, nothing is waited for.
    let waits = reading.mode == ReadMode::Bounded && !batches.reads_above_watermark();
    let mut tracker = WatermarkTracker::new(&*batches.of, waits);
    let mut furthest = BTreeMap::new();
    let mut passes = 0_u32;
    loop {
        let ceilings = tracker.pass(reader, &mut batches.state).await?;
        let reads_nulls = match reading.mode {
            ReadMode::Bounded => passes == 0,
            ReadMode::Follow => passes.is_multiple_of(PASSES),
        };
        let mut pass = Pass {
            reader,
            batches,
            ceilings: &ceilings,
            furthest: &mut furthest,
        };
        let found = pass.run(reads_nulls).await?;
        batches.end_pass().await;
        passes = passes.wrapping_add(1);
        match reading.mode {
            ReadMode::Bounded if tracker.is_done().await => {
                return reader.end(&batches.state).await;
            }
            ReadMode::Bounded => {}
            ReadMode::Follow => {
                tracker.log_block();
                reader.rest(&batches.state, found).await?;
                tokio::time::sleep(reading.poll).await;
            }
        }
    }
}

/// The last rows above the watermark that this reader has sent: what is not remembered before them may
/// have been sent, and waits until it is below the watermark.
type Furthest<R> = BTreeMap<(ScanPhase, SeriesOf<R>), KeyOf<R>>;

struct Pass<'p, R: Reader> {
    reader: &'p mut R,
    batches: &'p mut Batches<R::Of>,
    ceilings: &'p Ceilings<CursorOf<R>>,
    furthest: &'p mut Furthest<R>,
}

impl<R: Reader> Pass<'_, R> {
    /// Answers whether there was anything.
    async fn run(&mut self, reads_nulls: bool) -> Result<bool, SourceError> {
        let nulls = self.batches.of.nulls();
        let mut found = false;
        if nulls == Nulls::EveryRun && reads_nulls {
            found |= self.null_rows().await?;
        }
        for phase in ScanPhase::with(nulls) {
            for series in self.series(*phase) {
                found |= self.below(*phase, series).await?;
            }
            if self.batches.reads_above_watermark() {
                for series in self.series(*phase) {
                    found |= self.above(*phase, series).await?;
                }
            }
        }
        Ok(found)
    }

    /// All rows without a value; a restart in the middle of them goes on there.
    async fn null_rows(&mut self) -> Result<bool, SourceError> {
        let mut found = false;
        for series in self.series(ScanPhase::Nulls) {
            let after = self.behind(ScanPhase::Nulls, series);
            let all = KeyRange {
                phase: ScanPhase::Nulls,
                series,
                after: &after,
                above: None,
                ceiling: &Ceiling::Open,
            };
            found |= self.read(At::NullRows, all).await?;
        }
        self.batches.send().await;
        self.batches.state.nulls = Default::default();
        Ok(found)
    }

    /// What is below the watermark.
    async fn below(&mut self, phase: ScanPhase, series: SeriesOf<R>) -> Result<bool, SourceError> {
        let ceiling = self.ceilings.of(phase, series);
        if *ceiling == Ceiling::Shut {
            return Ok(false);
        }
        let after = self.behind(phase, series);
        let range = KeyRange {
            phase,
            series,
            after: &after,
            above: None,
            ceiling,
        };
        self.read(At::BelowWatermark(phase), range).await
    }

    /// What is above the watermark: what was read before, and what lies behind that.
    async fn above(&mut self, phase: ScanPhase, series: SeriesOf<R>) -> Result<bool, SourceError> {
        let ceiling = self.ceilings.of(phase, series);
        if *ceiling == Ceiling::Open {
            return Ok(false);
        }
        let above = Some(ceiling);
        let after = self.behind(phase, series);
        let reached = self.furthest.get(&(phase, series)).cloned();
        let mut found = false;
        if let Some(value) = reached.as_ref().and_then(|it| it.first()) {
            let before = KeyRange {
                phase,
                series,
                after: &after,
                above,
                ceiling: &Ceiling::UpTo(value.clone()),
            };
            found |= self.read(At::Reread(phase), before).await?;
        }
        let rest = KeyRange {
            phase,
            series,
            after: reached.as_ref().unwrap_or(&after),
            above,
            ceiling: &Ceiling::Open,
        };
        found |= self.read(At::AboveWatermark(phase), rest).await?;
        if let Some(reached) = self.batches.reached() {
            self.furthest.insert((phase, series), reached.to_vec());
        }
        Ok(found)
    }

    async fn read(
        &mut self,
        at: At,
        range: KeyRange<'_, CursorOf<R>>,
    ) -> Result<bool, SourceError> {
        self.batches.turn_to(at).await;
        self.reader.read(range, self.batches).await
    }

    fn series(&self, phase: ScanPhase) -> Vec<SeriesOf<R>> {
        let cursor = self.batches.state.of(phase);
        self.reader.series(phase, cursor)
    }

    fn behind(&self, phase: ScanPhase, series: SeriesOf<R>) -> KeyOf<R> {
        self.batches.state.of(phase).of(series).to_vec()
    }
}
