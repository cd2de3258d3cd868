//! A sink in memory that fails by a script and remembers what it applied, in order.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use highwater::{
    model::{Finding, Kind, Position, Records, Value},
    sink::{
        Advance, Landing, MissingIndex, Onto, PositionAdvance, Progress, RowFault, Sink, SinkError,
        StagedWrite, memory::MemorySink,
    },
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, timeout},
};

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFault {
    /// Nothing: it is passed on.
    None,
    /// Nothing is written, for a time.
    Reject,
    /// All is written, but the answer is lost.
    LoseAnswer,
    /// It waits for `release`, and is passed on then.
    Hold,
    /// All is written, and the answer waits for `release`.
    HoldAnswer,
    /// It takes so long.
    Slow(Duration),
    /// The process dies before it.
    DieBefore,
    /// All is written, and the process dies.
    DieAfter,
    /// The sink refuses for good.
    Refuse,
}

/// One write that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub partition: i32,
    pub from: Option<i64>,
    pub next_offset: i64,
    /// The keys and texts of its records.
    pub rows: Vec<(String, String)>,
    pub at: Instant,
}

/// Rows of `id` and `text` by `id`, in memory.
pub struct ScriptedSink {
    pub memory: MemorySink,
    script: Mutex<VecDeque<SinkFault>>,
    /// A row of this text is refused until one of the other text was applied.
    waits_for: Mutex<Option<(String, String)>>,
    /// How often it was.
    refused: Mutex<usize>,
    /// Every write of this partition is held until `release`.
    slow_partition: Mutex<Option<i32>>,
    writes: Mutex<Vec<Write>>,
    released: Semaphore,
    /// Told when the script says that the process dies.
    pub died: Arc<Notify>,
    /// How many batches of a migration are written.
    pub loads_written: watch::Sender<usize>,
}

impl Default for ScriptedSink {
    fn default() -> Self {
        Self {
            memory: MemorySink::new("memory.rows", ["id"]),
            script: Mutex::default(),
            waits_for: Mutex::default(),
            refused: Mutex::default(),
            slow_partition: Mutex::default(),
            writes: Mutex::default(),
            released: Semaphore::new(0),
            died: Arc::default(),
            loads_written: watch::Sender::new(0),
        }
    }
}

impl ScriptedSink {
    /// One that passes writes on to `memory`.
    pub fn over(memory: MemorySink) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Adds to the script.
    pub fn then(&self, faults: impl IntoIterator<Item = SinkFault>) {
        lock(&self.script).extend(faults);
    }

    /// Forgets the rest of the script.
    pub fn recover(&self) {
        lock(&self.script).clear();
    }

    /// A row of the text `taken` is refused, as one whose value another row holds, until a row of
    /// the text `freed` was applied.
    pub fn hold_value(&self, taken: &str, freed: &str) {
        *lock(&self.waits_for) = Some((taken.to_owned(), freed.to_owned()));
    }

    /// How often a row was refused for a value that another one holds.
    pub fn refused(&self) -> usize {
        *lock(&self.refused)
    }

    fn held(&self, records: &[Records]) -> Option<u32> {
        let waits_for = lock(&self.waits_for).clone()?;
        let (taken, freed) = waits_for;
        if self.applied().iter().any(|(_, text)| *text == freed) {
            return None;
        }
        let mut rows = records.iter().flat_map(Records::iter);
        let is_it = |it: &highwater::model::Row<'_>| matches!(it.get("text"), Some(Value::String(it)) if it == taken);
        rows.find(is_it).map(|it| it.origin())
    }

    /// Every write of `partition` waits for `release` from now on; `None`: of none.
    pub fn hold_partition(&self, partition: Option<i32>) {
        *lock(&self.slow_partition) = partition;
    }

    /// Lets so many writes or answers go that are held, or will be.
    pub fn release(&self, writes: usize) {
        self.released.add_permits(writes);
    }

    /// What was applied, in order.
    pub fn writes(&self) -> Vec<Write> {
        lock(&self.writes).clone()
    }

    /// The rows of all writes, in order.
    pub fn applied(&self) -> Vec<(String, String)> {
        self.writes().into_iter().flat_map(|it| it.rows).collect()
    }

    /// The next offsets that are stored for `flow`, by partition.
    pub async fn offsets(&self, flow: &str) -> Vec<(i32, i64)> {
        let progress = self.memory.progress(flow).await.expect("memory");
        let offset = |it: &Progress| (it.partition, it.next_offset);
        progress.iter().map(offset).collect()
    }

