//! A full read of a table: chunks of the key, read by workers at a time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    BatchSender, Batches,
    chunks::{Chunk, Shared, Sharing},
    table::{
        CursorValue, KeyColumn, Pages, Reading, ScanPosition, ScanState, Table, cursor_values,
    },
};
use crate::{model::Schema, source::SourceError};

/// Where a full read of a table stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::source) struct Full {
    /// What is still to be read, in the order of the key.
    pub chunks: Vec<Chunk<Key>>,
    /// Rows that have been read.
    pub rows: u64,
    /// Where the table stood before it, to go on from.
    pub then: ScanState,
}

/// A value of each field of the key.
pub(in crate::source) type Key = Vec<CursorValue>;

impl Full {
    /// Of all rows.
    pub fn of_all(then: ScanState) -> Self {
        Self {
            chunks: vec![Chunk::behind(None)],
            rows: 0,
            then,
        }
    }

    /// The key behind which it goes on; empty at the first row.
    pub fn after(&self) -> &[CursorValue] {
        let first = self.chunks.first().and_then(|it| it.after.as_deref());
        first.unwrap_or_default()
    }
}

impl ScanPosition {
    /// How many read at a time from here on, each over a connection of its own.
    pub fn readers(&self, sharing: Sharing) -> usize {
        match self {
            Self::Full(_) => sharing.workers.max(1),
            Self::Incremental(_) => 1,
        }
    }
}

impl Table {
    /// The key's fields alone.
    pub fn schema_of_key(&self) -> Arc<Schema> {
        let fields = self.schema.names().unwrap_or_default();
        let of = |column: &KeyColumn| fields.iter().find(|it| it.name == column.name).cloned();
        let key = self.key.iter().filter_map(of).collect();
        Arc::new(Schema::table(
            self.schema.name(),
            key,
            self.schema.key().iter().cloned(),
        ))
    }
}

/// Reads what remains of `full`, each of `pages` by a worker of its own, and gives them back.
pub(super) async fn read(
    table: &Arc<Table>,
    pages: Vec<Box<dyn Pages>>,
    full: Full,
    reading: &Reading,
    sender: BatchSender,
) -> Result<Vec<Box<dyn Pages>>, SourceError> {
    let sharing = Sharing {
        workers: pages.len(),
        ..reading.sharing
    };
    let (of, then) = (table.clone(), full.then);
    let write = move |chunks: Vec<Chunk<Key>>, rows| {
        let then = then.clone();
        let scan_position = if chunks.is_empty() {
            ScanPosition::Incremental(then)
        } else {
            ScanPosition::Full(Full { chunks, rows, then })
        };
        scan_position.position(&of)
    };
    let shared = Shared::new(full.chunks, full.rows, Box::new(write), sender);
    let mut workers = JoinSet::new();
    for pages in pages {
        let worker = Worker {
            table: table.clone(),
            shared: shared.clone(),
            pages,
            reading: reading.clone(),
        };
        workers.spawn(worker.work(sharing));
    }
    let mut pages = Vec::new();
    while let Some(ended) = workers.join_next().await {
        // One that has panicked is no end of the read.
        let ended = ended.map_err(|error| SourceError::Lost(table.name.clone(), error.into()))?;
        pages.push(ended?);
    }
    Ok(pages)
}

struct Worker {
    table: Arc<Table>,
    shared: Arc<Shared<Key>>,
    pages: Box<dyn Pages>,
    reading: Reading,
}

impl Worker {
    async fn work(mut self, sharing: Sharing) -> Result<Box<dyn Pages>, SourceError> {
        let shared = self.shared.clone();
        while let Some(offer) = shared.next().await {
            let cut = match offer.chunk.up_to {
                None if sharing.workers > 1 => self.cut(&offer.chunk, sharing.rows).await?,
                _ => None,
            };
            let (number, chunk) = offer.take(cut).await;
            self.read(number, chunk).await?;
        }
        Ok(self.pages)
    }

    /// The key that is `rows` rows on; `None` where the chunk has not so many.
    async fn cut(&mut self, chunk: &Chunk<Key>, rows: usize) -> Result<Option<Key>, SourceError> {
        let found = self.pages.keys(self.table.cut(chunk, rows)).await?;
        let key = found.get(0);
        let key = key.map(|row| cursor_values(&self.table, &self.table.key, &row));
        key.transpose()
    }

    async fn read(&mut self, number: usize, mut chunk: Chunk<Key>) -> Result<(), SourceError> {
        // What has an end was cut to the size of a page. The rest is read page by page.
        let limit = chunk.up_to.is_none().then_some(self.reading.page_rows());
        loop {
            let target = (self.shared.clone(), number);
            let mut batches = Batches::of_chunk(self.table.clone(), self.reading.limits, target);
            let page = self.table.chunk(&chunk, limit);
            let rows = self.pages.page(page, &mut batches).await?;
            if limit.is_none_or(|it| rows < it) {
                batches.end_chunk().await;
                return Ok(());
            }
            if let Some(reached) = batches.end_page().await? {
                chunk.after = Some(reached);
            }
        }
    }
}
