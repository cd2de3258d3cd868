//! The start of a read of a collection: what it sees, and where a full one goes on from.

use std::sync::Arc;

use super::{
    ScanPosition,
    collection::{Classes, Scanned},
    reader::CollectionReader,
};
use crate::source::{
    Late, SourceError,
    scan::{self, BatchSender, Reader, Reading},
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
    let mut first = CollectionReader::start(scanned.clone(), classes, late, &reading).await?;
    if first.is_held_back() {
        first.begin(&mut scan_position).await?;
    }
    let mut readers = Vec::new();
    for _ in 1..scan_position.readers(reading.sharing) {
        let classes = first.classes.clone();
        let mut reader = CollectionReader::start(scanned.clone(), classes, late, &reading).await?;
        // It sees what the first one sees.
        reader.advance(first.session.operation_time());
        readers.push(reader);
    }
    readers.push(first);
    scan::read(scanned, readers, scan_position, reading, sender).await
}
