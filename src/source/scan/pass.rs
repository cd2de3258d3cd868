//! An incremental read: pass after pass over the rows without a value and over those with one.
//!
//! What is settled moves the cursor. Where late commits are met by reading again, what is above it
//! is read at once as well: the cursor stays, and the rows are remembered.

use super::{
    At, Batches,
    table::{
        Ceiling, Ceilings, CursorValue, KeyRange, Pages, Reading, ScanPhase, Table,
        WatermarkTracker,
    },
};
use crate::source::{Nulls, ReadMode, SourceError, deduplication::DeduplicationWindow};

/// How many passes of a following read lie between two readings of all rows without a value.
const PASSES: u32 = 60;

/// Reads on until the end, or for ever.
pub(super) async fn read(
    table: &Table,
    pages: &mut dyn Pages,
    batches: &mut Batches,
    reading: &Reading,
) -> Result<(), SourceError> {
    if let Some(settings) = &reading.deduplication {
        let deduplication =
            DeduplicationWindow::open(&table.name, settings, batches.state.sent).await;
        batches.state.sent = Some(deduplication.sent());
        batches.deduplication = Some(deduplication);
    } else {
        batches.state.sent = None;
    }
    let waits = reading.mode == ReadMode::Bounded && reading.deduplication.is_none();
    let mut tracker = WatermarkTracker::new(waits);
    let mut furthest = Furthest::default();
    let mut pass = 0_u32;
    loop {
        let ceilings = tracker.pass(table, pages, &mut batches.state).await?;
        let mut reader = Pass {
            table,
            pages,
            batches,
            rows: reading.page_rows(),
        };
        reader
            .nulls(pass, &ceilings, reading.mode, &mut furthest)
            .await?;
        reader
            .phase(ScanPhase::Values, &ceilings.values, &mut furthest.values)
            .await?;
        batches.end_pass().await;
        pass = pass.wrapping_add(1);
        match reading.mode {
            ReadMode::Bounded if tracker.is_done(&table.name).await => return Ok(()),
            ReadMode::Bounded => {}
            ReadMode::Follow => {
                tracker.log_block(&table.name);
                tokio::time::sleep(reading.poll).await;
            }
        }
    }
}

/// The last rows that this reader has sent early: what is not remembered before them may have
/// been, and waits until it is settled.
#[derive(Default)]
struct Furthest {
    nulls: Vec<CursorValue>,
    values: Vec<CursorValue>,
}

struct Pass<'p> {
    table: &'p Table,
    pages: &'p mut dyn Pages,
    batches: &'p mut Batches,
    rows: usize,
}

impl Pass<'_> {
    async fn nulls(
        &mut self,
        pass: u32,
        ceilings: &Ceilings,
        mode: ReadMode,
        furthest: &mut Furthest,
    ) -> Result<(), SourceError> {
        match self.table.nulls {
            Nulls::Refuse => Ok(()),
            Nulls::First => {
                self.phase(ScanPhase::Nulls, &ceilings.nulls, &mut furthest.nulls)
                    .await
            }
            Nulls::EveryRun
                if pass > 0 && (mode == ReadMode::Bounded || !pass.is_multiple_of(PASSES)) =>
            {
                Ok(())
            }
            Nulls::EveryRun => {
                // A restart in the middle of them goes on there.
                let after = self.batches.state.nulls.clone();
                let all = (None, &Ceiling::Open);
                self.read_range(At::NullRows, after, all).await?;
                self.batches.state.nulls.clear();
                Ok(())
            }
        }
    }

    /// What is settled, and above it what is not, where that is read early.
    async fn phase(
        &mut self,
        phase: ScanPhase,
        ceiling: &Ceiling,
        furthest: &mut Vec<CursorValue>,
    ) -> Result<(), SourceError> {
        if *ceiling != Ceiling::Shut {
            let after = self.batches.state.after(phase).clone();
            self.read_range(At::BelowWatermark(phase), after, (None, ceiling))
                .await?;
        }
        if self.batches.deduplication.is_none() || *ceiling == Ceiling::Open {
            return Ok(());
        }
        let after = self.batches.state.after(phase).clone();
        let Some(value) = furthest.first() else {
            *furthest = self
                .read_range(
                    At::AboveWatermark(phase),
                    after,
                    (Some(ceiling), &Ceiling::Open),
                )
                .await?;
            return Ok(());
        };
        let reread = Ceiling::UpTo(value.clone());
        self.read_range(At::Reread(phase), after, (Some(ceiling), &reread))
            .await?;
        let reached = self
            .read_range(
                At::AboveWatermark(phase),
                furthest.clone(),
                (Some(ceiling), &Ceiling::Open),
            )
            .await?;
        *furthest = reached;
        Ok(())
    }

    /// Reads all of a stretch. Answers the last row's values; `after` where there is none.
    async fn read_range(
        &mut self,
        at: At,
        mut after: Vec<CursorValue>,
        (above, ceiling): (Option<&Ceiling>, &Ceiling),
    ) -> Result<Vec<CursorValue>, SourceError> {
        let Some(phase) = at.phase() else {
            return Ok(after);
        };
        self.batches.turn_to(at);
        loop {
            let key_range = KeyRange {
                phase,
                after: &after,
                above,
                ceiling,
                rows: self.rows,
            };
            let page = self.table.key_range(key_range);
            let rows = self.pages.page(page, self.batches).await?;
            if let Some(reached) = self.batches.end_page().await? {
                after = reached;
            }
            if rows < self.rows {
                return Ok(after);
            }
        }
    }
}
