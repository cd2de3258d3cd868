//! Samples of the newest value over time: the watermark of values that are no clock.
//!
//! A transaction that is open may commit values below the last one only where it took them before
//! that one was seen to be the last. So when all that began before a sample's time is over, nothing
//! can come below its value any more.

/// The last values at some times, oldest first. They are kept with a position, and are few.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Samples<V>(Vec<Sample<V>>);

/// At this time by the server's clock, this was the last value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<V> {
    pub at: i64,
    pub value: V,
}

/// Samples at most. Any of them may be left out: then what is settled is known somewhat later.
const MOST: usize = 16;

impl<V> Default for Samples<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> FromIterator<Sample<V>> for Samples<V> {
    fn from_iter<T: IntoIterator<Item = Sample<V>>>(samples: T) -> Self {
        Self(samples.into_iter().collect())
    }
}

impl<V: PartialEq> Samples<V> {
    pub fn iter(&self) -> impl Iterator<Item = &Sample<V>> {
        self.0.iter()
    }

    pub fn last(&self) -> Option<&Sample<V>> {
        self.0.last()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that `value` was the last at `at`, where it was not so before.
    pub fn see(&mut self, at: i64, value: V) {
        // What is ahead is of a clock that has been set back, or of another server's.
        self.0.retain(|it| it.at <= at);
        if self.0.last().is_some_and(|it| it.value == value) {
            return;
        }
        self.0.push(Sample { at, value });
        if self.0.len() > MOST {
            // The oldest is the next to be settled, the newest as far as it will get. Of the others,
            // the one whose neighbours are nearest to each other is missed least.
            let gap = |at: &usize| self.0[at + 1].at - self.0[at - 1].at;
            let least = (1..self.0.len() - 1).min_by_key(gap);
            least.map(|it| self.0.remove(it));
        }
    }

    /// The newest one whose value is settled where all that began before `until` is over; older ones
    /// are of no use any more.
    pub fn newest_until(&mut self, until: i64) -> Option<&Sample<V>> {
        let newest = self.0.iter().rposition(|it| it.at <= until)?;
        self.0.drain(..newest);
        self.0.first()
    }

    /// Leaves out `value` and what is older.
    pub fn forget(&mut self, value: &V) {
        if let Some(at) = self.0.iter().rposition(|it| it.value == *value) {
            self.0.drain(..=at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[(i64, i64)]) -> Samples<i64> {
        let sample = |(at, value): &(i64, i64)| Sample {
            at: *at,
            value: *value,
        };
        samples.iter().map(sample).collect()
    }

    #[test]
    fn the_newest_settled_one_counts_and_older_ones_go() {
        let mut samples = of(&[(10, 1), (20, 2), (30, 3)]);
        assert_eq!(samples.newest_until(9), None);
        assert_eq!(samples.newest_until(29).map(|it| it.value), Some(2));
        assert_eq!(samples, of(&[(20, 2), (30, 3)]));
    }

    #[test]
    fn a_value_keeps_the_time_when_it_was_first_the_last() {
        let mut samples = of(&[(10, 1)]);
        samples.see(20, 1);
        assert_eq!(samples, of(&[(10, 1)]));
        samples.see(20, 2);
        assert_eq!(samples, of(&[(10, 1), (20, 2)]));
    }

    #[test]
    fn what_has_been_read_is_forgotten() {
        let mut samples = of(&[(10, 1), (20, 2), (30, 3)]);
        samples.forget(&7);
        samples.forget(&2);
        assert_eq!(samples, of(&[(30, 3)]));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_back_for_ever() {
        let mut samples = of(&[(9_000_000, 5)]);
        samples.see(1000, 5);
        assert_eq!(samples.newest_until(1000).map(|it| it.value), Some(5));
    }

    #[test]
    fn they_are_few_and_both_ends_stay() {
        let mut samples = Samples::default();
        for at in 1..=1000 {
            samples.see(at, at);
            assert!(samples.0.len() <= MOST);
            assert!(samples.iter().all(|it| it.at == it.value));
            assert_eq!(
                (samples.0[0].at, samples.last().map(|it| it.at)),
                (1, Some(at))
            );
        }
    }

    #[test]
    fn what_is_always_settled_late_is_settled_all_the_same() {
        // A look a second, and transactions as long as an hour, one after the other.
        for late in [5, 60, 600, 3600] {
            let (mut samples, mut newest_until) = (Samples::default(), 0);
            for now in 1..=20_000 {
                samples.see(now, now);
                newest_until = samples
                    .newest_until(now - late)
                    .map_or(newest_until, |it| it.value);
                assert!(
                    now - newest_until <= 2 * late + 1,
                    "{late}: {newest_until} at {now}"
                );
            }
        }
    }
}
