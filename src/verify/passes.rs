//! The readings of both sides: sums first, then the rows behind sums that differ, then these rows
//! once more.

use std::collections::{HashMap, HashSet};

use super::{
    Differing, Kind, Sample, Verified, Verify, VerifyError,
    buckets::{Buckets, Group},
    canonical,
    row::{Canonical, Compared, Hashes, Side},
    sides::{self, Rows, Within},
};
use crate::model::Row;

/// Rows of both sides that are kept by their hashes at a time: some 40 MB.
const MOST_ROWS: u64 = 500_000;

/// Rows that a repair is told of at a time.
const MOST_FOUND: usize = 500_000;

/// Letters of a value in a report.
const SHOWN: usize = 120;

/// Why a pass ended early.
pub(super) enum Halt {
    /// A record has a field that is not among those compared.
    Field(String),
    Failed(VerifyError),
}

impl<E: Into<VerifyError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The row of a key on both sides: the hash of each, where there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pair {
    expected: Option<u128>,
    actual: Option<u128>,
}

/// The values of a row for a report.
type Shown = Vec<(u128, String)>;

/// What one side has of the rows that are looked at.
#[derive(Default)]
struct Recheck {
    rows: HashMap<u128, u128>,
    shown: HashMap<u128, Shown>,
}

/// What differs at the first look.
struct Found {
    pairs: HashMap<u128, Pair>,
    /// Keys that more than one record has.
    repeated: HashSet<u128>,
}

