//! A collection as it is scanned: its ends, its queries, and what its errors mean.

use std::sync::Arc;

use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocument, RawDocumentBuf, doc},
    error::Error,
    options::{CollectionOptions, ReadConcern},
};

use super::{
    Ceiling, CursorValues, ScanPosition, class::Class, identity::Identity, position::Order,
    range::RangeFilter,
};
use crate::{
    connect::mongodb::{ErrorClass, MongodbConnection},
    model::{Position, Schema},
    source::{
        Nulls, SourceError,
        scan::{Ordered, ScanPhase},
    },
};

/// A collection, the fields that it is read by, and its connection.
pub(super) struct Scanned {
    pub order: Order,
    pub schema: Arc<Schema>,
    pub connection: MongodbConnection,
    /// What is done about documents without a value.
    pub nulls: Nulls,
    pub documents: Collection<RawDocumentBuf>,
    /// What `_id` is made of; `None` where it is a field of its own.
    pub identity: Option<Identity>,
}

impl Scanned {
    pub fn new(
        connection: MongodbConnection,
        collection: &str,
        (field, key): (&str, Option<&[String]>),
        nulls: Nulls,
    ) -> Self {
        // What a primary may yet roll back must not move the cursor.
        let majority = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .build();
        Self {
            order: Order {
                source: format!("{}.{collection}", connection.name()),
                field: field.to_owned(),
            },
            schema: Arc::new(match key {
                Some(key) => Schema::document(collection, key),
                None => Schema::document(collection, ["_id"]),
            }),
            identity: key.map(Identity::of),
            documents: connection
                .database()
                .collection_with_options(collection, majority),
            connection,
            // Every document has an `_id`.
            nulls: match field {
                "_id" => Nulls::Refuse,
                _ => nulls,
            },
        }
    }

    /// The filter that finds these documents of a phase.
    pub fn filter(&self, phase: ScanPhase, range_filter: RangeFilter<'_>) -> Document {
        match phase {
            ScanPhase::Values => self.order.filter(range_filter),
            ScanPhase::Nulls => {
                let mut filter = self.order.filter_of_ids(range_filter);
                filter.extend(self.has_none());
                filter
            }
        }
    }

    /// The filter of what lies above a ceiling, where it is one.
    pub fn above(&self, phase: ScanPhase, ceiling: &Ceiling) -> Option<Document> {
        let field = match phase {
            ScanPhase::Nulls => "_id",
            ScanPhase::Values => self.order.field.as_str(),
        };
        match ceiling {
            Ceiling::Below(value) => Some(doc! { field: { "$gte": value.clone() } }),
            Ceiling::UpTo(value) => Some(doc! { field: { "$gt": value.clone() } }),
            Ceiling::Open | Ceiling::Shut => None,
        }
    }

    /// The filter that finds documents whose field is null or missing.
    pub fn has_none(&self) -> Document {
        doc! { self.order.field.as_str(): Bson::Null }
    }

    /// The order of a phase, or with -1 its reverse.
    pub fn sort(&self, phase: ScanPhase, direction: i32) -> Document {
        match phase {
            ScanPhase::Values => self.order.sort(direction),
            ScanPhase::Nulls => doc! { "_id": direction },
        }
    }

    /// What an error of the driver means.
    pub fn error(&self, error: &Error) -> SourceError {
        let name = self.order.source.clone();
        match self.connection.classify(error) {
            ErrorClass::Lost(cause) => SourceError::Lost(name, cause),
            ErrorClass::Refused { advice, cause } => SourceError::Refused {
                name,
                advice: advice.to_owned(),
                cause,
            },
        }
    }

    pub fn incompatible(&self, advice: String) -> SourceError {
        SourceError::Incompatible {
            name: self.order.source.clone(),
            advice,
        }
    }

    /// The values by which a phase is ordered, as a position holds them.
    pub fn values(
        &self,
        phase: ScanPhase,
        document: &RawDocument,
    ) -> Result<Vec<Bson>, SourceError> {
        let id = || self.value_at(document, "_id");
        if phase == ScanPhase::Nulls || self.order.is_id() {
            return Ok(vec![id()?]);
        }
        Ok(vec![self.value_at(document, &self.order.field)?, id()?])
    }

