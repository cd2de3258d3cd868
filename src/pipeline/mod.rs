//! ⑤ Records to records: steps in order, between decoding and the sink, or before encoding.
//!
//! Contract: order within a key is kept; each record keeps the origin of the message it came
//! from; a step says which record failed and changes nothing else.

use crate::{
    fault::{Fault, Faulty},
    model::Records,
};

/// One transformation.
pub trait Step: Send + Sync {
    /// Its name, for dead letters and figures.
    fn name(&self) -> &str;

    /// The transformed records, and those that failed by origin.
    ///
    /// # Errors
    /// Where nothing can be transformed at all.
    fn apply(&self, records: Records) -> Result<Stepped, StepError>;
}

/// What a step made.
#[derive(Debug)]
pub struct Stepped {
    /// The records to go on with.
    pub records: Records,
    /// The origin of each record that failed, and why.
    pub failed: Vec<(u32, String)>,
}

/// What can go wrong with a step as a whole.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The step and the records do not fit together.
    #[error("step `{step}`: {advice}")]
    Unfit {
        /// The step.
        step: String,
        /// What is wrong and what to do.
        advice: String,
    },
}

impl Faulty for StepError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unfit { .. } => Fault::Permanent,
        }
    }
}
