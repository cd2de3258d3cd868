//! Whether a target holds what its source says, in both directions, and making it so.
//!
//! - verify: source ──► pipeline ──► expected row  ⇄  the target's row
//! - repair: what differs ──► sink
//!
//! Where both servers can, they sum up ranges of the key themselves (`in_servers`), and only ranges
//! that differ are read. What is read is summed up by the hash of its key (`buckets`). Where all
//! sums are equal, so are the tables. Only where sums differ rows are kept by their hashes, a bounded
//! number at a time, and what differs then is looked at once more after `recheck_after`: while data
//! moves, a row may be on its way.

mod buckets;
mod canonical;
mod in_servers;
mod json;
mod outcome;
mod passes;
mod repair;
mod repair_batch;
mod row;
mod sides;
mod typed;

pub use in_servers::InServers;
pub use outcome::{Differing, Kind, Outcome, Sample, Verified};
pub use repair::{Extras, Repair, Repaired};
pub use sides::{Way, Wire};

use std::{collections::BTreeSet, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    digest::{DigestError, Shape},
    fault::{Fault, Faulty},
    flow::FlowStats,
    pipeline::StepError,
    sink::{SinkError, Texts},
    source::{SourceError, TableSource},
};
use passes::Halt;
use row::Compared;
use sides::Within;

/// A verification.
pub struct Verify<'a> {
    /// What the target should hold.
    pub way: Way<'a>,
    /// What it holds.
    pub target: &'a dyn TableSource,
    /// The target's columns and key.
    pub shape: &'a Shape,
    /// Fields of the records that are not written.
    pub drop: &'a [String],
    /// The columns that name the parent whose rows are replaced as a whole; none where each stands by
    /// itself.
    pub replace_by: &'a [String],
    /// What texts of the records stand for in the target's columns.
    pub texts: Texts,
    /// How long a difference has to last before it counts.
    pub recheck_after: Duration,
    /// Rows of each kind that are told with their columns.
    pub samples: usize,
    /// Both tables as they sum up their own rows, where they can.
    pub in_servers: Option<InServers>,
    /// What has been read so far.
    pub stats: &'a FlowStats,
    /// Ends it early.
    pub stop: &'a CancellationToken,
}

impl Verify<'_> {
    /// Compares both sides.
    ///
    /// # Errors
    /// As `VerifyError` says; what was found until then is lost.
    pub async fn run(&self) -> Result<Verified, VerifyError> {
        let mut fields = self.first_fields().await?;
        loop {
            let compared = self.compared(&fields)?;
            match self.passes(&compared).await {
                // A document may name a field that none before it named.
                Err(Halt::Field(name)) if fields.insert(name.clone()) => {
                    tracing::info!("field `{name}` came up: comparing from the beginning");
                }
                Err(Halt::Field(name)) => {
                    return Err(VerifyError::Incompatible(format!(
                        "field `{name}` is of no column"
                    )));
                }
                Err(Halt::Failed(error)) => return Err(error),
                Ok(verified) => return Ok(verified),
            }
        }
    }

    fn compared(&self, fields: &BTreeSet<String>) -> Result<Compared, VerifyError> {
        Compared::over(self.shape, fields, self.drop, self.texts)?.of_parents(self.replace_by)
    }

    /// The fields of the first records.
    async fn first_fields(&self) -> Result<BTreeSet<String>, VerifyError> {
        let everything = Within::everything();
        let mut rows = self.way.rows(&everything);
        let mut fields = BTreeSet::new();
        while fields.is_empty() {
            let Some((records, _)) = rows.next().await? else {
                break;
            };
            for row in records.iter() {
                for (name, _) in row.fields() {
                    if !fields.contains(name) {
                        fields.insert(name.to_owned());
                    }
                }
            }
        }
        Ok(fields)
    }
}

/// Why a verification or a repair did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// One side could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A step.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The target's columns.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The target could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The two sides cannot be compared.
    #[error("the two sides cannot be compared: {0}")]
    Incompatible(String),
    /// It was stopped.
    #[error("stopped before the end: there is no result")]
    Stopped,
}

impl Faulty for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Source(error) => error.fault(),
            Self::Step(error) => error.fault(),
            Self::Digest(error) => error.fault(),
            Self::Sink(error) => error.fault(),
            Self::Incompatible(_) | Self::Stopped => Fault::Permanent,
        }
    }
}
