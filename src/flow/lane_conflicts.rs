//! A batch some of whose records are refused by name: those that may pass are waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{FlowError, lane::LaneParts, lane_write::BatchPlace};
use crate::{
    fault::{Fault, Faulty, chain},
    model::{Messages, Records},
    sink::{RowFault, SinkError},
};

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is written, but for its dead letters.
    Whole,
    /// Its partition went to another while a row was waited for: nothing has moved.
    GivenUp,
}

/// How often a row that waits for another is tried.
const AGAIN: Duration = Duration::from_millis(250);

impl LaneParts {
    /// Writes the batch. Records that the sink refuses by name are set aside by themselves, so that
    /// rows which hand values to each other stay together; halving is for all other refusals.
    ///
    /// What another row holds may be freed by another lane: until then nothing moves here, for as
    /// long as `conflict_wait` allows.
    pub(super) async fn write_patiently(
        &self,
        place: BatchPlace,
        messages: &Messages,
        mut records: Vec<Records>,
        next_offset: i64,
        closing: &CancellationToken,
    ) -> Result<Written, FlowError> {
        let until = Instant::now() + self.conflict_wait;
        loop {
            let faults = match self.write(&place, &records, next_offset).await {
                Ok(()) => return Ok(Written::Whole),
                Err(FlowError::Sink(SinkError::Rows { faults, .. })) => faults,
                Err(error) if error.fault() == Fault::Data => {
                    let halved = self.write_halving(place, messages, &records, next_offset);
                    return halved.await.map(|()| Written::Whole);
                }
                Err(error) => return Err(error),
            };
            let (held, mut refused): (Vec<_>, Vec<_>) =
                faults.into_iter().partition(|it| it.may_pass);
            if refused.is_empty() {
                if Instant::now() < until {
                    tokio::select! {
                        () = closing.cancelled() => return Ok(Written::GivenUp),
                        () = sleep(AGAIN) => continue,
                    }
                }
                refused = held;
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
                    self.set_aside(&place, messages, origin, "write", reason)
                        .await?;
                }
            }
        }
    }
}
