//! ⑤ Pipeline: steps that transform records in order, after decoding or before encoding.
//!
//! Contract: order within a key is kept; each record keeps the origin of the message it came
//! from; a step says which record failed and changes nothing else. A field that a step does not
//! name is copied as it is packed, byte for byte. A step keeps nothing from one batch that the
//! next one depends on, so that a batch may be run again after a failure or a rebalance.
//!
//! A deletion that has only its key passes every step unchanged, but for the names of `rename`.
//!
//! Behind the steps that are common to all, `Routes` lead to one table or several, each with steps
//! of its own.

mod assign;
mod branch;
mod cast;
mod date;
mod deduplicate;
mod edit;
mod explode;
mod expression;
mod expression_values;
mod fields;
mod filter;
mod flatten;
mod hash;
mod indexes;
mod lookup;
mod lookup_tables;
mod map;
mod moment;
mod number;
mod per_record;
mod routes;
mod settings;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;

use crate::{
    connect::ConnectError,
    fault::{Fault, Faulty},
    model::{Field, Kind, Records, Schema},
};

pub use cast::Target;
pub use date::DateStep;
pub use expression::Expression;
pub use indexes::indexes_behind;
pub use lookup::{LookupStep, Unknown};
pub use lookup_tables::LookupTable;
pub use moment::Form;
pub use routes::{Deletions, Replaces, RouteBy, Routed, Routes, TableRoute};
pub use settings::{
    Algorithm, DeduplicateStep, Else, ExplodeStep, HashStep, Keep, Literal, MapStep, StepSettings,
    Tables, steps, steps_with,
};

/// One transformation.
#[async_trait]
pub trait Step: Send + Sync {
    /// Its name, for dead letters and figures.
    fn name(&self) -> &str;

    /// Fetches what it needs from elsewhere, before each batch.
    ///
    /// # Errors
    /// Where that cannot be had.
    async fn prepare(&self) -> Result<(), StepError>;

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

/// One record's failure in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The message, or row, that the record came from.
    pub origin: u32,
    /// The step's name.
    pub step: String,
    /// Why.
    pub reason: String,
}

/// Prepares `steps` for a batch.
///
/// # Errors
/// As `Step::prepare`.
pub async fn prepare(steps: &[Box<dyn Step>]) -> Result<(), StepError> {
    for step in steps {
        step.prepare().await?;
    }
    Ok(())
}

/// What records of these fields have behind `steps`; `None` where each names its own.
///
/// # Errors
/// As `Step::apply`.
pub fn fields_behind(
    steps: &[Box<dyn Step>],
    fields: Vec<(String, Kind)>,
) -> Result<Option<Vec<(String, Kind)>>, StepError> {
    let field = |(name, kind)| Field { name, kind };
    let fields = fields.into_iter().map(field).collect();
    let schema = Schema::table("message", fields, [] as [&str; 0]);
    let behind = shape_behind(steps, schema)?;
    Ok(named(&behind))
}

/// The shape of records of this shape behind `steps`.
///
/// # Errors
/// As `Step::apply`.
pub fn shape_behind(steps: &[Box<dyn Step>], schema: Schema) -> Result<Arc<Schema>, StepError> {
    let (none, _) = run(steps, Records::new(Arc::new(schema)))?;
    Ok(none.schema().clone())
}

/// The fields of a table, with what they are; `None` for documents.
pub fn named(schema: &Schema) -> Option<Vec<(String, Kind)>> {
    let pair = |it: &Field| (it.name.clone(), it.kind);
    schema.names().map(|it| it.iter().map(pair).collect())
}

/// Runs records through `steps`. An origin that fails is told once, and no record of it is left:
/// the rows of one message stay together.
///
/// # Errors
/// As `Step::apply`.
pub fn run(steps: &[Box<dyn Step>], records: Records) -> Result<(Records, Vec<Failed>), StepError> {
    let (mut records, mut failed) = (records, Vec::new());
    for step in steps {
        let failures;
        (records, failures) = one(&**step, records)?;
        failed.extend(failures);
    }
    Ok((records, failed))
}

/// The records before and after each step, for a look at a sample.
#[derive(Debug)]
pub struct Sampled {
    /// The step's name.
    pub step: String,
    /// The records before it.
    pub before: Records,
    /// The records after it.
    pub after: Records,
    /// Those that failed in it.
    pub failed: Vec<Failed>,
}

/// Runs records through `steps` as `run` does, and keeps what was before and after each.
///
/// # Errors
/// As `Step::apply`.
pub fn sample(
    steps: &[Box<dyn Step>],
    records: Records,
) -> Result<(Records, Vec<Sampled>), StepError> {
    let (mut records, mut sampled) = (records, Vec::new());
    for step in steps {
        let before = records.clone();
        let failed;
        (records, failed) = one(&**step, records)?;
        sampled.push(Sampled {
            step: step.name().to_owned(),
            before,
            after: records.clone(),
            failed,
        });
    }
    Ok((records, sampled))
}

fn one(step: &dyn Step, records: Records) -> Result<(Records, Vec<Failed>), StepError> {
    let stepped = step.apply(records)?;
    let mut records = stepped.records;
    let failed = once(step.name(), stepped.failed);
    if !failed.is_empty() {
        let gone: HashSet<u32> = failed.iter().map(|it| it.origin).collect();
        records.retain(|row| !gone.contains(&row.origin()));
    }
    Ok((records, failed))
}

/// The first failure of each origin.
fn once(step: &str, failed: Vec<(u32, String)>) -> Vec<Failed> {
    let mut seen = HashSet::new();
    let first = failed
        .into_iter()
        .filter(|(origin, _)| seen.insert(*origin));
    first
        .map(|(origin, reason)| Failed {
            origin,
            step: step.to_owned(),
            reason,
        })
        .collect()
}

/// What can go wrong with a step as a whole.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The step and the records do not fit together.
    #[error("step `{step}`: {advice}")]
    Incompatible {
        /// The step.
        step: String,
        /// What is wrong and what to do.
        advice: String,
    },
    /// A table that `lookup` needs.
    #[error("step `lookup`: the table `{table}` cannot be read")]
    Table {
        /// The table.
        table: String,
        /// Why.
        #[source]
        cause: ConnectError,
    },
}

impl Faulty for StepError {
    fn fault(&self) -> Fault {
        match self {
            Self::Table { cause, .. } => cause.fault(),
            Self::Incompatible { .. } => Fault::Permanent,
        }
    }
}
