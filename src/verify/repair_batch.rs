//! The transactions of a repair: rows of several records together, those of one never apart.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use super::{Repair, Repaired, VerifyError};
use crate::{
    fault::{Fault, Faulty, chain},
    model::{Op, Records},
    sink::{Onto, SinkError},
};

/// Reasons that are told.
const REASONS: usize = 5;
/// Attempts at a transaction that meets others.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_millis(200);

/// Records of the next transaction, a part for each table.
pub(super) struct Batch<'a> {
    repair: &'a Repair<'a>,
    repaired: &'a mut Repaired,
    parts: Vec<Records>,
    /// Behind the last origin.
    end: u32,
}

impl<'a> Batch<'a> {
    pub fn new(repair: &'a Repair<'a>, repaired: &'a mut Repaired) -> Self {
        Self {
            repair,
            repaired,
            parts: Vec::new(),
            end: 0,
        }
    }

    /// Takes a part for each table; what is of one origin is of one record.
    ///
    /// # Errors
    /// As the sink answers.
    pub async fn add(&mut self, parts: Vec<Records>) -> Result<(), VerifyError> {
        for range in ranges(&parts, self.repair.rows) {
            let some: Vec<_> = parts
                .iter()
                .map(|it| it.of_origins(range.clone()))
                .collect();
            if !self.has_room(&some) {
                self.flush().await?;
            }
            let shift = self.end;
            if self.parts.is_empty() {
                let empty = some.iter().map(|it| Records::new(it.schema().clone()));
                self.parts = empty.collect();
            }
            for (before, more) in self.parts.iter_mut().zip(some) {
                if before.is_empty() {
                    *before = Records::new(more.schema().clone());
                }
                if !more.is_empty() {
                    before.append(&more, shift);
                }
            }
            self.end = shift + range.end;
        }
        Ok(())
    }

    fn has_room(&self, more: &[Records]) -> bool {
        let mut pairs = self.parts.iter().zip(more);
        let alike =
            pairs.all(|(one, it)| one.is_empty() || it.is_empty() || one.schema() == it.schema());
        alike && rows(&self.parts) + rows(more) <= self.repair.rows
    }

    /// Writes what there is.
    ///
    /// # Errors
    /// As the sink answers.
    pub async fn flush(&mut self) -> Result<(), VerifyError> {
        let parts = std::mem::take(&mut self.parts);
        self.end = 0;
        if rows(&parts) == 0 {
            return Ok(());
        }
        if self.repair.tables.iter().any(|it| it.0.stop.is_cancelled()) {
            return Err(VerifyError::Stopped);
        }
        match self.one(&parts).await {
            Ok(()) => self.count(&parts),
            Err(error) if error.fault() == Fault::Data => self.singly(&parts).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// One of them is refused: each record for itself.
    async fn singly(&mut self, parts: &[Records]) -> Result<(), VerifyError> {
        for range in ranges(parts, 1) {
            let alone: Vec<_> = parts
                .iter()
                .map(|it| it.of_origins(range.clone()))
                .collect();
            match self.one(&alone).await {
                Ok(()) => self.count(&alone),
                Err(error) if error.fault() == Fault::Data => {
                    self.repaired.refused += rows(&alone) as u64;
                    if self.repaired.reasons.len() < REASONS {
                        self.repaired.reasons.push(reason(&error));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn one(&self, parts: &[Records]) -> Result<(), SinkError> {
        let mut tries = 1;
        // Deletions stand in no batch with others.
        let first = parts.iter().find_map(|it| it.get(0));
        let sink = if first.is_some_and(|it| it.op() == Op::Delete) {
            self.repair.deletes
        } else {
            self.repair.sink
        };
        loop {
            match sink.replay(parts, &[], Onto::Any).await {
                // A deadlock with a sink that runs beside, mostly.
                Err(error) if error.fault() == Fault::Transient && tries < TRIES => {
                    tokio::time::sleep(WAIT * tries).await;
                    tries += 1;
                }
                done => return done.map(drop),
            }
        }
    }

    fn count(&mut self, parts: &[Records]) {
        let all = || parts.iter().flat_map(Records::iter);
        let written = all().filter(|it| it.op() == Op::Upsert).count();
        self.repaired.written += written as u64;
        // The removal of a parent whose rows come anew deletes nothing that is told.
        if written == 0 {
            self.repaired.deleted += all().count() as u64;
        }
    }
}

fn rows(parts: &[Records]) -> usize {
    parts.iter().map(Records::len).sum()
}

/// Ranges of origins that have `most` rows together, or are of one origin alone.
fn ranges(parts: &[Records], most: usize) -> Vec<Range<u32>> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for row in parts.iter().flat_map(Records::iter) {
        *counts.entry(row.origin()).or_default() += 1;
    }
    let mut ranges: Vec<(Range<u32>, usize)> = Vec::new();
    for (origin, count) in counts {
        match ranges.last_mut() {
            Some((range, before)) if *before + count <= most => {
                range.end = origin + 1;
                *before += count;
            }
            _ => ranges.push((origin..origin + 1, count)),
        }
    }
    ranges.into_iter().map(|it| it.0).collect()
}

/// The reason of the first row, where the sink names rows.
fn reason(error: &SinkError) -> String {
    match error {
        SinkError::Rows { faults, .. } if !faults.is_empty() => chain(&*faults[0].cause),
        other => chain(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Schema, Value};

    fn part(origins: &[u32]) -> Records {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        for origin in origins {
            let pushed: Result<(), ()> = records.push(Op::Upsert, *origin, |packer| {
                packer.name("id");
                packer.value(Value::I64(1));
                Ok(())
            });
            pushed.expect("nothing fails");
        }
        records
    }

    #[test]
    fn rows_of_one_record_are_never_apart() {
        let parts = [part(&[0, 1, 2, 5]), part(&[1, 1, 1, 5])];
        assert_eq!(ranges(&parts, 2), [0..1, 1..2, 2..3, 5..6]);
        assert_eq!(ranges(&parts, 5), [0..2, 2..6]);
        let whole = std::iter::once(0..6);
        assert_eq!(ranges(&parts, 100), whole.collect::<Vec<_>>());
        assert_eq!(ranges(&[], 2), []);
    }
}
