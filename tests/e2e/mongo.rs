//! MongoDB, as the tests speak to it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mongodb::{
    Client, Database,
    bson::{Document, doc},
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
