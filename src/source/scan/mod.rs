//! The scan engine: rows of a table or a collection, page by page in an order.
//!
//! A full read is shared out in chunks of the key (`full`). An incremental one makes pass after
//! pass past a value (`pass`). Rows below the low watermark (`hold_back`) move the cursor; rows
//! above it are sent at once where `late` is "re-read". All of it is the same for every system.
//!
//! A system implements two traits. `Ordered` is what is read: its values, and the text of its
//! positions. `Reader` is a connection: how a range of rows is asked for, what is last, and how far
//! writers are. `table` implements both for all tables of SQL.

mod batches;
mod chunk_token;
pub(super) mod chunks;
mod full;
pub(super) mod hold_back;
mod moment;
mod pass;
mod position;
mod range;
mod read_ahead;
pub(super) mod table;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub(super) use batches::Batches;
pub(super) use chunk_token::{ChunkPart, chunk_parts, chunks_of, is_zero};
pub(super) use chunks::Chunk;
pub(super) use moment::instant;
pub(super) use position::{Full, Key, ScanCursor, ScanPhase, ScanPosition, ScanState};
pub(super) use range::{At, Ceiling, Ceilings, KeyRange};
pub(super) use read_ahead::{BatchSender, ReadAhead};

use super::{DeduplicationSettings, Nulls, ReadLimits, ReadMode, Scope, SourceError};
use crate::model::{Position, Schema};
use chunks::Sharing;
use hold_back::ServerWatermark;

/// What is read: a table, or a collection.
pub(super) trait Ordered: Send + Sync + 'static {
    /// Behind which of its rows an incremental read is.
    type Cursor: ScanCursor;

    /// The source's name.
    fn name(&self) -> &str;

    fn schema(&self) -> &Arc<Schema>;

    /// What is done about rows without a value.
    fn nulls(&self) -> Nulls;

    /// The text of a scan position, as the flow stores it.
    fn position(&self, scan_position: &ScanPosition<Self::Cursor>) -> Position;
}

/// Reads rows over a connection of its own. Dropping it in the middle of a read must do no harm.
#[async_trait]
pub(super) trait Reader: Send + 'static {
    type Of: Ordered;

    /// What the server says of its writers.
    type Watermark: ServerWatermark<CursorOf<Self>>;

    /// The series that a phase may have rows of, where an incremental read is behind `cursor`.
    fn series(&self, phase: ScanPhase, cursor: &CursorOf<Self>) -> Vec<SeriesOf<Self>>;

    /// Reads all of a range into `batches`. Answers whether there was anything.
    async fn read(
        &mut self,
        range: KeyRange<'_, CursorOf<Self>>,
        batches: &mut Batches<Self::Of>,
    ) -> Result<bool, SourceError>;

    /// Reads all of a chunk into `batches`. `then` is where the incremental read will go on.
    async fn read_chunk(
        &mut self,
        chunk: Chunk<KeyOf<Self>>,
        then: &StateOf<Self>,
        batches: &mut Batches<Self::Of>,
    ) -> Result<(), SourceError>;

    /// The key that is `rows` rows on in `chunk`; `None` where it has not so many.
    async fn cut(
        &mut self,
        chunk: &Chunk<KeyOf<Self>>,
        rows: usize,
    ) -> Result<Option<KeyOf<Self>>, SourceError>;

    /// Whether anything holds reading back.
    fn is_held_back(&self) -> bool;

    /// Whether the values of a series are times of a clock.
    fn is_clock(&self, phase: ScanPhase, series: SeriesOf<Self>) -> bool;

    /// The values of the last row of a series; none where there is no row.
    async fn last(
        &mut self,
        phase: ScanPhase,
        series: SeriesOf<Self>,
    ) -> Result<KeyOf<Self>, SourceError>;

    /// How far the writers are, where reading is held back.
    async fn watermark(&mut self) -> Result<Self::Watermark, SourceError>;

    /// Up to which time a bounded read waits, where it has not read the `last` row of a clock's series.
    async fn reachable(
        &mut self,
        phase: ScanPhase,
        series: SeriesOf<Self>,
        last: KeyOf<Self>,
        watermark: &Self::Watermark,
    ) -> Result<Option<ValueOf<Self>>, SourceError>;

    /// A bounded read is over.
    async fn end(&mut self, _state: &StateOf<Self>) -> Result<(), SourceError> {
        Ok(())
    }

    /// A following read has made a pass, which `found` something or not, and waits until the next.
    async fn rest(&mut self, _state: &StateOf<Self>, _found: bool) -> Result<(), SourceError> {
        Ok(())
    }

    /// Whether a bounded read is over with its full read: what has come since is for the next run.
    fn ends_with_full(&self) -> bool;
}

type CursorOf<R> = <<R as Reader>::Of as Ordered>::Cursor;
type SeriesOf<R> = <CursorOf<R> as ScanCursor>::Series;
type KeyOf<R> = Key<CursorOf<R>>;
type ValueOf<R> = <CursorOf<R> as ScanCursor>::Value;
type StateOf<R> = ScanState<CursorOf<R>>;

/// How a source is read on.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub mode: ReadMode,
    /// How long a following read waits for new rows before it asks again.
    pub poll: Duration,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// How rows above the watermark are remembered, where they are sent at once.
    pub deduplication: Option<DeduplicationSettings>,
}

/// How a read begins.
pub(super) enum Begin<C: ScanCursor> {
    /// It goes on at a position.
    At(ScanPosition<C>),
    /// With a new full read; this was the stored state.
    Over(ScanState<C>),
}

/// How to begin for `scope`, given the stored position. A full read that was interrupted goes on.
pub(super) fn begin<C: ScanCursor>(scope: Scope, stored: Option<ScanPosition<C>>) -> Begin<C> {
    match (scope, stored) {
        (Scope::Incremental, None) => Begin::At(ScanPosition::default()),
        (Scope::Incremental, Some(scan_position))
        | (_, Some(scan_position @ ScanPosition::Full(_))) => Begin::At(scan_position),
        (Scope::Full, Some(ScanPosition::Incremental(stored))) => Begin::Over(stored),
        (Scope::Full, None) => Begin::Over(ScanState::default()),
    }
}

/// Reads on from `scan_position` until the end, or for ever; a full read with all `readers`, what
/// follows with one of them.
pub(super) async fn read<R: Reader>(
    of: Arc<R::Of>,
    mut readers: Vec<R>,
    scan_position: ScanPosition<CursorOf<R>>,
    reading: Reading,
    sender: BatchSender,
) -> Result<(), SourceError> {
    let state = match scan_position {
        ScanPosition::Incremental(state) => state,
        ScanPosition::Full(mut full) => {
            full.then.forget_read();
            let then = full.then.clone();
            readers = full::read(&of, readers, full, &reading, sender.clone()).await?;
            let is_over = readers.iter().all(Reader::ends_with_full);
            if reading.mode == ReadMode::Bounded && is_over {
                return Ok(());
            }
            then
        }
    };
    match readers.pop() {
        Some(mut reader) => {
            let mut batches = Batches::incremental(of, state, reading.limits, sender);
            pass::read(&mut reader, &mut batches, &reading).await
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
