//! A sink in memory, for tests of flows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    Advance, Fence, Landing, MissingIndex, Onto, PositionAdvance, Progress, Sink, SinkError,
    StagedWrite, fitting,
};
use crate::model::{Finding, Kind, Op, Position, Records, Row, Severity, Value};

/// Keeps rows by key, and progress. Shared by reference; what it holds can be looked at.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    tables: Vec<MemoryTable>,
    state: Mutex<State>,
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
struct State {
    /// Of each table.
    rows: Vec<BTreeMap<Vec<String>, MemoryRow>>,
    progress: HashMap<(String, String, String, i32), i64>,
    positions: HashMap<String, Position>,
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
            state: Mutex::new(State {
                rows,
                ..State::default()
            }),
        }
    }

    /// The rows of the first table, by key.
    pub fn rows(&self) -> Vec<MemoryRow> {
        self.rows_of(0)
    }

    /// The rows of one table, by key.
    pub fn rows_of(&self, table: usize) -> Vec<MemoryRow> {
        let state = self.state();
        let rows = state.rows.get(table).map(|it| it.values().cloned());
        rows.into_iter().flatten().collect()
    }

    /// How many writes have succeeded.
    pub fn writes(&self) -> usize {
        self.state().writes
    }

    /// How many records they have applied, deletions included.
    pub fn applied(&self) -> usize {
        self.state().applied
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn apply(&self, state: &mut State, records: &[Records]) -> Result<(), SinkError> {
        for (table, key, row) in self.keyed(records)? {
            state.apply((table, &self.tables[table]), key, &row);
        }
        state.writes += 1;
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

impl State {
    fn apply(&mut self, (at, table): (usize, &MemoryTable), key: Vec<String>, row: &Row<'_>) {
        self.applied += 1;
        let rows = &mut self.rows[at];
        if row.op() == Op::Delete {
            if table.replace_by.is_empty() {
                drop(rows.remove(&key))
            } else {
                rows.retain(|_, kept| !is_of(kept, &table.replace_by, &key))
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

fn progress_key(flow: &str, of: &Progress) -> (String, String, String, i32) {
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
struct MemoryStagedWrite<'s> {
    sink: &'s MemorySink,
    records: Vec<Records>,
}

#[async_trait]
impl StagedWrite for MemoryStagedWrite<'_> {
    async fn commit(self: Box<Self>, advance: &PositionAdvance) -> Result<(), SinkError> {
        self.sink.write_positioned(&self.records, advance).await
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

    async fn missing_indexes(
        &self,
        _: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        Ok(Vec::new())
    }

    async fn make_index(&self, _: &MissingIndex) -> Result<(), SinkError> {
        Ok(())
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let state = self.state();
        let of_flow = state.progress.iter().filter(|((it, ..), _)| it == flow);
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
        let mut state = self.state();
        let key = progress_key(&advance.flow, &advance.to);
        if state.progress.get(&key).copied() != advance.from {
            return Err(Fence::Moved(self.name.clone()).into());
        }
        self.apply(&mut state, records)?;
        state.progress.insert(key, advance.to.next_offset);
        Ok(())
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        Ok(self.state().positions.get(flow).cloned())
    }

    async fn advance(&self, advance: &PositionAdvance) -> Result<(), SinkError> {
        self.write_positioned(&[], advance).await
    }

    async fn write_positioned(
        &self,
        records: &[Records],
        advance: &PositionAdvance,
    ) -> Result<(), SinkError> {
        let mut state = self.state();
        if state.positions.get(&advance.flow) != advance.from.as_ref() {
            return Err(Fence::Moved(self.name.clone()).into());
        }
        self.apply(&mut state, records)?;
        state
            .positions
            .insert(advance.flow.clone(), advance.to.clone());
        Ok(())
    }

    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        self.keyed(records)?;
        Ok(Some(Box::new(MemoryStagedWrite {
            sink: self,
            records: records.to_vec(),
        })))
    }

    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let mut state = self.state();
        let keys: Vec<_> = markers
            .iter()
            .map(|it| progress_key(&it.flow, &it.to))
            .collect();
        if let Some(at) = keys.iter().position(|it| state.progress.contains_key(it)) {
            return Ok(Landing::Before(at));
        }
        let keyed = self.keyed(records)?;
        let mut known = keyed.iter();
        let known = known
            .any(|(table, key, row)| state.is_known((*table, &self.tables[*table]), key, row.op()));
        if onto == Onto::Absent && known {
            return Ok(Landing::Superseded);
        }
        for (table, key, row) in keyed {
            state.apply((table, &self.tables[table]), key, &row);
        }
        let ends = markers.iter().map(|it| it.to.next_offset);
        state.progress.extend(keys.into_iter().zip(ends));
        Ok(Landing::Written)
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        let mut state = self.state();
        let before = state.progress.len();
        state.progress.retain(|(it, topic, _, partition), _| {
            it != flow || to.is_some_and(|to| *topic != to.topic || *partition != to.partition)
        });
        let Some(to) = to else {
            let positions = usize::from(state.positions.remove(flow).is_some());
            return Ok((before - state.progress.len() + positions) as u64);
        };
        state
            .progress
            .insert(progress_key(flow, to), to.next_offset);
        Ok(1)
    }
}
