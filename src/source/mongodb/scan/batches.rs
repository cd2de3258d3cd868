//! Documents of a collection in batches, straight from the server's answers.

use mongodb::{
    bson::{Bson, RawBsonRef, RawDocument, RawDocumentBuf},
    raw_batch_cursor::RawBatch,
};

use super::{
    Batches,
    identity::{Identity, IdentityError},
    values::pack_fields,
};
use crate::{
    model::{Op, Records, Value},
    source::{SourceError, deduplication::digest, scan::ScanPhase},
};

impl Batches {
    /// Takes in one answer of the server. Answers whether there was anything.
    pub async fn gather(&mut self, answer: &RawBatch) -> Result<bool, SourceError> {
        let scanned = self.of.clone();
        let lost = |error| scanned.error(&error);
        let mut last = None;
        for document in answer.doc_slices().map_err(lost)? {
            let document = match document {
                Ok(RawBsonRef::Document(document)) => document,
                Ok(_) => continue,
                Err(error) => return Err(lost(error.into())),
            };
            let row = self
                .reads_above_watermark()
                .then(|| (key(document), digest(document.as_bytes())));
            if let Some((key, digest)) = row
                && self.was_sent(key, digest)
            {
                last = Some(document);
                continue;
            }
            push(&mut self.records, document, scanned.identity.as_ref())
                .map_err(|advice| scanned.incompatible(advice))?;
            if let Some(first) = self.split_last() {
                self.move_behind_document(last)?;
                self.send().await;
                self.records.append(&first, 0);
            }
            if let Some((key, digest)) = row {
                self.remember(key, digest);
            }
            last = Some(document);
            if self.is_full() {
                self.move_behind_document(last)?;
                self.send().await;
            }
        }
        self.move_behind_document(last)?;
        Ok(last.is_some())
    }

    fn move_behind_document(&mut self, last: Option<&RawDocument>) -> Result<(), SourceError> {
        if let Some(last) = last {
            // A chunk is in the order of `_id`.
            let phase = self.at.phase().unwrap_or(ScanPhase::Nulls);
            let values = self.of.values(phase, last)?;
            self.move_behind(values);
        }
        Ok(())
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
