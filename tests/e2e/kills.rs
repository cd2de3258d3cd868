//! Kill -9 in the middle of work: nothing is lost, and no message is applied twice.
//!
//! A kill counts only where there was something to lose: records acknowledged beyond the saved
//! cursor, or a transaction open on the target. `HIGHWATER_PROOF=full` counts ten of each.

pub mod full;
pub mod migrate;
mod replay;
pub mod sink;
pub mod sync;

use std::{env, fs, time::Duration};

use anyhow::Result;

use crate::world::World;

/// Kills that have to count.
pub fn kills() -> usize {
    if full_scale() { 10 } else { 2 }
}

/// Whether this is a proof, and not one of many tests.
pub fn full_scale() -> bool {
    env::var("HIGHWATER_PROOF").is_ok_and(|it| it == "full")
}

/// A kill that does not come about in this time is a defect of the test.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Writes the settings of a test: the brokers and `part`.
pub fn settings(world: &World, part: &str) -> Result<()> {
    settings_by(world, &world.servers.kafka, part)
}

/// As `settings`, with other brokers.
pub fn settings_by(world: &World, brokers: &str, part: &str) -> Result<()> {
    let path = world.folder.path().join("settings.toml");
    let kafka = KAFKA.replace("BROKERS", brokers);
    Ok(fs::write(path, format!("{kafka}{part}"))?)
}

const KAFKA: &str = r#"
[connections.kafka]
kind = "kafka"
brokers = ["BROKERS"]
"#;
