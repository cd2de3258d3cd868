//! Makes what a verification has found equal: by key, in bounded transactions, through the sink.

use std::{collections::HashSet, sync::Arc};

use super::{
    Kind, Verified, Verify, VerifyError,
    repair_batch::Batch,
    row::{Canonical, Compared, Side},
    sides::{self, Within},
};
use crate::{
    model::{Op, Records, Row, Schema},
    sink::Sink,
};

/// A repair.
pub struct Repair<'a> {
    /// How both sides of each table are read, and what was found, in the order of the sink's tables.
    pub tables: &'a [(&'a Verify<'a>, &'a Verified)],
    /// What is written. It updates known rows and deletes those it is told to, whatever flows do.
    pub sink: &'a dyn Sink,
    /// What deletes, by the target's own key: documents have an `_id` that is made of fields.
    pub deletes: &'a dyn Sink,
    /// Rows in one transaction, at most; those of one record stay together.
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
    /// Rows deleted; of rows that are replaced by their parent, the parents.
    pub deleted: u64,
    /// Rows that the target refused.
    pub refused: u64,
    /// Why, of the first of them.
    pub reasons: Vec<String>,
}

/// One of the tables, and what is to be done in it. A unit is a row, or all rows of a parent where
/// these are replaced together.
struct Table<'a> {
    verify: &'a Verify<'a>,
    verified: &'a Verified,
    compared: Compared,
    /// Units to be written as the source has them.
    written: HashSet<u128>,
    /// Units to be removed, unless the source has them meanwhile.
    removed: HashSet<u128>,
}

