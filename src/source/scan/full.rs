//! A full read: chunks of the key, read by workers at a time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    BatchSender, Batches, CursorOf, Full, KeyOf, Ordered, Reader, Reading, ScanPosition, StateOf,
    chunks::{Shared, Sharing},
};
use crate::source::{ReadLimits, SourceError};

/// Reads what remains of `full`, each of `readers` in a worker of its own, and gives them back.
pub(super) async fn read<R: Reader>(
    of: &Arc<R::Of>,
    readers: Vec<R>,
    full: Full<CursorOf<R>>,
    reading: &Reading,
    sender: BatchSender,
) -> Result<Vec<R>, SourceError> {
    let sharing = Sharing {
        workers: readers.len(),
        ..reading.sharing
    };
    let (in_order, then) = (of.clone(), full.then.clone());
    let write = move |chunks: Vec<_>, rows| {
        let then = then.clone();
        let scan_position = if chunks.is_empty() {
            ScanPosition::Incremental(then)
        } else {
            ScanPosition::Full(Full { chunks, rows, then })
        };
        in_order.position(&scan_position)
    };
    let shared = Shared::new(full.chunks, full.rows, Box::new(write), sender);
    let mut workers = JoinSet::new();
    for reader in readers {
        let worker = Worker {
            of: of.clone(),
            reader,
            shared: shared.clone(),
            then: full.then.clone(),
            limits: reading.limits,
        };
        workers.spawn(worker.work(sharing));
    }
    let mut readers = Vec::new();
    while let Some(ended) = workers.join_next().await {
        // One that has panicked is no end of the read.
        let ended = ended.map_err(|error| SourceError::Lost(of.name().to_owned(), error.into()))?;
        readers.push(ended?);
    }
    Ok(readers)
}

struct Worker<R: Reader> {
    of: Arc<R::Of>,
    reader: R,
    shared: Arc<Shared<KeyOf<R>>>,
    then: StateOf<R>,
    limits: ReadLimits,
}

impl<R: Reader> Worker<R> {
    async fn work(mut self, sharing: Sharing) -> Result<R, SourceError> {
        while let Some(offer) = self.shared.next().await {
            let cut = match offer.chunk.up_to {
                None if sharing.workers > 1 => self.reader.cut(&offer.chunk, sharing.rows).await?,
                _ => None,
            };
            let (number, chunk) = offer.take(cut).await;
            let turn = (self.shared.clone(), number);
            let mut batches = Batches::of_chunk(self.of.clone(), self.limits, turn);
            self.reader
                .read_chunk(chunk, &self.then, &mut batches)
                .await?;
            batches.end_chunk().await;
        }
        Ok(self.reader)
    }
}
