//! Log throttle for dead letters: the first of each minute get a line, the others are counted.

use std::time::Duration;

use tokio::time::Instant;

/// Letters that are told in each minute; the others of that minute are counted.
const PER_MINUTE: u64 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// How many letters there were since a minute began.
#[derive(Debug)]
pub(super) struct LogThrottle {
    began: Instant,
    count: u64,
}

impl LogThrottle {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            count: 0,
        }
    }

    /// One more letter: whether it is told, and how many of a minute that is over were not.
    pub fn one_more(&mut self) -> (bool, Option<u64>) {
        let suppressed = if self.began.elapsed() < MINUTE {
            None
        } else {
            self.suppressed()
        };
        self.count += 1;
        (self.count <= PER_MINUTE, suppressed)
    }

    /// How many were not told, if any; a minute begins anew.
    pub fn suppressed(&mut self) -> Option<u64> {
        let count = std::mem::replace(self, Self::new()).count;
        count.checked_sub(PER_MINUTE).filter(|it| *it > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(logged: &mut LogThrottle, count: u64) -> u64 {
        (0..count).filter(|_| logged.one_more().0).count() as u64
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_of_each_minute_are_told_and_the_others_counted() {
        let mut it = LogThrottle::new();
        assert_eq!(logged(&mut it, 1_000), PER_MINUTE);
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert_eq!(it.one_more(), (false, None));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(it.one_more(), (true, Some(981)));
        assert_eq!(logged(&mut it, 30), PER_MINUTE - 1);
        assert_eq!(it.suppressed(), Some(11));
        assert_eq!(it.suppressed(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn few_letters_are_all_told() {
        let mut it = LogThrottle::new();
        for _ in 0..3 {
            assert_eq!(logged(&mut it, PER_MINUTE), PER_MINUTE);
            tokio::time::advance(MINUTE).await;
            assert_eq!(it.suppressed(), None);
        }
    }
}