impl Repair<'_> {
    /// Deletes, inserts and updates the rows that were found, as the source has them now.
    ///
    /// # Errors
    /// As `VerifyError` says; transactions that were committed until then stay.
    pub async fn apply(&self) -> Result<Repaired, VerifyError> {
        let mut tables = Vec::with_capacity(self.tables.len());
        for (verify, verified) in self.tables {
            let mut table = Table::of(verify, verified, self.extras).await?;
            table.find_parents(self.extras).await?;
            tables.push(table);
        }
        self.look(&mut tables).await?;
        let mut repaired = Repaired::default();
        // First, since a row that must go may hold a value that is unique; children before parents.
        for at in (0..tables.len()).rev() {
            if !tables[at].removed.is_empty() {
                self.remove(&mut tables, at, &mut repaired).await?;
            }
        }
        if tables.iter().any(|it| !it.written.is_empty()) {
            self.write(&tables, &mut repaired).await?;
        }
        Ok(repaired)
    }

    /// Which units the source has now: none of them is removed, and a parent's rows are written anew.
    async fn look(&self, tables: &mut [Table<'_>]) -> Result<(), VerifyError> {
        let asks = |it: &Table<'_>| {
            let parents = it.compared.has_parents() && it.verified.differences() > 0;
            parents || !it.removed.is_empty()
        };
        if !tables.iter().any(asks) {
            return Ok(());
        }
        let Some(within) = within_of(tables) else {
            return Ok(());
        };
        let first = self.tables[0].0;
        let mut rows = first.way.rows(&within);
        let mut values = Canonical::default();
        while let Some((parts, read)) = rows.next_parts().await? {
            for (table, part) in tables.iter_mut().zip(&parts) {
                for row in part.iter() {
                    table.meet(&row, &mut values, self.extras);
                }
            }
            first.stats.add_done(read, 0);
        }
        Ok(())
    }

    async fn remove(
        &self,
        tables: &mut [Table<'_>],
        at: usize,
        repaired: &mut Repaired,
    ) -> Result<(), VerifyError> {
        let empty = Arc::new(Schema::document("repair", [] as [&str; 0]));
        let others = tables.len();
        let table = &mut tables[at];
        let names = table.compared.unit_columns();
        let schema = Arc::new(Schema::document("repair", names.iter().copied()));
        let within = table.within();
        let mut batch = Batch::new(self, repaired);
        let mut rows = sides::rows(table.verify.target, &within);
        let mut values = Canonical::default();
        while let Some((records, read)) = rows.next().await? {
            let mut gone = Records::new(schema.clone());
            for (origin, row) in (0..).zip(records.iter()) {
                let Ok(it) = table.compared.take(&row, Side::Actual, &mut values) else {
                    continue;
                };
                // Rows of one parent go with the first of them.
                if !table.removed.remove(&table.compared.unit(it, &values)) {
                    continue;
                }
                // A row without one of the columns is none of this table's.
                let _ = gone.push(Op::Delete, origin, |packer| {
                    for name in &names {
                        packer.name(name);
                        packer.value(row.get(name).ok_or(())?);
                    }
                    Ok::<(), ()>(())
                });
            }
            let mut parts = vec![Records::new(empty.clone()); others];
            parts[at] = gone;
            batch.add(parts).await?;
            table.verify.stats.add_done(read, records.bytes());
        }
        batch.flush().await
    }

    async fn write(
        &self,
        tables: &[Table<'_>],
        repaired: &mut Repaired,
    ) -> Result<(), VerifyError> {
        let Some(within) = within_of(tables) else {
            return Ok(());
        };
        let first = self.tables[0].0;
        let mut batch = Batch::new(self, repaired);
        let mut rows = first.way.rows(&within);
        let mut values = Canonical::default();
        while let Some((mut parts, read)) = rows.next_parts().await? {
            for (table, part) in tables.iter().zip(&mut parts) {
                part.retain(|row| table.writes(row, &mut values));
            }
            let bytes = parts.iter().map(Records::bytes).sum();
            batch.add(parts).await?;
            first.stats.add_done(read, bytes);
        }
        batch.flush().await
    }
}

impl<'a> Table<'a> {
    async fn of(
        verify: &'a Verify<'a>,
        verified: &'a Verified,
        extras: Extras,
    ) -> Result<Self, VerifyError> {
        let compared = verify.compared(&verify.first_fields().await?)?;
        let (mut written, mut removed) = (HashSet::new(), HashSet::new());
        if !compared.has_parents() {
            for (key, kind) in &verified.found {
                match kind {
                    Kind::Missing | Kind::Different => written.insert(*key),
                    Kind::Extra => extras == Extras::Delete && removed.insert(*key),
                };
            }
        }
        Ok(Self {
            verify,
            verified,
            compared,
            written,
            removed,
        })
    }

    /// Where the rows are that differ.
    fn within(&self) -> Within {
        let within = self.verified.within.clone();
        within.unwrap_or_else(Within::everything)
    }

    /// Whether a row that was found is this repair's business.
    fn is_found(&self, key: u128, extras: Extras) -> bool {
        match self.verified.found.get(&key) {
            Some(Kind::Extra) => extras == Extras::Delete,
            other => other.is_some(),
        }
    }

    /// The parents of rows at the target that were found.
    async fn find_parents(&mut self, extras: Extras) -> Result<(), VerifyError> {
        if !self.compared.has_parents() || self.verified.found.is_empty() {
            return Ok(());
        }
        let within = self.within();
        let mut rows = sides::rows(self.verify.target, &within);
        let mut values = Canonical::default();
        while let Some((records, read)) = rows.next().await? {
            for row in records.iter() {
                let taken = self.compared.take(&row, Side::Actual, &mut values);
                if let Ok(it) = taken
                    && self.is_found(it.key, extras)
                {
                    self.removed.insert(self.compared.unit(it, &values));
                }
            }
            self.verify.stats.add_done(read, records.bytes());
        }
        Ok(())
    }

    /// A record of the source that this table has a row, or the removal of a parent, of.
    fn meet(&mut self, row: &Row<'_>, values: &mut Canonical, extras: Extras) {
        // A field that came up: what it is of is looked at by the next verification.
        let Ok(it) = self.compared.take(row, Side::Expected, values) else {
            return;
        };
        let unit = self.compared.unit(it, values);
        let is_there = self.removed.remove(&unit);
        let is_found = row.op() == Op::Upsert && self.is_found(it.key, extras);
        if self.compared.has_parents() && (is_there || is_found) {
            self.written.insert(unit);
        }
    }

    fn writes(&self, row: &Row<'_>, values: &mut Canonical) -> bool {
        let taken = self.compared.take(row, Side::Expected, values);
        taken.is_ok_and(|it| self.written.contains(&self.compared.unit(it, values)))
    }
}

/// Where the rows are that differ: of several tables, anywhere.
fn within_of(tables: &[Table<'_>]) -> Option<Within> {
    match tables {
        [] => None,
        [only] => Some(only.within()),
        _ => Some(Within::everything()),
    }
}
