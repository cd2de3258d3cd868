//! A sink in memory, for tests of flows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{Advance, Progress, Sink, SinkError};
use crate::model::{Finding, Kind, Op, Records, Row, Severity, Value};

/// Keeps rows by key, and progress. Shared by reference; what it holds can be looked at.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    key: Vec<String>,
    held: Mutex<Held>,
}

/// A row as it is kept: each field's name and its value as text.
pub type MemoryRow = Vec<(String, String)>;

#[derive(Debug, Clone, Default)]
struct Held {
    rows: BTreeMap<Vec<String>, MemoryRow>,
    progress: HashMap<(String, String, String, i32), i64>,
    writes: usize,
    applied: usize,
}

impl MemorySink {
    /// Empty; rows are told apart by the fields `key`.
    pub fn new(name: impl Into<String>, key: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: name.into(),
            key: key.into_iter().map(Into::into).collect(),
            held: Mutex::default(),
        }
    }

    /// The rows, by key.
    pub fn rows(&self) -> Vec<MemoryRow> {
        self.held().rows.values().cloned().collect()
    }

    /// How many writes have succeeded.
    pub fn writes(&self) -> usize {
        self.held().writes
    }

    /// How many records they have applied, deletions included.
    pub fn applied(&self) -> usize {
        self.held().applied
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, held: &mut Held, advance: &Advance) -> Result<(), SinkError> {
        let to = &advance.to;
        let place = (
            advance.flow.clone(),
            to.topic.clone(),
            to.topic_id.clone(),
            to.partition,
        );
        if held.progress.get(&place).copied() != advance.from {
            return Err(SinkError::Fenced(self.name.clone()));
        }
        held.progress.insert(place, to.next_offset);
        Ok(())
    }

    fn apply(&self, held: &mut Held, row: &Row<'_>) -> Result<(), SinkError> {
        let mut key = Vec::new();
        for field in &self.key {
            match row.get(field) {
                None | Some(Value::Null) => return Err(self.refused(field)),
                Some(value) => key.push(text(&value)),
            }
        }
        if let Some((field, _)) = row.fields().find(|(_, it)| matches!(it, Value::MinKey)) {
            return Err(self.refused(field));
        }
        match row.op() {
            Op::Delete => {
                held.rows.remove(&key);
            }
            Op::Upsert => {
                let kept = held.rows.entry(key).or_default();
                for (name, value) in row.fields() {
                    let value = text(&value);
                    match kept.iter_mut().find(|(it, _)| it == name) {
                        Some((_, old)) => *old = value,
                        None => kept.push((name.to_owned(), value)),
                    }
                }
            }
        }
        held.applied += 1;
        Ok(())
    }

    fn refused(&self, field: &str) -> SinkError {
        SinkError::Data {
            name: self.name.clone(),
            cause: format!("field `{field}`: it is missing, or of a type that cannot be kept")
                .into(),
        }
    }
}

/// A value as a person reads it.
fn text(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(it) | Value::Decimal(it) | Value::Json(it) | Value::Enum(it) => {
            (*it).to_owned()
        }
        Value::I64(it) => it.to_string(),
        Value::U64(it) => it.to_string(),
        other => format!("{other:?}"),
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, _: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        Ok(vec![Finding {
            severity: Severity::Good,
            text: "memory can always be written".to_owned(),
        }])
    }

    async fn prepare(&self, _: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        Ok(())
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let held = self.held();
        let of_flow = held.progress.iter().filter(|((it, ..), _)| it == flow);
        let mut progress: Vec<_> = of_flow
            .map(|((_, topic, topic_id, partition), next_offset)| Progress {
                topic: topic.clone(),
                topic_id: topic_id.clone(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect();
        progress.sort_by(|a, b| {
            (&a.topic, &a.topic_id, a.partition).cmp(&(&b.topic, &b.topic_id, b.partition))
        });
        Ok(progress)
    }

    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        let mut held = self.held();
        let mut changed = held.clone();
        self.advance(&mut changed, advance)?;
        for row in records.iter().flat_map(Records::iter) {
            self.apply(&mut changed, &row)?;
        }
        changed.writes += 1;
        *held = changed;
        Ok(())
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut held = self.held();
        let before = held.progress.len();
        held.progress.retain(|(it, topic, _, partition), _| {
            it != flow || to.is_some_and(|to| *topic != to.topic || *partition != to.partition)
        });
        let Some(to) = to else {
            return Ok((before - held.progress.len()) as u64);
        };
        let place = (
            flow.to_owned(),
            to.topic.clone(),
            to.topic_id.clone(),
            to.partition,
        );
        held.progress.insert(place, to.next_offset);
        Ok(1)
    }
}
