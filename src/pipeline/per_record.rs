//! A step that looks at one record at a time, with a plan that is made once for each schema.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Step, StepError, Stepped};
use crate::model::{Op, Records, Row, Schema};

/// What becomes of one record.
pub(super) trait PerRecord: Send + Sync {
    /// What is known of a schema before its first record.
    type Plan: Send + Sync;

    /// The schema of what comes out, and the plan; the error is what does not fit.
    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Self::Plan), String>;

    /// Appends what becomes of `row`: nothing, one record or several, in order. The error is why
    /// it fails; what was appended before is taken out.
    fn record(&self, plan: &Self::Plan, row: &Row<'_>, out: &mut Records) -> Result<(), String>;

    /// Appends a deletion of a document, of which nothing but its key is known: as it is, where a
    /// step says nothing else.
    fn deletion(&self, row: &Row<'_>, out: &mut Records) {
        out.copy(row);
    }
}

/// A `PerRecord` as a step.
pub(super) struct Planned<T: PerRecord> {
    name: String,
    step: T,
    known: Mutex<Option<Known<T::Plan>>>,
}

struct Known<P> {
    from: Arc<Schema>,
    to: Arc<Schema>,
    plan: Arc<P>,
}

impl<T: PerRecord> Planned<T> {
    pub fn new(name: &str, step: T) -> Self {
        Self {
            name: name.to_owned(),
            step,
            known: Mutex::new(None),
        }
    }

    fn known(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Arc<T::Plan>), StepError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(it) = known.as_ref()
            && (Arc::ptr_eq(&it.from, schema) || it.from == *schema)
        {
            return Ok((it.to.clone(), it.plan.clone()));
        }
        let (to, plan) = self
            .step
            .plan(schema)
            .map_err(|advice| StepError::Incompatible {
                step: self.name.clone(),
                advice,
            })?;
        let plan = Arc::new(plan);
        *known = Some(Known {
            from: schema.clone(),
            to: to.clone(),
            plan: plan.clone(),
        });
        Ok((to, plan))
    }
}

#[async_trait::async_trait]
impl<T: PerRecord> Step for Planned<T> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn prepare(&self) -> Result<(), StepError> {
        Ok(())
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        let (schema, plan) = self.known(records.schema())?;
        let mut out = Records::with_capacity(schema, records.len(), records.bytes());
        let mut failed = Vec::new();
        let bare = records.schema().names().is_none();
        for row in records.iter() {
            if bare && row.op() == Op::Delete {
                self.step.deletion(&row, &mut out);
                continue;
            }
            if let Err(reason) = self.step.record(&plan, &row, &mut out) {
                failed.push((row.origin(), reason));
            }
        }
        Ok(Stepped {
            records: out,
            failed,
        })
    }
}

/// That a table lacks `field`.
pub(super) fn no_field(schema: &Schema, field: &str) -> String {
    let names = schema.names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(|it| it.name.as_str()).collect();
    let table = schema.name();
    format!(
        "`{table}` has no field `{field}`; it has {}",
        names.join(", ")
    )
}

/// Complains of the first of `fields` that a table lacks. Documents may lack any.
pub(super) fn needs<'f>(
    schema: &Schema,
    fields: impl IntoIterator<Item = &'f str>,
) -> Result<(), String> {
    let Some(names) = schema.names() else {
        return Ok(());
    };
    for field in fields {
        if !names.iter().any(|it| it.name == field) {
            return Err(no_field(schema, field));
        }
    }
    Ok(())
}

/// The schema with other fields, of the same name and key.
pub(super) fn with_fields(schema: &Schema, fields: Vec<crate::model::Field>) -> Arc<Schema> {
    Arc::new(Schema::table(schema.name(), fields, schema.key().to_vec()))
}

/// The schema of documents of the same name and key.
pub(super) fn as_documents(schema: &Arc<Schema>) -> Arc<Schema> {
    match schema.names() {
        None => schema.clone(),
        Some(_) => Arc::new(Schema::document(schema.name(), schema.key().to_vec())),
    }
}
