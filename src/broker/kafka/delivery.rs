//! What one `publish` still waits for, shared by all its messages.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::{
    errors::{code_error, verdict},
    publisher::InFlight,
};
use crate::{
    broker::{BrokerError, DeliveryError, NotTaken, Verdict},
    connect::kafka_log::KafkaLog,
};

/// One publish on its way.
#[derive(Debug)]
pub(super) struct Pending {
    topic: String,
    /// Messages without an answer, and one for the hand-over itself.
    left: AtomicUsize,
    /// The count of handed messages up to this publish, where it is one message and nothing was
    /// in flight before it: while the count stands, no other message can share its request.
    alone: Option<u64>,
    outcome: Mutex<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    not_taken: Vec<NotTaken>,
    failed: Option<BrokerError>,
    answer: Option<oneshot::Sender<Result<(), DeliveryError>>>,
}

/// What librdkafka carries with a message and gives back with its answer.
#[derive(Debug)]
pub(super) struct Handed {
    pub pending: Arc<Pending>,
    pub index: usize,
}

impl Pending {
    /// A publish of `messages`, about to be handed over.
    pub fn new(
        topic: &str,
        messages: usize,
        figures: &InFlight,
    ) -> (Arc<Self>, oneshot::Receiver<Result<(), DeliveryError>>) {
        let (answer, receiver) = oneshot::channel();
        let before = figures.none();
        let count = messages as u64;
        let handed = figures.handed.fetch_add(count, Ordering::AcqRel) + count;
        let pending = Self {
            topic: topic.to_owned(),
            left: AtomicUsize::new(messages + 1),
            alone: (before && messages == 1).then_some(handed),
            outcome: Mutex::new(Outcome {
                not_taken: Vec::new(),
                failed: None,
                answer: Some(answer),
            }),
        };
        (Arc::new(pending), receiver)
    }

    /// The broker did not take a message, or cannot be asked.
    pub fn fail(&self, index: usize, code: RDKafkaErrorCode, figures: &InFlight, log: &KafkaLog) {
        let alone = self.alone == Some(figures.handed.load(Ordering::Acquire));
        let mut outcome = self.outcome();
        match verdict(code, alone) {
            Some(verdict) => outcome.not_taken.push(NotTaken {
                index,
                reason: code.to_string(),
                verdict,
            }),
            None if outcome.failed.is_none() => {
                outcome.failed = Some(code_error(&self.topic, code, code.into(), log));
            }
            None => (),
        }
    }

    /// The message will never be taken.
    pub fn refuse(&self, index: usize, code: RDKafkaErrorCode) {
        self.outcome().not_taken.push(NotTaken {
            index,
            reason: code.to_string(),
            verdict: Verdict::Refused,
        });
    }

    /// One message is answered, or the hand-over is over.
    pub fn settle_message(&self, figures: &InFlight) {
        figures.settled.fetch_add(1, Ordering::AcqRel);
        self.settle();
    }

    /// Counts one down, and answers where it was the last.
    pub fn settle(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let mut outcome = self.outcome();
        let mut not_taken = std::mem::take(&mut outcome.not_taken);
        let result = match outcome.failed.take() {
            Some(error) => Err(error.into()),
            None if not_taken.is_empty() => Ok(()),
            None => {
                not_taken.sort_unstable_by_key(|it| it.index);
                Err(DeliveryError::NotTaken(not_taken))
            }
        };
        if let Some(answer) = outcome.answer.take() {
            // Nobody waits for a delivery that was dropped.
            let _ = answer.send(result);
        }
    }

    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(answer: Result<(), DeliveryError>) -> Vec<(usize, Verdict)> {
        match answer {
            Err(DeliveryError::NotTaken(all)) => {
                all.iter().map(|it| (it.index, it.verdict)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_delivery_waits_for_its_last_message_and_names_those_not_taken() {
        let (figures, log) = (InFlight::default(), KafkaLog::new("bus"));
        let (pending, mut answer) = Pending::new("t", 3, &figures);
        pending.settle();
        for index in [2, 0] {
            pending.fail(index, RDKafkaErrorCode::MessageSizeTooLarge, &figures, &log);
            pending.settle_message(&figures);
        }
        assert!(answer.try_recv().is_err());
        pending.settle_message(&figures);
        let expected = vec![(0, Verdict::Spoiled), (2, Verdict::Spoiled)];
        assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        assert!(figures.none());
    }

    #[test]
    fn only_a_message_that_shared_no_request_is_refused_for_good() {
        let (figures, log) = (InFlight::default(), KafkaLog::new("bus"));
        let too_large = |pending: &Pending| {
            pending.fail(0, RDKafkaErrorCode::MessageSizeTooLarge, &figures, &log);
            pending.settle_message(&figures);
            pending.settle();
        };
        let (first, mut answer) = Pending::new("t", 1, &figures);
        too_large(&first);
        let expected = vec![(0, Verdict::Refused)];
        assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        let (second, mut answer) = Pending::new("t", 1, &figures);
        let (third, mut last) = Pending::new("t", 1, &figures);
        too_large(&second);
        too_large(&third);
        for answer in [&mut answer, &mut last] {
            let expected = vec![(0, Verdict::Spoiled)];
            assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        }
    }

    #[test]
    fn an_error_of_the_broker_outweighs_refusals() {
        let (figures, log) = (InFlight::default(), KafkaLog::new("bus"));
        let (pending, mut answer) = Pending::new("t", 2, &figures);
        pending.settle();
        pending.fail(0, RDKafkaErrorCode::InvalidRecord, &figures, &log);
        pending.settle_message(&figures);
        pending.fail(1, RDKafkaErrorCode::MessageTimedOut, &figures, &log);
        pending.settle_message(&figures);
        let answer = answer.try_recv().expect("answered");
        assert!(matches!(
            answer,
            Err(DeliveryError::Broker(BrokerError::Lost(_)))
        ));
    }
}
