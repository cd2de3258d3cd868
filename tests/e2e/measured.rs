//! A command, with the time and the memory that it takes.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    program::{self, Ended},
    wait,
    world::World,
};

/// How a command ended, and what it took.
pub struct Measured {
    pub ended: Ended,
    pub took: Duration,
    /// The most memory that it had, in bytes.
    pub peak: u64,
}

/// Runs `highwater` to its end, which takes at most so long.
///
/// # Errors
/// It cannot be started, or does not end.
pub async fn run(world: &World, arguments: &str, within: Duration) -> Result<Measured> {
    let began = Instant::now();
    let mut running = program::start(world, arguments)?;
    let (mut peak, mut took) = (0, Duration::ZERO);
    wait::until(&format!("`{arguments}` is done"), within, async || {
        peak = running.peak_memory().unwrap_or(peak);
        took = began.elapsed();
        Ok(running.is_over()?.then_some(()))
    })
    .await?;
    let ended = running.ended().await?;
    ensure!(peak > 0, "it was over before its memory was looked at");
    Ok(Measured { ended, took, peak })
}

/// Bytes as millions of them.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