    async fn apply(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        self.memory.write(records, advance).await?;
        let rows = records.iter().flat_map(Records::iter);
        let text = |it: Option<Value<'_>>| match it {
            Some(Value::String(it)) => it.to_owned(),
            other => format!("{other:?}"),
        };
        lock(&self.writes).push(Write {
            partition: advance.to.partition,
            from: advance.from,
            next_offset: advance.to.next_offset,
            rows: rows
                .map(|it| (text(it.get("id")), text(it.get("text"))))
                .collect(),
            at: Instant::now(),
        });
        Ok(())
    }

    async fn hold(&self) {
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }

    async fn die(&self) {
        self.died.notify_one();
        pending::<()>().await;
    }
}

fn lost() -> SinkError {
    SinkError::Lost("memory.rows".into(), "as the script says".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Its end is by the script, as one write is.
struct ScriptedStagedWrite<'s> {
    sink: &'s ScriptedSink,
    records: Vec<Records>,
}

#[async_trait]
impl StagedWrite for ScriptedStagedWrite<'_> {
    async fn commit(self: Box<Self>, advance: &PositionAdvance) -> Result<(), SinkError> {
        self.sink.write_positioned(&self.records, advance).await
    }
}

#[async_trait]
impl Sink for ScriptedSink {
    fn name(&self) -> &str {
        self.memory.name()
    }

    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        self.memory.check(fields).await
    }

    async fn would_create(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        self.memory.would_create(fields).await
    }

    async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        self.memory.prepare(fields).await
    }

    async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        self.memory.missing_indexes(fields).await
    }

    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError> {
        self.memory.make_index(missing).await
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        self.memory.progress(flow).await
    }

    async fn moved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        self.memory.moved_at(flow).await
    }

    async fn write(&self, records: &[Records], advance: &Advance) -> Result<(), SinkError> {
        if *lock(&self.slow_partition) == Some(advance.to.partition) {
            self.hold().await;
        }
        if let Some(origin) = self.held(records) {
            *lock(&self.refused) += 1;
            let name = "memory.rows".to_owned();
            let cause = "the row with the key id=holder holds its value".into();
            let may_pass = true;
            let faults = vec![RowFault {
                origin,
                may_pass,
                cause,
            }];
            return Err(SinkError::Rows { name, faults });
        }
        let fault = lock(&self.script).pop_front().unwrap_or(SinkFault::None);
        match fault {
            SinkFault::None => self.apply(records, advance).await,
            SinkFault::Reject => Err(lost()),
            SinkFault::LoseAnswer => self.apply(records, advance).await.and(Err(lost())),
            SinkFault::Hold => {
                self.hold().await;
                self.apply(records, advance).await
            }
            SinkFault::HoldAnswer => {
                let applied = self.apply(records, advance).await;
                self.hold().await;
                applied
            }
            SinkFault::Slow(time) => {
                // The write is on its way for so long.
                let _ = timeout(time, pending::<()>()).await;
                self.apply(records, advance).await
            }
            SinkFault::DieBefore => {
                self.die().await;
                Err(lost())
            }
            SinkFault::DieAfter => {
                self.apply(records, advance).await?;
                self.die().await;
                Err(lost())
            }
            SinkFault::Refuse => Err(SinkError::Incompatible {
                name: "memory.rows".into(),
                advice: "there is no column `text`: add it".into(),
            }),
        }
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        self.memory.position(flow).await
    }

    async fn advance(&self, advance: &PositionAdvance) -> Result<(), SinkError> {
        self.memory.advance(advance).await
    }

    async fn write_positioned(
        &self,
        records: &[Records],
        advance: &PositionAdvance,
    ) -> Result<(), SinkError> {
        let fault = lock(&self.script).pop_front().unwrap_or(SinkFault::None);
        match fault {
            SinkFault::Reject => Err(lost()),
            SinkFault::LoseAnswer => {
                self.memory.write_positioned(records, advance).await?;
                Err(lost())
            }
            SinkFault::Slow(time) => {
                // The write is on its way for so long.
                let _ = timeout(time, pending::<()>()).await;
                self.memory.write_positioned(records, advance).await
            }
            _ => self.memory.write_positioned(records, advance).await,
        }?;
        self.loads_written.send_modify(|it| *it += 1);
        Ok(())
    }

    async fn stage(
        &self,
        records: &[Records],
    ) -> Result<Option<Box<dyn StagedWrite + '_>>, SinkError> {
        self.memory.stage(records).await?;
        Ok(Some(Box::new(ScriptedStagedWrite {
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
        let fault = lock(&self.script).pop_front().unwrap_or(SinkFault::None);
        match fault {
            SinkFault::Reject => Err(lost()),
            SinkFault::LoseAnswer => {
                self.memory.replay(records, markers, onto).await?;
                Err(lost())
            }
            _ => self.memory.replay(records, markers, onto).await,
        }
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        self.memory.reset(flow, to).await
    }
}
