//! A batch some of whose records are refused by name: those that may pass are waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{WorkerContext, write::BatchOrigin};
use crate::{
    fault::{Fault, Faulty, chain},
    flow::FlowError,
    model::{Messages, Records},
    sink::{RowFault, SinkError},
};

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::flow) enum Written {
    /// It is written, but for its dead letters.
    Whole,
    /// Its partition went to another while a row was waited for: nothing has moved.
    GivenUp,
}

/// How long a row that waits for another is waited for.
pub(super) struct Patience<'c> {
    until: Instant,
    /// The partition goes to another.
    closing: &'c CancellationToken,
}

/// What a wait has come to.
pub(super) enum Wait {
    /// It is time to try again.
    Retry,
    /// The partition went to another.
    GivenUp,
    /// It has taken too long.
    Over,
}

/// How often a row that waits for another is tried.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

impl Patience<'_> {
    pub(in crate::flow) async fn waits(&self) -> Wait {
        if Instant::now() >= self.until {
            return Wait::Over;
        }
        tokio::select! {
            () = self.closing.cancelled() => Wait::GivenUp,
            () = sleep(RETRY_INTERVAL) => Wait::Retry,
        }
    }
}

impl WorkerContext {
    /// Writes the batch. Records that the sink refuses by name are set aside by themselves, so that
    /// rows which hand values to each other stay together; halving is for all other refusals.
    ///
    /// What another row holds may be freed by another lane: until then nothing moves here, for as
    /// long as `conflict_wait` allows.
    pub(super) async fn write_patiently(
        &self,
        batch_origin: BatchOrigin,
        messages: &Messages,
        mut records: Vec<Records>,
        next_offset: i64,
        closing: &CancellationToken,
    ) -> Result<Written, FlowError> {
        let patience = Patience {
            until: Instant::now() + self.conflict_wait,
            closing,
        };
        loop {
            let faults = match self.write(&batch_origin, &records, next_offset).await {
                Ok(()) => return Ok(Written::Whole),
                Err(FlowError::Sink(SinkError::Rows { faults, .. })) => faults,
                Err(error) if error.fault() == Fault::Data => {
                    let to = (next_offset, &patience);
                    return self
                        .write_halving(batch_origin, messages, &records, to)
                        .await;
                }
                Err(error) => return Err(error),
            };
            let (waiting, mut refused): (Vec<_>, Vec<_>) =
                faults.into_iter().partition(|it| it.may_pass);
            if refused.is_empty() {
                match patience.waits().await {
                    Wait::Retry => continue,
                    Wait::GivenUp => return Ok(Written::GivenUp),
                    Wait::Over => refused = waiting,
                }
            }
            for RowFault { origin, cause, .. } in refused {
                // All records of a message go together.
                let mut gone = false;
                for part in &mut records {
                    let before = part.len();
                    part.retain(|row| row.origin() != origin);
                    gone |= part.len() < before;
                }
                if gone {
                    let reason = chain(&*cause);
                    self.set_aside(&batch_origin, messages, origin, "write", reason)
                        .await?;
                }
            }
        }
    }
}
