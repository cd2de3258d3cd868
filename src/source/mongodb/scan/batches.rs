//! Batches of documents within the limits, each with its position.

use std::sync::Arc;

use futures_util::StreamExt;
use mongodb::{
    ClientSession,
    bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, Timestamp, doc},
    raw_batch_cursor::RawBatch,
};

use super::{
    class::Class,
    collection::{Classes, Scanned},
    identity::{Identity, IdentityError},
    position::ScanPosition,
    values::pack_fields,
};
use crate::{
    model::{Batch, Op, Position, Records, Value},
    source::{
        DeduplicationSettings, Nulls, ReadLimits, SourceError,
        deduplication::{DeduplicationWindow, digest},
        scan::{
            At, BatchSender, ScanPhase,
            chunks::{Chunk, Shared},
        },
    },
};

/// Documents in one answer of the server: fewer cost a round trip for every few, more wait here.
const SIZES: std::ops::RangeInclusive<usize> = 1000..=5000;

/// Gathers documents into batches within the limits, and hands these over.
pub(super) struct Batches {
    pub scanned: Arc<Scanned>,
    /// Behind everything in `records`, once `move_behind` has been called; within a full read, of one
    /// chunk alone.
    pub scan_position: ScanPosition,
    classes: Classes,
    /// What is read in it sees all that had been committed by its operation time.
    session: ClientSession,
    records: Records,
    limits: ReadLimits,
    pub target: Target,
    /// What the documents that come are.
    pub at: At,
    /// Where the reader stands.
    handed_over: Position,
    /// What was sent early, where that is done.
    window: Option<DeduplicationWindow>,
    /// The values of the last document that was read early, sent or not.
    reached: Option<Vec<Bson>>,
}

/// Where batches go.
#[derive(Clone)]
pub(super) enum Target {
    Flow(BatchSender),
    /// To the flow in turn with those of other chunks; this one has a number.
    Shared(Arc<Shared<Bson>>, usize),
}

impl Batches {
    pub async fn start(
        scanned: Arc<Scanned>,
        scan_position: ScanPosition,
        classes: Classes,
        limits: ReadLimits,
        target: Target,
    ) -> Result<Self, SourceError> {
        let client = scanned.connection.database().client();
        let session = client.start_session().causal_consistency(true).await;
        let session = session.map_err(|error| scanned.error(&error))?;
        Ok(Self {
            records: Records::new(scanned.schema.clone()),
            handed_over: scan_position.position(&scanned.order),
            scanned,
            scan_position,
            classes,
            session,
            limits,
            target,
            at: At::BelowWatermark(ScanPhase::Values),
            window: None,
            reached: None,
        })
    }

    /// Another one, with a session of its own that sees what this one sees.
    pub async fn beside(&self) -> Result<Self, SourceError> {
        let scanned = self.scanned.clone();
        let (scan_position, classes) = (self.scan_position.clone(), self.classes.clone());
        let target = self.target.clone();
        let mut other = Self::start(scanned, scan_position, classes, self.limits, target).await?;
        other.advance(self.session.operation_time());
        Ok(other)
    }

    /// What an incremental read remembers as sent early from here on.
    pub async fn open_deduplication(&mut self, settings: Option<&DeduplicationSettings>) {
        let state = self.scan_position.state_mut();
        self.window = match settings {
            Some(settings) => Some(
                DeduplicationWindow::open(&self.scanned.order.source, settings, state.sent).await,
            ),
            None => None,
        };
        state.sent = self.window.as_ref().map(DeduplicationWindow::sent);
    }

    pub fn reads_above_watermark(&self) -> bool {
        self.window.is_some()
    }

