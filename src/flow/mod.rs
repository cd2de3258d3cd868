//! The sentences: how data moves. Nothing here names a system; adapters come in as contracts.
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
pub use dead_letters::dead_letter::{Letter, OWN as LETTER_HEADERS};
pub use dead_letters::replay::{Keys, Replay, Replayed};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use identity::Identity;
pub use migrate::indexes::{IndexReport, Indexes};
pub use migrate::{CarryLimits, Migrate, Reach};
pub use produce::{KeyRule, Produce};
pub use stats::{Figures, Snapshot};
pub use supervise::{Retry, supervise};
pub use window::Window;

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
        "{0} dead letters one after another, and nothing landed between them (`stop-after`): see why with `highwater dead-letters list`, mend it and start again"
    )]
    AllBad(u64),
    /// A part of the flow ended without an answer.
    #[error("{0} ended without an answer")]
    Silent(&'static str),
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
            Self::DeadPosition(_) | Self::AllBad(_) => Fault::Permanent,
            Self::Silent(_) => Fault::Transient,
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
        let error = FlowError::Silent("a lane");
        assert_eq!(error.reason(), "a lane ended without an answer");
    }
}
