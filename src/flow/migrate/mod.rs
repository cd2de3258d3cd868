//! Migrating flow: source ──► pipeline ──► sink, rows and source position in one transaction.

pub(super) mod indexes;
mod load;
mod writers;

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::{FutureExt, StreamExt, stream::FuturesOrdered};
use tokio_util::sync::CancellationToken;

use super::{DeadLetters, FlowError, FlowStats};
use crate::{
    codec::Encoder,
    fault::{Fault, Faulty, chain},
    model::{Batch, Position, Records},
    pipeline::{self, Routes, Step},
    sink::{Advance, Sink, SinkError},
    source::{ReadMode, Scope, Source},
};
use load::Load;
use writers::{Staging, Writers};

/// How much of its source a migration reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrateScope {
    /// Everything, each time.
    Full,
    /// Everything the first time, then what is past the stored place.
    Incremental,
}

/// Records written in one transaction, at most; the last batch may go beyond.
#[derive(Debug, Clone, Copy)]
pub struct LoadLimits {
    /// In rows.
    pub rows: usize,
    /// In bytes.
    pub bytes: usize,
}

/// One migration, opened and ready.
pub struct Migrate<'a> {
    /// Its name, under which the sink keeps its place.
    pub flow: &'a str,
    /// The name that its dead letters go by, where others have a topic.
    pub dead_letters_of: &'a str,
    /// Where records come from.
    pub source: &'a dyn Source,
    /// What happens to them on the way.
    pub pipeline: &'a [Box<dyn Step>],
    /// Which tables they are for.
    pub routes: &'a Routes,
    /// Where they go.
    pub sink: &'a dyn Sink,
    /// How a record becomes a dead letter.
    pub describer: &'a dyn Encoder,
    /// Where those go.
    pub dead_letters: &'a DeadLetters,
    /// How much is written together.
    pub limits: LoadLimits,
    /// Transactions that are written at a time, while a full read is under way.
    pub writers: usize,
    /// Counted as it goes.
    pub stats: &'a FlowStats,
    /// Set where this run's reading has its place stored: another attempt goes on from there,
    /// instead of beginning another full read.
    pub begun: &'a AtomicBool,
}

