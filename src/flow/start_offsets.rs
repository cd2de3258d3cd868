//! Start offsets of assigned partitions, from the sink's progress; an unusable one is an error.

use super::FlowError;
use crate::{
    broker::{BrokerError, Start, Subscription, TopicId},
    sink::{Advance, Progress, Sink, SinkError},
};

/// Where one partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartitionStart {
    pub partition: i32,
    /// The stored offset; `None` where nothing was ever written from this partition.
    pub stored: Option<i64>,
    pub start: Start,
}

/// Asks the sink where `partitions` stand. `group` is our own, whose offsets are only a hint;
/// `take_over` is an older system's group, read once.
pub(super) async fn start_offsets(
    flow: &str,
    group: &str,
    take_over: Option<&str>,
    partitions: &[i32],
    subscription: &mut dyn Subscription,
    sink: &dyn Sink,
) -> Result<(TopicId, Vec<PartitionStart>), FlowError> {
    let topic = subscription.topic().await?;
    let mut progress = of_topic(flow, &topic, sink.progress(flow).await?)?;
    if progress.is_empty() {
        refuse_lost_progress(flow, group, &topic, subscription, sink).await?;
    }
    if let Some(older) = take_over {
        take_over_from(flow, older, &topic, &progress, subscription, sink).await?;
        progress = of_topic(flow, &topic, sink.progress(flow).await?)?;
    }
    let start_offsets = partitions
        .iter()
        .map(|&partition| {
            let stored = progress
                .iter()
                .find(|it| it.partition == partition)
                .map(|it| it.next_offset);
            PartitionStart {
                partition,
                stored,
                start: stored.map_or(Start::Earliest, Start::At),
            }
        })
        .collect();
    Ok((topic, start_offsets))
}

/// The progress in this topic; an error where it is that of an earlier topic of the same name.
fn of_topic(
    flow: &str,
    topic: &TopicId,
    progress: Vec<Progress>,
) -> Result<Vec<Progress>, FlowError> {
    let (here, other): (Vec<_>, Vec<_>) = progress
        .into_iter()
        .filter(|it| it.topic == topic.name)
        .partition(|it| it.topic_id == topic.id);
    if here.is_empty() && !other.is_empty() {
        return Err(FlowError::DeadPosition(format!(
            "topic `{}` was deleted and made anew (its id is {} now, progress is stored for {}): \
             to read the new one from its beginning, run `highwater cursor reset {flow}`",
            topic.name, topic.id, other[0].topic_id
        )));
    }
    Ok(here)
}

/// No progress, but a group that has committed: the progress was lost, and starting at the
/// beginning would repeat everything.
async fn refuse_lost_progress(
    flow: &str,
    group: &str,
    topic: &TopicId,
    subscription: &mut dyn Subscription,
    sink: &dyn Sink,
) -> Result<(), FlowError> {
    let hints = subscription.committed(group).await?;
    let Some((partition, offset)) = hints.into_iter().find(|(_, offset)| *offset > 0) else {
        return Ok(());
    };
    if !sink.progress(flow).await?.is_empty() {
        // Another member was faster: its progress is there now.
        return Ok(());
    }
    Err(FlowError::DeadPosition(format!(
        "{} holds no progress of flow {flow}, but group `{group}` has read topic `{}`, partition \
         {partition}, up to offset {offset}: restore the table of progress; or go on there with \
         `highwater cursor set {flow} {partition}:{offset}`, and so for each partition; or read \
         everything again after `highwater cursor reset {flow}`",
        sink.name(),
        topic.name
    )))
}

/// An offset that is gone, with the command that goes on without it.
pub(super) fn with_remedy(flow: &str, error: FlowError) -> FlowError {
    match &error {
        FlowError::Broker(BrokerError::OffsetGone {
            partition, first, ..
        }) => FlowError::DeadPosition(format!(
            "{error}: to go on with the first message that is there, run \
             `highwater cursor set {flow} {partition}:{first}`"
        )),
        _ => error,
    }
}

/// Stores an older system's offsets as our progress, once and for all partitions, so that members
/// that are assigned later find them too. The lowest partition comes last: where it is stored, all
/// are, and a take-over that was cut short, or that another member is in the middle of, is
/// completed before anything is read.
async fn take_over_from(
    flow: &str,
    older: &str,
    topic: &TopicId,
    progress: &[Progress],
    subscription: &mut dyn Subscription,
    sink: &dyn Sink,
) -> Result<(), FlowError> {
    let mut committed = subscription.committed(older).await?;
    committed.sort_unstable_by(|a, b| b.cmp(a));
    let stored = |partition| progress.iter().any(|it| it.partition == partition);
    let Some((lowest, _)) = committed.last() else {
        if progress.is_empty() {
            tracing::warn!(
                flow,
                older,
                topic = topic.name,
                "the older group has committed nothing in this topic: starting at its beginning"
            );
        }
        return Ok(());
    };
    if stored(*lowest) {
        return Ok(());
    }
    for (partition, next_offset) in committed {
        if stored(partition) {
            continue;
        }
        let advance = Advance {
            flow: flow.to_owned(),
            from: None,
            to: Progress {
                topic: topic.name.clone(),
                topic_id: topic.id.clone(),
                partition,
                next_offset,
            },
        };
        match sink.write(&[], &advance).await {
            Ok(()) => tracing::info!(flow, older, partition, next_offset, "taken over"),
            // Another member takes over at the same time, from the same offsets.
            Err(SinkError::Fenced(_)) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
