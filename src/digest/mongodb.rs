//! A collection of MongoDB, for being compared.

use async_trait::async_trait;
use mongodb::bson::{Document, doc};

use super::{Column, Digest, DigestError, Documents, Keeps, Shape};
use crate::{
    connect::mongodb::{ErrorClass, MongodbConnection},
    model::domain::Domain,
};

/// A collection, and the fields of a record that `_id` is made of.
#[derive(Clone)]
pub struct MongodbDigest {
    name: String,
    connection: MongodbConnection,
    collection: String,
    identity: Vec<String>,
}

impl MongodbDigest {
    /// Of `collection`. `key` names the fields of a record that `_id` is made of; `_id` is a field
    /// itself where it is `None`.
    pub fn new(connection: MongodbConnection, collection: &str, key: Option<Vec<String>>) -> Self {
        let identity = key.unwrap_or_default();
        Self {
            name: format!("{}.{collection}", connection.name()),
            connection,
            collection: collection.to_owned(),
            identity: match &identity[..] {
                [own] if own == "_id" => Vec::new(),
                _ => identity,
            },
        }
    }

    fn failed(&self, error: &mongodb::error::Error) -> DigestError {
        let name = self.name.clone();
        match self.connection.classify(error) {
            ErrorClass::Lost(cause) => DigestError::Lost(name, cause),
            ErrorClass::Refused { advice, cause } => DigestError::Refused {
                name,
                advice: advice.to_owned(),
                cause,
            },
        }
    }
}

#[async_trait]
impl Digest for MongodbDigest {
    fn name(&self) -> &str {
        &self.name
    }

    async fn shape(&self) -> Result<Shape, DigestError> {
        let database = self.connection.database();
        let names = database.list_collection_names();
        let names = names.filter(doc! { "name": &self.collection }).await;
        if names.map_err(|it| self.failed(&it))?.is_empty() {
            // To the server, a collection that is not there is one without documents.
            return Err(DigestError::Incompatible {
                name: self.name.clone(),
                advice: "there is no such collection, or the user may not see it".to_owned(),
            });
        }
        let documents = database.collection::<Document>(&self.collection);
        let rows = documents.estimated_document_count().await;
        Ok(Shape {
            columns: vec![Column {
                name: "_id".to_owned(),
                keeps: Keeps::Typed,
                domain: Domain::ANYTHING,
                is_computed: false,
            }],
            key: vec![0],
            rows: rows.map_err(|it| self.failed(&it))?,
            documents: Some(Documents {
                identity: self.identity.clone(),
                keep: Keeps::Typed,
            }),
        })
    }
}
