//! The end of the process, also where threads of a client library still run.

use std::{process::ExitCode, time::Duration};

use crate::{cli::ExitStatus, connect::kafka_living};

/// How long clients that are going may take for it.
const GOING: Duration = Duration::from_secs(2);

/// Waits until the clients have gone that were dropped.
pub(super) async fn wait_for_clients() {
    if !kafka_living::none(GOING).await {
        tracing::debug!("a client of Kafka has not gone in time");
    }
}

/// Ends the process as usual where no client is left, else at once.
pub(super) fn with(status: ExitStatus) -> ExitCode {
    match kafka_living::any() {
        true => at_once(status),
        false => status.into(),
    }
}

/// Ends the process without its exit handlers, which would free what the threads of a client are
/// using. What was said is out: lines go out as they end, and the rest by `say::finish`.
pub(super) fn at_once(status: ExitStatus) -> ! {
    // SAFETY: it takes a number, and nothing runs in this process afterwards.
    unsafe { libc::_exit(status as libc::c_int) }
}