    pub fn id(&self, document: &RawDocument) -> Result<Bson, SourceError> {
        self.value_at(document, "_id")
    }

    fn value_at(&self, document: &RawDocument, path: &str) -> Result<Bson, SourceError> {
        let value = value_at(document, path).unwrap_or(Bson::Null);
        if Class::of(&value) == Class::None {
            return Err(self.incompatible(orderless(path, self.nulls)));
        }
        Ok(value)
    }

    /// The first document that `filter` finds in the order of `sort`.
    async fn first(
        &self,
        filter: Document,
        sort: Document,
    ) -> Result<Option<RawDocumentBuf>, SourceError> {
        let mut fields = doc! { "_id": 1 };
        fields.extend(sort.keys().map(|it| (it.clone(), Bson::Int32(1))));
        self.documents
            .find_one(filter)
            .sort(sort)
            .projection(fields)
            .await
            .map_err(|error| self.error(&error))
    }

    /// The values of the last document of a class up to a ceiling.
    pub async fn last(
        &self,
        phase: ScanPhase,
        class: Class,
        ceiling: &Ceiling,
    ) -> Result<Option<Vec<Bson>>, SourceError> {
        let range_filter = RangeFilter {
            class: Some(class),
            alone: false,
            after: &[],
            ceiling,
        };
        let last = self.first(self.filter(phase, range_filter), self.sort(phase, -1));
        last.await?.map(|it| self.values(phase, &it)).transpose()
    }

    /// Whether there is such a document.
    pub async fn has(&self, filter: Document) -> Result<bool, SourceError> {
        let found = self
            .documents
            .find_one(filter)
            .projection(doc! { "_id": 1 });
        let found = found.await.map_err(|error| self.error(&error))?;
        Ok(found.is_some())
    }

    /// The classes that the incremental field and the `_id` hold; none in an empty collection.
    ///
    /// # Errors
    /// `Incompatible` where a document has no value, which `$gt` would pass over in silence.
    pub async fn classes(&self) -> Result<Classes, SourceError> {
        let ids = self.classes_of("_id").await?;
        let values = if self.order.is_id() {
            ids.clone()
        } else {
            self.classes_of(&self.order.field).await?
        };
        Ok(Classes { values, ids })
    }

    /// Values sort by class first, so that the first and the last show whether there are others.
    async fn classes_of(&self, path: &str) -> Result<Vec<Class>, SourceError> {
        let only = if self.nulls == Nulls::Refuse || path == "_id" {
            doc! {}
        } else {
            doc! { path: { "$ne": Bson::Null } }
        };
        let mut ends = Vec::new();
        for direction in [1, -1] {
            let end = self.first(only.clone(), doc! { path: direction });
            let Some(end) = end.await? else {
                return Ok(Vec::new());
            };
            ends.push(Class::of(&self.value_at(&end, path)?));
        }
        let (first, last) = (ends[0], ends[1]);
        let mut classes = vec![first];
        for class in Class::between(first, last) {
            if self.has(doc! { path: { "$type": class.types() } }).await? {
                classes.push(class);
            }
        }
        if first != last {
            classes.push(last);
        }
        Ok(classes)
    }

    /// # Errors
    /// `Incompatible` where the incremental field holds a list somewhere: it sorts by its elements, so
    /// that the ends do not show it.
    pub async fn refuse_lists(&self) -> Result<(), SourceError> {
        if self.order.is_id() {
            return Ok(());
        }
        let field = self.order.field.as_str();
        // Also where the list is on the way: `a.b` of `{a: [{b: 1}, {b: 9}]}`.
        let ends = field
            .match_indices('.')
            .map(|(at, _)| at)
            .chain([field.len()]);
        let is_list = |end: usize| doc! { &field[..end]: { "$type": "array" } };
        let lists = doc! { "$or": ends.map(is_list).collect::<Vec<_>>() };
        if self.has(lists).await? {
            Err(self.incompatible(format!(
                "`{field}` is a list in some documents, which has no one place in an order: \
                 choose another field, such as `_id`"
            )))
        } else {
            Ok(())
        }
    }

