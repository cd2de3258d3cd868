//! What the group says to a member: kept until the subscription hands it to the flow, which
//! answers in its own time.
//!
//! rdkafka's own answer to a rebalance assigns at once, at the group's offsets. Here nothing is
//! assigned before `start`, and nothing is given back before `release`.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    statistics::Statistics,
    types::RDKafkaRespErr,
};
use tokio::sync::Notify;

use crate::connect::kafka_log::KafkaLog;

/// The context of a member's client.
pub(super) struct Membership {
    pub log: KafkaLog,
    pub woken: Arc<Notify>,
    changes: Mutex<VecDeque<Change>>,
    leaving: AtomicBool,
}

/// What the group has decided, and waits for our answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) enum Change {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
}

impl Membership {
    pub fn new(log: KafkaLog) -> Self {
        Self {
            log,
            woken: Arc::new(Notify::new()),
            changes: Mutex::default(),
            leaving: AtomicBool::new(false),
        }
    }

    /// The next decision of the group that nobody has heard of yet.
    pub fn next_change(&self) -> Option<Change> {
        self.changes().pop_front()
    }

    /// From now on every decision of the group is answered here: by giving everything back.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConsumerContext for Membership {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions: Vec<i32> = list.elements().iter().map(|it| it.partition()).collect();
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        tracing::debug!(
            connection = self.log.name(),
            assigned,
            ?partitions,
            lost = consumer.assignment_lost(),
            "the group has decided"
        );
        // A consumer that leaves takes any answer for giving everything back.
        if partitions.is_empty() || self.leaving.load(Ordering::Acquire) {
            let answered = if assigned {
                consumer.incremental_assign(list)
            } else {
                consumer.incremental_unassign(list)
            };
            if let Err(error) = answered {
                tracing::debug!(connection = self.log.name(), %error, "no answer to the group");
            }
            return;
        }
        self.changes().push_back(if assigned {
            Change::Assigned(partitions)
        } else {
            Change::Revoked(partitions)
        });
        self.woken.notify_one();
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(connection = self.log.name(), %error, "offsets were not committed");
        }
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}
