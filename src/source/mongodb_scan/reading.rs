//! Reading a collection on from a place, batch by batch.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use mongodb::{
    ClientSession,
    bson::{Bson, Document, RawBsonRef, RawDocument, Timestamp, doc},
    raw_batch_cursor::RawBatch,
};

use super::{
    class::Class,
    collection::{Classes, Scanned},
    full, held,
    place::Place,
    range::{Among, Bound},
    values::{Malformed, pack_fields},
};
use crate::{
    model::{Batch, Op, Position, Records, Value},
    source::{
        Late, Manner, ReadLimits, Sharing, SourceError,
        chunks::{Chunk, Shared},
        keyset::Outlet,
    },
};

/// How a collection is read on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub limits: ReadLimits,
    pub manner: Manner,
    /// How long a following read waits for new documents before it asks again.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
    /// How a full read is shared out.
    pub sharing: Sharing,
}

/// Documents in one answer of the server: fewer cost a round trip for every few, more wait here.
const ANSWER: std::ops::RangeInclusive<usize> = 1000..=5000;

/// How many polls that find nothing pass between two looks at the field's classes.
pub(super) const POLLS: u32 = 60;

/// Reads on from `place` until the end, or for ever.
pub(super) async fn read(
    scanned: Arc<Scanned>,
    place: Place,
    classes: Classes,
    reading: Reading,
    outlet: Outlet,
) -> Result<(), SourceError> {
    let toward = Toward::Flow(outlet);
    let mut batches = Batches::start(scanned, place, classes, reading.limits, toward).await?;
    if let Some(hold) = reading.late.writers() {
        return held::read(batches, reading, hold).await;
    }
    let mut idle = 0;
    loop {
        let was_full = batches.is_full();
        let found = match was_full {
            true => batches.full(reading.sharing).await.map(|()| true)?,
            false => batches.incremental(None).await?,
        };
        match reading.manner {
            // A full read ends where the collection stood before it.
            Manner::Bounded => return Ok(()),
            Manner::Follow if was_full => continue,
            Manner::Follow => idle = if found { 0 } else { idle + 1 },
        }
        // A value of another class that has come since would never be found.
        if idle % POLLS == POLLS - 1 {
            batches.look_for_classes().await?;
        }
        tokio::time::sleep(reading.poll).await;
    }
}

/// Gathers documents into batches within the limits, and hands these over.
pub(super) struct Batches {
    pub scanned: Arc<Scanned>,
    /// Behind everything in `records`, once `settle` has been called; within a full read, of one
    /// chunk alone.
    pub place: Place,
    classes: Classes,
    /// What is read in it sees all that had been committed by its operation time.
    session: ClientSession,
    records: Records,
    limits: ReadLimits,
    pub toward: Toward,
    /// Where the reader stands.
    handed_over: Position,
}

/// Where batches go.
#[derive(Clone)]
pub(super) enum Toward {
    Flow(Outlet),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<Bson>>, usize),
}

impl Batches {
    async fn start(
        scanned: Arc<Scanned>,
        place: Place,
        classes: Classes,
        limits: ReadLimits,
        toward: Toward,
    ) -> Result<Self, SourceError> {
        let client = scanned.connection.database().client();
        let session = client.start_session().causal_consistency(true).await;
        let session = session.map_err(|error| scanned.error(&error))?;
        Ok(Self {
            records: Records::new(scanned.schema.clone()),
            handed_over: place.position(&scanned.order),
            scanned,
            place,
            classes,
            session,
            limits,
            toward,
        })
    }

    /// Another one, with a session of its own that sees what this one sees.
    pub async fn beside(&self) -> Result<Self, SourceError> {
        let scanned = self.scanned.clone();
        let (place, classes) = (self.place.clone(), self.classes.clone());
        let toward = self.toward.clone();
        let mut other = Self::start(scanned, place, classes, self.limits, toward).await?;
        other.advance(self.session.operation_time());
        Ok(other)
    }

    /// Where batches go to the flow.
    pub fn outlet(&self) -> Outlet {
        match &self.toward {
            Toward::Flow(outlet) => outlet.clone(),
            Toward::Shared(shared, _) => shared.outlet(),
        }
    }

    /// The session that it reads in.
    pub fn session(&mut self) -> &mut ClientSession {
        &mut self.session
    }

    /// The classes that `_id` holds.
    pub fn ids(&self) -> &[Class] {
        &self.classes.ids
    }

    pub fn is_full(&self) -> bool {
        matches!(self.place, Place::Full(_))
    }

    /// Whether it is a full read before its first document.
    pub fn is_at_start_of_full(&self) -> bool {
        matches!(&self.place, Place::Full(full) if full.is_at_start())
    }

