//! Sums of rows, by the hash of their key: equal tables have equal sums, in whichever order they
//! are read.

use super::row::Hashes;

/// As many sums as a table is shared out among.
const BUCKETS: usize = 1 << 16;

/// For each bucket: how many rows, and the sum of their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buckets(Vec<(u64, u128)>);

/// Buckets that are looked into together.
#[derive(Debug, Clone)]
pub(super) struct Group(Vec<bool>);

fn bucket(key: u128) -> usize {
    (key >> 112) as usize
}

impl Buckets {
    pub fn new() -> Self {
        Self(vec![(0, 0); BUCKETS])
    }

    pub fn add(&mut self, hashes: Hashes) {
        let (count, sum) = &mut self.0[bucket(hashes.key)];
        *count += 1;
        *sum = sum.wrapping_add(hashes.row);
    }

    pub fn rows(&self) -> u64 {
        self.0.iter().map(|it| it.0).sum()
    }

    /// The buckets that differ, in groups of `most` rows on both sides together, or of one bucket.
    pub fn differing(&self, other: &Self, most: u64) -> Vec<Group> {
        let mut groups: Vec<(u64, Group)> = Vec::new();
        for (index, (one, two)) in self.0.iter().zip(&other.0).enumerate() {
            if one == two {
                continue;
            }
            let rows = one.0 + two.0;
            if groups.last().is_none_or(|it| it.0 + rows > most) {
                groups.push((0, Group(vec![false; BUCKETS])));
            }
            if let Some((sum, group)) = groups.last_mut() {
                *sum += rows;
                group.0[index] = true;
            }
        }
        groups.into_iter().map(|it| it.1).collect()
    }
}

impl Group {
    pub fn has(&self, key: u128) -> bool {
        self.0[bucket(key)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sums(rows: &[(u128, u128)]) -> Buckets {
        let mut buckets = Buckets::new();
        for (key, row) in rows {
            buckets.add(Hashes {
                key: *key,
                row: *row,
            });
        }
        buckets
    }

    #[test]
    fn two_equal_rows_more_do_not_vanish() {
        let once = sums(&[(1, 7)]);
        let thrice = sums(&[(1, 7), (1, 7), (1, 7)]);
        assert_eq!(once.differing(&thrice, 100).len(), 1);
    }

    #[test]
    fn rows_that_swap_their_values_are_seen_within_one_bucket_and_between_two() {
        // A row's hash is of its key too: a swap changes both hashes.
        let before = sums(&[(1, 10), (2, 20), (1 << 112, 30)]);
        let after = sums(&[(1, 11), (2, 22), (1 << 112, 30)]);
        assert_eq!(before.differing(&after, 100).len(), 1);
    }

    proptest! {
        #[test]
        fn order_is_no_matter_and_groups_hold_what_differs_and_no_more_rows_than_they_may(
            rows in prop::collection::vec((any::<u128>(), any::<u128>()), 0..200),
            changed in any::<prop::sample::Index>(),
        ) {
            let mut shuffled = rows.clone();
            shuffled.reverse();
            prop_assert!(sums(&rows).differing(&sums(&shuffled), 10).is_empty());
            if rows.is_empty() {
                return Ok(());
            }
            let at = changed.index(rows.len());
            let key = shuffled[at].0;
            shuffled[at].1 ^= 1;
            let groups = sums(&rows).differing(&sums(&shuffled), 10);
            prop_assert_eq!(groups.iter().filter(|it| it.has(key)).count(), 1);
            let all = sums(&rows).differing(&Buckets::new(), 10);
            for (key, _) in &rows {
                prop_assert_eq!(all.iter().filter(|it| it.has(*key)).count(), 1);
            }
            for group in &all {
                let held = rows.iter().filter(|it| group.has(it.0)).count();
                let buckets = group.0.iter().filter(|it| **it).count();
                prop_assert!(held <= 10 || buckets == 1);
            }
        }
    }
}