impl Migrate<'_> {
    /// Runs until the source is read, or until `stop`: then what is in hand is written. Answers
    /// where the flow stands.
    ///
    /// # Errors
    /// As `FlowError` says. What was written until then has its place stored with it.
    pub async fn run(
        &self,
        scope: MigrateScope,
        stop: &CancellationToken,
    ) -> Result<Position, FlowError> {
        let stored = self.sink.position(self.flow).await?;
        let scope = match (scope, &stored) {
            _ if self.begun.load(Ordering::Relaxed) => Scope::Incremental,
            (MigrateScope::Full, _) | (MigrateScope::Incremental, None) => Scope::Full,
            (MigrateScope::Incremental, Some(_)) => Scope::Incremental,
        };
        let begin = self.source.begin(scope, stored.as_ref()).await?;
        if stored.as_ref() != Some(&begin) {
            // A part of the first batch needs a place to stand at, too.
            let advance = Advance {
                flow: self.flow.to_owned(),
                from: stored,
                to: begin.clone(),
            };
            self.sink.write(&[], (&advance).into()).await?;
        }
        self.begun.store(true, Ordering::Relaxed);
        let progress = self.source.progress(&begin).await?;
        if let Some(progress) = progress {
            self.stats.expect(progress.rows, progress.of);
        }
        // Only a full read has each row once. And where two transactions were in each other's
        // way, one after the other is not.
        let is_full = scope == Scope::Full || progress.is_some();
        let writers = if is_full && self.stats.snapshot().retries == 0 {
            self.writers.max(1)
        } else {
            1
        };
        self.read(begin, writers, stop).await
    }

    /// Reads and steps while the batches before are being written; what was read meanwhile is
    /// written together.
    async fn read(
        &self,
        begin: Position,
        writers: usize,
        stop: &CancellationToken,
    ) -> Result<Position, FlowError> {
        let mut reader = self.source.open(&begin, ReadMode::Bounded).await?;
        let mut reached = begin;
        let mut load = Load::default();
        let mut writing = Writers::new(writers);
        // Beside the writing, too: a dead letter may wait for a lock or a connection that it holds.
        let mut taking = FuturesOrdered::new();
        let mut open = true;
        while open || !taking.is_empty() || !writing.is_empty() || !load.is_empty() {
            if writing.has_room() && load.is_worth_it(writing.is_empty(), open, self.limits) {
                let load = std::mem::take(&mut load);
                writing.staging.push_back(self.stage(load, writers).boxed());
            }
            if writing.committing.is_empty()
                && let Some((load, staged)) = writing.staged.pop_front()
            {
                let committed = self.commit(reached.clone(), load, staged).boxed();
                writing.committing.push_back(committed);
            }
            tokio::select! {
                biased;
                () = stop.cancelled(), if open => open = false,
                Some(committed) = writing.committing.next(), if !writing.committing.is_empty() => {
                    reached = committed?;
                }
                Some(staged) = writing.staging.next(), if !writing.staging.is_empty() => {
                    writing.staged.push_back(staged);
                }
                Some(taken) = taking.next(), if !taking.is_empty() => load = taken?,
                batch = reader.next_batch(), if open && taking.is_empty() && load.has_room(self.limits) => {
                    match batch? {
                        Some(batch) => taking.push_back(self.take(batch, std::mem::take(&mut load))),
                        None => open = false,
                    }
                }
            }
        }
        Ok(reached)
    }

    /// Steps; a record that fails in them becomes a dead letter, as it was read.
    async fn take(&self, batch: Batch, mut load: Load) -> Result<Load, FlowError> {
        let read = batch.records.numbered();
        let records = if self.pipeline.is_empty() {
            read.clone()
        } else {
            pipeline::prepare(self.pipeline).await?;
            let (records, failed) = pipeline::run(self.pipeline, read.clone())?;
            for it in failed {
                self.set_aside(&read, it.origin, &it.step, it.reason)
                    .await?;
            }
            records
        };
        self.routes.prepare().await?;
        let (parts, astray) = self.routes.apply(records, |_| None)?;
        for it in astray {
            self.set_aside(&read, it.origin, &it.step, it.reason)
                .await?;
        }
        load.push(read, parts, batch.position);
        Ok(load)
    }

    /// Writes the rows of a load, without a commit; one writer alone does both at once, and so does
    /// a sink that has no staged writes.
    async fn stage(&self, load: Load, writers: usize) -> (Load, Staging<'_>) {
        let staging = self.sink.capabilities().staging.filter(|_| writers > 1);
        let staged = match (staging, load.merged()) {
            (Some(staging), Some(parts)) => staging.stage(&parts).await,
            (None, _) | (_, None) => Ok(None),
        };
        (load, staged)
    }

    /// Commits what was staged. Where that was not possible, or the data is refused, it is written now.
    async fn commit(
        &self,
        from: Position,
        load: Load,
        staged: Staging<'_>,
    ) -> Result<Position, FlowError> {
        let staged = match staged {
            Ok(Some(staged)) => staged,
            Err(error) if error.fault() != Fault::Data => return Err(error.into()),
            Ok(None) | Err(_) => return self.write_positioned(from, load).await,
        };
        let Some(to) = load.ends().cloned() else {
            return Ok(from);
        };
        staged.commit(&self.advance(&from, &to)).await?;
        if load.bytes() > 0 {
            self.dead_letters.landed();
        }
        self.stats.add_done(load.rows(), load.bytes());
        Ok(to)
    }

    /// Writes a load, which begins at `from`; where its data is refused, batch by batch.
    async fn write_positioned(&self, from: Position, load: Load) -> Result<Position, FlowError> {
        let Some(to) = load.ends().cloned() else {
            return Ok(from);
        };
        let (rows, bytes) = (load.rows(), load.bytes());
        let mut reached = from;
        let written = match load.merged() {
            None => None,
            Some(parts) => match self.write(&parts, &reached, &to).await {
                Err(error) if error.fault() == Fault::Data => None,
                written => Some(written?),
            },
        };
        if written.is_none() {
            for (read, parts, position) in load.into_batches() {
                self.write_batch(&read, parts, (&reached, &position))
                    .await?;
                reached = position;
            }
        }
        self.stats.add_done(rows, bytes);
        Ok(to)
    }

    /// One batch. Records that the sink refuses by name are set aside by themselves; halving is for
    /// all other refusals.
    async fn write_batch(
        &self,
        read: &Records,
        mut parts: Vec<Records>,
        (from, to): (&Position, &Position),
    ) -> Result<(), FlowError> {
        loop {
            let faults = match self.write(&parts, from, to).await {
                Err(FlowError::Sink(SinkError::Rows { faults, .. })) => faults,
                Err(error) if error.fault() == Fault::Data => {
                    return self.write_halving(read, &parts, (from, to)).await;
                }
                written => return written,
            };
            let left = |parts: &[Records]| parts.iter().map(Records::len).sum::<usize>();
            let before = left(&parts);
            // The rows of one record stay together: none of them is in any table.
            for part in &mut parts {
                part.retain(|row| faults.iter().all(|it| it.origin != row.origin()));
            }
            if left(&parts) == before {
                return Err(FlowError::NoRecord("write".to_owned()));
            }
            for it in faults {
                self.set_aside(read, it.origin, "write", chain(&*it.cause))
                    .await?;
            }
        }
    }

    /// By halves of what was read, until the bad ones stand alone. The place stays until all is
    /// written: what is repeated after a crash is written by its key again.
    async fn write_halving(
        &self,
        read: &Records,
        parts: &[Records],
        (from, to): (&Position, &Position),
    ) -> Result<(), FlowError> {
        let whole = 0..read.len() as u32;
        let mut halves: Vec<Range<u32>> = std::iter::once(whole).collect();
        while let Some(part) = halves.pop() {
            let half = parts.iter().map(|it| it.of_origins(part.clone()));
            let half: Vec<Records> = half.collect();
            if half.iter().all(Records::is_empty) {
                continue;
            }
            let Err(error) = self.write(&half, from, from).await else {
                continue;
            };
            if error.fault() != Fault::Data {
                return Err(error);
            }
            if part.len() > 1 {
                let middle = part.start + part.len() as u32 / 2;
                halves.push(middle..part.end);
                halves.push(part.start..middle);
                continue;
            }
            self.set_aside(read, part.start, "write", error.reason())
                .await?;
        }
        self.write(&[], from, to).await
    }

    async fn write(
        &self,
        records: &[Records],
        from: &Position,
        to: &Position,
    ) -> Result<(), FlowError> {
        let advance = self.advance(from, to);
        self.sink.write(records, (&advance).into()).await?;
        if records.iter().any(|it| !it.is_empty()) {
            self.dead_letters.landed();
        }
        Ok(())
    }

    fn advance(&self, from: &Position, to: &Position) -> Advance<Position> {
        Advance {
            flow: self.flow.to_owned(),
            from: Some(from.clone()),
            to: to.clone(),
        }
    }

    async fn set_aside(
        &self,
        read: &Records,
        origin: u32,
        step: &str,
        reason: String,
    ) -> Result<(), FlowError> {
        let Some(row) = read.get(origin as usize) else {
            return Err(FlowError::NoRecord(step.to_owned()));
        };
        let named = (self.flow, self.dead_letters_of, step);
        self.dead_letters
            .set_row_aside(named, self.describer, &row, reason)
            .await?;
        self.stats.set_aside(1);
        Ok(())
    }
}
