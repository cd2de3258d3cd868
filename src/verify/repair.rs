//! Makes what a verification has found equal: by key, in bounded transactions, through the sink.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    Kind, Verified, Verify, VerifyError,
    passes::Halt,
    row::{Canonical, Compared, Side},
    sides::{self, Within},
};
use crate::{
    fault::{Fault, Faulty, chain},
    model::{Op, Records, Schema},
    sink::{Onto, Sink, SinkError},
};

/// A repair.
pub struct Repair<'a> {
    /// How both sides are read.
    pub verify: &'a Verify<'a>,
    /// What is written. It updates known rows and deletes those it is told to, whatever flows do.
    pub sink: &'a dyn Sink,
    /// What deletes, by the target's own key: documents have an `_id` that is made of fields.
    pub deletes: &'a dyn Sink,
    /// Rows in one transaction, at most.
    pub rows: usize,
    /// Whether rows go that only the target has.
    pub extras: Extras,
}

/// What becomes of rows that only the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extras {
    /// They go.
    Delete,
    /// They stay.
    Keep,
}

/// What a repair did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Rows inserted or updated.
    pub written: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows that the target refused.
    pub refused: u64,
    /// Why, of the first of them.
    pub reasons: Vec<String>,
}

/// Reasons that are told.
const REASONS: usize = 5;
/// Attempts at a transaction that meets others.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_millis(200);

impl Repair<'_> {
    /// Deletes, inserts and updates the rows that `verified` has found, as its source has them now.
    ///
    /// # Errors
    /// As `VerifyError` says; transactions that were committed until then stay.
    pub async fn apply(&self, verified: &Verified) -> Result<Repaired, VerifyError> {
        let fields = self.verify.first_fields().await?;
        let Verify {
            shape, drop, texts, ..
        } = self.verify;
        let compared = Compared::over(shape, &fields, drop, *texts)?;
        let mut repaired = Repaired::default();
        // First, since a row that must go may hold a value that is unique.
        if self.extras == Extras::Delete && verified.extra > 0 {
            self.delete(&compared, verified, &mut repaired).await?;
        }
        if verified.missing + verified.different > 0 {
            self.write(&compared, verified, &mut repaired).await?;
        }
        Ok(repaired)
    }

    async fn delete(
        &self,
        compared: &Compared,
        verified: &Verified,
        repaired: &mut Repaired,
    ) -> Result<(), VerifyError> {
        // A row that the source has got meanwhile stays.
        let mut there = HashSet::new();
        let is_extra = |key: &u128| verified.found.get(key) == Some(&Kind::Extra);
        let within = within_of(verified);
        let looked = self.verify.expected(compared, &within, |it, _| {
            if is_extra(&it.key) {
                there.insert(it.key);
            }
        });
        match looked.await {
            Err(Halt::Failed(error)) => return Err(error),
            // A field that came up: what it is of is looked at by the next verification.
            Err(Halt::Field(_)) => return Ok(()),
            Ok(_) => {}
        }
        let names: Vec<&String> = compared
            .key
            .iter()
            .map(|it| &compared.columns[*it].0)
            .collect();
        let schema = Arc::new(Schema::document("repair", names.iter().copied()));
        let mut batch = Batch::new(self, repaired);
        let mut rows = sides::rows(self.verify.target, &within);
        let mut values = Canonical::default();
        while let Some((records, read)) = rows.next().await? {
            let mut gone = Records::new(schema.clone());
            for row in records.iter() {
                let Ok(it) = compared.take(&row, Side::Actual, &mut values) else {
                    continue;
                };
                if !is_extra(&it.key) || there.contains(&it.key) {
                    continue;
                }
                let pushed = gone.push(Op::Delete, 0, |packer| {
                    for name in &names {
                        packer.name(name);
                        packer.value(row.get(name).ok_or(())?);
                    }
                    Ok::<(), ()>(())
                });
                if pushed.is_ok() && gone.len() == self.rows {
                    batch
                        .add(std::mem::replace(&mut gone, Records::new(schema.clone())))
                        .await?;
                }
            }
            batch.add(gone).await?;
            self.verify.figures.settled(read, records.bytes());
        }
        batch.flush().await
    }

    async fn write(
        &self,
        compared: &Compared,
        verified: &Verified,
        repaired: &mut Repaired,
    ) -> Result<(), VerifyError> {
        let mut batch = Batch::new(self, repaired);
        let within = within_of(verified);
        let mut rows = self.verify.way.rows(&within);
        let mut values = Canonical::default();
        while let Some((records, read)) = rows.next().await? {
            let mut written = Records::new(records.schema().clone());
            for row in records.iter() {
                let Ok(it) = compared.take(&row, Side::Expected, &mut values) else {
                    continue;
                };
                if !matches!(
                    verified.found.get(&it.key),
                    Some(Kind::Missing | Kind::Different)
                ) {
                    continue;
                }
                written.copy(&row);
                if written.len() == self.rows {
                    let empty = Records::new(records.schema().clone());
                    batch.add(std::mem::replace(&mut written, empty)).await?;
                }
            }
            batch.add(written).await?;
            self.verify.figures.settled(read, records.bytes());
        }
        batch.flush().await
    }
}