    /// Pages that are read from here on see all that had been committed by `time`.
    pub fn advance(&mut self, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.session.advance_operation_time(time);
        }
    }

    /// Waits until all that had been committed by `time` can be seen by any read.
    pub async fn wait_for(&mut self, time: Option<Timestamp>) -> Result<(), SourceError> {
        self.advance(time);
        let any = self.scanned.documents.find_one(doc! {});
        let any = any.projection(doc! { "_id": 1 }).session(&mut self.session);
        any.await.map_err(|error| self.scanned.error(&error))?;
        Ok(())
    }

    /// The classes that the incremental field holds now.
    pub async fn look_for_classes(&mut self) -> Result<(), SourceError> {
        self.classes = self.scanned.classes().await?;
        Ok(())
    }

    /// Classes that there may be something of: those that the field held when it was last looked
    /// at, and those that have been read.
    pub fn classes(&self) -> Vec<Class> {
        let marks = self.place.marks().all().iter();
        let mut classes = self.classes.values.clone();
        classes.extend(marks.filter_map(|it| it.first().map(Class::of)));
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Reads all that is behind the marks now, of each class up to its bound where there are
    /// `bounds`: a class without one has nothing yet to be read. Answers whether there was anything.
    pub async fn incremental(
        &mut self,
        bounds: Option<&[(Class, Bound)]>,
    ) -> Result<bool, SourceError> {
        let sort = self.scanned.order.sort(1);
        let classes = self.classes();
        let mut found = false;
        if classes.is_empty() && bounds.is_none() {
            found = self.pass(doc! {}, sort.clone()).await?;
        }
        for class in &classes {
            let bound = match bounds {
                None => None,
                Some(bounds) => match bounds.iter().find(|(of, _)| of == class) {
                    None => continue,
                    Some((_, bound)) => Some(bound),
                },
            };
            let filter = self.scanned.order.filter(Among {
                class: Some(*class),
                alone: classes.len() == 1,
                after: self.place.marks().of(*class),
                bound,
            });
            found |= self.pass(filter, sort.clone()).await?;
        }
        if !self.records.is_empty() {
            self.hand_over().await;
        }
        Ok(found)
    }

    /// Reads what is left of a full read, and goes over to the incremental one.
    pub async fn full(&mut self, sharing: Sharing) -> Result<(), SourceError> {
        self.place.marks_mut().forget_read();
        let Place::Full(full) = self.place.clone() else {
            return Ok(());
        };
        self.place = Place::Incremental(full.then.clone());
        full::read(self, full, sharing).await?;
        self.handed_over = self.place.position(&self.scanned.order);
        Ok(())
    }

    /// Hands over where it stands, if that has moved.
    pub async fn end(&mut self) {
        if self.place.position(&self.scanned.order) != self.handed_over {
            self.hand_over().await;
        }
    }

    /// Reads what one query finds. Answers whether there was anything.
    pub async fn pass(&mut self, filter: Document, sort: Document) -> Result<bool, SourceError> {
        let scanned = self.scanned.clone();
        let lost = |error| scanned.error(&error);
        let answer = self.limits.rows.clamp(*ANSWER.start(), *ANSWER.end());
        let find = scanned.documents.find(filter).sort(sort);
        let find = find.batch_size(answer as u32).session(&mut self.session);
        let mut answers = find.batch().await.map_err(lost)?;
        let mut found = false;
        loop {
            let answer = answers.stream(&mut self.session).next().await;
            let Some(answer) = answer else {
                return Ok(found);
            };
            found |= self.gather(&answer.map_err(lost)?).await?;
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
            Place::Incremental(marks) => marks.put(self.scanned.values(last)?),
            Place::Full(full) => {
                full.chunks = vec![Chunk::behind(Some(self.scanned.id(last)?))];
            }
        }
        Ok(())
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.scanned.schema.clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        match (&self.toward, &mut self.place) {
            (Toward::Shared(shared, number), Place::Full(full)) => {
                let read_to = full.chunks.first().and_then(|it| it.after.clone());
                if let Some(key) = read_to {
                    shared.send(*number, key, records).await;
                }
            }
            (Toward::Flow(outlet), place) => {
                place.marks_mut().forget_read();
                let position = place.position(&self.scanned.order);
                self.handed_over = position.clone();
                outlet.send(Batch { records, position }).await;
            }
            (Toward::Shared(..), Place::Incremental(_)) => {}
        }
    }

    /// The chunk has been read.
    pub async fn end_chunk(&mut self) {
        let next = Records::new(self.scanned.schema.clone());
        let left = std::mem::replace(&mut self.records, next);
        if let Toward::Shared(shared, number) = &self.toward {
            shared.finish(*number, left).await;
        }
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
