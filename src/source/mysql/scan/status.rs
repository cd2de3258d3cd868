//! Source status of a table of MySQL or MariaDB.

use super::{MysqlScan, plan};
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
    scan: &MysqlScan,
    stored: Option<&Position>,
) -> Result<SourceStatus, SourceError> {
    let learned = scan.learn().await?;
    let table = learned.table.clone();
    let scan_position = ScanPosition::stored(stored, &table)?;
    let mut pages = scan.pages(&learned).await?;
    let (_, watermark) = plan::watermark(&mut pages, &scan_position).await?;
    let past = plan::past(&mut pages, &learned, &scan_position).await?;
    table::status(&table, &mut pages, &scan_position, past, watermark).await
}
