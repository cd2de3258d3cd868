//! Supervision: a flow with a transient failure is opened again from its stored position.

use std::{future::Future, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::{FlowError, FlowStats};
use crate::fault::{Fault, Faulty, chain};

/// How long to wait before a flow is opened again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// The first wait; each following one is twice as long, with jitter.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// How long to go on after a failure without any progress; `None`: for ever.
    pub give_up_after: Option<Duration>,
}

/// Runs `attempt` until it is done, stopped, or has failed for good. `attempt` opens everything
/// anew, at what is stored.
///
/// # Errors
/// The error that cannot pass by itself, or the last one when there was no progress for too long.
pub async fn supervise<T, F>(
    flow: &str,
    retry: Retry,
    stats: &FlowStats,
    stop: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Result<Option<T>, FlowError>
where
    F: Future<Output = Result<T, FlowError>>,
{
    let waits = ExponentialBuilder::default()
        .with_min_delay(retry.first)
        .with_max_delay(retry.most)
        .with_jitter()
        .without_max_times();
    let mut delays = waits.build();
    let mut failing_since = None;
    loop {
        let before = stats.snapshot().batches;
        stats.attempt();
        let error = match attempt().await {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        if stats.snapshot().batches > before {
            delays = waits.build();
            failing_since = None;
        }
        // A quiet time before the first failure is no failure.
        let since = *failing_since.get_or_insert_with(tokio::time::Instant::now);
        if stop.is_cancelled() && error.fault() == Fault::Transient {
            tracing::warn!(
                flow,
                error = chain(&error),
                "stopped while it could not go on"
            );
            return Ok(None);
        }
        let patience_over = retry
            .give_up_after
            .is_some_and(|patience| since.elapsed() >= patience);
        if error.fault() != Fault::Transient || patience_over {
            return Err(error);
        }
        // Jitter is added on top of the longest wait.
        let wait = delays.next().unwrap_or(retry.most).min(retry.most);
        let wait_text = format!("{:.1} s", wait.as_secs_f64());
        tracing::warn!(
            flow,
            error = chain(&error),
            "retrying from the stored position in {wait_text}"
        );
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(wait) => (),
        }
    }
}
