//! Records in memory, for flows in tests: numbered rows, read by their number.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{
    Counted, InspectableSource, Plan, Progress, ReadLimits, ReadMode, Scope, Source, SourceError,
    SourceReader, SourceStatus, TableSource,
};
use crate::model::{Batch, Finding, Op, Position, Records, Schema, Severity, TableIndex, Value};

/// Rows of an integer `id` and a text `text`, ordered by `id`; clones share them.
#[derive(Debug, Clone)]
pub struct MemorySource {
    schema: Arc<Schema>,
    limits: ReadLimits,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rows: Mutex<Vec<(i64, String)>>,
    /// Reads that fail before the next one succeeds.
    failures: Mutex<u32>,
    changed: Notify,
}

impl MemorySource {
    /// Empty; batches hold at most `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self {
            schema: Arc::new(Schema::document("rows", ["id"])),
            limits: ReadLimits {
                rows,
                bytes: usize::MAX,
                max_wait: Duration::from_millis(100),
            },
            shared: Arc::default(),
        }
    }

    /// Tells rows apart by `field` (`id` if nothing is said): a row may then come again.
    pub fn keyed_by(mut self, field: &str) -> Self {
        self.schema = Arc::new(Schema::document("rows", [field]));
        self
    }

    /// The same rows, read in batches of these limits.
    #[must_use]
    pub fn limited(&self, limits: ReadLimits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    /// Adds a row; ids must grow.
    pub fn insert(&self, id: i64, text: impl Into<String>) {
        lock(&self.shared.rows).push((id, text.into()));
        self.shared.changed.notify_waiters();
    }

    /// Makes this the text of the row `id`, which is added or removed where need be.
    pub fn set(&self, id: i64, text: Option<&str>) {
        let mut rows = lock(&self.shared.rows);
        let at = rows.partition_point(|(it, _)| *it < id);
        if rows.get(at).is_some_and(|(it, _)| *it == id) {
            rows.remove(at);
        }
        if let Some(text) = text {
            rows.insert(at, (id, text.to_owned()));
        }
        self.shared.changed.notify_waiters();
    }

    /// The next `times` reads lose their connection.
    pub fn fail(&self, times: u32) {
        *lock(&self.shared.failures) = times;
    }
}

#[async_trait]
impl Source for MemorySource {
    fn name(&self) -> &str {
        "memory.rows"
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        stored.map(parse).transpose()?;
        match (scope, stored) {
            (Scope::Incremental, Some(stored)) => Ok(stored.clone()),
            _ => Ok(Position::new("0")),
        }
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        Ok(Box::new(MemoryReader {
            source: self.clone(),
            after: parse(position)?,
            mode,
        }))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        parse(position).map(|_| None)
    }
}

#[async_trait]
impl InspectableSource for MemorySource {
    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        Ok(vec![Finding {
            severity: Severity::Good,
            text: "rows in memory can be read".into(),
        }])
    }

    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError> {
        let past = self.plan(stored).await?.past;
        let rows = lock(&self.shared.rows);
        Ok(SourceStatus {
            at: stored.map(|it| it.as_str().to_owned()),
            newest: rows.last().map(|(id, _)| id.to_string()),
            behind: None,
            past,
            is_past_newest: false,
            watermark: None,
        })
    }
}

#[async_trait]
impl TableSource for MemorySource {
    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.schema))
    }

    async fn survey(&self) -> Result<Schema, SourceError> {
        self.shape().await
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        Ok(Vec::new())
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        let after = stored.map_or(Ok(0), parse)?;
        let rows = lock(&self.shared.rows);
        let past = rows.iter().filter(|(id, _)| *id > after).count();
        Ok(Plan {
            query: "rows in the order of their numbers".into(),
            bound: vec![after.to_string()],
            access: None,
            past: Counted::Exactly(past as u64),
            nulls: Counted::Exactly(0),
            watermark: None,
            findings: Vec::new(),
        })
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        let position = Position::new(value);
        parse(&position).map(|_| position)
    }
}

struct MemoryReader {
    source: MemorySource,
    after: i64,
    mode: ReadMode,
}

#[async_trait]
impl SourceReader for MemoryReader {
    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        let shared = self.source.shared.clone();
        let changed = shared.changed.notified();
        let batch = self.read()?;
        if !batch.records.is_empty() {
            return Ok(Some(batch));
        }
        match self.mode {
            ReadMode::Bounded => Ok(None),
            ReadMode::Follow => {
                // Whether it was notified or not, the caller asks again.
                let _ = tokio::time::timeout(self.source.limits.max_wait, changed).await;
                self.read().map(Some)
            }
        }
    }
}

impl MemoryReader {
    fn read(&mut self) -> Result<Batch, SourceError> {
        let mut failures = lock(&self.source.shared.failures);
        if *failures > 0 {
            *failures -= 1;
            let cause = "scripted failure".into();
            return Err(SourceError::Lost("memory.rows".into(), cause));
        }
        let mut records = Records::new(self.source.schema.clone());
        let rows = lock(&self.source.shared.rows);
        let start = rows.partition_point(|(id, _)| *id <= self.after);
        let limits = self.source.limits;
        for (id, text) in rows.iter().skip(start).take(limits.rows.max(1)) {
            let Ok(()) = records.push(Op::Upsert, 0, |packer| {
                packer.name("id");
                packer.value(Value::I64(*id));
                packer.name("text");
                packer.value(Value::String(text));
                Ok::<(), std::convert::Infallible>(())
            });
            // The next batch begins with it.
            if records.bytes() > limits.bytes && records.len() > 1 {
                records.split_last();
                break;
            }
            self.after = *id;
        }
        Ok(Batch {
            records,
            position: Position::new(self.after.to_string()),
        })
    }
}

fn parse(position: &Position) -> Result<i64, SourceError> {
    position
        .as_str()
        .parse()
        .map_err(|_| SourceError::Position {
            name: "memory.rows".into(),
            position: position.to_string(),
            advice: "it is not a number; `highwater cursor set` starts from a value, \
                     `highwater cursor reset` from the beginning"
                .into(),
        })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
