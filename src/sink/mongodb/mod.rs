//! A collection of MongoDB, with the progress beside it in one transaction.

mod bson;
mod check;
mod failure;
mod index;
mod json;
mod older_positions;
mod progress;
mod replay;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mongodb::{
    ClientSession,
    bson::{Document, doc},
    options::{
        Acknowledgment, ReadConcern, ReadPreference, SelectionCriteria, TransactionOptions,
        WriteConcern,
    },
};

use super::{
    Advance, AnyAdvance, Capabilities, DatabaseSink, Landing, MissingIndex, Onto, OperatedSink,
    POSITION_TABLE, PROGRESS_TABLE, Progress, ReplaySink, Sink, SinkError, rules::RowRules,
};
use crate::{
    connect::mongodb::MongodbConnection,
    model::{Finding, Kind, Position, Records, TableIndex},
};
use failure::Failure;
use progress::MongodbProgress;
use write::MongodbWriter;

/// What a MongoDB sink needs.
#[derive(Debug, Clone)]
pub struct MongodbSinkSettings {
    /// The collection.
    pub collection: String,
    /// The fields that `_id` is made of: the value of one, a document of several. `None`: the
    /// record's own `_id`.
    pub key: Option<Vec<String>>,
    /// Fields that are left out.
    pub drop: Vec<String>,
    /// Fields that a document loses where its record does not have them; others stay.
    pub loses: Vec<String>,
    /// How documents that are there already are treated.
    pub rules: RowRules,
    /// The source's indexes.
    pub indexes: Vec<TableIndex>,
    /// The collection that keeps the progress, in the same database.
    pub progress_collection: String,
}

/// Writes one collection.
pub struct MongodbSink {
    name: String,
    pub(super) connection: MongodbConnection,
    pub(super) settings: MongodbSinkSettings,
    progress: MongodbProgress,
    key: Vec<String>,
    /// It was empty when it was looked up, and no document has met its own key in it since.
    is_fresh: AtomicBool,
}

impl MongodbSinkSettings {
    /// The usual settings for `collection`.
    pub fn new(collection: impl Into<String>) -> Self {
        Self {
            collection: collection.into(),
            key: None,
            drop: Vec::new(),
            loses: Vec::new(),
            rules: RowRules::default(),
            indexes: Vec::new(),
            progress_collection: PROGRESS_TABLE.to_owned(),
        }
    }
}

impl MongodbSink {
    /// A sink for the collection that the settings name. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// `Incompatible` where a field's name cannot be used.
    pub fn open(
        connection: MongodbConnection,
        settings: MongodbSinkSettings,
    ) -> Result<Self, SinkError> {
        let name = format!("{}.{}", connection.name(), settings.collection);
        let version = settings.rules.version.iter();
        if let Some(field) = version
            .chain(settings.key.iter().flatten())
            .find(|it| it.is_empty() || it.contains(['.', '$', '\0']))
        {
            let advice = format!(
                "`{field}` cannot be of the key or the version: a dot or a dollar in it would mean another field"
            );
            return Err(SinkError::Incompatible { name, advice });
        }
        let key = settings.key.clone().unwrap_or_default();
        Ok(Self {
            progress: MongodbProgress::new(connection.database(), &settings.progress_collection),
            key: if key == ["_id"] { Vec::new() } else { key },
            name,
            connection,
            settings,
            is_fresh: AtomicBool::new(false),
        })
    }

    /// Writes documents that may be there.
    fn writer(&self) -> MongodbWriter<'_> {
        MongodbWriter {
            database: self.connection.database(),
            collection: &self.settings.collection,
            key: &self.key,
            drop: &self.settings.drop,
            loses: &self.settings.loses,
            rules: &self.settings.rules,
            is_fresh: false,
        }
    }

    /// A session whose transaction has begun: what is read in it is one moment, what is committed
    /// is on a majority of the members' disks.
    pub(super) async fn begin(&self) -> Result<ClientSession, Failure> {
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build();
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::snapshot())
            .write_concern(concern)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let client = self.connection.database().client();
        let mut session = client.start_session().await?;
        session.start_transaction().with_options(options).await?;
        Ok(session)
    }

    /// In a collection that was empty documents are only made, until one is refused: then the transaction,
    /// which is undone, is made anew, and it and all others look for known documents.
    async fn in_transaction(
        &self,
        records: &[Records],
        moved: AnyAdvance<'_>,
    ) -> Result<(), SinkError> {
        if self.is_fresh.load(Ordering::Relaxed) {
            match self.transaction(records, moved, true).await {
                Err(Failure::Written { .. }) => self.is_fresh.store(false, Ordering::Relaxed),
                done => return done.map_err(|failure| self.failed(failure)),
            }
        }
        let done = self.transaction(records, moved, false).await;
        done.map_err(|failure| self.failed(failure))
    }

    async fn transaction(
        &self,
        records: &[Records],
        moved: AnyAdvance<'_>,
        is_fresh: bool,
    ) -> Result<(), Failure> {
        let mut session = self.begin().await?;
        let writer = MongodbWriter {
            is_fresh,
            ..self.writer()
        };
        let written = async {
            self.progress.advance(&mut session, moved).await?;
            writer.write(&mut session, records).await
        };
        match written.await {
            Ok(()) => Ok(session.commit_transaction().await?),
            Err(failure) => {
                // What the failure was counts; the server forgets it by itself as well.
                let _ = session.abort_transaction().await;
                Err(failure)
            }
        }
    }

    pub(super) fn failed(&self, failure: impl Into<Failure>) -> SinkError {
        failure.into().into_error(&self.name, &self.connection)
    }

    /// Makes those that are missing.
    async fn make(&self, collections: &[&str]) -> Result<(), SinkError> {
        for collection in collections {
            if !self.is_there(collection).await? {
                let made = self.connection.database().create_collection(*collection);
                match made.await {
                    // Another has made it in the same moment.
                    Err(error) if failure::code(&error) == Some(48) => (),
                    made => made.map_err(|it| self.failed(it))?,
                }
            }
        }
        Ok(())
    }

    pub(super) async fn is_there(&self, collection: &str) -> Result<bool, SinkError> {
        let named = doc! { "name": collection };
        let names = self.connection.database().list_collection_names();
        let names = names.filter(named).await.map_err(|it| self.failed(it))?;
        Ok(!names.is_empty())
    }
}

