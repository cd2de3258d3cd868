//! What one `publish` still waits for, shared by all its messages.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::{
    errors::{code_error, keyless_refused, rejection},
    publisher::InFlight,
};
use crate::{
    broker::{BrokerError, DeliveryError, NotTaken, Rejection},
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
        in_flight: &InFlight,
    ) -> (Arc<Self>, oneshot::Receiver<Result<(), DeliveryError>>) {
        let (answer, receiver) = oneshot::channel();
        let before = in_flight.none();
        let count = messages as u64;
        let handed = in_flight.handed.fetch_add(count, Ordering::AcqRel) + count;
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

    /// The broker did not take a message, or cannot be asked: its index, the code, and whether it has no
    /// key.
    pub fn fail(
        &self,
        (index, code, is_keyless): (usize, RDKafkaErrorCode, bool),
        in_flight: &InFlight,
        log: &KafkaLog,
    ) {
        let alone = self.alone == Some(in_flight.handed.load(Ordering::Acquire));
        let mut outcome = self.outcome();
        match rejection(code, alone) {
            // It is the topic that refuses: it would refuse every other message as well.
            Some(Rejection::Refused) if is_keyless && code == RDKafkaErrorCode::InvalidRecord => {
                outcome.failed.get_or_insert_with(|| BrokerError::Refused {
                    advice: keyless_refused(&self.topic),
                    cause: code.into(),
                });
            }
            Some(rejection) => outcome.not_taken.push(NotTaken {
                index,
                reason: code.to_string(),
                rejection,
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
            rejection: Rejection::Refused,
        });
    }

    /// One message is answered, or the hand-over is over.
    pub fn complete_message(&self, in_flight: &InFlight) {
        in_flight.completed.fetch_add(1, Ordering::AcqRel);
        self.complete_one();
    }

    /// Counts one down, and answers where it was the last.
    pub fn complete_one(&self) {
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

    fn refused(answer: Result<(), DeliveryError>) -> Vec<(usize, Rejection)> {
        match answer {
            Err(DeliveryError::NotTaken(all)) => {
                all.iter().map(|it| (it.index, it.rejection)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_delivery_waits_for_its_last_message_and_names_those_not_taken() {
        let (in_flight, log) = (InFlight::default(), KafkaLog::new("bus"));
        let (pending, mut answer) = Pending::new("t", 3, &in_flight);
        pending.complete_one();
        for index in [2, 0] {
            pending.fail(
                (index, RDKafkaErrorCode::MessageSizeTooLarge, false),
                &in_flight,
                &log,
            );
            pending.complete_message(&in_flight);
        }
        assert!(answer.try_recv().is_err());
        pending.complete_message(&in_flight);
        let expected = vec![(0, Rejection::BatchRejected), (2, Rejection::BatchRejected)];
        assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        assert!(in_flight.none());
    }

    #[test]
    fn only_a_message_that_shared_no_request_is_refused_for_good() {
        let (in_flight, log) = (InFlight::default(), KafkaLog::new("bus"));
        let too_large = |pending: &Pending| {
            pending.fail(
                (0, RDKafkaErrorCode::MessageSizeTooLarge, false),
                &in_flight,
                &log,
            );
            pending.complete_message(&in_flight);
            pending.complete_one();
        };
        let (first, mut answer) = Pending::new("t", 1, &in_flight);
        too_large(&first);
        let expected = vec![(0, Rejection::Refused)];
        assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        let (second, mut answer) = Pending::new("t", 1, &in_flight);
        let (third, mut last) = Pending::new("t", 1, &in_flight);
        too_large(&second);
        too_large(&third);
        for answer in [&mut answer, &mut last] {
            let expected = vec![(0, Rejection::BatchRejected)];
            assert_eq!(refused(answer.try_recv().expect("answered")), expected);
        }
    }

    #[test]
    fn an_error_of_the_broker_outweighs_refusals() {
        let (in_flight, log) = (InFlight::default(), KafkaLog::new("bus"));
        let (pending, mut answer) = Pending::new("t", 2, &in_flight);
        pending.complete_one();
        pending.fail(
            (0, RDKafkaErrorCode::InvalidRecord, false),
            &in_flight,
            &log,
        );
        pending.complete_message(&in_flight);
        pending.fail(
            (1, RDKafkaErrorCode::MessageTimedOut, false),
            &in_flight,
            &log,
        );
        pending.complete_message(&in_flight);
        let answer = answer.try_recv().expect("answered");
        assert!(matches!(
            answer,
            Err(DeliveryError::Broker(BrokerError::Lost(_)))
        ));
    }
}
