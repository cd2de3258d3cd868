//! A full read of a collection: chunks of `_id`, read by workers at a time.

use std::sync::Arc;

use mongodb::{
    bson::{Bson, Document, doc},
    options::Hint,
};
use tokio::task::JoinSet;

use super::{
    batches::{Batches, Target},
    class::Class,
    position::ScanPosition,
    range::{Bound, RangeFilter},
    state::ScanState,
};
use crate::source::{
    SourceError,
    scan::{
        At,
        chunks::{Chunk, Shared, Sharing},
    },
};

/// Where a full read of a collection stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Full {
    /// What is still to be read, in the order of `_id`.
    pub chunks: Vec<Chunk<Bson>>,
    /// Documents that have been read.
    pub rows: u64,
    /// Where the collection stood before it, to go on from.
    pub then: ScanState,
}

impl Full {
    /// Of all documents.
    pub fn of_all(then: ScanState) -> Self {
        Self {
            chunks: vec![Chunk::behind(None)],
            rows: 0,
            then,
        }
    }

    /// Whether it is before its first document.
    pub fn is_at_start(&self) -> bool {
        self.chunks == [Chunk::behind(None)]
    }

    /// The classes of the keys that it names.
    pub fn classes(&self) -> Vec<Class> {
        let keys = self.chunks.iter().flat_map(|it| [&it.after, &it.up_to]);
        keys.flatten().map(Class::of).collect()
    }
}

/// Reads what is left of a full read, and goes over to the incremental one.
pub(super) async fn finish(batches: &mut Batches, sharing: Sharing) -> Result<(), SourceError> {
    batches.scan_position.state_mut().forget_read();
    let ScanPosition::Full(full) = batches.scan_position.clone() else {
        return Ok(());
    };
    batches.scan_position = ScanPosition::Incremental(full.then.clone());
    read(batches, full, sharing).await?;
    batches.stands();
    Ok(())
}

/// Reads what remains of `full`; each worker sees what `batches` sees.
async fn read(batches: &Batches, full: Full, sharing: Sharing) -> Result<(), SourceError> {
    let (order, then) = (batches.scanned.order.clone(), full.then.clone());
    let write = move |chunks: Vec<Chunk<Bson>>, rows| {
        let then = then.clone();
        let scan_position = if chunks.is_empty() {
            ScanPosition::Incremental(then)
        } else {
            ScanPosition::Full(Full { chunks, rows, then })
        };
        scan_position.position(&order)
    };
    let shared = Shared::new(full.chunks, full.rows, Box::new(write), batches.sender());
    let mut workers = JoinSet::new();
    for _ in 0..sharing.workers.max(1) {
        let worker = Worker {
            batches: batches.beside().await?,
            shared: shared.clone(),
            then: full.then.clone(),
        };
        workers.spawn(worker.work(sharing));
    }
    while let Some(ended) = workers.join_next().await {
        // One that has panicked is no end of the read.
        let name = || batches.scanned.order.source.clone();
        ended.map_err(|error| SourceError::Lost(name(), error.into()))??;
    }
    Ok(())
}

struct Worker {
    batches: Batches,
    shared: Arc<Shared<Bson>>,
    then: ScanState,
}

impl Worker {
    async fn work(mut self, sharing: Sharing) -> Result<(), SourceError> {
        let shared = self.shared.clone();
        while let Some(offer) = shared.next().await {
            let cut = match offer.chunk.up_to {
                None if sharing.workers > 1 => self.cut(&offer.chunk, sharing.rows).await?,
                _ => None,
            };
            let (number, chunk) = offer.take(cut).await;
            self.read(number, chunk).await?;
        }
        Ok(())
    }

    /// The `_id` that is `rows` documents on, in the server's own order of all types; `None` where
    /// there are not so many.
    async fn cut(&mut self, chunk: &Chunk<Bson>, rows: usize) -> Result<Option<Bson>, SourceError> {
        let scanned = self.batches.scanned.clone();
        let ids = doc! { "_id": 1 };
        // Not by `$gt`, which keeps to one class. The first one that it finds is `after` itself.
        let skip = rows.saturating_sub(usize::from(chunk.after.is_none()));
        let found = scanned.documents.find_one(doc! {}).sort(ids.clone());
        let mut found = found.skip(skip as u64).projection(ids.clone());
        found = found.hint(Hint::Keys(ids));
        if let Some(after) = &chunk.after {
            found = found.min(doc! { "_id": after.clone() });
        }
        let found = found.session(self.batches.session()).await;
        let found = found.map_err(|error| scanned.error(&error))?;
        found.map(|it| scanned.id(&it)).transpose()
    }

    async fn read(&mut self, number: usize, chunk: Chunk<Bson>) -> Result<(), SourceError> {
        self.batches.at = At::Chunk;
        self.batches.target = Target::Shared(self.shared.clone(), number);
        let filters = self.filters(&chunk);
        self.batches.scan_position = ScanPosition::Full(Full {
            chunks: vec![chunk],
            rows: 0,
            then: ScanState::default(),
        });
        for filter in filters {
            self.batches.query(filter, doc! { "_id": 1 }).await?;
        }
        self.batches.end_chunk().await;
        Ok(())
    }

    /// What finds the documents of a chunk: a filter for each class.
    fn filters(&self, chunk: &Chunk<Bson>) -> Vec<Document> {
        let order = &self.batches.scanned.order;
        let ids = self.batches.ids();
        let of = |key: &Option<Bson>| key.as_ref().map(Class::of);
        let (first, last) = (of(&chunk.after), of(&chunk.up_to));
        let mut filters = Vec::new();
        for class in ids {
            if first.is_some_and(|it| *class < it) || last.is_some_and(|it| *class > it) {
                continue;
            }
            let up_to = chunk.up_to.clone().filter(|_| last == Some(*class));
            let bound = up_to.map(Bound::UpTo);
            let filter = order.filter_of_ids(RangeFilter {
                class: Some(*class),
                alone: ids.len() == 1,
                after: chunk
                    .after
                    .as_ref()
                    .filter(|_| first == Some(*class))
                    .map(std::slice::from_ref),
                bound: bound.as_ref(),
            });
            // Where `_id` is the order itself, the incremental read has what is past the bound;
            // elsewhere new documents can have any `_id`.
            let then = self.then.cursor_values.of(*class).and_then(<[Bson]>::first);
            match (order.is_id(), then) {
                (false, _) => filters.push(filter),
                (true, None) => {}
                (true, Some(then)) => {
                    let below = doc! { "_id": { "$lte": then.clone() } };
                    filters.push(doc! { "$and": [filter, below] });
                }
            }
        }
        filters
    }
}
