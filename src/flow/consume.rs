//! Consuming flow: poll ──► decode ──► pipeline ──► sink (rows and offsets in one transaction).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    DeadLetters, FlowError, FlowStats, Identity,
    partition::{
        PartitionWorker, WorkerContext,
        handle::{WorkerHandle, freed},
    },
    start_offsets::{PartitionStart, start_offsets, with_remedy},
};
use crate::{
    broker::{Event, Pause, Polled, Subscription, TopicId},
    codec::Decoder,
    model::Messages,
    pipeline::{Routes, Step},
    sink::Sink,
};

/// When a batch is written.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Messages in a batch, at most.
    pub rows: usize,
    /// Bytes of messages in a batch, at most but for one message.
    pub bytes: usize,
    /// How long the first message of a batch waits for others.
    pub wait: Duration,
}

impl BatchLimits {
    /// Whether a batch of these messages is full.
    pub(super) fn reached_by(&self, messages: &Messages) -> bool {
        let full = messages.len() >= self.rows || messages.bytes() >= self.bytes;
        full && !messages.is_empty()
    }
}

/// When consuming is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is stopped.
    Stopped,
    /// When everything is written that was in the topic at the first assignment, and in partitions
    /// that are assigned later at theirs, by whichever member of the group.
    CaughtUp,
}

/// One consuming flow, opened and ready.
pub struct Consume {
    /// Its name: progress is kept under it.
    pub flow: String,
    /// Our own group, whose committed offsets are a hint for others.
    pub group: String,
    /// An older system's group, whose offsets are read once, where nothing has been written yet.
    pub take_over: Option<String>,
    /// Where messages come from.
    pub subscription: Box<dyn Subscription>,
    /// How they become records.
    pub decoder: Arc<dyn Decoder>,
    /// What happens to records on the way.
    pub pipeline: Arc<[Box<dyn Step>]>,
    /// Where an append-only table keeps which message a row is of; `None` for other tables.
    pub identity: Option<Identity>,
    /// Which of the sink's tables they are for.
    pub routes: Arc<Routes>,
    /// Where records go.
    pub sink: Arc<dyn Sink>,
    /// Where messages go that cannot.
    pub dead_letters: Arc<DeadLetters>,
    /// When a batch is written.
    pub limits: BatchLimits,
    /// How long a lane waits for a value that another row holds.
    pub conflict_wait: Duration,
    /// When it is over.
    pub until: Until,
    /// Counted as it goes.
    pub stats: Arc<FlowStats>,
}

impl Consume {
    /// Runs until `stop` (or until it has caught up): then what is buffered is written.
    ///
    /// # Errors
    /// As `FlowError` says. What is written and what is stored agree in any case.
    pub async fn run(self, stop: &CancellationToken) -> Result<(), FlowError> {
        let parts = Arc::new(WorkerContext {
            flow: self.flow.clone(),
            decoder: self.decoder,
            pipeline: self.pipeline,
            identity: self.identity,
            routes: self.routes,
            sink: self.sink,
            dead_letters: self.dead_letters,
            limits: self.limits,
            conflict_wait: self.conflict_wait,
            stats: self.stats,
        });
        let mut consuming = Consuming {
            parts,
            group: self.group,
            take_over: self.take_over,
            until: self.until,
            subscription: self.subscription,
            workers: BTreeMap::new(),
            tasks: FuturesUnordered::new(),
            topic: None,
            left: BTreeMap::new(),
            is_logged: false,
        };
        let mut outcome = consuming.poll(stop).await;
        let drained = consuming.drain().await;
        if outcome.is_ok() {
            outcome = drained;
        }
        consuming.subscription.close().await;
        outcome.map_err(|error| with_remedy(&self.flow, error))
    }
}

struct Consuming {
    parts: Arc<WorkerContext>,
    group: String,
    take_over: Option<String>,
    until: Until,
    subscription: Box<dyn Subscription>,
    workers: BTreeMap<i32, WorkerHandle>,
    tasks: FuturesUnordered<WorkerTask>,
    /// Known since the first assignment.
    topic: Option<TopicId>,
    /// Ends of partitions that another member has, or had, and that are to be reached.
    left: BTreeMap<i32, i64>,
    /// Whether that was said.
    is_logged: bool,
}

