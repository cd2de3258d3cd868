//! `lookup`: a value out of a table, found by a key.
//!
//! The table is read as a whole before the first batch and again when the copy has become old, so
//! that a record costs no question. A batch that comes again may therefore meet newer rows.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    Step, StepError, Stepped,
    assign::{Assign, AssignStep},
    expression::{Expression, Outcome},
    lookup_tables::LookupTable,
    per_record::Planned,
    text::plain_text,
};
use crate::model::{Kind, OwnedValue, Records, Row, Value};

/// `lookup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupStep {
    /// The field that gets what is found.
    pub into: String,
    /// What is looked for, of the record.
    pub by: Expression,
    /// The connection that has the table.
    pub connection: String,
    /// The table.
    pub table: String,
    /// What is compared with it, of a row of the table: its names are columns.
    pub key: Expression,
    /// The column of what is found.
    pub value: String,
    /// What becomes of a record whose key is not there.
    pub unknown: Unknown,
    /// The most rows that the table may have.
    pub most: usize,
    /// How old the copy of the table may be when a batch begins.
    pub age: Duration,
}

/// What becomes of a record whose key is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It becomes a dead letter.
    DeadLetter,
    /// The field is null.
    Null,
}

/// The step, and where its table is; `None` where nobody has opened it.
pub(super) struct Lookup {
    planned: Planned<Assign<Find>>,
    shared: Arc<Shared>,
}

struct Find(Arc<Shared>);

struct Shared {
    step: LookupStep,
    table: Option<LookupTable>,
    copy: Mutex<Option<(Instant, Arc<Copy>)>>,
}

/// Values by key; `None` where rows of one key have several.
type Copy = HashMap<String, Option<OwnedValue>>;

impl Lookup {
    pub fn new(step: LookupStep, table: Option<LookupTable>) -> Self {
        let shared = Arc::new(Shared {
            step,
            table,
            copy: Mutex::new(None),
        });
        Self {
            planned: Planned::new("lookup", Assign(Find(shared.clone()))),
            shared,
        }
    }
}

#[async_trait]
impl Step for Lookup {
    fn name(&self) -> &str {
        "lookup"
    }

    async fn prepare(&self) -> Result<(), StepError> {
        let shared = &self.shared;
        let young = |at: &Instant| at.elapsed() < shared.step.age;
        if shared.stored().is_some_and(|(at, _)| young(&at)) {
            return Ok(());
        }
        let began = Instant::now();
        let copy = shared.load().await?;
        let mut stored = shared.copy.lock().unwrap_or_else(PoisonError::into_inner);
        *stored = Some((began, Arc::new(copy)));
        Ok(())
    }

    fn apply(&self, records: Records) -> Result<Stepped, StepError> {
        self.planned.apply(records)
    }
}

impl Shared {
    fn stored(&self) -> Option<(Instant, Arc<Copy>)> {
        self.copy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn load(&self) -> Result<Copy, StepError> {
        let step = &self.step;
        let incompatible = |advice: String| StepError::Incompatible {
            step: "lookup".to_owned(),
            advice,
        };
        let Some(table) = &self.table else {
            return Err(incompatible(format!("`{}` is not open", step.table)));
        };
        let mut columns: Vec<&str> = step.key.names().collect();
        if !columns.contains(&step.value.as_str()) {
            columns.push(&step.value);
        }
        let rows = table.rows(&step.table, &columns, step.most + 1).await?;
        if rows.len() > step.most {
            let (table, most) = (&step.table, step.most);
            return Err(incompatible(format!(
                "`{table}` has more than {most} rows: raise `max-rows`"
            )));
        }
        let mut copy = HashMap::with_capacity(rows.len());
        for row in rows.iter() {
            let key = key(&step.key, &row);
            let key = key.map_err(|it| incompatible(format!("a row of `{}`: {it}", step.table)))?;
            let found = row.packed_fields().find(|(name, _)| *name == step.value);
            let (Some(key), Some((_, value))) = (key, found) else {
                continue;
            };
            let value = OwnedValue::from(value);
            match copy.entry(key) {
                Entry::Vacant(record_origin) => {
                    record_origin.insert(Some(value));
                }
                Entry::Occupied(mut known) if known.get().as_ref() != Some(&value) => {
                    known.insert(None);
                }
                Entry::Occupied(_) => (),
            }
        }
        Ok(copy)
    }
}

/// The text of a key; `None` where it is null or empty.
fn key(expression: &Expression, row: &Row<'_>) -> Result<Option<String>, String> {
    let value = match expression.of(row)? {
        Outcome::Truth(it) => return Ok(Some(it.to_string())),
        Outcome::Value(it) => it,
    };
    match value.packed().value().widened() {
        Value::Null | Value::String("") => Ok(None),
        other => plain_text(other).map(|it| Some(it.into_owned())),
    }
}

impl AssignStep for Find {
    fn targets(&self) -> Vec<&str> {
        vec![&self.0.step.into]
    }

    fn reads(&self) -> Vec<&str> {
        self.0.step.by.names().collect()
    }

    fn kind(&self, _target: usize) -> Kind {
        Kind::Any
    }

    fn value(&self, _target: usize, row: &Row<'_>) -> Result<Option<OwnedValue>, String> {
        let step = &self.0.step;
        let Some((_, copy)) = self.0.stored() else {
            return Err(format!("`{}` has not been read", step.table));
        };
        let key = key(&step.by, row)?;
        match key.as_ref().and_then(|it| copy.get(it)) {
            Some(Some(value)) => Ok(Some(value.clone())),
            Some(None) => Err(format!("`{}` has several values of its key", step.table)),
            None if step.unknown == Unknown::Null => Ok(Some(OwnedValue::new(Value::Null))),
            None if key.is_none() => Err(format!("`{}` is null or empty", step.by.text())),
            None => Err(format!("`{}` has no row of its key", step.table)),
        }
    }
}
