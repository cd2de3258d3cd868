//! The start of a read of a collection: what it sees, and where a full one goes on from.

use std::sync::Arc;

use super::{
    ScanPosition,
    collection::{Classes, Scanned},
    hold_back::Held,
    reader::CollectionReader,
};
use crate::source::{
    Late, ReadMode, SourceError,
    scan::{self, BatchSender, Reading},
};

/// Reads on from `scan_position` until the end, or for ever.
pub(super) async fn read(
    scanned: Arc<Scanned>,
    mut scan_position: ScanPosition,
    classes: Classes,
    late: Late,
    reading: Reading,
    sender: BatchSender,
) -> Result<(), SourceError> {
    // What is not settled is read as well where that is remembered: nothing is waited for then.
    let waits = reading.mode == ReadMode::Bounded && reading.deduplication.is_none();
    let held = || {
        let hold_back = late.writers()?;
        Some(Held::new(scanned.clone(), hold_back, waits))
    };
    let mut first = CollectionReader::start(scanned.clone(), classes, held(), &reading).await?;
    if let Some(mut held) = first.held.take() {
        held.begin(&mut first, &mut scan_position).await?;
        first.held = Some(held);
    }
    let mut readers = Vec::new();
    for _ in 1..scan_position.readers(reading.sharing) {
        let classes = first.classes.clone();
        let mut reader =
            CollectionReader::start(scanned.clone(), classes, held(), &reading).await?;
        // It sees what the first one sees.
        reader.advance(first.session.operation_time());
        readers.push(reader);
    }
    readers.push(first);
    scan::read(scanned, readers, scan_position, reading, sender).await
}
