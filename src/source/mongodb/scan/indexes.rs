//! The indexes of a collection, as a table or another collection could have them.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document};

use super::collection::Scanned;
use crate::{
    model::{IndexPart, TableIndex},
    source::SourceError,
};

/// What changes what an index is for, beside its fields.
const BEYOND: [(&str, &str); 6] = [
    ("expireAfterSeconds", "it removes documents by their age"),
    (
        "partialFilterExpression",
        "it is of some documents only (partial)",
    ),
    ("sparse", "it is of some documents only (sparse)"),
    ("collation", "it has a collation of its own"),
    ("wildcardProjection", "it is of whatever fields there are"),
    ("weights", "it is of the kind text"),
];

/// The collection's indexes; none where it is missing.
pub(super) async fn indexes(scanned: &Scanned) -> Result<Vec<TableIndex>, SourceError> {
    const NO_COLLECTION: i32 = 26;
    let documents = scanned.documents.clone_with_type::<Document>();
    let listed = async {
        let cursor = scanned
            .connection
            .database()
            .run_cursor_command(mongodb::bson::doc! { "listIndexes": documents.name() });
        cursor.await?.try_collect::<Vec<Document>>().await
    };
    match listed.await {
        Ok(listed) => Ok(listed.iter().map(index).collect()),
        Err(error) => match &*error.kind {
            mongodb::error::ErrorKind::Command(said) if said.code == NO_COLLECTION => {
                Ok(Vec::new())
            }
            _ => Err(scanned.error(&error)),
        },
    }
}

fn index(said: &Document) -> TableIndex {
    let is_set = |name: &str| !matches!(said.get(name), None | Some(Bson::Boolean(false)));
    let filter = said.get_document("partialFilterExpression").ok();
    let has_value = |field: &str| filter.is_some_and(|it| is_any_value(it.get(field)));
    let known = filter.is_none_or(|it| it.keys().all(|it| has_value(it)));
    let found = BEYOND
        .iter()
        .find(|(name, _)| is_set(name) && !(known && *name == "partialFilterExpression"));
    let mut beyond = found.map(|(_, what)| (*what).to_owned());
    let mut parts = Vec::new();
    for (field, direction) in said.get_document("key").into_iter().flatten() {
        let number = match direction {
            Bson::Int32(it) => Some(f64::from(*it)),
            Bson::Int64(it) => Some(*it as f64),
            Bson::Double(it) => Some(*it),
            _ => None,
        };
        if number.is_none() {
            beyond.get_or_insert_with(|| format!("it is of the kind {direction}"));
        }
        if field.contains("$**") {
            beyond.get_or_insert_with(|| "it is of whatever fields there are".to_owned());
        }
        parts.push(IndexPart {
            field: field.clone(),
            prefix: None,
            width: None,
            is_descending: number.is_some_and(|it| it < 0.0),
            // Else a missing value is a value: two documents without one are not unique.
            may_be_null: has_value(field),
            collation: None,
        });
    }
    let name = said.get_str("name").unwrap_or_default().to_owned();
    let is_primary = name == "_id_";
    TableIndex {
        is_primary,
        is_unique: is_primary || is_set("unique"),
        is_hidden: is_set("hidden"),
        name,
        parts,
        beyond,
    }
}

/// Whether a condition says no more than that there is a value: what a unique index of a table, which
/// leaves NULL out, becomes here.
fn is_any_value(condition: Option<&Bson>) -> bool {
    let types = condition.and_then(Bson::as_document);
    let types = types.filter(|it| it.len() == 1);
    let types = types.and_then(|it| it.get_array("$type").ok());
    types.is_some_and(|it| it.len() >= 12 && !it.iter().any(|it| it.as_str() == Some("null")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    #[test]
    fn what_an_index_is_for_is_kept_or_said() {
        let plain =
            index(&doc! { "name": "a_1_b_-1", "key": { "a": 1, "b": -1.0 }, "unique": true });
        assert_eq!(
            (plain.fields().as_str(), plain.is_unique, plain.beyond),
            ("a, b DESC", true, None)
        );
        for said in [
            doc! { "name": "a", "key": { "a": "2dsphere" } },
            doc! { "name": "a", "key": { "$**": 1 } },
            doc! { "name": "a", "key": { "a": 1 }, "expireAfterSeconds": 0 },
            doc! { "name": "a", "key": { "a": 1 }, "sparse": true },
        ] {
            assert!(index(&said).beyond.is_some(), "{said}");
        }
    }
}
