//! Waiting for conditions, with a limit and the caller's place. Time is paused: a limit of minutes
//! passes at once where nothing else can happen.

use std::{future::Future, panic::Location, time::Duration};

const LIMIT: Duration = Duration::from_secs(1000);

/// Waits for `future`.
#[track_caller]
pub fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        match tokio::time::timeout(LIMIT, future).await {
            Ok(output) => output,
            Err(_) => panic!("still waiting at {caller}"),
        }
    }
}

/// Waits until `condition` holds, while everything else goes on.
#[track_caller]
pub fn until(mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let begun = tokio::time::Instant::now();
        let mut look = tokio::time::interval(Duration::from_millis(10));
        while !condition() {
            assert!(begun.elapsed() < LIMIT, "not so at {caller}");
            look.tick().await;
        }
    }
}

/// Lets so much time pass, and all that can happen in it: time is paused, so it passes when nothing
/// else can.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Runs `future` until nothing but time can move it on, and drops it there; `None` then.
pub async fn until_stuck<F: Future>(future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .ok()
}
