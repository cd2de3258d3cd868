//! Reading a collection on from a place, batch by batch.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use mongodb::{
    bson::{Bson, Document, RawBsonRef, RawDocument, doc},
    raw_batch_cursor::RawBatch,
};

use super::{
    collection::Scanned,
    place::Place,
    values::{Malformed, pack_fields},
};
use crate::{
    model::{Batch, Op, Records, Value},
    source::{Manner, ReadLimits, SourceError, keyset::Outlet},
};

/// How a collection is read on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub manner: Manner,
    /// How long a following read waits for new documents before it asks again.
    pub poll: Duration,
}

/// Documents in one answer of the server: fewer cost a round trip for every few, more wait here.
const ANSWER: std::ops::RangeInclusive<usize> = 1000..=5000;

/// How many polls that find nothing pass between two looks at the field's classes.
const POLLS: u32 = 60;

/// Reads on from `place` until the end, or for ever.
pub(super) async fn read(
    scanned: Arc<Scanned>,
    place: Place,
    reading: Reading,
    outlet: Outlet,
) -> Result<(), SourceError> {
    let mut batches = Batches::new(scanned, place, reading.limits, outlet);
    let mut idle = 0;
    loop {
        let was_full = matches!(batches.place, Place::Full { .. });
        let found = batches.pass().await?;
        match reading.manner {
            // A full read ends where the collection stood before it.
            Manner::Bounded => return Ok(()),
            Manner::Follow if was_full => continue,
            Manner::Follow => idle = if found { 0 } else { idle + 1 },
        }
        // A value of another class that has come since would never be found.
        if idle % POLLS == POLLS - 1 {
            batches.scanned.class().await?;
        }
        tokio::time::sleep(reading.poll).await;
    }
}

/// Gathers documents into batches within the limits, and hands these over.
struct Batches {
    scanned: Arc<Scanned>,
    records: Records,
    /// Behind everything in `records`, once `settle` has been called.
    place: Place,
    limits: ReadLimits,
    outlet: Outlet,
}

impl Batches {
    fn new(scanned: Arc<Scanned>, place: Place, limits: ReadLimits, outlet: Outlet) -> Self {
        let records = Records::new(scanned.schema.clone());
        Self {
            scanned,
            records,
            place,
            limits,
            outlet,
        }
    }

    /// Reads all that is behind the place now. Answers whether there was anything.
    async fn pass(&mut self) -> Result<bool, SourceError> {
        let Some((filter, sort)) = self.query() else {
            self.end_phase().await;
            return Ok(false);
        };
        let scanned = self.scanned.clone();
        let lost = |error| scanned.error(&error);
        let answer = self.limits.rows.clamp(*ANSWER.start(), *ANSWER.end());
        let find = scanned.documents.find(filter).sort(sort);
        let mut answers = find.batch_size(answer as u32).batch().await.map_err(lost)?;
        let mut found = false;
        while let Some(answer) = answers.next().await {
            found |= self.gather(&answer.map_err(lost)?).await?;
        }
        self.end_phase().await;
        Ok(found)
    }

    /// What is to be read from the place on; `None` where there can be nothing.
    fn query(&self) -> Option<(Document, Document)> {
        let order = &self.scanned.order;
        match &self.place {
            Place::Incremental(after) => Some((order.behind(after), order.sort(1))),
            Place::Full { after, then } => {
                let mut range = Document::new();
                range.extend(after.iter().map(|it| ("$gt".to_owned(), it.clone())));
                // Where `_id` is the order itself, the incremental read has what is past the
                // bound; elsewhere new documents can have any `_id`.
                if order.is_id() {
                    range.insert("$lte", then.first()?.clone());
                }
                let filter = match range.is_empty() {
                    true => Document::new(),
                    false => doc! { "_id": range },
                };
                Some((filter, doc! { "_id": 1 }))
            }
        }
    }

    /// Takes in one answer of the server.
    async fn gather(&mut self, answer: &RawBatch) -> Result<bool, SourceError> {
        let scanned = self.scanned.clone();
        let lost = |error| scanned.error(&error);
        let mut last = None;
        for document in answer.doc_slices().map_err(lost)? {
            let document = match document {
                Ok(RawBsonRef::Document(document)) => document,
                Ok(_) => continue,
                Err(error) => return Err(lost(error.into())),
            };
            push(&mut self.records, document);
            if self.records.bytes() > self.limits.bytes
                && self.records.len() > 1
                && let Some(first) = self.records.split_last()
            {
                self.settle(last)?;
                self.hand_over().await;
                self.records.append(&first, 0);
            }
            last = Some(document);
            let full = self.records.bytes() >= self.limits.bytes;
            if full || self.records.len() >= self.limits.rows {
                self.settle(last)?;
                self.hand_over().await;
            }
        }
        self.settle(last)?;
        Ok(last.is_some())
    }

    /// Moves the place behind `last`.
    fn settle(&mut self, last: Option<&RawDocument>) -> Result<(), SourceError> {
        let Some(last) = last else {
            return Ok(());
        };
        match &mut self.place {
            Place::Incremental(after) => *after = self.scanned.values(last)?,
            Place::Full { after, .. } => *after = Some(self.scanned.id(last)?),
        }
        Ok(())
    }

    /// What is left, at the end of an incremental read or of a full one.
    async fn end_phase(&mut self) {
        match &mut self.place {
            Place::Incremental(_) if self.records.is_empty() => {}
            Place::Incremental(_) => self.hand_over().await,
            Place::Full { then, .. } => {
                self.place = Place::Incremental(std::mem::take(then));
                self.hand_over().await;
            }
        }
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.scanned.schema.clone(), rows, bytes);
        let batch = Batch {
            records: std::mem::replace(&mut self.records, next),
            position: self.place.position(&self.scanned.order),
        };
        self.outlet.send(batch).await;
    }
}

/// A document that is no BSON is a record of its `_id` and its bytes, which no format of fields
/// takes for the document: it becomes a dead letter, and the flow goes on.
fn push(records: &mut Records, document: &RawDocument) {
    let bytes = document.as_bytes();
    if let Err(Malformed) = records.push(Op::Upsert, 0, |packer| pack_fields(bytes, packer)) {
        let id = document.get("_id").ok().flatten();
        let hex = match id.and_then(|it| Bson::try_from(it).ok()) {
            Some(Bson::ObjectId(id)) => Some(Value::ObjectId(id.bytes())),
            _ => None,
        };
        let pushed: Result<(), std::convert::Infallible> = records.push(Op::Upsert, 0, |packer| {
            if let Some(id) = hex {
                packer.name("_id");
                packer.value(id);
            }
            packer.name("malformed");
            packer.value(Value::Bytes(0, bytes));
            Ok(())
        });
        let Ok(()) = pushed;
    }
}
