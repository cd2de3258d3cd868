//! The first look, where both servers can sum up their own rows: only ranges that differ are read,
//! and those behind which reading has proved to be faster.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Verified, Verify, VerifyError, buckets::Buckets, passes::Halt, row::Compared, sides::Within,
};
use crate::digest::{Range, Sum, Sums};

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
    /// Whether the rest is read here where that is faster.
    pub may_be_read: bool,
}

/// Which rows are read, and which of them have been.
pub(super) struct Reading {
    /// All of them.
    pub all: Within,
    /// Those that are in the sums of this side already are not among these.
    pub left: Within,
}

/// Ranges that are looked at in each way before it is known which is the faster. The first one of
/// all does not count: connections are opened in it.
const TRIED: u64 = 2;

/// So much of the servers' time the reading may take. It costs more of everything else.
const FASTER: f64 = 0.8;

/// How long each way has taken.
#[derive(Default)]
struct Trial {
    servers: Pace,
    here: Pace,
}

#[derive(Default)]
struct Pace {
    ranges: u64,
    rows: u64,
    took: Duration,
}

impl Pace {
    fn add(&mut self, rows: u64, took: Duration) {
        self.ranges += 1;
        self.rows += rows;
        self.took += took;
    }

    fn of_a_row(&self) -> f64 {
        self.took.as_secs_f64() / self.rows.max(1) as f64
    }
}

impl Trial {
    fn reads_next(&self) -> bool {
        self.servers.ranges >= TRIED && self.here.ranges < TRIED
    }

    fn is_read_faster(&self) -> bool {
        self.here.ranges == TRIED && self.here.of_a_row() < self.servers.of_a_row() * FASTER
    }
}

impl Reading {
    fn everything() -> Self {
        Self {
            all: Within::everything(),
            left: Within::everything(),
        }
    }

    fn nothing(key: &str) -> Self {
        let nothing = Within {
            ranges: Vec::new(),
            key: key.to_owned(),
        };
        Self {
            all: nothing.clone(),
            left: nothing,
        }
    }

    fn add(&mut self, range: Range) {
        self.all.add(range);
        self.left.add(range);
    }
}

impl Verify<'_> {
    /// The rows that have to be read: everything, or the ranges whose sums differ. Those that are tried for
    /// how fast it is are in `sums`.
    pub(super) async fn reading(
        &self,
        compared: &Compared,
        sums: (&mut Buckets, &mut Buckets),
        verified: &mut Verified,
    ) -> Result<Reading, Halt> {
        let same = |it: &&InServers| {
            it.columns.len() == compared.columns.len()
                && compared
                    .columns
                    .iter()
                    .all(|column| it.columns.contains(&column.0))
        };
        match self.in_servers.as_ref().filter(same) {
            None => Ok(Reading::everything()),
            Some(servers) => self.ranges((servers, compared), sums, verified).await,
        }
    }

    async fn ranges(
        &self,
        (servers, compared): (&InServers, &Compared),
        (expected, actual): (&mut Buckets, &mut Buckets),
        verified: &mut Verified,
    ) -> Result<Reading, Halt> {
        let mut reading = Reading::nothing(&servers.key);
        let mut trial = Trial::default();
        let mut after = None;
        let mut cut = self
            .unless_stopped(servers.source.cut(None, servers.rows))
            .await?;
        loop {
            let range = Range { after, up_to: cut };
            if servers.may_be_read && trial.is_read_faster() {
                let up_to = None;
                reading.add(Range { after, up_to });
                verified.is_read_faster = true;
                return Ok(reading);
            }
            let began = Instant::now();
            let next = if servers.may_be_read && trial.reads_next() {
                let within = Within {
                    ranges: vec![range],
                    key: servers.key.clone(),
                };
                let before = expected.rows() + actual.rows();
                let (next, set_aside) = tokio::try_join!(
                    self.next_cut(servers, cut),
                    self.sum_up((compared, &within), (&mut *expected, &mut *actual)),
                )?;
                verified.set_aside += set_aside;
                reading.all.add(range);
                let rows = expected.rows() + actual.rows() - before;
                trial.here.add(rows, began.elapsed());
                next
            } else {
                let ((expected, actual), next) = tokio::try_join!(
                    self.unless_stopped(both(servers, range)),
                    self.next_cut(servers, cut),
                )?;
                let rows = expected.rows + actual.rows;
                self.stats.add_done(rows as usize, 0);
                if verified.ranges > 0 {
                    trial.servers.add(rows, began.elapsed());
                }
                verified.ranges += 1;
                if expected == actual && expected.hash.is_some() {
                    verified.expected += expected.rows;
                    verified.actual += actual.rows;
                } else {
                    verified.differing_ranges += 1;
                    reading.add(range);
                }
                next
            };
            if cut.is_none() {
                return Ok(reading);
            }
            (after, cut) = (cut, next);
        }
    }

    async fn next_cut(&self, servers: &InServers, cut: Option<i128>) -> Result<Option<i128>, Halt> {
        match cut {
            None => Ok(None),
            Some(_) => {
                self.unless_stopped(servers.source.cut(cut, servers.rows))
                    .await
            }
        }
    }

    async fn unless_stopped<T, E: Into<VerifyError>>(
        &self,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Halt> {
        tokio::select! {
            () = self.stop.cancelled() => Err(VerifyError::Stopped.into()),
            answer = asked => answer.map_err(|error| Halt::Failed(error.into())),
        }
    }
}

async fn both(servers: &InServers, range: Range) -> Result<(Sum, Sum), crate::digest::DigestError> {
    tokio::try_join!(servers.source.sum(range), servers.target.sum(range))
}
