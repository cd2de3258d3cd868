//! SIGTERM and Ctrl-C: the first one drains and saves, a second one, or too much time, exits.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The status of a process that did not come to a clean end in time.
const CUT_SHORT: i32 = 1;

/// A token that is cancelled by the first signal. A second one, or `within` passing, ends the
/// process at once: what was not saved is read again by the next run.
pub fn on_signals(within: Duration) -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        first_of(&mut interrupt, &mut terminate).await;
        tracing::info!(
            "stopping: finishing and saving what is in flight; a second signal exits at once"
        );
        token.cancel();
        let cut_short = tokio::select! {
            () = first_of(&mut interrupt, &mut terminate) => "stopped a second time",
            () = tokio::time::sleep(within) => "it took too long to stop",
        };
        tracing::warn!("{cut_short}: exiting; the next run reads again what was not saved");
        std::process::exit(CUT_SHORT);
    });
    Ok(stop)
}

async fn first_of(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}