/// Where the rows are that differ.
fn within_of(verified: &Verified) -> Within {
    verified.within.clone().unwrap_or_else(Within::everything)
}

/// Records of the next transaction.
struct Batch<'a> {
    repair: &'a Repair<'a>,
    repaired: &'a mut Repaired,
    records: Option<Records>,
}

impl<'a> Batch<'a> {
    fn new(repair: &'a Repair<'a>, repaired: &'a mut Repaired) -> Self {
        Self {
            repair,
            repaired,
            records: None,
        }
    }

    async fn add(&mut self, records: Records) -> Result<(), VerifyError> {
        if records.is_empty() {
            return Ok(());
        }
        let together = self.records.as_ref().is_none_or(|it| {
            it.len() + records.len() <= self.repair.rows && it.schema() == records.schema()
        });
        if !together {
            self.flush().await?;
        }
        match &mut self.records {
            None => self.records = Some(records),
            Some(before) => before.append(&records, 0),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), VerifyError> {
        let Some(records) = self.records.take() else {
            return Ok(());
        };
        if self.repair.verify.stop.is_cancelled() {
            return Err(VerifyError::Stopped);
        }
        let records = records.numbered();
        match self.one(&records).await {
            Ok(()) => self.count(&records),
            Err(error) if error.fault() == Fault::Data => self.singly(&records).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// One of them is refused: each for itself.
    async fn singly(&mut self, records: &Records) -> Result<(), VerifyError> {
        for row in records.iter() {
            let mut alone = Records::new(Arc::new(row.schema().clone()));
            alone.copy(&row);
            match self.one(&alone).await {
                Ok(()) => self.count(&alone),
                Err(error) if error.fault() == Fault::Data => {
                    self.repaired.refused += 1;
                    if self.repaired.reasons.len() < REASONS {
                        self.repaired.reasons.push(reason(&error));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn one(&self, records: &Records) -> Result<(), SinkError> {
        let mut tries = 1;
        loop {
            let is_deletion = records.get(0).is_some_and(|it| it.op() == Op::Delete);
            let sink = match is_deletion {
                true => self.repair.deletes,
                false => self.repair.sink,
            };
            let records = std::slice::from_ref(records);
            match sink.replay(records, &[], Onto::Any).await {
                // A deadlock with a sink that runs beside, mostly.
                Err(error) if error.fault() == Fault::Transient && tries < TRIES => {
                    tokio::time::sleep(WAIT * tries).await;
                    tries += 1;
                }
                done => return done.map(drop),
            }
        }
    }

    fn count(&mut self, records: &Records) {
        for row in records.iter() {
            match row.op() {
                Op::Upsert => self.repaired.written += 1,
                Op::Delete => self.repaired.deleted += 1,
            }
        }
    }
}

/// The reason of the first row, where the sink names rows.
fn reason(error: &SinkError) -> String {
    match error {
        SinkError::Rows { faults, .. } if !faults.is_empty() => chain(&*faults[0].cause),
        other => chain(other),
    }
}
