//! `branch`: checks on a copy; what was handed in goes on untouched.
//!
//! What its steps make is thrown away, so a branch is for what they refuse: a record that fails in
//! one of them (a `set`, a `filter` with `otherwise = "dead-letter"`) is a dead letter,
//! and every other one goes on as it came, also where a `filter` of the branch has dropped it: that
//! only says which records the steps behind it check.

use super::{Step, StepError, Stepped, run};
use crate::model::Records;

/// Its steps.
pub(super) struct Branch(pub Vec<Box<dyn Step>>);

#[async_trait::async_trait]
impl Step for Branch {
    fn name(&self) -> &str {
        "branch"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        super::prepare(&self.0).await
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        let (_, failed) = run(&self.0, records.clone())?;
        let failed = failed
            .into_iter()
            .map(|it| (it.origin, format!("step `{}`: {}", it.step, it.reason)))
            .collect();
        Ok(Stepped { records, failed })
    }
}
