//! SIGTERM and Ctrl-C: the first one drains and saves, a second one, or too much time, exits.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::end;
use crate::cli::ExitStatus;

/// A token that is cancelled by the first signal. A second one, or `within` passing, ends the
/// process at once: what was not saved is read again by the next run.
pub fn on_signals(within: Duration) -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        first_of(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping: what is in flight is finished and saved; again to exit at once");
        token.cancel();
        let cut_short = tokio::select! {
            () = first_of(&mut interrupt, &mut terminate) => "stopped a second time",
            () = tokio::time::sleep(within) => "it took too long to stop",
        };
        tracing::warn!("{cut_short}: exiting; what was not saved is read again by the next run");
        end::at_once(ExitStatus::Failed);
    });
    Ok(stop)
}

async fn first_of(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}
