//! A MongoDB collection, read in the order of an incremental field and `_id`.
//!
//! The field's values must be of one kind (numbers compare with each other, whatever their type),
//! with one in every document; anything else is refused, since `$gt` would pass it over.

mod check;
mod class;
mod collection;
mod place;
mod reading;
mod values;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use self::{class::guess, collection::Scanned, place::Place, reading::Reading};
use super::{
    Extent, Late, Manner, ReadLimits, Source, SourceError, SourceReader, keyset::ReadAhead,
};
use crate::{
    connect::mongodb::MongodbConnection,
    model::{Finding, Position},
};

/// What is read of a database, and how.
#[derive(Debug, Clone)]
pub struct MongodbScanSettings {
    /// The collection.
    pub collection: String,
    /// The incremental field: `_id`, or any other, also by a dotted path.
    pub incremental: String,
    /// Limits of a batch and of a wait.
    pub limits: ReadLimits,
    /// How long a following read waits before it asks for new documents again.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
}

/// A collection as a source of records: each document with all its fields, keyed by `_id`.
pub struct MongodbScan {
    scanned: Arc<Scanned>,
    limits: ReadLimits,
    poll: Duration,
}

impl MongodbScan {
    /// Reads from the database of `connection`.
    pub fn new(connection: MongodbConnection, settings: &MongodbScanSettings) -> Self {
        let MongodbScanSettings {
            collection,
            incremental,
            limits,
            poll,
            late: _,
        } = settings;
        Self {
            scanned: Arc::new(Scanned::new(connection, collection, incremental)),
            limits: *limits,
            poll: *poll,
        }
    }
}

#[async_trait]
impl Source for MongodbScan {
    fn name(&self) -> &str {
        &self.scanned.order.source
    }

    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        check::check(&self.scanned).await
    }

    async fn begin(
        &self,
        extent: Extent,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let order = &self.scanned.order;
        let stored = stored.map(|it| Place::parse(it, order)).transpose()?;
        let place = match (extent, stored) {
            (Extent::Incremental, None) => Place::Incremental(Vec::new()),
            (Extent::Incremental, Some(place)) | (_, Some(place @ Place::Full { .. })) => place,
            (Extent::FullAmount, _) => Place::Full {
                after: None,
                then: self.scanned.last().await?,
            },
        };
        Ok(place.position(order))
    }

    async fn open(
        &self,
        position: &Position,
        manner: Manner,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let place = Place::parse(position, &self.scanned.order)?;
        self.scanned.refuse_lists().await?;
        self.scanned.class().await?;
        self.scanned.refuse_foreign(&place).await?;
        let reading = Reading {
            limits: self.limits,
            manner,
            poll: self.poll,
        };
        let (name, schema) = (self.name(), self.scanned.schema.clone());
        let start = position.clone();
        Ok(Box::new(ReadAhead::start(
            name,
            schema,
            start,
            self.limits.max_wait,
            |outlet| reading::read(self.scanned.clone(), place, reading, outlet),
        )))
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        let order = &self.scanned.order;
        let value = match self.scanned.class().await? {
            None => guess(value),
            Some(class) => class.parse(value).ok_or_else(|| {
                let (field, word) = (&order.field, class.word());
                let example = r#"(for dates and ObjectIds also a time; in extended JSON, as {"$oid":"…"}, where need be)"#;
                let advice = format!("`{field}` holds {word}: write one of them {example}");
                SourceError::Position {
                    name: order.source.clone(),
                    position: value.to_owned(),
                    advice,
                }
            })?,
        };
        Ok(Place::Incremental(vec![value]).position(order))
    }
}
