//! A table's reader: ranges and chunks as pages of statements, over one connection.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Batches, Chunk, CursorValue, Key, KeyRange, Pages, ScanState, Table, TableCursor, Watermark,
    WatermarkBasis, cursor_values, hold_back::earlier,
};
use crate::source::{
    SourceError,
    scan::{Reader, ScanPhase},
};

pub(super) struct TableReader {
    pub table: Arc<Table>,
    pub pages: Box<dyn Pages>,
    /// Rows of a page.
    pub rows: usize,
}

#[async_trait]
impl Reader for TableReader {
    type Of = Table;
    type Watermark = Watermark;

    fn series(&self, _phase: ScanPhase, _cursor: &TableCursor) -> Vec<()> {
        vec![()]
    }

    async fn read(
        &mut self,
        range: KeyRange<'_>,
        batches: &mut Batches,
    ) -> Result<bool, SourceError> {
        let (mut after, mut found) = (range.after.to_vec(), false);
        loop {
            let next = KeyRange {
                after: &after,
                ..range
            };
            let page = self.table.key_range(next, self.rows);
            let rows = self.pages.page(page, batches).await?;
            found |= rows > 0;
            if let Some(reached) = batches.end_page().await? {
                after = reached;
            }
            if rows < self.rows {
                return Ok(found);
            }
        }
    }

    async fn read_chunk(
        &mut self,
        mut chunk: Chunk<Key>,
        _then: &ScanState,
        batches: &mut Batches,
    ) -> Result<(), SourceError> {
        // What has an end was cut to the size of a page. The rest is read page by page.
        let limit = chunk.up_to.is_none().then_some(self.rows);
        loop {
            let page = self.table.chunk(&chunk, limit);
            let rows = self.pages.page(page, batches).await?;
            if limit.is_none_or(|it| rows < it) {
                return Ok(());
            }
            if let Some(reached) = batches.end_page().await? {
                chunk.after = Some(reached);
            }
        }
    }

    async fn cut(&mut self, chunk: &Chunk<Key>, rows: usize) -> Result<Option<Key>, SourceError> {
        let found = self.pages.keys(self.table.cut(chunk, rows)).await?;
        let key = found.get(0);
        let key = key.map(|row| cursor_values(&self.table, &self.table.key, &row));
        key.transpose()
    }

    fn is_held_back(&self) -> bool {
        self.pages.watermark_basis().is_some()
    }

    /// The key, by which rows without a value are read, is none.
    fn is_clock(&self, phase: ScanPhase, _series: ()) -> bool {
        let is_clock = self.pages.watermark_basis() == Some(WatermarkBasis::Clock);
        is_clock && phase == ScanPhase::Values
    }

    async fn last(&mut self, phase: ScanPhase, _series: ()) -> Result<Key, SourceError> {
        let last = self.pages.last(phase).await?;
        let values = last
            .get(0)
            .map(|row| cursor_values(&self.table, self.table.by(phase), &row));
        values.transpose().map(Option::unwrap_or_default)
    }

    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        self.pages.watermark().await
    }

    /// Values of the future would not be settled before it.
    async fn reachable(
        &mut self,
        _phase: ScanPhase,
        _series: (),
        last: Key,
        watermark: &Watermark,
    ) -> Result<Option<CursorValue>, SourceError> {
        let reachable = last.first().zip(watermark.clock.as_ref());
        Ok(reachable.map(|(value, clock)| earlier(value, &clock.now).clone()))
    }

    fn ends_with_full(&self) -> bool {
        true
    }
}
