//! Numbers by chance, the same again by their seed (a xorshift).

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// By `HIGHWATER_SCHEDULE`, else by the clock.
    pub fn new() -> Self {
        let given = env::var("HIGHWATER_SCHEDULE").ok();
        let clock = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |it| it.as_millis() as u64)
        };
        let seed = given.and_then(|it| it.parse().ok()).unwrap_or_else(clock);
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { seed, state }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// One of so many.
    pub fn below(&mut self, many: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % many
    }

    /// A time between these, in milliseconds.
    pub fn time(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}
