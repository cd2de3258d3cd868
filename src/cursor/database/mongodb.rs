//! The collection of cursors in MongoDB: one document a flow, found by its `_id`.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc},
    error::{Error, ErrorKind, WriteFailure},
    options::{
        Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, ReturnDocument,
        SelectionCriteria, WriteConcern,
    },
};

use super::table::{Failure, Lease, Row, Stored, Table};
use crate::connect::mongodb::{ErrorClass, MongodbConnection};

/// Times are the server's own, as `$$NOW` says them.
pub(super) struct MongodbCollection {
    connection: MongodbConnection,
    cursors: Collection<RawDocumentBuf>,
    location: String,
}

const NAME: &str = "highwater_cursors";

/// How long a majority of the members may take to have a write in their journals.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers of MongoDB's `error_codes.yml`.
const UNAUTHORIZED: i32 = 13;
const NAMESPACE_EXISTS: i32 = 48;
const DUPLICATE_KEY: i32 = 11000;

impl MongodbCollection {
    pub fn new(connection: MongodbConnection) -> Self {
        // What a primary may yet roll back is not stored; and a lease that another member still
        // shows as free is not free. The URL may say otherwise for what is read by it.
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .write_concern(
                WriteConcern::builder()
                    .w(Acknowledgment::Majority)
                    .journal(true)
                    .w_timeout(PATIENCE)
                    .build(),
            )
            .build();
        let location = format!("{}.{NAME}", connection.name());
        Self {
            cursors: connection.database().collection_with_options(NAME, options),
            connection,
            location,
        }
    }

    fn failure(&self, error: &Error) -> Failure {
        match self.connection.classify(error) {
            ErrorClass::Lost(cause) => Failure::Lost(cause),
            ErrorClass::Refused { cause, .. } if code(error) == Some(UNAUTHORIZED) => {
                let advice = "grant the user the role `readWrite` on the database";
                Failure::Refused { advice, cause }
            }
            ErrorClass::Refused { advice, cause } => Failure::Refused { advice, cause },
        }
    }

    /// Changes the document of `flow` where the fence is still this and the lease was not given back,
    /// as a change that waited for long may find it: whether there was one.
    async fn change(&self, flow: &str, fence: i64, set: Document) -> Result<bool, Failure> {
        let changed = self
            .cursors
            .update_one(
                doc! { "_id": flow, "fence": fence, "holder": { "$ne": Bson::Null } },
                vec![doc! { "$set": set }],
            )
            .await;
        let changed = changed.map_err(|error| self.failure(&error))?;
        Ok(changed.matched_count == 1)
    }
}

#[async_trait]
impl Table for MongodbCollection {
    fn location(&self) -> &str {
        &self.location
    }

    async fn create(&self) -> Result<(), Failure> {
        match self.connection.database().create_collection(NAME).await {
            Ok(()) => Ok(()),
            Err(error) => match code(&error) {
                // Making it wants a right that using it may not; who lacks both hears it at once.
                Some(NAMESPACE_EXISTS | UNAUTHORIZED) => Ok(()),
                _ => Err(self.failure(&error)),
            },
        }
    }

