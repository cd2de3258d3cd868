//! `verify` of tables that servers can sum up: the rest is read where that is faster.

use std::time::Duration;

use async_trait::async_trait;
use highwater::{
    digest::{DigestError, Range, Sum, Sums},
    verify::InServers,
};

use crate::second_look::{both, compared, counts};

const ROWS: i128 = 10_000;

/// Ranges of this many rows, so that there are ten.
const RANGE: u64 = 1_000;

/// Rows that differ: in a range that the servers sum up, in one that is tried by reading, and behind.
const DIFFERENT: [i64; 3] = [1_500, 3_500, 8_500];

/// A server that takes so long for a sum. Only the target has what differs.
struct Server {
    is_target: bool,
    takes: Duration,
}

#[async_trait]
impl Sums for Server {
    fn is_along_primary(&self) -> bool {
        true
    }

    fn along_hashes(self: Box<Self>) -> Box<dyn Sums> {
        self
    }

    fn forms(&self) -> &[String] {
        &[]
    }

    async fn cut(&self, after: Option<i128>, rows: u64) -> Result<Option<i128>, DigestError> {
        let next = after.unwrap_or(0) + i128::from(rows);
        Ok((next <= ROWS).then_some(next))
    }

    async fn sum(&self, range: Range) -> Result<Sum, DigestError> {
        tokio::time::sleep(self.takes).await;
        let (after, up_to) = (range.after.unwrap_or(0), range.up_to.unwrap_or(ROWS));
        let is_in = |id: &&i64| after < i128::from(**id) && i128::from(**id) <= up_to;
        let differing = DIFFERENT.iter().filter(is_in).count();
        Ok(Sum {
            rows: u64::try_from(up_to - after).expect("rows"),
            hash: Some(format!("{}", self.is_target && differing > 0)),
        })
    }

    fn most(&self) -> u64 {
        RANGE
    }
}

fn servers(takes: Duration, may_be_read: bool) -> Option<InServers> {
    let server = |is_target| Box::new(Server { is_target, takes });
    Some(InServers {
        columns: vec!["id".to_owned(), "text".to_owned()],
        key: "id".to_owned(),
        source: server(false),
        target: server(true),
        rows: RANGE,
        may_be_read,
    })
}

/// Ranges that were summed up in the servers, those of them that differ, and whether the rest was read.
async fn looked(takes: Duration, may_be_read: bool) -> (u64, u64, bool) {
    let both = both(ROWS as i64);
    for id in DIFFERENT {
        both.1.set(id, Some("other"));
    }
    let found = compared(&both, servers(takes, may_be_read)).await;
    assert_eq!(counts(&found), [0, 0, 3, 0]);
    assert_eq!((found.expected, found.actual), (10_000, 10_000));
    (found.ranges, found.differing_ranges, found.is_read_faster)
}

/// Reading takes no time here.
#[tokio::test(start_paused = true)]
async fn what_servers_sum_up_more_slowly_than_it_is_read_is_read() {
    let slow = Duration::from_millis(10);
    assert_eq!(looked(slow, true).await, (3, 1, true));
    assert_eq!(looked(slow, false).await, (11, 3, false));
}

#[tokio::test(start_paused = true)]
async fn what_servers_sum_up_as_fast_stays_there() {
    // All but the two ranges that were tried.
    assert_eq!(looked(Duration::ZERO, true).await, (9, 2, false));
}