impl Verify<'_> {
    /// All readings, over the columns of `compared`.
    pub(super) async fn passes(&self, compared: &Compared) -> Result<Verified, Halt> {
        let mut verified = Verified {
            columns: compared.columns.iter().map(|it| it.0.clone()).collect(),
            ..Verified::default()
        };
        let (mut expected, mut actual) = (Buckets::new(), Buckets::new());
        let sums = (&mut expected, &mut actual);
        let reading = self.reading(compared, sums, &mut verified).await?;
        let (left, within) = (&reading.left, &reading.all);
        let sums = (&mut expected, &mut actual);
        verified.set_aside += self.sum_up((compared, left), sums).await?;
        verified.expected += expected.rows();
        verified.actual += actual.rows();
        for group in expected.differing(&actual, MOST_ROWS) {
            let found = self.rows((compared, within), &group).await?;
            if found.pairs.is_empty() && found.repeated.is_empty() {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(VerifyError::Stopped.into()),
                () = tokio::time::sleep(self.recheck_after) => (),
            }
            self.recheck((compared, within), &found, &mut verified)
                .await?;
        }
        verified
            .samples
            .sort_by(|a, b| (a.kind, &a.key).cmp(&(b.kind, &b.key)));
        verified.within = Some(within.clone());
        verified.left_out = compared.left_out();
        Ok(verified)
    }

    /// Reads both sides and adds them up. Answers how many records are none.
    pub(super) async fn sum_up(
        &self,
        (compared, within): (&Compared, &Within),
        (expected, actual): (&mut Buckets, &mut Buckets),
    ) -> Result<u64, Halt> {
        let (set_aside, ()) = tokio::try_join!(
            self.expected(compared, within, |hashes, _| expected.add(hashes)),
            self.actual(compared, within, |hashes, _, _| actual.add(hashes)),
        )?;
        Ok(set_aside)
    }

    /// The rows of `group` that differ.
    async fn rows(
        &self,
        (compared, within): (&Compared, &Within),
        group: &Group,
    ) -> Result<Found, Halt> {
        let (mut expected, mut actual) = (HashMap::new(), HashMap::new());
        let mut repeated = HashSet::new();
        tokio::try_join!(
            self.expected(compared, within, |it, _| {
                if group.has(it.key) && expected.insert(it.key, it.row).is_some() {
                    repeated.insert(it.key);
                }
            }),
            self.actual(compared, within, |it, _, _| {
                if group.has(it.key) {
                    actual.insert(it.key, it.row);
                }
            }),
        )?;
        let mut found = HashMap::new();
        for (key, row) in expected {
            let there = actual.remove(&key);
            if there != Some(row) {
                let expected = Some(row);
                found.insert(
                    key,
                    Pair {
                        expected,
                        actual: there,
                    },
                );
            }
        }
        for (key, row) in actual {
            let actual = Some(row);
            found.insert(
                key,
                Pair {
                    expected: None,
                    actual,
                },
            );
        }
        Ok(Found {
            pairs: found,
            repeated,
        })
    }

    /// Looks at `found` once more, and counts what has lasted.
    async fn recheck(
        &self,
        (compared, within): (&Compared, &Within),
        Found {
            pairs: found,
            repeated,
        }: &Found,
        verified: &mut Verified,
    ) -> Result<(), Halt> {
        let sampled = self.sampled(found, verified);
        let (mut expected, mut actual) = (Recheck::default(), Recheck::default());
        let (mut again, mut seen) = (HashSet::new(), HashSet::new());
        tokio::try_join!(
            self.expected(compared, within, |it, values| {
                // A row that has moved on while it was read comes twice, but hardly twice again.
                if repeated.contains(&it.key) && !seen.insert(it.key) {
                    again.insert(it.key);
                }
                if found.contains_key(&it.key) {
                    expected.take(it, sampled.contains(&it.key), compared, values);
                }
            }),
            self.actual(compared, within, |it, values, _| {
                if found.contains_key(&it.key) {
                    actual.take(it, sampled.contains(&it.key), compared, values);
                }
            }),
        )?;
        verified.repeated += again.len() as u64;
        for (key, before) in found {
            let now = Pair {
                expected: expected.rows.get(key).copied(),
                actual: actual.rows.get(key).copied(),
            };
            let kind = match now {
                Pair { expected, actual } if expected == actual => continue,
                // The source has changed it meanwhile, so that it may be on its way.
                Pair { expected, .. } if expected != before.expected => {
                    verified.moving += 1;
                    continue;
                }
                Pair { actual: None, .. } => Kind::Missing,
                Pair { expected: None, .. } => Kind::Extra,
                _ => Kind::Different,
            };
            verified.count(kind);
            if verified.found.len() < MOST_FOUND {
                verified.found.insert(*key, kind);
            }
            let shown = (expected.shown.get(key), actual.shown.get(key));
            verified.samples.extend(sample(kind, compared, shown));
        }
        Ok(())
    }

    /// Which rows are told with their values: some of each kind.
    fn sampled(&self, found: &HashMap<u128, Pair>, verified: &Verified) -> HashSet<u128> {
        let mut left: HashMap<Kind, usize> = HashMap::new();
        for kind in [Kind::Missing, Kind::Extra, Kind::Different] {
            let sampled = verified.samples.iter().filter(|it| it.kind == kind).count();
            left.insert(kind, self.samples.saturating_sub(sampled));
        }
        let mut keys: Vec<_> = found.iter().collect();
        keys.sort_unstable_by_key(|it| *it.0);
        let takes = |(key, pair): (&u128, &Pair)| {
            let kind = match (pair.expected, pair.actual) {
                (_, None) => Kind::Missing,
                (None, _) => Kind::Extra,
                _ => Kind::Different,
            };
            let left = left.get_mut(&kind).filter(|it| **it > 0)?;
            *left -= 1;
            Some(*key)
        };
        keys.into_iter().filter_map(takes).collect()
    }

    /// Reads all expected rows. Answers how many records are none.
    pub(super) async fn expected(
        &self,
        compared: &Compared,
        within: &Within,
        mut each: impl FnMut(Hashes, &Canonical),
    ) -> Result<u64, Halt> {
        let mut rows = self.way.rows(within);
        self.each(&mut rows, compared, Side::Expected, |hashes, values, _| {
            each(hashes, values)
        })
        .await?;
        Ok(rows.set_aside)
    }

    /// Reads all rows of the target.
    async fn actual(
        &self,
        compared: &Compared,
        within: &Within,
        each: impl FnMut(Hashes, &Canonical, &Row<'_>),
    ) -> Result<(), Halt> {
        let mut rows = sides::rows(self.target, within);
        self.each(&mut rows, compared, Side::Actual, each).await
    }

    async fn each(
        &self,
        rows: &mut Rows<'_>,
        compared: &Compared,
        side: Side,
        mut each: impl FnMut(Hashes, &Canonical, &Row<'_>),
    ) -> Result<(), Halt> {
        let mut values = Canonical::default();
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(VerifyError::Stopped.into()),
                next = rows.next() => next?,
            };
            let Some((records, read)) = next else {
                return Ok(());
            };
            for row in records.iter() {
                let hashes = compared
                    .take(&row, side, &mut values)
                    .map_err(Halt::Field)?;
                each(hashes, &values, &row);
            }
            self.stats.add_done(read, records.bytes());
        }
    }
}

impl Recheck {
    fn take(&mut self, it: Hashes, sampled: bool, compared: &Compared, values: &Canonical) {
        self.rows.insert(it.key, it.row);
        if sampled {
            let columns = 0..compared.columns.len();
            let shown = columns.map(|ordinal| {
                let value = values.value(ordinal);
                (xxhash_rust::xxh3::xxh3_128(value), short(value))
            });
            self.shown.insert(it.key, shown.collect());
        }
    }
}

fn short(value: &[u8]) -> String {
    let text = canonical::shown(value).unwrap_or_default();
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn sample(
    kind: Kind,
    compared: &Compared,
    (expected, actual): (Option<&Shown>, Option<&Shown>),
) -> Option<Sample> {
    let name = |ordinal: usize| compared.columns[ordinal].0.clone();
    let one = expected.or(actual)?;
    let mut columns = Vec::new();
    if let (Some(expected), Some(actual)) = (expected, actual) {
        for (ordinal, (one, two)) in expected.iter().zip(actual).enumerate() {
            if one.0 != two.0 {
                columns.push(Differing {
                    column: name(ordinal),
                    expected: one.1.clone(),
                    actual: two.1.clone(),
                });
            }
        }
    }
    let key = compared
        .key
        .iter()
        .map(|it| (name(*it), one[*it].1.clone()));
    Some(Sample {
        kind,
        key: key.collect(),
        columns,
    })
}
