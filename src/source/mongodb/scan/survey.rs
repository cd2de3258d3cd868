//! Which fields the documents of a collection have, and of which types: what a table for them needs.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::collection::Scanned;
use crate::{
    model::{Field, Kind, Schema},
    source::SourceError,
};

/// A field, and the types of its values by the server's names.
#[derive(Debug, Deserialize)]
struct Found {
    #[serde(rename = "_id")]
    name: String,
    types: BTreeSet<String>,
}

/// The fields of all documents, those of the key first, the others in the order in which documents
/// have them. The server reads all of them, and answers with a line for each field.
///
/// # Errors
/// `Lost`, or `Refused` where the server does.
pub(super) async fn survey(scanned: &Scanned) -> Result<Schema, SourceError> {
    let (source, key) = (&scanned.order.source, scanned.schema.key());
    tracing::info!(
        source,
        "looking at all documents once, for the fields of the table that is missing"
    );
    let mut found = fields(scanned, "$$ROOT").await?;
    if scanned.identity.is_some() {
        found.retain(|it| it.name != "_id");
        let inside = match key {
            [only] => vec![Found {
                name: only.clone(),
                types: types_of_id(scanned).await?,
            }],
            _ => fields(scanned, "$_id").await?,
        };
        // What stands beside it as well is the same value, or the reading refuses the document.
        found.retain(|it| inside.iter().all(|inner| inner.name != it.name));
        found.splice(..0, inside);
    }
    if found.is_empty() {
        return Ok(Schema::clone(&scanned.schema));
    }
    // Within each half in the order in which they were found.
    found.sort_by_key(|it| !key.contains(&it.name));
    let field = |it: Found| Field {
        kind: kind(&it.types),
        name: it.name,
    };
    let fields = found.into_iter().map(field).collect();
    Ok(Schema::table(scanned.schema.name(), fields, key))
}

/// The fields of the documents at `path`, as they come.
async fn fields(scanned: &Scanned, path: &str) -> Result<Vec<Found>, SourceError> {
    let pipeline = [
        doc! { "$project": { "_id": 0, "it": { "$cond": [
            { "$eq": [{ "$type": path }, "object"] }, { "$objectToArray": path }, [],
        ] } } },
        doc! { "$unwind": { "path": "$it", "includeArrayIndex": "at" } },
        doc! { "$group": {
            "_id": "$it.k",
            "types": { "$addToSet": { "$type": "$it.v" } },
            "at": { "$min": "$at" },
        } },
        doc! { "$sort": { "at": 1, "_id": 1 } },
    ];
    found(scanned, pipeline).await
}

async fn types_of_id(scanned: &Scanned) -> Result<BTreeSet<String>, SourceError> {
    let types = doc! { "$addToSet": { "$type": "$_id" } };
    let one = doc! { "$group": { "_id": "_id", "types": types } };
    let found = found(scanned, [one]).await?;
    Ok(found.into_iter().flat_map(|it| it.types).collect())
}

async fn found(
    scanned: &Scanned,
    pipeline: impl IntoIterator<Item = Document>,
) -> Result<Vec<Found>, SourceError> {
    let error = |error| scanned.error(&error);
    let found = scanned.documents.aggregate(pipeline);
    let found = found.with_type::<Found>().await.map_err(error)?;
    found.try_collect().await.map_err(error)
}

/// What a column for values of these types is: wide enough for all of them, or `Loose`.
fn kind(types: &BTreeSet<String>) -> Kind {
    let none = ["null", "undefined", "missing"];
    let kinds = types.iter().map(String::as_str);
    let kinds = kinds.filter(|it| !none.contains(it)).map(kind_of);
    let mut kinds = kinds.peekable();
    // Where no document has a value, any may come.
    let first = kinds.next().unwrap_or(Kind::Any);
    kinds.fold(first, |one, other| match (one, other) {
        _ if one == other => one,
        // An integer that the double next to it would round is refused with its document.
        (Kind::I64, Kind::F64) | (Kind::F64, Kind::I64) => Kind::F64,
        (Kind::I64, Kind::Decimal) | (Kind::Decimal, Kind::I64) => Kind::Decimal,
        _ => Kind::Loose,
    })
}

fn kind_of(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "int" | "long" => Kind::I64,
        "double" => Kind::F64,
        "decimal" => Kind::Decimal,
        "string" | "symbol" | "objectId" | "timestamp" => Kind::String,
        "binData" => Kind::Bytes,
        "date" => Kind::Instant,
        "object" | "array" | "dbPointer" => Kind::Json,
        _ => Kind::Loose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(types: &[&str]) -> Kind {
        kind(&types.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn a_column_is_wide_enough_for_all_values_or_there_is_none() {
        assert_eq!(of(&["int", "long", "null"]), Kind::I64);
        assert_eq!(of(&["int", "double", "long"]), Kind::F64);
        assert_eq!(of(&["decimal", "int", "missing"]), Kind::Decimal);
        assert_eq!(of(&["array", "object"]), Kind::Json);
        assert_eq!(of(&["null"]), Kind::Any);
        assert_eq!(of(&[]), Kind::Any);
        // A double has no end of digits.
        assert_eq!(of(&["decimal", "double"]), Kind::Loose);
        assert_eq!(of(&["decimal", "double", "int"]), Kind::Loose);
        assert_eq!(of(&["int", "string"]), Kind::Loose);
        assert_eq!(of(&["string", "string", "date"]), Kind::Loose);
        // What sinks write nowhere.
        assert_eq!(of(&["regex"]), Kind::Loose);
        assert_eq!(of(&["maxKey"]), Kind::Loose);
    }
}
