//! A sink in memory, for tests of flows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    Advance, Fence, Lacking, Laid, Landing, Onto, Passage, Progress, Sink, SinkError, fitting,
};
use crate::model::{Finding, Kind, Op, Position, Records, Row, Severity, Value};

/// Keeps rows by key, and progress. Shared by reference; what it holds can be looked at.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    tables: Vec<MemoryTable>,
    held: Mutex<Held>,
}

/// A table of a sink in memory.
#[derive(Debug, Clone)]
pub struct MemoryTable {
    /// The fields by which rows are told apart.
    pub key: Vec<String>,
    /// The fields that tell whose rows these are; none where a row stands by itself.
    pub replace_by: Vec<String>,
}

/// A row as it is kept: each field's name and its value as text.
pub type MemoryRow = Vec<(String, String)>;

#[derive(Debug, Default)]
struct Held {
    /// Of each table.
    rows: Vec<BTreeMap<Vec<String>, MemoryRow>>,
    progress: HashMap<(String, String, String, i32), i64>,
    places: HashMap<String, Position>,
    writes: usize,
    applied: usize,
}

impl MemorySink {
    /// One empty table; rows are told apart by the fields `key`.
    pub fn new(name: impl Into<String>, key: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let key = key.into_iter().map(Into::into).collect();
        let replace_by = Vec::new();
        Self::of_tables(name, vec![MemoryTable { key, replace_by }])
    }

    /// Empty tables.
    pub fn of_tables(name: impl Into<String>, tables: Vec<MemoryTable>) -> Self {
        let rows = tables.iter().map(|_| BTreeMap::new()).collect();
        Self {
            name: name.into(),
            tables,
            held: Mutex::new(Held {
                rows,
                ..Held::default()
            }),
        }
    }

    /// The rows of the first table, by key.
    pub fn rows(&self) -> Vec<MemoryRow> {
        self.rows_of(0)
    }

    /// The rows of one table, by key.
    pub fn rows_of(&self, table: usize) -> Vec<MemoryRow> {
        let held = self.held();
        let rows = held.rows.get(table).map(|it| it.values().cloned());
        rows.into_iter().flatten().collect()
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

    /// Every record with its table and the values that it goes by; where one fails, none is
    /// applied.
    fn keyed<'r>(
        &self,
        records: &'r [Records],
    ) -> Result<Vec<(usize, Vec<String>, Row<'r>)>, SinkError> {
        fitting(&self.name, records, self.tables.len())?;
        let mut keyed = Vec::new();
        for (table, part) in records.iter().enumerate() {
            for row in part.iter() {
                keyed.push((table, self.key(table, &row)?, row));
            }
        }
        Ok(keyed)
    }

    fn key(&self, table: usize, row: &Row<'_>) -> Result<Vec<String>, SinkError> {
        let table = &self.tables[table];
        let by = match row.op() {
            Op::Delete if !table.replace_by.is_empty() => &table.replace_by,
            _ => &table.key,
        };
        // A message without a value has its key under this name.
        let tombstone = || {
            row.get("key")
                .filter(|_| row.op() == Op::Delete && by.len() == 1)
        };
        let key = by
            .iter()
            .map(|field| match row.get(field).or_else(tombstone) {
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
        for (table, key, row) in self.keyed(records)? {
            held.apply((table, &self.tables[table]), key, &row);
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
    fn apply(&mut self, (at, table): (usize, &MemoryTable), key: Vec<String>, row: &Row<'_>) {
        self.applied += 1;
        let rows = &mut self.rows[at];
        if row.op() == Op::Delete {
            match table.replace_by.is_empty() {
                true => drop(rows.remove(&key)),
                false => rows.retain(|_, kept| !is_of(kept, &table.replace_by, &key)),
            }
            return;
        }
        let kept = rows.entry(key).or_default();
        for (name, value) in row.fields() {
            let value = text(&value);
            match kept.iter_mut().find(|(it, _)| it == name) {
                Some((_, old)) => *old = value,
                None => kept.push((name.to_owned(), value)),
            }
        }
    }

    fn is_known(&self, (at, table): (usize, &MemoryTable), key: &Vec<String>, op: Op) -> bool {
        let rows = &self.rows[at];
        match table.replace_by.is_empty() {
            true => rows.contains_key(key),
            false if op == Op::Delete => {
                let mut rows = rows.values();
                rows.any(|kept| is_of(kept, &table.replace_by, key))
            }
            false => false,
        }
    }
}

/// Whether a row has these values.
fn is_of(kept: &MemoryRow, fields: &[String], values: &[String]) -> bool {
    let mut wanted = fields.iter().zip(values);
    wanted.all(|(field, value)| kept.iter().any(|(name, it)| name == field && it == value))
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

/// Rows that nobody sees yet.
struct MemoryLaid<'s> {
    sink: &'s MemorySink,
    records: Vec<Records>,
}

#[async_trait]
impl Laid for MemoryLaid<'_> {
    async fn settle(self: Box<Self>, passage: &Passage) -> Result<(), SinkError> {
        self.sink.carry(&self.records, passage).await
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

    async fn lacking(&self, _: Option<&[(String, Kind)]>) -> Result<Vec<Lacking>, SinkError> {
        Ok(Vec::new())
    }

    async fn make_index(&self, _: &Lacking) -> Result<(), SinkError> {
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
            return Err(Fence::Moved(self.name.clone()).into());
        }
        self.apply(&mut held, records)?;
        held.progress.insert(place, advance.to.next_offset);
        Ok(())
    }

    async fn place(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        Ok(self.held().places.get(flow).cloned())
    }

    async fn note(&self, passage: &Passage) -> Result<(), SinkError> {
        self.carry(&[], passage).await
    }

    async fn carry(&self, records: &[Records], passage: &Passage) -> Result<(), SinkError> {
        let mut held = self.held();
        if held.places.get(&passage.flow) != passage.from.as_ref() {
            return Err(Fence::Moved(self.name.clone()).into());
        }
        self.apply(&mut held, records)?;
        held.places.insert(passage.flow.clone(), passage.to.clone());
        Ok(())
    }

    async fn lay(&self, records: &[Records]) -> Result<Option<Box<dyn Laid + '_>>, SinkError> {
        self.keyed(records)?;
        Ok(Some(Box::new(MemoryLaid {
            sink: self,
            records: records.to_vec(),
        })))
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
        let keyed = self.keyed(records)?;
        let mut known = keyed.iter();
        let known = known
            .any(|(table, key, row)| held.is_known((*table, &self.tables[*table]), key, row.op()));
        if onto == Onto::Absent && known {
            return Ok(Landing::Superseded);
        }
        for (table, key, row) in keyed {
            held.apply((table, &self.tables[table]), key, &row);
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
