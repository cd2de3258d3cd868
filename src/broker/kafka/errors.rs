//! What an error of Kafka means: the written list of its codes.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::{
    broker::{BrokerError, Rejection},
    connect::kafka_log::{KafkaConnectionError, KafkaLog},
    fault::Cause,
};

/// What `error` means to the one who works with `topic`. Where it only says that an answer did
/// not come, the last trouble of the client says why.
pub(super) fn broker_error(topic: &str, error: KafkaError, log: &KafkaLog) -> BrokerError {
    match error.rdkafka_error_code().or(match &error {
        KafkaError::AdminOp(code) => Some(*code),
        _ => None,
    }) {
        Some(code) => code_error(topic, code, error.into(), log),
        None => BrokerError::Lost(error.into()),
    }
}

/// What `code` means, `cause` being the error that it came with.
pub(super) fn code_error(topic: &str, code: Code, cause: Cause, log: &KafkaLog) -> BrokerError {
    let refused = |advice: String, cause: Cause| BrokerError::Refused { advice, cause };
    match code {
        Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicId => BrokerError::NoTopic(topic.to_owned()),
        Code::InvalidTopic => refused(
            format!(
                "`{topic}` is no name of a topic: letters, digits, `.`, `_` and `-`, at most 249"
            ),
            cause,
        ),
        Code::TopicAuthorizationFailed => refused(
            format!("the user has no right to this on topic `{topic}`: grant it (READ to consume, WRITE to produce, DESCRIBE for both)"),
            cause,
        ),
        Code::GroupAuthorizationFailed => {
            refused("the user has no right to this consumer group: grant READ on it".to_owned(), cause)
        }
        Code::ClusterAuthorizationFailed => refused(
            "the user has no right to this in the cluster: IDEMPOTENT_WRITE to produce, CREATE to make topics".to_owned(),
            cause,
        ),
        Code::PolicyViolation => refused("the cluster's policy forbids it".to_owned(), cause),
        Code::UnsupportedFeature | Code::UnsupportedVersion => {
            refused("the broker is too old for this: Kafka 2.4 or later is needed".to_owned(), cause)
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
            refused(WHO.to_owned(), cause)
        }
        Code::SSL => refused(TLS.to_owned(), cause),
        _ => match log.connection_error() {
            Some(connection_error) if connection_error.denied() => denied(connection_error),
            Some(connection_error) if waited_in_vain(code) => BrokerError::Lost(connection_error.into()),
            _ => BrokerError::Lost(cause),
        },
    }
}

/// There is nothing any more where a partition was to be read from.
pub(in crate::broker) fn offset_gone(
    topic: &str,
    partition: i32,
    offset: i64,
    first: i64,
    end: i64,
) -> BrokerError {
    BrokerError::OffsetGone {
        topic: topic.to_owned(),
        partition,
        offset,
        first,
        end,
        advice: if offset < first { EXPIRED } else { LOST }.to_owned(),
    }
}

/// What to do about a topic that takes no message without a key.
pub(in crate::broker) fn keyless_refused(topic: &str) -> String {
    format!(
        "topic `{topic}` takes no messages without a key, as topics with cleanup.policy=compact do: set `key = \"primary\"`, or give the topic cleanup.policy=delete"
    )
}

/// The verdict on a message that came back with `code`; `None` where the error is not about the
/// message. `alone` says that nothing else can have been in its request.
pub(in crate::broker) fn rejection(code: Code, alone: bool) -> Option<Rejection> {
    match code {
        // The whole request fails by one message in it, and librdkafka does not take it apart.
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidMessage
        | Code::InvalidMessageSize
        | Code::PolicyViolation => Some(if alone {
            Rejection::Refused
        } else {
            Rejection::BatchRejected
        }),
        Code::InvalidDifferentRecord => Some(Rejection::BatchRejected),
        _ => None,
    }
}

fn denied(connection_error: KafkaConnectionError) -> BrokerError {
    let advice = if connection_error.code == Code::SSL {
        TLS
    } else {
        WHO
    };
    BrokerError::Refused {
        advice: advice.to_owned(),
        cause: connection_error.into(),
    }
}

/// Whether the code says no more than that there was no answer.
fn waited_in_vain(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::LeaderNotAvailable
    )
}

const WHO: &str =
    "look at the connection's user name, password and mechanism, and at the port's protocol";
const TLS: &str =
    "the encrypted connection could not be made: look at `tls.ca` and at the port's protocol";
const EXPIRED: &str = "messages were deleted by the topic's retention before they were read; keep \
    them longer, and say where to go on with `cursor set`";
const LOST: &str = "the topic has lost messages; make sure that it is the right one, and say where \
    to go on with `cursor set`";
