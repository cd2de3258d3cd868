//! A table's reader: ranges and chunks as pages of statements, over one connection.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Batches, Ceilings, Chunk, Key, KeyRange, Mark, Pages, ScanState, Table, WatermarkTracker,
    cursor_values,
};
use crate::source::{
    SourceError,
    scan::{Reader, ScanPhase},
};

pub(super) struct TableReader {
    pub table: Arc<Table>,
    pub pages: Box<dyn Pages>,
    pub tracker: WatermarkTracker,
    /// Rows of a page.
    pub rows: usize,
}

#[async_trait]
impl Reader for TableReader {
    type Of = Table;

    fn series(&self, _phase: ScanPhase, _marks: &Mark) -> Vec<()> {
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

    async fn ceilings(&mut self, state: &mut ScanState) -> Result<Ceilings, SourceError> {
        self.tracker
            .pass(&self.table, &mut *self.pages, state)
            .await
    }

    async fn is_done(&mut self, _state: &ScanState) -> Result<bool, SourceError> {
        Ok(self.tracker.is_done(&self.table.name).await)
    }

    async fn rest(&mut self, _state: &ScanState, _found: bool) -> Result<(), SourceError> {
        self.tracker.log_block(&self.table.name);
        Ok(())
    }

    fn ends_with_full(&self) -> bool {
        true
    }
}
