//! The time that a behaviour may take.

use std::time::Duration;

/// A behaviour that hangs fails by its own name.
pub async fn in_time(behaviour: impl Future<Output = ()>) {
    let limit = Duration::from_secs(180);
    let ended = tokio::time::timeout(limit, behaviour).await;
    assert!(ended.is_ok(), "did not end within {limit:?}");
}
