//! A collection as it is scanned: its ends, its queries, and what its errors mean.

use std::sync::Arc;

use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocument, RawDocumentBuf, doc},
    error::Error,
    options::{CollectionOptions, ReadConcern},
};

use super::{
    class::Class,
    place::{Order, Place},
};
use crate::{
    connect::mongodb::{MongodbConnection, Trouble},
    model::Schema,
    source::SourceError,
};

/// A collection, the fields that it is read by, and its connection.
pub(super) struct Scanned {
    pub order: Order,
    pub schema: Arc<Schema>,
    pub connection: MongodbConnection,
    pub documents: Collection<RawDocumentBuf>,
}

impl Scanned {
    pub fn new(connection: MongodbConnection, collection: &str, field: &str) -> Self {
        // What a primary may yet roll back must not move the cursor.
        let majority = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .build();
        Self {
            order: Order {
                source: format!("{}.{collection}", connection.name()),
                field: field.to_owned(),
            },
            schema: Arc::new(Schema::document(collection, ["_id"])),
            documents: connection
                .database()
                .collection_with_options(collection, majority),
            connection,
        }
    }

    /// What an error of the driver means.
    pub fn error(&self, error: &Error) -> SourceError {
        let name = self.order.source.clone();
        match self.connection.trouble(error) {
            Trouble::Lost(cause) => SourceError::Lost(name, cause),
            Trouble::Refused { advice, cause } => SourceError::Refused {
                name,
                advice: advice.to_owned(),
                cause,
            },
        }
    }

    pub fn unfit(&self, advice: String) -> SourceError {
        SourceError::Unfit {
            name: self.order.source.clone(),
            advice,
        }
    }

    /// The values of `path` (dotted) and `_id`, as a place holds them.
    pub fn values(&self, document: &RawDocument) -> Result<Vec<Bson>, SourceError> {
        let id = || self.value_at(document, "_id");
        if self.order.is_id() {
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
            return Err(self.unfit(self.orderless(path)));
        }
        Ok(value)
    }

    fn orderless(&self, path: &str) -> String {
        format!(
            "`{path}` is missing, {} in some documents, which no incremental read would ever \
             reach: give all of them a value, or choose another field, such as `_id`",
            Class::None.word()
        )
    }

    /// The first or (direction -1) last document in the order of `sort`.
    pub async fn end(&self, sort: Document) -> Result<Option<RawDocumentBuf>, SourceError> {
        let mut fields = doc! { "_id": 1 };
        fields.extend(sort.keys().map(|it| (it.clone(), Bson::Int32(1))));
        self.documents
            .find_one(doc! {})
            .sort(sort)
            .projection(fields)
            .await
            .map_err(|error| self.error(&error))
    }

    /// The place behind all documents that there are now.
    pub async fn last(&self) -> Result<Vec<Bson>, SourceError> {
        let last = self.end(self.order.sort(-1)).await?;
        last.map_or(Ok(Vec::new()), |it| self.values(&it))
    }

    /// The class that all values of the incremental field have; `None` in an empty collection.
    ///
    /// # Errors
    /// `Unfit` where there are several, or where a document has no value: `$gt` would pass these
    /// over in silence.
    pub async fn class(&self) -> Result<Option<Class>, SourceError> {
        if !self.order.is_id() {
            self.class_of("_id").await?;
        }
        self.class_of(&self.order.field).await
    }

    /// Values sort by class first, so that the first and the last show whether there are others.
    async fn class_of(&self, path: &str) -> Result<Option<Class>, SourceError> {
        let mut classes = Vec::new();
        for direction in [1, -1] {
            let Some(end) = self.end(doc! { path: direction }).await? else {
                return Ok(None);
            };
            classes.push(Class::of(&self.value_at(&end, path)?));
        }
        match classes[..] {
            [first, last] if first != last => Err(self.unfit(format!(
                "`{path}` holds {} as well as {}, and MongoDB compares only values of one kind \
                 with each other: bring them to one kind, or choose another field",
                first.word(),
                last.word()
            ))),
            _ => Ok(classes.first().copied()),
        }
    }

    /// # Errors
    /// `Unfit` where the incremental field holds a list somewhere: it sorts by its elements, so
    /// that the ends do not show it.
    pub async fn refuse_lists(&self) -> Result<(), SourceError> {
        if self.order.is_id() {
            return Ok(());
        }
        let field = self.order.field.as_str();
        let lists = doc! { field: { "$type": "array" } };
        let found = self.documents.find_one(lists).projection(doc! { "_id": 1 });
        match found.await.map_err(|error| self.error(&error))? {
            None => Ok(()),
            Some(_) => Err(self.unfit(format!(
                "`{field}` is a list in some documents, which has no one place in an order: \
                 choose another field, such as `_id`"
            ))),
        }
    }

    /// # Errors
    /// `Position` where `place` holds values of another class than the collection does: nothing
    /// would ever be behind it.
    pub fn refuse_foreign(&self, place: &Place, class: Option<Class>) -> Result<(), SourceError> {
        let (Place::Incremental(after) | Place::Full { then: after, .. }) = place;
        match (after.first().map(Class::of), class) {
            (Some(made), Some(now)) if made != now => {
                let position = place.position(&self.order);
                let advice = format!(
                    "it was made when `{}` held {}, and it holds {} now",
                    self.order.field,
                    made.word(),
                    now.word()
                );
                Err(self.order.refused(position.as_str(), &advice))
            }
            _ => Ok(()),
        }
    }
}

/// The value at a dotted path; `None` where there is none, or where a list is in its way.
fn value_at(document: &RawDocument, path: &str) -> Option<Bson> {
    let value = |name: &str| document.get(name).ok().flatten();
    match path.split_once('.') {
        None => value(path)?.try_into().ok(),
        Some((outer, inner)) => value_at(value(outer)?.as_document()?, inner),
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
}
