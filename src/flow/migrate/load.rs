//! A load of a migration: batches that are written in one transaction, with their end positions.

use std::borrow::Cow;

use crate::{
    flow::LoadLimits,
    model::{Position, Records},
};

/// What was read and stepped, and is not yet written.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// As they were read, each record numbered within its batch.
    read: Vec<Records>,
    /// Behind the steps: of each batch, the part of each table.
    parts: Vec<Vec<Records>>,
    positions: Vec<Position>,
    rows: usize,
    bytes: usize,
}

impl Load {
    pub fn push(&mut self, read: Records, parts: Vec<Records>, position: Position) {
        self.rows += read.len();
        self.bytes += parts.iter().map(Records::bytes).sum::<usize>();
        self.read.push(read);
        self.parts.push(parts);
        self.positions.push(position);
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub fn has_room(&self, limits: LoadLimits) -> bool {
        self.rows < limits.rows && self.bytes < limits.bytes
    }

    /// Whether it is written now. Beside others it waits until it is full, or nothing more comes: a
    /// small one would keep a writer from the larger one that it becomes.
    pub fn is_worth_it(&self, is_only: bool, more_comes: bool, limits: LoadLimits) -> bool {
        !self.is_empty() && (is_only || !more_comes || !self.has_room(limits))
    }

    /// Rows that were read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The part of each table, of all batches; `None` where their shapes are not the same.
    pub fn merged(&self) -> Option<Cow<'_, [Records]>> {
        let (first, others) = self.parts.split_first()?;
        if others.is_empty() {
            return Some(Cow::Borrowed(first));
        }
        let mut all = first.clone();
        let mut shift = 0;
        for (read, parts) in self.read.iter().zip(others) {
            shift += read.len() as u32;
            for (part, next) in all.iter_mut().zip(parts) {
                if part.schema() != next.schema() {
                    return None;
                }
                part.append(next, shift);
            }
        }
        Some(Cow::Owned(all))
    }

    /// The place behind all of it.
    pub fn ends(&self) -> Option<&Position> {
        self.positions.last()
    }

    /// The batches by themselves.
    pub fn into_batches(self) -> impl Iterator<Item = (Records, Vec<Records>, Position)> {
        let batches = self.read.into_iter().zip(self.parts);
        let batches = batches.zip(self.positions);
        batches.map(|((read, parts), position)| (read, parts, position))
    }
}
