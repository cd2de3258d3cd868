//! Waiting for a condition, with a limit.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How long something may take that is expected to happen soon.
pub const SOON: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until `look` answers something.
///
/// # Errors
/// `within` has passed, or a look failed.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain until {what}");
        }
        sleep(LOOK).await;
    }
}

/// Looks until what is there is what is expected; answers what was there last.
///
/// # Errors
/// A look failed at the end.
pub async fn until_equal(
    expected: impl Fn(&[String]) -> Vec<String>,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + within;
    loop {
        let found = look().await;
        let equal = found.as_ref().is_ok_and(|it| expected(it) == *it);
        if equal || Instant::now() >= deadline {
            return found;
        }
        sleep(LOOK).await;
    }
}
