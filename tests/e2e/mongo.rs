//! MongoDB, as the tests speak to it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::{
    Client, Database,
    bson::{Bson, Document, doc},
};

/// Opens a database.
///
/// # Errors
/// The address is none.
pub async fn open(url: &str, database: &str) -> Result<Database> {
    let client = Client::with_uri_str(url).await;
    Ok(client.context("MongoDB")?.database(database))
}

/// Puts documents of extended JSON into their collections; one with the same `_id` is replaced.
///
/// # Errors
/// The text is not such JSON, or the server refuses.
pub async fn seed(database: &Database, text: &str) -> Result<()> {
    let collections: BTreeMap<String, Vec<Document>> = serde_json::from_str(text)?;
    for (name, documents) in collections {
        let collection = database.collection::<Document>(&name);
        for document in documents {
            let id = document.get("_id").context("a document without _id")?;
            let replaced = collection.replace_one(doc! { "_id": id.clone() }, &document);
            replaced.upsert(true).await?;
        }
    }
    Ok(())
}

/// A collection's documents as relaxed extended JSON, in the order of their `_id`.
///
/// # Errors
/// The server refuses.
pub async fn documents(database: &Database, collection: &str) -> Result<Vec<String>> {
    let collection = database.collection::<Document>(collection);
    let found = collection.find(doc! {});
    let found: Vec<Document> = found.sort(doc! { "_id": 1 }).await?.try_collect().await?;
    let text = |it| Bson::Document(it).into_relaxed_extjson().to_string();
    Ok(found.into_iter().map(text).collect())
}
