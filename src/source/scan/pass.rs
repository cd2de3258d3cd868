//! An incremental read: pass after pass over the rows without a value and over those with one.
//!
//! What is settled moves the cursor. Where late commits are met by reading again, what is above it
//! is read at once as well: the cursor stays, and the rows are remembered.

use super::{
    Batches, Ceiling, Lane, Mark, Pages, Reading, Table,
    batches::At,
    hold_back::{Ceilings, Hold},
    incremental::Stretch,
};
use crate::source::{Manner, Nulls, SourceError, reread::Early};

/// How many passes of a following read lie between two readings of all rows without a value.
const PASSES: u32 = 60;

/// Reads on until the end, or for ever.
pub(super) async fn read(
    table: &Table,
    pages: &mut dyn Pages,
    batches: &mut Batches,
    reading: &Reading,
) -> Result<(), SourceError> {
    if let Some(settings) = &reading.early {
        let early = Early::open(&table.name, settings, batches.stand.sent).await;
        batches.stand.sent = Some(early.sent());
        batches.early = Some(early);
    } else {
        batches.stand.sent = None;
    }
    let waits = reading.manner == Manner::Bounded && reading.early.is_none();
    let mut hold = Hold::new(waits);
    let mut furthest = Furthest::default();
    let mut pass = 0_u32;
    loop {
        let ceilings = hold.pass(table, pages, &mut batches.stand).await?;
        let mut reader = Pass {
            table,
            pages,
            batches,
            rows: reading.page_rows(),
        };
        reader
            .nulls(pass, &ceilings, reading.manner, &mut furthest)
            .await?;
        reader
            .lane(Lane::Values, &ceilings.values, &mut furthest.values)
            .await?;
        batches.end_pass().await;
        pass = pass.wrapping_add(1);
        match reading.manner {
            Manner::Bounded if hold.is_done(&table.name).await => return Ok(()),
            Manner::Bounded => {}
            Manner::Follow => {
                hold.tell(&table.name);
                tokio::time::sleep(reading.poll).await;
            }
        }
    }
}

/// The last rows that this reader has sent early: what is not remembered before them may have
/// been, and waits until it is settled.
#[derive(Default)]
struct Furthest {
    nulls: Vec<Mark>,
    values: Vec<Mark>,
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
        manner: Manner,
        furthest: &mut Furthest,
    ) -> Result<(), SourceError> {
        match self.table.nulls {
            Nulls::Refuse => Ok(()),
            Nulls::First => {
                self.lane(Lane::Nulls, &ceilings.nulls, &mut furthest.nulls)
                    .await
            }
            Nulls::EveryRun
                if pass > 0 && (manner == Manner::Bounded || !pass.is_multiple_of(PASSES)) =>
            {
                Ok(())
            }
            Nulls::EveryRun => {
                // A restart in the middle of them goes on there.
                let after = self.batches.stand.nulls.clone();
                let all = (None, &Ceiling::Open);
                self.stretch(At::Anew, after, all).await?;
                self.batches.stand.nulls.clear();
                Ok(())
            }
        }
    }

    /// What is settled, and above it what is not, where that is read early.
    async fn lane(
        &mut self,
        lane: Lane,
        ceiling: &Ceiling,
        furthest: &mut Vec<Mark>,
    ) -> Result<(), SourceError> {
        if *ceiling != Ceiling::Shut {
            let after = self.batches.stand.after(lane).clone();
            self.stretch(At::Settled(lane), after, (None, ceiling))
                .await?;
        }
        if self.batches.early.is_none() || *ceiling == Ceiling::Open {
            return Ok(());
        }
        let after = self.batches.stand.after(lane).clone();
        let Some(value) = furthest.first() else {
            *furthest = self
                .stretch(At::Early(lane), after, (Some(ceiling), &Ceiling::Open))
                .await?;
            return Ok(());
        };
        let again = Ceiling::UpTo(value.clone());
        self.stretch(At::Again(lane), after, (Some(ceiling), &again))
            .await?;
        let reached = self
            .stretch(
                At::Early(lane),
                furthest.clone(),
                (Some(ceiling), &Ceiling::Open),
            )
            .await?;
        *furthest = reached;
        Ok(())
    }

    /// Reads all of a stretch. Answers the last row's values; `after` where there is none.
    async fn stretch(
        &mut self,
        at: At,
        mut after: Vec<Mark>,
        (above, ceiling): (Option<&Ceiling>, &Ceiling),
    ) -> Result<Vec<Mark>, SourceError> {
        let Some(lane) = at.lane() else {
            return Ok(after);
        };
        self.batches.turn_to(at);
        loop {
            let stretch = Stretch {
                lane,
                after: &after,
                above,
                ceiling,
                rows: self.rows,
            };
            let page = self.table.stretch(stretch);
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
