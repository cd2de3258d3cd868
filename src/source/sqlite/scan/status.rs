//! Source status of a table of SQLite.

use super::{SqliteScan, plan};
use crate::{
    model::Position,
    source::{
        SourceError,
        scan::table::{self, ScanPosition},
        status::SourceStatus,
    },
};

/// The standing of a read from `stored`.
pub(super) async fn status(
    scan: &SqliteScan,
    stored: Option<&Position>,
) -> Result<SourceStatus, SourceError> {
    let learned = scan.learn().await?;
    let table = learned.table.clone();
    let scan_position = ScanPosition::stored(stored, &table)?;
    let past = plan::past(scan, &learned, &scan_position).await?;
    let mut pages = scan.pages(&learned);
    table::status(&table, &mut pages, &scan_position, past, None).await
}
