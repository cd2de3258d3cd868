//! A MongoDB collection, read in the order of an incremental field and `_id`.
//!
//! Values of one class compare with each other (numbers do, whatever their type), and `$gt` passes
//! over all others. So each class that the field holds is read by queries of its own, behind a
//! cursor value of its own. Null, lists and missing values are refused.

mod batches;
mod check;
mod chunk_token;
mod class;
mod collection;
mod cursor_values;
mod full;
mod hold_back;
mod identity;
mod indexes;
mod plan;
mod position;
mod range;
mod reader;
mod reading;
mod status;
mod survey;
mod values;
mod watermark;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::Bson;

use self::{
    class::{Class, guess},
    collection::{Classes, Scanned, words},
    cursor_values::CursorValues,
};
use crate::{
    connect::mongodb::MongodbConnection,
    model::{Finding, Position, Schema, TableIndex},
    source::{
        DeduplicationSettings, InspectableSource, Late, Plan, Progress, ReadLimits, ReadMode,
        Rules, Scope, Sharing, Source, SourceError, SourceReader, SourceStatus, TableSource,
        scan::{self, Begin, Chunk, ReadAhead, Reading, ScanCursor, ScanPhase},
    },
};

type Batches = scan::Batches<Scanned>;
type Ceiling = scan::Ceiling<Bson>;
type Full = scan::Full<CursorValues>;
type KeyRange<'r> = scan::KeyRange<'r, CursorValues>;
type ScanPosition = scan::ScanPosition<CursorValues>;
type ScanState = scan::ScanState<CursorValues>;

/// An `_id`.
type Key = Vec<Bson>;

/// What is read of a database, and how.
#[derive(Debug, Clone)]
pub struct MongodbScanSettings {
    /// The collection.
    pub collection: String,
    /// The incremental field: `_id`, or any other, also by a dotted path.
    pub incremental: String,
    /// The fields that `_id` is made of: the value of one, a document of several. They are the key of
    /// the records, in place of `_id`. `None` where it is a field of its own.
    pub key: Option<Vec<String>>,
    /// Limits of a batch and of a wait.
    pub limits: ReadLimits,
    /// How long a following read waits before it asks for new documents again.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// What else is gone by. `coalesce` is of no use here: no index serves it.
    pub rules: Rules,
}

/// A collection as a source of records: each document with all its fields, keyed by `_id`.
pub struct MongodbScan {
    scanned: Arc<Scanned>,
    limits: ReadLimits,
    poll: Duration,
    late: Late,
    sharing: Sharing,
    deduplication: Option<DeduplicationSettings>,
}

impl MongodbScan {
    /// Reads from the database of `connection`.
    pub fn new(connection: MongodbConnection, settings: &MongodbScanSettings) -> Self {
        let MongodbScanSettings {
            collection,
            incremental,
            key,
            limits,
            poll,
            late,
            sharing,
            rules,
        } = settings;
        Self {
            scanned: Arc::new(Scanned::new(
                connection,
                collection,
                (incremental, key.as_deref()),
                rules.nulls,
            )),
            limits: *limits,
            poll: *poll,
            late: *late,
            sharing: *sharing,
            deduplication: rules.deduplication(*late),
        }
    }
}

#[async_trait]
impl Source for MongodbScan {
    fn name(&self) -> &str {
        &self.scanned.order.source
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let order = &self.scanned.order;
        let stored = stored
            .map(|it| ScanPosition::parse(it, order))
            .transpose()?;
        let scan_position = match (scan::begin(scope, stored), self.late) {
            (Begin::At(scan_position), _) => scan_position,
            (Begin::Over(_), Late::None) => ScanPosition::Full(Full::of_all(self.ends().await?)),
            // Found by the reader, which may have to wait for it.
            (Begin::Over(_), Late::HoldBack(_) | Late::ReRead(_)) => {
                ScanPosition::Full(Full::of_all(ScanState::default()))
            }
        };
        Ok(scan_position.position(order))
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let scan_position = ScanPosition::parse(position, &self.scanned.order)?;
        self.scanned.refuse_lists().await?;
        let classes = self.scanned.classes().await?;
        self.scanned.refuse_foreign(&scan_position, &classes)?;
        let reading = Reading {
            limits: self.limits,
            mode,
            poll: self.poll,
            sharing: self.sharing,
            deduplication: self.deduplication.clone(),
        };
        let (name, schema) = (self.name(), self.scanned.schema.clone());
        let start = position.clone();
        Ok(Box::new(ReadAhead::start(
            name,
            schema,
            start,
            self.limits.max_wait,
            |sender| {
                reading::read(
                    self.scanned.clone(),
                    scan_position,
                    classes,
                    self.late,
                    reading,
                    sender,
                )
            },
        )))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        let ScanPosition::Full(full) = ScanPosition::parse(position, &self.scanned.order)? else {
            return Ok(None);
        };
        let of = self.scanned.documents.estimated_document_count().await;
        let of = of.map_err(|error| self.scanned.error(&error))?;
        let rows = full.rows;
        Ok(Some(Progress { rows, of }))
    }
}

#[async_trait]
impl InspectableSource for MongodbScan {
    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        check::check(&self.scanned, self.late).await
    }

    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError> {
        status::status(&self.scanned, self.late, stored).await
    }
}

#[async_trait]
impl TableSource for MongodbScan {
    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.scanned.schema))
    }

    async fn survey(&self) -> Result<Schema, SourceError> {
        survey::survey(&self.scanned).await
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        indexes::indexes(&self.scanned).await
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        plan::plan(&self.scanned, self.late, stored).await
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        let order = &self.scanned.order;
        let classes = self.scanned.classes().await?.values;
        let value = match classes[..] {
            [] => guess(value),
            _ => parse(value, &classes).ok_or_else(|| {
                let (field, words) = (&order.field, words(&classes));
                let example = r#"(for dates and ObjectIds also a time; in extended JSON, as {"$oid":"…"}, where need be)"#;
                let advice = format!("`{field}` holds {words}: write one of them {example}");
                SourceError::Position {
                    name: order.source.clone(),
                    position: value.to_owned(),
                    advice,
                }
            })?,
        };
        let mut cursor_values = CursorValues::at(vec![value.clone()]);
        // What sorts before it is behind it, too.
        for class in classes.into_iter().filter(|it| *it < Class::of(&value)) {
            let last = self
                .scanned
                .last(ScanPhase::Values, class, &Ceiling::Open)
                .await?;
            cursor_values.put(last.unwrap_or_default());
        }
        Ok(ScanPosition::Incremental(ScanState::behind(cursor_values)).position(order))
    }
}

impl MongodbScan {
    /// Behind all documents that there are now.
    async fn ends(&self) -> Result<ScanState, SourceError> {
        let mut state = ScanState::default();
        let Classes { values, ids } = self.scanned.classes().await?;
        for phase in ScanPhase::with(self.scanned.nulls) {
            let classes = match phase {
                ScanPhase::Nulls => &ids,
                ScanPhase::Values => &values,
            };
            for class in classes {
                let last = self.scanned.last(*phase, *class, &Ceiling::Open).await?;
                state.of_mut(*phase).put(last.unwrap_or_default());
            }
        }
        Ok(state)
    }
}

/// The value that `text` says, of one of these classes: of the one that it looks like, if it may.
fn parse(text: &str, classes: &[Class]) -> Option<Bson> {
    let guessed =
        Some(guess(text)).filter(|it| classes.len() > 1 && classes.contains(&Class::of(it)));
    guessed.or_else(|| classes.iter().find_map(|it| it.parse(text)))
}
