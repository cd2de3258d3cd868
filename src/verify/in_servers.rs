//! The first look, where both servers can sum up their own rows: only ranges that differ are read.

use super::{Verified, Verify, VerifyError, passes::Halt, row::Compared, sides::Within};
use crate::digest::{Range, Sums};

/// Both tables, as they sum up their own rows.
pub struct InServers {
    /// Columns that are in the sums, in no order.
    pub columns: Vec<String>,
    /// The first column of the key, a whole number, of the same name on both sides.
    pub key: String,
    /// The source's.
    pub source: Box<dyn Sums>,
    /// The target's.
    pub target: Box<dyn Sums>,
    /// Rows in a range, about.
    pub rows: u64,
}

impl Verify<'_> {
    /// The rows that have to be read: everything, or the ranges whose sums differ.
    pub(super) async fn within(
        &self,
        compared: &Compared,
        verified: &mut Verified,
    ) -> Result<Within, Halt> {
        let same = |it: &&InServers| {
            it.columns.len() == compared.columns.len()
                && compared
                    .columns
                    .iter()
                    .all(|column| it.columns.contains(&column.0))
        };
        match self.in_servers.as_ref().filter(same) {
            None => Ok(Within::everything()),
            Some(servers) => Ok(self.sums(servers, verified).await?),
        }
    }

    async fn sums(
        &self,
        servers: &InServers,
        verified: &mut Verified,
    ) -> Result<Within, VerifyError> {
        let mut within = Within {
            ranges: Vec::new(),
            key: servers.key.clone(),
        };
        let mut after = None;
        let mut cut = servers.source.cut(after, servers.rows).await?;
        loop {
            let range = Range { after, up_to: cut };
            let next = async {
                match cut {
                    None => Ok(None),
                    Some(_) => servers.source.cut(cut, servers.rows).await,
                }
            };
            let sums = async {
                tokio::try_join!(servers.source.sum(range), servers.target.sum(range), next)
            };
            let (expected, actual, next) = tokio::select! {
                () = self.stop.cancelled() => return Err(VerifyError::Stopped),
                sums = sums => sums?,
            };
            verified.expected += expected.rows;
            verified.actual += actual.rows;
            verified.ranges += 1;
            self.figures
                .settled((expected.rows + actual.rows) as usize, 0);
            if expected != actual || expected.hash.is_none() {
                verified.differing_ranges += 1;
                match within.ranges.last_mut() {
                    Some(last) if last.up_to == after && after.is_some() => last.up_to = cut,
                    _ => within.ranges.push(range),
                }
            }
            if cut.is_none() {
                return Ok(within);
            }
            (after, cut) = (cut, next);
        }
    }
}
