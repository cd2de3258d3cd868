//! Rows of a table in batches: what stands for a row, and what it is ordered by, is read from its record.

use super::{Batches, CursorValue, Table, cursor_values};
use crate::{
    model::{Records, Row},
    source::{SourceError, deduplication::digest},
};

impl Batches {
    /// The records to push the next row to; `pushed` must follow.
    pub fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Hands over what has reached the limits.
    pub async fn pushed(&mut self) -> Result<(), SourceError> {
        let row = if self.reads_above_watermark() {
            self.last_row()?
        } else {
            None
        };
        if let Some((key, digest)) = row {
            self.left_out = None;
            if self.was_sent(key, digest) {
                self.left_out = self.values_of_last()?;
                self.records.drop_last();
                return Ok(());
            }
        }
        if let Some(last) = self.split_last() {
            self.send_all().await?;
            self.records.append(&last, 0);
        }
        if let Some((key, digest)) = row {
            self.remember(key, digest);
        }
        if self.is_full() {
            self.send_all().await?;
        }
        Ok(())
    }

    /// Sends what is left of a page. Answers the values of its last row, sent or not.
    pub async fn end_page(&mut self) -> Result<Option<Vec<CursorValue>>, SourceError> {
        self.send_all().await?;
        if let Some(left) = self.left_out.take() {
            self.move_behind(left);
        }
        Ok(self.reached().map(<[CursorValue]>::to_vec))
    }

    async fn send_all(&mut self) -> Result<(), SourceError> {
        if let Some(values) = self.values_of_last()? {
            self.move_behind(values);
            self.send().await;
        }
        Ok(())
    }

    /// What stands for the last record: its key, and all of it.
    fn last_row(&self) -> Result<Option<(u128, u128)>, SourceError> {
        let row = last(&self.records);
        let row = row.map(|row| Ok((key(&self.of, &row)?, digest(row.packed()))));
        row.transpose()
    }

    /// The values of the last record by which those that come now are ordered.
    fn values_of_last(&self) -> Result<Option<Vec<CursorValue>>, SourceError> {
        let by = match self.at.phase() {
            Some(phase) => self.of.by(phase),
            None => &self.of.key,
        };
        let values = last(&self.records).map(|row| cursor_values(&self.of, by, &row));
        values.transpose()
    }
}

fn last(records: &Records) -> Option<Row<'_>> {
    records.len().checked_sub(1).and_then(|it| records.get(it))
}

/// What stands for a row's key.
fn key(table: &Table, row: &Row<'_>) -> Result<u128, SourceError> {
    let mut bytes = Vec::new();
    for cursor_value in cursor_values(table, &table.key, row)? {
        let text = cursor_value.text();
        bytes.extend(text.len().to_le_bytes());
        bytes.extend(cursor_value.kind().word().bytes().chain(text.bytes()));
    }
    Ok(digest(&bytes))
}
