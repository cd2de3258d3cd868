//! Flows: producing, consuming and migrating over the contracts, without naming a system.
//!
//! - produce: source ──► encode ──► publish ──► cursor
//! - consume: poll ──► decode ──► pipeline ──► tables ──► sink (rows and offsets in one transaction)
//! - migrate: source ──► pipeline ──► sink (rows and the source's place in one transaction)
//!
//! There is one way to recover: an error ends the run, and `supervise` opens it again from what
//! is stored.

mod consume;
mod dead_letters;
mod identity;
mod migrate;
mod partition;
mod produce;
mod start_offsets;
mod stats;
mod supervise;
mod window;

pub use consume::{BatchLimits, Consume, Until};
pub use dead_letters::dead_letter::{OWN as DEAD_LETTER_HEADERS, StoredDeadLetter};
pub use dead_letters::replay::{Keys, Replay, Replayed};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use identity::Identity;
pub use migrate::indexes::{IndexReport, Indexes};
pub use migrate::{LoadLimits, Migrate, MigrateScope};
pub use produce::{KeyRule, Produce};
pub use stats::{FlowStats, Snapshot};
pub use supervise::{Retry, supervise};
pub use window::Window;

use tokio::task::JoinError;

use crate::{
    broker::BrokerError,
    cursor::CursorError,
    fault::{Cause, Fault, Faulty, chain},
    pipeline::StepError,
    sink::SinkError,
    source::SourceError,
};

/// Why a run of a flow ended before it was done.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A step.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A connection could not be opened.
    #[error("{cause}")]
    Opening {
        /// Whether it may pass.
        fault: Fault,
        /// What went wrong.
        #[source]
        cause: Cause,
    },
    /// The place where the sink's progress and the topic disagree.
    #[error("{0}")]
    DeadPosition(String),
    /// So many dead letters one after another that it is not the messages which are bad.
    #[error(
        "consecutive dead letters: {0}, with no row written between them (`stop-after`): see the reasons with `highwater dead-letters list`, correct the cause and start again"
    )]
    AllBad(u64),
    /// The task of a partition ended without an answer.
    #[error("the task that writes a partition ended without an answer")]
    Ended(#[source] JoinError),
    /// A step or the sink blames a record that its batch does not have.
    #[error(
        "`{0}` names no record of its batch, so that none can be set aside: this is a defect of the program, please report it"
    )]
    NoRecord(String),
    /// The stored position of the flow cannot be read: where it is, why, and what to do.
    #[error("{0}")]
    Unreadable(String),
    /// A connection that the settings do not have.
    #[error("there is no connection `{0}`: add it under `[connections]`")]
    NoConnection(String),
    /// A data type is used in a way that its settings do not describe.
    #[error("data type `{name}` has no `{part}`: add it to the settings")]
    NoPart {
        /// The data type.
        name: String,
        /// What is missing: `from` or `into`.
        part: &'static str,
    },
    /// An `into` without a table.
    #[error("`into` names no table of connection `{0}`: add one to the settings")]
    NoTable(String),
    /// A table of dead letters was taken for a topic of several partitions.
    #[error("the table of dead letters {0} has one partition, and was to be read as several")]
    Partitions(String),
}

impl FlowError {
    /// Why what was tried alone is refused, in the server's own words where it has said any.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Sink(SinkError::Rows { faults, .. }) => {
                let causes = faults.iter().map(|it| chain(&*it.cause));
                causes.collect::<Vec<_>>().join("; ")
            }
            error => chain(error),
        }
    }
}

impl Faulty for FlowError {
    fn fault(&self) -> Fault {
        match self {
            Self::Source(error) => error.fault(),
            Self::Broker(error) => error.fault(),
            Self::Cursor(error) => error.fault(),
            Self::Step(error) => error.fault(),
            Self::Sink(error) => error.fault(),
            Self::Opening { fault, .. } => *fault,
            // A panic comes back with what has caused it; a task that was only given up does not.
            Self::Ended(error) if !error.is_panic() => Fault::Transient,
            Self::DeadPosition(_)
            | Self::AllBad(_)
            | Self::Ended(_)
            | Self::NoRecord(_)
            | Self::Unreadable(_)
            | Self::NoConnection(_)
            | Self::NoPart { .. }
            | Self::NoTable(_)
            | Self::Partitions(_) => Fault::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::RowFault;

    #[test]
    fn what_a_sink_refuses_by_name_is_told_in_its_own_words() {
        let fault = RowFault {
            origin: 0,
            may_pass: false,
            cause: "the text is too long".into(),
        };
        let faults = vec![fault];
        let name = "shop.orders".to_owned();
        let error = FlowError::Sink(SinkError::Rows { name, faults });
        assert_eq!(error.reason(), "the text is too long");
        let error = FlowError::NoConnection("shop".to_owned());
        let reason = "there is no connection `shop`: add it under `[connections]`";
        assert_eq!(error.reason(), reason);
    }

    #[tokio::test]
    async fn a_partition_whose_task_panicked_stops_and_one_whose_task_was_given_up_goes_on() {
        let panicked = tokio::spawn(async { panic!("a defect") }).await;
        let error = FlowError::Ended(panicked.expect_err("a panic"));
        assert_eq!(error.fault(), Fault::Permanent);
        assert!(error.reason().contains("a defect"), "{}", error.reason());
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        let error = FlowError::Ended(task.await.expect_err("given up"));
        assert_eq!(error.fault(), Fault::Transient);
    }
}
