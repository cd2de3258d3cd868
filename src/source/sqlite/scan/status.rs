//! Where a flow stands beside a table of SQLite.

use super::{SqliteScan, plan};
use crate::{
    model::Position,
    source::{
        SourceError,
        scan::{self, Place},
        status::Standing,
    },
};

/// The standing of a read from `stored`.
pub(super) async fn standing(
    scan: &SqliteScan,
    stored: Option<&Position>,
) -> Result<Standing, SourceError> {
    let learned = scan.learn().await?;
    let table = learned.table.clone();
    let place = match stored {
        Some(stored) => Place::parse(stored, &table)?,
        None => Place::behind(Vec::new()),
    };
    let past = plan::past(scan, &learned, &place).await?;
    let mut pages = scan.pages(&learned);
    scan::standing(&table, &mut pages, &place, past, None).await
}
