//! The read loop of a collection: a full read where one is under way, then round after round.

use std::sync::Arc;

use super::{
    batches::{Batches, Target},
    collection::{Classes, Scanned},
    full, hold_back,
    position::ScanPosition,
    rounds::{POLLS, Reading, Rounds},
};
use crate::source::{ReadMode, SourceError, scan::BatchSender};

/// Reads on from `scan_position` until the end, or for ever.
pub(super) async fn read(
    scanned: Arc<Scanned>,
    scan_position: ScanPosition,
    classes: Classes,
    reading: Reading,
    sender: BatchSender,
) -> Result<(), SourceError> {
    let target = Target::Flow(sender);
    let mut batches =
        Batches::start(scanned, scan_position, classes, reading.limits, target).await?;
    if let Some(hold_back) = reading.late.writers() {
        return hold_back::read(batches, reading, hold_back).await;
    }
    if batches.is_full() {
        full::finish(&mut batches, reading.sharing).await?;
        // A full read ends where the collection stood before it.
        if reading.mode == ReadMode::Bounded {
            return Ok(());
        }
    }
    let mut rounds = Rounds::start(&mut batches, &reading).await;
    let mut idle = 0;
    loop {
        let found = rounds.go(&mut batches, None).await?;
        if reading.mode == ReadMode::Bounded {
            return Ok(());
        }
        idle = if found { 0 } else { idle + 1 };
        // A value of another class that has come since would never be found.
        if idle % POLLS == POLLS - 1 {
            batches.look_for_classes().await?;
        }
        tokio::time::sleep(reading.poll).await;
    }
}
