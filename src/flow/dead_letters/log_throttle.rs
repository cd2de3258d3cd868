//! Which dead letters the log tells one by one: a storm of them must not fill it.

use std::time::Duration;

use tokio::time::Instant;

/// Letters that are told in each minute; the others of that minute are counted.
const TOLD: u64 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// How many letters there were since a minute began.
#[derive(Debug)]
pub(super) struct Told {
    began: Instant,
    letters: u64,
}

impl Told {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            letters: 0,
        }
    }

    /// One more letter: whether it is told, and how many of a minute that is over were not.
    pub fn one_more(&mut self) -> (bool, Option<u64>) {
        let untold = match self.began.elapsed() < MINUTE {
            true => None,
            false => self.untold(),
        };
        self.letters += 1;
        (self.letters <= TOLD, untold)
    }

    /// How many were not told, if any; a minute begins anew.
    pub fn untold(&mut self) -> Option<u64> {
        let letters = std::mem::replace(self, Self::new()).letters;
        letters.checked_sub(TOLD).filter(|it| *it > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(told: &mut Told, letters: u64) -> u64 {
        (0..letters).filter(|_| told.one_more().0).count() as u64
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_of_each_minute_are_told_and_the_others_counted() {
        let mut it = Told::new();
        assert_eq!(told(&mut it, 1_000), TOLD);
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert_eq!(it.one_more(), (false, None));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(it.one_more(), (true, Some(981)));
        assert_eq!(told(&mut it, 30), TOLD - 1);
        assert_eq!(it.untold(), Some(11));
        assert_eq!(it.untold(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn few_letters_are_all_told() {
        let mut it = Told::new();
        for _ in 0..3 {
            assert_eq!(told(&mut it, TOLD), TOLD);
            tokio::time::advance(MINUTE).await;
            assert_eq!(it.untold(), None);
        }
    }
}
