//! A member of a consumer group that reads one topic of a Kafka cluster.
//!
//! There is no thread of our own: librdkafka's threads read ahead and wake `next`, which takes
//! what is there. So `next` must be waited on at least every five minutes
//! (`max.poll.interval.ms`); holding partitions back does not stand in its way.

use std::{collections::BTreeMap, ffi::CString, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::{
    KafkaBroker,
    errors::{broker_error, offset_gone},
    member::{KafkaSubscriptionSettings, member_config},
    membership::{Change, Membership},
    queue::{PartitionQueue, waiting_events},
    topics::{self, PATIENCE},
};
use crate::{
    broker::{BrokerError, Event, Pause, Start, Subscription, TopicId},
    connect::kafka_log::KafkaLog,
};

/// Reads one topic of a Kafka cluster as a member of a group.
pub struct KafkaSubscription {
    broker: KafkaBroker,
    topic: String,
    topic_text: CString,
    limits: Limits,
    woken: Arc<Notify>,
    /// Before the consumer, so that it is dropped before it.
    partitions: BTreeMap<i32, Reading>,
    /// The partition after which the next look goes on, so that each has its turn.
    turn: i32,
    /// What the flow has heard of and not answered yet.
    unanswered: Vec<Change>,
    /// Whether the brokers still answer, where there is doubt.
    doubt: Option<JoinHandle<Result<(), KafkaError>>>,
    consumer: Option<Arc<BaseConsumer<Membership>>>,
}

struct Limits {
    messages: usize,
    bytes: usize,
}

struct Reading {
    queue: PartitionQueue,
    paused: bool,
    /// The code that the client gave instead of messages.
    failed: Option<RDKafkaErrorCode>,
}

impl KafkaSubscription {
    pub(in crate::broker) async fn open(
        broker: &KafkaBroker,
        topic: &str,
        group: &str,
        settings: &KafkaSubscriptionSettings,
    ) -> Result<Self, BrokerError> {
        let described = topics::describe(&broker.config, &broker.name, topic).await?;
        let log = || KafkaLog::new(&broker.name);
        let config = member_config(broker, group, settings, described.partitions);
        let membership = Membership::new(log());
        let woken = membership.woken.clone();
        let failed = |error| broker_error(topic, error, &log());
        let mut consumer: BaseConsumer<Membership> =
            config.create_with_context(membership).map_err(failed)?;
        let waker = woken.clone();
        consumer.set_nonempty_callback(move || waker.notify_one());
        consumer.subscribe(&[topic]).map_err(failed)?;
        let topic_text = CString::new(topic).map_err(|error| failed(error.into()))?;
        Ok(Self {
            broker: broker.clone(),
            topic: topic.to_owned(),
            topic_text,
            limits: Limits {
                messages: settings.messages.max(1),
                bytes: settings.bytes.max(1),
            },
            woken,
            partitions: BTreeMap::new(),
            turn: -1,
            unanswered: Vec::new(),
            doubt: None,
            consumer: Some(Arc::new(consumer)),
        })
    }

    /// The consumer; it is there until the subscription closes, which takes the subscription.
    fn consumer(&self) -> Result<&Arc<BaseConsumer<Membership>>, BrokerError> {
        let closed = || BrokerError::Lost("the subscription is closed".into());
        self.consumer.as_ref().ok_or_else(closed)
    }

    /// What the client answers, which blocks its thread.
    async fn asked<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&BaseConsumer<Membership>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, BrokerError> {
        let consumer = self.consumer()?.clone();
        match tokio::task::spawn_blocking(move || ask(&consumer)).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(error) => Err(BrokerError::Lost(error.into())),
        }
    }

    fn failed(&self, error: KafkaError) -> BrokerError {
        match &self.consumer {
            Some(consumer) => broker_error(&self.topic, error, &consumer.context().log),
            None => BrokerError::Lost(error.into()),
        }
    }

    /// What has happened by now, if anything.
    fn happened(&mut self) -> Result<Option<Event>, BrokerError> {
        let consumer = self.consumer()?.clone();
        while waiting_events(&consumer) > 0 {
            // Messages have queues of their own: what comes here are events and errors.
            if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                self.hear(error)?;
            }
        }
        if let Some(change) = consumer.context().next_change() {
            self.unanswered.push(change.clone());
            return Ok(Some(match change {
                Change::Assigned(partitions) => Event::Assigned(partitions),
                Change::Revoked(partitions) => {
                    for partition in &partitions {
                        self.partitions.remove(partition);
                    }
                    Event::Revoked(partitions)
                }
            }));
        }
        Ok(self.messages())
    }

    /// Messages of the partition whose turn it is.
    fn messages(&mut self) -> Option<Event> {
        let turn = self.turn;
        let (before, after): (Vec<_>, Vec<_>) = self
            .partitions
            .iter_mut()
            .filter(|(_, it)| !it.paused && it.failed.is_none())
            .partition(|(partition, _)| **partition <= turn);
        for (partition, reading) in after.into_iter().chain(before) {
            match reading.queue.take(self.limits.messages, self.limits.bytes) {
                Ok(Some(polled)) => {
                    self.turn = *partition;
                    return Some(Event::Messages(polled));
                }
                Ok(None) => (),
                Err(code) => reading.failed = Some(code),
            }
        }
        None
    }

    /// What the client says of itself, between messages.
    fn hear(&mut self, error: KafkaError) -> Result<(), BrokerError> {
        use RDKafkaErrorCode as Code;
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        match error.rdkafka_error_code() {
            _ if fatal => Err(BrokerError::Lost(error.into())),
            Some(
                Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut,
            ) => self.doubt(),
            Some(Code::PollExceeded) => Err(BrokerError::Lost(error.into())),
            // Of all else the client tries again by itself what may pass.
            _ => match self.failed(error) {
                BrokerError::Lost(cause) => {
                    tracing::warn!(topic = self.topic, cause = %cause, "reading goes on");
                    Ok(())
                }
                permanent => Err(permanent),
            },
        }
    }

    /// One broker out of reach is no reason to stop, and the client comes back by itself: only
    /// where the cluster does not answer at all is the subscription lost.
    fn doubt(&mut self) -> Result<(), BrokerError> {
        if self.doubt.is_none() {
            let (consumer, topic) = (self.consumer()?.clone(), self.topic.clone());
            self.doubt = Some(tokio::task::spawn_blocking(move || {
                consumer.fetch_metadata(Some(&topic), PATIENCE).map(drop)
            }));
        }
        Ok(())
    }

    /// Says what is wrong with a partition that gives no messages any more.
    async fn broken(&mut self, partition: i32, code: RDKafkaErrorCode) -> BrokerError {
        let gone = matches!(
            code,
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
        );
        let Some(reading) = self.partitions.get(&partition).filter(|_| gone) else {
            return self.failed(KafkaError::MessageConsumption(code));
        };
        let offset = reading.queue.next_offset();
        match self.bounds(partition).await {
            Ok((first, end)) => offset_gone(&self.topic, partition, offset, first, end),
            Err(error) => error,
        }
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        list
    }

    /// The answers are given: what is left of them are partitions not named by `answered`.
    fn answered(&mut self, answered: &[i32], assigned: bool) {
        self.unanswered.retain_mut(|change| {
            let (partitions, same) = match change {
                Change::Assigned(partitions) => (partitions, assigned),
                Change::Revoked(partitions) => (partitions, !assigned),
            };
            if same {
                partitions.retain(|it| !answered.contains(it));
            }
            !partitions.is_empty()
        });
    }

    /// Leaves on a thread of its own, which may take its time; the receiver hears of the end.
    fn leave(&mut self) -> Option<oneshot::Receiver<()>> {
        let consumer = self.consumer.take()?;
        consumer.context().leave();
        self.partitions.clear();
        for change in std::mem::take(&mut self.unanswered) {
            let answered = match change {
                Change::Assigned(_) => consumer.incremental_assign(&TopicPartitionList::new()),
                Change::Revoked(it) => consumer.incremental_unassign(&self.list(&it)),
            };
            if let Err(error) = answered {
                tracing::debug!(topic = self.topic, %error, "no answer to the group");
            }
        }
        let (left, receiver) = oneshot::channel();
        let spawned = thread::Builder::new()
            .name("kafka-leave".to_owned())
            .spawn(move || {
                drop(consumer);
                // Nobody may be waiting any more.
                let _ = left.send(());
            });
        spawned.is_ok().then_some(receiver)
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn topic(&mut self) -> Result<TopicId, BrokerError> {
        self.broker.topic(&self.topic).await
    }

    async fn next(&mut self) -> Result<Event, BrokerError> {
        let woken = self.woken.clone();
        loop {
            if let Some(event) = self.happened()? {
                return Ok(event);
            }
            let broken = self
                .partitions
                .values()
                .find_map(|it| Some((it.queue.partition(), it.failed?)));
            if let Some((partition, code)) = broken {
                return Err(self.broken(partition, code).await);
            }
            let Some(doubt) = &mut self.doubt else {
                woken.notified().await;
                continue;
            };
            let answer = tokio::select! {
                answer = doubt => answer,
                () = woken.notified() => continue,
            };
            self.doubt = None;
            match answer {
                Ok(Ok(())) => (),
                Ok(Err(error)) => return Err(self.failed(error)),
                Err(error) => return Err(BrokerError::Lost(error.into())),
            }
        }
    }

    async fn start(&mut self, starts: &[(i32, Start)]) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        let mut readings = Vec::with_capacity(starts.len());
        for (partition, start) in starts {
            let (first, end) = self.bounds(*partition).await?;
            let offset = match start {
                Start::Earliest => first,
                Start::At(offset) if (first..=end).contains(offset) => *offset,
                Start::At(offset) => {
                    return Err(offset_gone(&self.topic, *partition, *offset, first, end));
                }
            };
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(offset))
                .map_err(|error| self.failed(error))?;
            let (consumer, woken) = (self.consumer()?, &self.woken);
            let queue =
                PartitionQueue::take_over(consumer, &self.topic_text, *partition, offset, woken)
                    .ok_or_else(|| BrokerError::NoTopic(self.topic.clone()))?;
            let reading = Reading {
                queue,
                paused: false,
                failed: None,
            };
            readings.push((*partition, reading));
        }
        self.consumer()?
            .incremental_assign(&list)
            .map_err(|error| self.failed(error))?;
        self.partitions.extend(readings);
        let partitions: Vec<i32> = starts.iter().map(|it| it.0).collect();
        self.answered(&partitions, true);
        Ok(())
    }

    async fn release(&mut self, partitions: &[i32]) -> Result<(), BrokerError> {
        for partition in partitions {
            self.partitions.remove(partition);
        }
        let list = self.list(partitions);
        self.consumer()?
            .incremental_unassign(&list)
            .map_err(|error| self.failed(error))?;
        self.answered(partitions, false);
        Ok(())
    }

    fn pause(&mut self, partition: i32, pause: Pause) -> Result<(), BrokerError> {
        if let Some(reading) = self.partitions.get_mut(&partition) {
            reading.paused = pause == Pause::Hold;
        }
        Ok(())
    }

    async fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::with_capacity(next_offsets.len());
        for (partition, offset) in next_offsets {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
                .map_err(|error| self.failed(error))?;
        }
        self.consumer()?
            .commit(&list, CommitMode::Async)
            .map_err(|error| self.failed(error))
    }

    async fn partitions(&mut self) -> Result<Vec<i32>, BrokerError> {
        let topic = self.topic.clone();
        let found = self.asked(move |consumer| {
            let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE)?;
            let topics = metadata.topics().iter();
            let partitions = topics.flat_map(|it| it.partitions()).map(|it| it.id());
            Ok(partitions.collect())
        });
        found.await
    }

    async fn bounds(&mut self, partition: i32) -> Result<(i64, i64), BrokerError> {
        let topic = self.topic.clone();
        self.asked(move |consumer| consumer.fetch_watermarks(&topic, partition, PATIENCE))
            .await
    }

    async fn committed(&mut self, group: &str) -> Result<Vec<(i32, i64)>, BrokerError> {
        self.broker.committed(&self.topic, group).await
    }

    async fn close(mut self: Box<Self>) {
        let Some(left) = self.leave() else { return };
        if tokio::time::timeout(LEAVE, left).await.is_err() {
            tracing::warn!(
                topic = self.topic,
                "the group was not left in time: its other members wait for the session timeout"
            );
        }
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How long leaving the group may take.
const LEAVE: Duration = Duration::from_secs(5);