    /// Where batches go to the flow.
    pub fn sender(&self) -> BatchSender {
        match &self.target {
            Target::Flow(sender) => sender.clone(),
            Target::Shared(shared, _) => shared.sender(),
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
        matches!(self.scan_position, ScanPosition::Full(_))
    }

    /// Whether it is a full read before its first document.
    pub fn is_at_start_of_full(&self) -> bool {
        matches!(&self.scan_position, ScanPosition::Full(full) if full.is_at_start())
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

    /// The lanes that have a progress, in the order in which they are read.
    pub fn phases(&self) -> &'static [ScanPhase] {
        match self.scanned.nulls {
            Nulls::First => &[ScanPhase::Nulls, ScanPhase::Values],
            Nulls::EveryRun | Nulls::Refuse => &[ScanPhase::Values],
        }
    }

    /// Classes that there may be something of: those that the lane held when it was last looked
    /// at, and those that have been read.
    pub fn classes(&self, phase: ScanPhase) -> Vec<Class> {
        let mut classes = match phase {
            ScanPhase::Nulls => self.classes.ids.clone(),
            ScanPhase::Values => self.classes.values.clone(),
        };
        let cursor_values = self.scan_position.state().of(phase).all().iter();
        classes.extend(cursor_values.filter_map(|it| it.first().map(Class::of)));
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Documents that come from here on are of another kind.
    pub async fn turn_to(&mut self, at: At) {
        if self.at != at {
            self.send().await;
            self.at = at;
        }
        self.reached = None;
    }

    /// The values of the last document that was read early by the last query, sent or not.
    pub fn reached(&self) -> Option<Vec<Bson>> {
        self.reached.clone()
    }

    /// Hands over what was gathered.
    pub async fn send(&mut self) {
        if !self.records.is_empty() {
            self.hand_over().await;
        }
    }

    /// All that there is has been read.
    pub async fn end_round(&mut self) {
        self.send().await;
        if let Some(window) = &mut self.window {
            window.end_pass().await;
            self.scan_position.state_mut().sent = Some(window.sent());
        }
        // What it passed without sending, and that all without a value have been read.
        if self.window.is_some() || self.scanned.nulls == Nulls::EveryRun {
            self.end().await;
        }
    }

    /// Hands over where it stands, if that has moved.
    pub async fn end(&mut self) {
        self.scan_position.state_mut().forget_read();
        if self.scan_position.position(&self.scanned.order) != self.handed_over {
            self.hand_over().await;
        }
    }

    /// The position of its place has been handed over by others.
    pub fn stands(&mut self) {
        self.handed_over = self.scan_position.position(&self.scanned.order);
    }

    /// Reads what one query finds. Answers whether there was anything.
    pub async fn query(&mut self, filter: Document, sort: Document) -> Result<bool, SourceError> {
        let scanned = self.scanned.clone();
        let lost = |error| scanned.error(&error);
        let size = self.limits.rows.clamp(*SIZES.start(), *SIZES.end());
        let find = scanned.documents.find(filter).sort(sort);
        let find = find.batch_size(size as u32).session(&mut self.session);
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
            if self.was_sent(document) {
                last = Some(document);
                continue;
            }
            push(&mut self.records, document, scanned.identity.as_ref())
                .map_err(|advice| scanned.incompatible(advice))?;
            if self.records.bytes() > self.limits.bytes
                && self.records.len() > 1
                && let Some(first) = self.records.split_last()
            {
                self.move_behind(last)?;
                self.hand_over().await;
                self.records.append(&first, 0);
            }
            if let (At::AboveWatermark(_) | At::Reread(_), Some(window)) =
                (self.at, &mut self.window)
            {
                window.remember(key(document), digest(document.as_bytes()));
            }
            last = Some(document);
            let full = self.records.bytes() >= self.limits.bytes;
            if full || self.records.len() >= self.limits.rows {
                self.move_behind(last)?;
                self.hand_over().await;
            }
        }
        self.move_behind(last)?;
        Ok(last.is_some())
    }

    /// Whether a document was sent early, or may have been.
    fn was_sent(&mut self, document: &RawDocument) -> bool {
        let Some(window) = &mut self.window else {
            return false;
        };
        let (key, digest) = (key(document), digest(document.as_bytes()));
        match self.at {
            At::BelowWatermark(_) => window.pass_by(key, digest),
            At::AboveWatermark(_) => window.is_sent(key, digest),
            At::Reread(_) => window.is_sent(key, digest) || !window.has_room(),
            At::Chunk | At::NullRows => false,
        }
    }

    /// Moves the place behind `last`.
    fn move_behind(&mut self, last: Option<&RawDocument>) -> Result<(), SourceError> {
        let Some(last) = last else {
            return Ok(());
        };
        match self.at {
            At::BelowWatermark(phase) => {
                let values = self.scanned.values(phase, last)?;
                self.scan_position.state_mut().of_mut(phase).put(values);
            }
            At::NullRows => {
                let id = vec![self.scanned.id(last)?];
                self.scan_position.state_mut().nulls.put(id);
            }
            At::AboveWatermark(phase) | At::Reread(phase) => {
                self.reached = Some(self.scanned.values(phase, last)?);
            }
            At::Chunk => {
                if let ScanPosition::Full(full) = &mut self.scan_position {
                    full.chunks = vec![Chunk::behind(Some(self.scanned.id(last)?))];
                }
            }
        }
        Ok(())
    }

    async fn hand_over(&mut self) {
        // The next batch will be about as large.
        let (rows, bytes) = (self.records.len(), self.records.bytes());
        let next = Records::with_capacity(self.scanned.schema.clone(), rows, bytes);
        let records = std::mem::replace(&mut self.records, next);
        if let (At::AboveWatermark(_) | At::Reread(_), Some(window)) = (self.at, &mut self.window) {
            window.hand_over().await;
            self.scan_position.state_mut().sent = Some(window.sent());
        }
        match (&self.target, &mut self.scan_position) {
            (Target::Shared(shared, number), ScanPosition::Full(full)) => {
                let read_to = full.chunks.first().and_then(|it| it.after.clone());
                if let Some(key) = read_to {
                    shared.send(*number, key, records).await;
                }
            }
            (Target::Flow(sender), scan_position) => {
                scan_position.state_mut().forget_read();
                let position = scan_position.position(&self.scanned.order);
                self.handed_over = position.clone();
                sender.send(Batch { records, position }).await;
            }
            (Target::Shared(..), ScanPosition::Incremental(_)) => {}
        }
    }

    /// The chunk has been read.
    pub async fn end_chunk(&mut self) {
        let next = Records::new(self.scanned.schema.clone());
        let left = std::mem::replace(&mut self.records, next);
        if let Target::Shared(shared, number) = &self.target {
            shared.finish(*number, left).await;
        }
    }
}

/// What stands for a document's `_id`, by its type and bytes.
fn key(document: &RawDocument) -> u128 {
    match document.get("_id") {
        Ok(Some(id)) => {
            let mut key = RawDocumentBuf::new();
            key.append(mongodb::bson::cstr!("_id"), id);
            digest(key.as_bytes())
        }
        _ => digest(document.as_bytes()),
    }
}

/// A document that is no BSON is a record of its `_id` and its bytes, which no format of fields
/// takes for the document: it becomes a dead letter, and the flow goes on.
///
/// # Errors
/// One sentence of advice, where its `_id` is not made of what it should be.
fn push(
    records: &mut Records,
    document: &RawDocument,
    identity: Option<&Identity>,
) -> Result<(), String> {
    let bytes = document.as_bytes();
    let pushed = records.push(Op::Upsert, 0, |packer| match identity {
        None => Ok(pack_fields(bytes, packer)?),
        Some(identity) => identity.pack(bytes, packer),
    });
    if let Err(IdentityError::Foreign(advice)) = pushed {
        return Err(advice);
    }
    if pushed.is_err() {
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
    Ok(())
}
