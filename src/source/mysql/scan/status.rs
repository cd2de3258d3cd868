//! Where a flow stands beside a table of MySQL or MariaDB.

use super::{MysqlScan, plan};
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
    scan: &MysqlScan,
    stored: Option<&Position>,
) -> Result<Standing, SourceError> {
    let learned = scan.learn().await?;
    let table = learned.table.clone();
    let place = match stored {
        Some(stored) => Place::parse(stored, &table)?,
        None => Place::behind(Vec::new()),
    };
    let mut pages = scan.pages(&learned).await?;
    let (_, settled) = plan::settled(&mut pages, &place).await?;
    let past = plan::past(&mut pages, &learned, &place).await?;
    scan::standing(&table, &mut pages, &place, past, settled).await
}