type WorkerTask = futures_util::future::Map<
    JoinHandle<Result<(), FlowError>>,
    fn(Result<Result<(), FlowError>, tokio::task::JoinError>) -> Result<(), FlowError>,
>;

/// How often written offsets are told to the group, and lanes are looked after.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two commits of the hint.
const COMMIT_TICKS: u32 = 10;

impl Consuming {
    async fn poll(&mut self, stop: &CancellationToken) -> Result<(), FlowError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        loop {
            let room = self.workers.values().all(WorkerHandle::lets_others_go_on);
            let full = !self.workers.values().all(WorkerHandle::has_room);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(ended) = self.tasks.next(), if !self.tasks.is_empty() => ended?,
                _ = tick.tick() => {
                    self.pause_full()?;
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(COMMIT_TICKS) {
                        self.commit_hint().await;
                    }
                    if self.caught_up().await? {
                        return Ok(());
                    }
                }
                () = freed(&self.workers), if full => self.refill()?,
                event = self.subscription.next(), if room => self.handle(event?).await?,
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), FlowError> {
        match event {
            Event::Assigned(partitions) => self.assigned(&partitions).await?,
            Event::Revoked(partitions) => self.revoked(&partitions).await?,
            Event::Messages(polled) => self.dispatch(polled),
        }
        Ok(())
    }

    async fn assigned(&mut self, partitions: &[i32]) -> Result<(), FlowError> {
        let subscription = &mut *self.subscription;
        let parts = &self.parts;
        let take_over = self.take_over.as_deref();
        let sink = &*parts.sink;
        let (topic, found) = start_offsets(
            &parts.flow,
            &self.group,
            take_over,
            partitions,
            subscription,
            sink,
        )
        .await?;
        tracing::info!(
            flow = parts.flow,
            topic = topic.name,
            ?partitions,
            "assigned"
        );
        for start in &found {
            self.open_worker(&topic, start).await?;
        }
        let start_offsets: Vec<_> = found.iter().map(|it| (it.partition, it.start)).collect();
        self.subscription.start(&start_offsets).await?;
        if self.topic.replace(topic).is_none() && self.until == Until::CaughtUp {
            self.look_at_others(partitions).await?;
        }
        Ok(())
    }

    /// Partitions that are not `ours` have to reach their ends as well: they may be those of a member that was
    /// killed, and come to us when the group has noticed.
    async fn look_at_others(&mut self, ours: &[i32]) -> Result<(), FlowError> {
        for partition in self.subscription.partitions().await? {
            if !ours.contains(&partition) {
                let (first, end) = self.subscription.bounds(partition).await?;
                if first < end {
                    self.left.insert(partition, end);
                }
            }
        }
        Ok(())
    }

    async fn open_worker(
        &mut self,
        topic: &TopicId,
        start: &PartitionStart,
    ) -> Result<(), FlowError> {
        let partition = start.partition;
        let end = match self.until {
            Until::Stopped => None,
            Until::CaughtUp => {
                let (first, end) = self.subscription.bounds(partition).await?;
                // An empty partition has nothing to catch up with.
                (first < end && start.stored.unwrap_or(first) < end).then_some(end)
            }
        };
        let (parts, topic) = (self.parts.clone(), topic.clone());
        let closing = CancellationToken::new();
        let closed = closing.clone();
        let (worker, written) =
            PartitionWorker::new(parts, topic, partition, start.stored, end, closed);
        let (inbox, incoming) = mpsc::channel(1);
        let task = tokio::spawn(worker.run(incoming));
        self.tasks.push(task.map(joined as fn(_) -> _));
        self.left.remove(&partition);
        self.workers.insert(
            partition,
            WorkerHandle::new(inbox, written, end, closing.drop_guard()),
        );
        Ok(())
    }