    async fn take(
        &self,
        flow: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<i64>, Failure> {
        // A lease that is missing or null is before every date.
        let is_free = doc! { "$or": [
            { "$lt": ["$lease_until", "$$NOW"] },
            { "$eq": [{ "$ifNull": ["$holder", Bson::Null] }, Bson::Null] },
            { "$eq": ["$holder", { "$literal": holder }] },
        ] };
        let when_free =
            |then: Bson, field: &str| doc! { "$cond": [&is_free, then, format!("${field}")] };
        // A document that was removed by hand does not begin again at a fence that was given out.
        let first = doc! { "$ifNull": ["$fence", { "$toLong": "$$NOW" }] };
        let set = doc! {
            "fence": when_free(doc! { "$add": [first, 1_i64] }.into(), "fence"),
            "lease_until": when_free(until(lease), "lease_until"),
            "holder": when_free(doc! { "$literal": holder }.into(), "holder"),
        };
        // One document at a time: who finds itself as the holder has taken it here.
        let taken = self
            .cursors
            .find_one_and_update(doc! { "_id": flow }, vec![doc! { "$set": set }])
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await;
        match taken {
            Ok(Some(document)) if text(&document, "holder") == Some(holder) => {
                fence(&document).map(Some)
            }
            Ok(_) => Ok(None),
            // Another has made the document in the same moment.
            Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(None),
            Err(error) => Err(self.failure(&error)),
        }
    }

    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure> {
        let left = doc! { "$toLong": { "$subtract": ["$lease_until", "$$NOW"] } };
        let fields = doc! { "holder": 1, "lease_until": 1, "left": left };
        let found = self.cursors.find_one(doc! { "_id": flow });
        let document = found.projection(fields).await;
        let document = document.map_err(|error| self.failure(&error))?;
        Ok(document.and_then(|it| {
            Some(Lease {
                holder: text(&it, "holder")?.to_owned(),
                until: millis(&it, "lease_until")?,
                left: it.get_i64("left").ok()?,
            })
        }))
    }

    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure> {
        let found = self
            .cursors
            .find_one(doc! { "_id": flow, "fence": fence })
            .await;
        let document = found.map_err(|error| self.failure(&error))?;
        Ok(document.map(|it| stored(&it)))
    }

    async fn save(
        &self,
        flow: &str,
        fence: i64,
        position: Option<&str>,
        lease: Duration,
    ) -> Result<bool, Failure> {
        let set = doc! {
            "position": { "$literal": position },
            "saved_at": "$$NOW",
            "saved_by": "$holder",
            "lease_until": until(lease),
        };
        self.change(flow, fence, set).await
    }

    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure> {
        let set = doc! { "lease_until": until(lease) };
        self.change(flow, fence, set).await
    }

    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure> {
        let nothing = || doc! { "$literal": Bson::Null };
        let set = doc! { "lease_until": nothing(), "holder": nothing() };
        self.change(flow, fence, set).await.map(drop)
    }

    async fn list(&self) -> Result<Vec<Row>, Failure> {
        let failed = |error| self.failure(&error);
        let saved = doc! { "position": { "$ne": Bson::Null } };
        let found = self.cursors.find(saved).sort(doc! { "_id": 1 }).await;
        let mut found = found.map_err(failed)?;
        let mut rows = Vec::new();
        while found.advance().await.map_err(failed)? {
            let document = found.current();
            let name = text(document, "_id").unwrap_or("a document that no flow has made");
            rows.push(Row {
                flow: name.as_bytes().to_vec(),
                position: stored(document).unwrap_or_else(|| Ok(Vec::new())),
                saved_at: millis(document, "saved_at").unwrap_or_default() / 1000,
                saved_by: text(document, "saved_by").map(str::to_owned),
            });
        }
        Ok(rows)
    }
}

/// The end of a lease that begins now.
fn until(lease: Duration) -> Bson {
    let millis = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    doc! { "$add": ["$$NOW", millis] }.into()
}

fn text<'d>(document: &'d RawDocument, field: &str) -> Option<&'d str> {
    document.get_str(field).ok()
}

fn millis(document: &RawDocument, field: &str) -> Option<i64> {
    let time = document.get_datetime(field).ok()?;
    Some(time.timestamp_millis())
}

fn fence(document: &RawDocument) -> Result<i64, Failure> {
    match document.get("fence") {
        Ok(Some(RawBsonRef::Int64(it))) => Ok(it),
        Ok(Some(RawBsonRef::Int32(it))) => Ok(it.into()),
        _ => Err(Failure::Refused {
            advice: "remove this flow's document, and set its cursor anew",
            cause: "its `fence` is no whole number".into(),
        }),
    }
}

/// What stands where the position is kept; `None` where nothing does.
fn stored(document: &RawDocument) -> Option<Stored> {
    match document.get("position") {
        Ok(None | Some(RawBsonRef::Null)) => None,
        Ok(Some(RawBsonRef::String(text))) => Some(Ok(text.as_bytes().to_vec())),
        Ok(Some(_)) | Err(_) => Some(Err("it is no text")),
    }
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        _ => None,
    }
}
