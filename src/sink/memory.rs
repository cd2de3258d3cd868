//! A sink in memory, for tests of flows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{Advance, Landing, Onto, Passage, Progress, Sink, SinkError};
use crate::model::{Finding, Kind, Op, Position, Records, Row, Severity, Value};

/// Keeps rows by key, and progress. Shared by reference; what it holds can be looked at.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    key: Vec<String>,
    held: Mutex<Held>,
}

/// A row as it is kept: each field's name and its value as text.
pub type MemoryRow = Vec<(String, String)>;

#[derive(Debug, Default)]
struct Held {
    rows: BTreeMap<Vec<String>, MemoryRow>,
    progress: HashMap<(String, String, String, i32), i64>,
    places: HashMap<String, Position>,
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

    fn key(&self, row: &Row<'_>) -> Result<Vec<String>, SinkError> {
        let key = self.key.iter().map(|field| match row.get(field) {
            None | Some(Value::Null) => Err(self.refused(field)),
            Some(value) => Ok(text(&value)),
        });
        let key = key.collect::<Result<_, _>>()?;
        match row.fields().find(|(_, it)| matches!(it, Value::MinKey)) {
            Some((field, _)) => Err(self.refused(field)),
            None => Ok(key),
        }
    }

    /// One write: all of them, or none.
    fn apply(&self, held: &mut Held, records: &[Records]) -> Result<(), SinkError> {
        let rows = records.iter().flat_map(Records::iter);
        // All keys first: where one fails, nothing is applied.
        let keys = rows
            .clone()
            .map(|it| self.key(&it))
            .collect::<Result<Vec<_>, _>>()?;
        for (key, row) in keys.into_iter().zip(rows) {
            held.apply(key, &row);
        }
        held.writes += 1;
        Ok(())
    }

    fn refused(&self, field: &str) -> SinkError {
        let cause = format!("field `{field}`: it is missing, or of a type that cannot be kept");
        SinkError::Data {
            name: self.name.clone(),
            cause: cause.into(),
        }
    }
}

impl Held {
    fn apply(&mut self, key: Vec<String>, row: &Row<'_>) {
        self.applied += 1;
        if row.op() == Op::Delete {
            self.rows.remove(&key);
            return;
        }
        let kept = self.rows.entry(key).or_default();
        for (name, value) in row.fields() {
            let value = text(&value);
            match kept.iter_mut().find(|(it, _)| it == name) {
                Some((_, old)) => *old = value,
                None => kept.push((name.to_owned(), value)),
            }
        }
    }
}

fn place(flow: &str, of: &Progress) -> (String, String, String, i32) {
    let (topic, topic_id) = (of.topic.clone(), of.topic_id.clone());
    (flow.to_owned(), topic, topic_id, of.partition)
}

/// A value as a person reads it.
fn text(value: &Value<'_>) -> String {
    match value.widened() {
        Value::Null => "NULL".to_owned(),
        Value::String(it) | Value::Decimal(it) | Value::Json(it) | Value::Enum(it) => it.to_owned(),
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

    async fn would_create(
        &self,
        _: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        Ok(None)
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

    async fn moved_at(&self, _: &str) -> Result<Option<i64>, SinkError> {
        Ok(None)
    }

    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        let mut held = self.held();
        let place = place(&advance.flow, &advance.to);
        if held.progress.get(&place).copied() != advance.from {
            return Err(SinkError::Fenced(self.name.clone()));
        }
        self.apply(&mut held, records)?;
        held.progress.insert(place, advance.to.next_offset);
        Ok(())
    }

    async fn place(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        Ok(self.held().places.get(flow).cloned())
    }

    async fn carry(&self, records: &[Records], passage: &Passage) -> Result<(), SinkError> {
        let mut held = self.held();
        if held.places.get(&passage.flow) != passage.from.as_ref() {
            return Err(SinkError::Fenced(self.name.clone()));
        }
        self.apply(&mut held, records)?;
        held.places.insert(passage.flow.clone(), passage.to.clone());
        Ok(())
    }

    async fn replay(
        &self,
        records: &[Records],
        marks: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let mut held = self.held();
        let places: Vec<_> = marks.iter().map(|it| place(&it.flow, &it.to)).collect();
        if let Some(at) = places.iter().position(|it| held.progress.contains_key(it)) {
            return Ok(Landing::Before(at));
        }
        let rows = records.iter().flat_map(Records::iter);
        let keys = rows
            .clone()
            .map(|it| self.key(&it))
            .collect::<Result<Vec<_>, _>>()?;
        if onto == Onto::Absent && keys.iter().any(|it| held.rows.contains_key(it)) {
            return Ok(Landing::Superseded);
        }
        for (key, row) in keys.into_iter().zip(rows) {
            held.apply(key, &row);
        }
        let ends = marks.iter().map(|it| it.to.next_offset);
        held.progress.extend(places.into_iter().zip(ends));
        Ok(Landing::Written)
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut held = self.held();
        let before = held.progress.len();
        held.progress.retain(|(it, topic, _, partition), _| {
            it != flow || to.is_some_and(|to| *topic != to.topic || *partition != to.partition)
        });
        let Some(to) = to else {
            let places = usize::from(held.places.remove(flow).is_some());
            return Ok((before - held.progress.len() + places) as u64);
        };
        held.progress.insert(place(flow, to), to.next_offset);
        Ok(1)
    }
}