#[async_trait]
impl Sink for MongodbSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn progress(&self, flow: &str) -> Result<Vec<Progress>, SinkError> {
        let read = self.progress.read(flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn position(&self, flow: &str) -> Result<Option<Position>, SinkError> {
        let read = self.progress.position(flow).await;
        let position = read.map_err(|error| self.failed(error))?;
        if position.is_none() {
            self.refuse_older().await?;
        }
        Ok(position)
    }

    async fn write(&self, records: &[Records], advance: AnyAdvance<'_>) -> Result<(), SinkError> {
        self.in_transaction(records, advance).await
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            database: Some(self),
            operated: Some(self),
            replay: Some(self),
            staging: None,
        }
    }
}

#[async_trait]
impl DatabaseSink for MongodbSink {
    async fn check(&self, fields: Option<&[(String, Kind)]>) -> Result<Vec<Finding>, SinkError> {
        check::check(self, &self.key, fields).await
    }

    async fn would_create(
        &self,
        _: Option<&[(String, Kind)]>,
    ) -> Result<Option<String>, SinkError> {
        let collection = &self.settings.collection;
        Ok(if self.is_there(collection).await? {
            None
        } else {
            Some(format!("db.createCollection({collection:?})"))
        })
    }

    /// Made beforehand: a collection that is made within a transaction keeps others waiting.
    async fn prepare(&self, fields: Option<&[(String, Kind)]>) -> Result<(), SinkError> {
        if let Some(advice) = check::unkeyed((&self.key, &self.settings.drop), fields) {
            let name = self.name.clone();
            return Err(SinkError::Incompatible { name, advice });
        }
        let progress = self.settings.progress_collection.as_str();
        self.refuse_older().await?;
        if let Some(advice) = check::folding(self).await? {
            let name = self.name.clone();
            return Err(SinkError::Incompatible { name, advice });
        }
        self.make(&[&self.settings.collection, progress, POSITION_TABLE])
            .await?;
        let documents = self.connection.database();
        let documents = documents.collection::<Document>(&self.settings.collection);
        let any = documents.find_one(doc! {}).projection(doc! { "_id": 1 });
        // Where it cannot be told, documents are written as if they might be there.
        let is_empty = matches!(any.await, Ok(None));
        self.is_fresh.store(is_empty, Ordering::Relaxed);
        Ok(())
    }

    async fn missing_indexes(
        &self,
        fields: Option<&[(String, Kind)]>,
    ) -> Result<Vec<MissingIndex>, SinkError> {
        index::missing_of(self, fields).await
    }

    async fn make_index(&self, missing: &MissingIndex) -> Result<(), SinkError> {
        index::make(self, missing).await
    }

    async fn advance(&self, advance: &Advance<Position>) -> Result<(), SinkError> {
        self.refuse_older().await?;
        self.make(&[POSITION_TABLE]).await?;
        let done = async {
            let mut session = self.begin().await?;
            self.progress.advance(&mut session, advance.into()).await?;
            Ok(session.commit_transaction().await?)
        };
        done.await.map_err(|failure: Failure| self.failed(failure))
    }
}

#[async_trait]
impl OperatedSink for MongodbSink {
    async fn saved_at(&self, flow: &str) -> Result<Option<i64>, SinkError> {
        let read = self.progress.moved_at(flow).await;
        read.map_err(|error| self.failed(error))
    }

    async fn reset(&self, flow: &str, to: Option<&Progress>) -> Result<u64, SinkError> {
        self.refuse_older().await?;
        let reset = async {
            let mut session = self.begin().await?;
            let changed = self.progress.reset(&mut session, flow, to).await?;
            session.commit_transaction().await?;
            Ok(changed)
        };
        reset.await.map_err(|failure: Failure| self.failed(failure))
    }
}

#[async_trait]
impl ReplaySink for MongodbSink {
    async fn replay(
        &self,
        records: &[Records],
        markers: &[Advance<Progress>],
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        let landing = replay::replay(self, (records, markers), onto).await;
        landing.map_err(|failure| self.failed(failure))
    }
}