    /// # Errors
    /// `Position` where `scan_position` is behind values of which the collection has no more: it is
    /// another one now, and what it has would be taken for read.
    pub fn refuse_foreign(
        &self,
        scan_position: &ScanPosition,
        now: &Classes,
    ) -> Result<(), SourceError> {
        let state = scan_position.state();
        let cursor_values = state.values.all();
        let nulls = state.nulls.all().iter().filter_map(|it| it.first());
        let made = |at: usize| {
            cursor_values
                .iter()
                .filter_map(move |it| it.get(at).map(Class::of))
        };
        let id = match scan_position {
            ScanPosition::Full(full) => full.classes(),
            ScanPosition::Incremental(_) => Vec::new(),
        };
        let foreign = |now: &[Class], made: &[Class]| {
            let gone = !now.is_empty() && !made.iter().any(|it| now.contains(it));
            made.first().copied().filter(|_| gone)
        };
        for (path, now, made) in [
            (self.order.field.as_str(), &now.values, made(0).collect()),
            ("_id", &now.ids, made(1).collect()),
            ("_id", &now.ids, id),
            ("_id", &now.ids, nulls.map(Class::of).collect()),
        ] {
            if let Some(made) = foreign(now, &made) {
                let position = scan_position.position(&self.order);
                let advice = format!(
                    "it was made when `{path}` held {}, and it holds {} now",
                    made.word(),
                    words(now)
                );
                return Err(self.order.refused(position.as_str(), &advice));
            }
        }
        Ok(())
    }
}

impl Ordered for Scanned {
    type Cursor = CursorValues;

    fn name(&self) -> &str {
        &self.order.source
    }

    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn nulls(&self) -> Nulls {
        self.nulls
    }

    fn position(&self, scan_position: &ScanPosition) -> Position {
        scan_position.position(&self.order)
    }
}

/// What a collection holds, in the order of classes.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    /// In the incremental field.
    pub values: Vec<Class>,
    /// In `_id`.
    pub ids: Vec<Class>,
}

/// The words for classes in messages to people.
pub(super) fn words(classes: &[Class]) -> String {
    let words: Vec<&str> = classes.iter().map(|it| it.word()).collect();
    words.join(" and ")
}

/// The value at a dotted path; `None` where there is none, or where a list is in its way.
fn value_at(document: &RawDocument, path: &str) -> Option<Bson> {
    let value = |name: &str| document.get(name).ok().flatten();
    match path.split_once('.') {
        None => value(path)?.try_into().ok(),
        Some((outer, inner)) => value_at(value(outer)?.as_document()?, inner),
    }
}

/// Why a value without order stops the reading, and what helps; with `nulls`, only what is not null
/// comes here.
fn orderless(path: &str, nulls: Nulls) -> String {
    let word = Class::None.word();
    match (path, nulls) {
        ("_id", _) => format!(
            "`_id` is {word} in some documents, which no incremental read would ever reach, whatever \
             `nulls` says: insert them again with another `_id`, and remove these"
        ),
        (_, Nulls::Refuse) => format!(
            "`{path}` is missing, {word} in some documents, which no incremental read would ever \
             reach: give all of them a value, or choose another field, such as `_id`; documents where \
             it is null or missing are read where `nulls` is set"
        ),
        (_, Nulls::First | Nulls::EveryRun) => format!(
            "`{path}` is NaN or another value without order in some documents, which no incremental \
             read would ever reach; `nulls` is of null and missing values alone: give these another \
             value, or choose another field, such as `_id`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;

    #[test]
    fn a_dotted_path_leads_through_documents_only() {
        let document = rawdoc! { "a": { "b": 1 }, "l": [{ "b": 1 }] };
        assert_eq!(value_at(&document, "a.b"), Some(Bson::Int32(1)));
        assert_eq!(value_at(&document, "l.b"), None);
        assert_eq!(value_at(&document, "a.c"), None);
    }

    #[test]
    fn nobody_is_told_to_set_nulls_who_has_or_whom_it_would_not_help() {
        assert!(orderless("at", Nulls::Refuse).contains("where `nulls` is set"));
        for (path, nulls) in [
            ("at", Nulls::First),
            ("at", Nulls::EveryRun),
            ("_id", Nulls::First),
        ] {
            let advice = orderless(path, nulls);
            assert!(!advice.contains("is set"), "{advice}");
        }
        assert!(!orderless("_id", Nulls::Refuse).contains("such as `_id`"));
    }
}
