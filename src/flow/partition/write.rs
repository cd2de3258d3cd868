//! Batch write: whole, then in halves until the bad messages are isolated.

use std::ops::Range;

use super::{
    WorkerContext,
    conflicts::{Patience, Wait, Written},
};
use crate::{
    broker::TopicId,
    fault::{Fault, Faulty},
    flow::{DeadLetter, FlowError},
    model::{Messages, Records},
    sink::{Advance, Progress, SinkError},
};

/// Where a batch stands.
#[derive(Clone)]
pub(super) struct BatchOrigin {
    pub topic: TopicId,
    pub partition: i32,
    pub stored: Option<i64>,
}

impl WorkerContext {
    /// Writes the batch; where its data is refused, by halves of messages, until the bad ones
    /// stand alone and are set aside. One that may yet be written is waited for.
    pub(super) async fn write_halving(
        &self,
        mut batch_origin: BatchOrigin,
        messages: &Messages,
        records: &[Records],
        (next_offset, patience): (i64, &Patience<'_>),
    ) -> Result<Written, FlowError> {
        let total = messages.len() as u32;
        let whole = 0..total;
        let mut parts: Vec<Range<u32>> = std::iter::once(whole).collect();
        while let Some(part) = parts.pop() {
            let to = match messages.get(part.end as usize) {
                Some(following) => following.record_origin.offset,
                None => next_offset,
            };
            let written = if part == (0..total) {
                self.write(&batch_origin, records, to).await
            } else {
                let half = records.iter().map(|it| it.of_origins(part.clone()));
                let half: Vec<Records> = half.collect();
                self.write(&batch_origin, &half, to).await
            };
            let Err(error) = written else {
                batch_origin.stored = Some(to);
                continue;
            };
            if error.fault() != Fault::Data {
                return Err(error);
            }
            if part.len() > 1 {
                let middle = part.start + part.len() as u32 / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
                continue;
            }
            if may_pass(&error) {
                match patience.waits().await {
                    Wait::Retry => {
                        parts.push(part);
                        continue;
                    }
                    Wait::GivenUp => return Ok(Written::GivenUp),
                    Wait::Over => {}
                }
            }
            let reason = error.reason();
            self.set_aside(&batch_origin, messages, part.start, "write", reason)
                .await?;
            self.write(&batch_origin, &[], to).await?;
            batch_origin.stored = Some(to);
        }
        Ok(Written::Whole)
    }

    pub(super) async fn write(
        &self,
        batch_origin: &BatchOrigin,
        records: &[Records],
        next_offset: i64,
    ) -> Result<(), FlowError> {
        let advance = Advance {
            flow: self.flow.clone(),
            from: batch_origin.stored,
            to: Progress {
                topic: batch_origin.topic.name.clone(),
                topic_id: batch_origin.topic.id.clone(),
                partition: batch_origin.partition,
                next_offset,
            },
        };
        self.sink.write(records, (&advance).into()).await?;
        if records.iter().any(|it| !it.is_empty()) {
            self.dead_letters.landed();
        }
        Ok(())
    }

    pub(super) async fn set_aside(
        &self,
        batch_origin: &BatchOrigin,
        messages: &Messages,
        origin: u32,
        step: &str,
        reason: String,
    ) -> Result<(), FlowError> {
        let Some(message) = messages.get(origin as usize) else {
            return Err(FlowError::NoRecord(step.to_owned()));
        };
        let dead_letter = DeadLetter {
            flow: &self.flow,
            step,
            reason: reason.into(),
            topic: &batch_origin.topic.name,
            topic_id: Some(&batch_origin.topic.id),
            key: message.key,
            value: message.value,
            headers: message.headers,
            record_origin: Some(message.record_origin),
        };
        self.dead_letters.set_aside(&[dead_letter]).await?;
        self.stats.set_aside(1);
        Ok(())
    }
}

/// Whether another row, which holds a value, may let go.
fn may_pass(error: &FlowError) -> bool {
    match error {
        FlowError::Sink(SinkError::Rows { faults, .. }) => faults.iter().all(|it| it.may_pass),
        _ => false,
    }
}