    /// Closes the lanes of `partitions`: what is buffered is written, then they are given back.
    async fn revoked(&mut self, partitions: &[i32]) -> Result<(), FlowError> {
        tracing::info!(flow = self.parts.flow, ?partitions, "revoked");
        let mut closing = Vec::new();
        for partition in partitions {
            if let Some(worker) = self.workers.remove(partition) {
                // The inbox closes here; the lane ends when it has written what it holds.
                closing.push((*partition, worker.written, worker.end));
            }
        }
        let mut hints = Vec::new();
        for (partition, mut written, end) in closing {
            while written.changed().await.is_ok() {}
            let written = *written.borrow();
            hints.push((partition, written));
            if let Some(end) = end.filter(|it| written < *it) {
                self.left.insert(partition, end);
            }
        }
        self.hint(&hints).await;
        self.subscription.release(partitions).await?;
        Ok(())
    }

    fn dispatch(&mut self, polled: Polled) {
        // Where there is no lane, it was revoked while the messages were on their way.
        if let Some(worker) = self.workers.get_mut(&polled.partition) {
            worker.hand_over(polled);
        }
    }

    /// Gives lanes what they had no room for, and lets their partitions go on.
    fn refill(&mut self) -> Result<(), FlowError> {
        for (partition, worker) in &mut self.workers {
            if worker.refill() {
                self.subscription.pause(*partition, Pause::Resume)?;
            }
        }
        Ok(())
    }

    /// Holds back the partitions whose lanes have been full for too long.
    fn pause_full(&mut self) -> Result<(), FlowError> {
        for (partition, worker) in &mut self.workers {
            if worker.lose_patience() {
                self.subscription.pause(*partition, Pause::Hold)?;
            }
        }
        Ok(())
    }

    /// Also a partition that another member has, or was given on the way, has to reach its end: the sink
    /// knows how far that one has come, or it comes to us.
    async fn caught_up(&mut self) -> Result<bool, FlowError> {
        let Some(topic) = self.topic.as_ref() else {
            return Ok(false);
        };
        if self.until == Until::Stopped || !self.workers.values().all(WorkerHandle::caught_up) {
            return Ok(false);
        }
        if !self.left.is_empty() {
            let progress = self.parts.sink.progress(&self.parts.flow).await?;
            self.left.retain(|partition, end| {
                !progress.iter().any(|it| {
                    it.topic_id == topic.id && it.partition == *partition && it.next_offset >= *end
                })
            });
        }
        if !self.left.is_empty() && !std::mem::replace(&mut self.is_logged, true) {
            let partitions: Vec<_> = self.left.keys().collect();
            tracing::info!(
                flow = self.parts.flow,
                ?partitions,
                "caught up here; waiting for partitions of other members of the group"
            );
        }
        Ok(self.left.is_empty())
    }

    async fn commit_hint(&mut self) {
        let mut moved = Vec::new();
        for (partition, worker) in &mut self.workers {
            let written = *worker.written.borrow();
            if written > worker.committed {
                worker.committed = written;
                moved.push((*partition, written));
            }
        }
        self.hint(&moved).await;
    }

    /// The group's offsets serve lag tools only: a failure is no reason to stop.
    async fn hint(&mut self, next_offsets: &[(i32, i64)]) {
        if next_offsets.is_empty() {
            return;
        }
        if let Err(error) = self.subscription.commit(next_offsets).await {
            let error = crate::fault::chain(&error);
            tracing::debug!(flow = self.parts.flow, error, "offsets were not committed");
        }
    }

    /// Lets every lane write what it holds.
    async fn drain(&mut self) -> Result<(), FlowError> {
        let mut outcome = Ok(());
        let mut hints = Vec::new();
        let workers = std::mem::take(&mut self.workers);
        let written: Vec<_> = workers
            .into_iter()
            .map(|(partition, worker)| (partition, worker.written, worker.committed))
            .collect();
        while let Some(ended) = self.tasks.next().await {
            if outcome.is_ok() {
                outcome = ended;
            }
        }
        for (partition, written, committed) in written {
            let written = *written.borrow();
            if written > committed {
                hints.push((partition, written));
            }
        }
        self.hint(&hints).await;
        outcome
    }
}

fn joined(ended: Result<Result<(), FlowError>, tokio::task::JoinError>) -> Result<(), FlowError> {
    ended.unwrap_or_else(|error| Err(FlowError::Ended(error)))
}
