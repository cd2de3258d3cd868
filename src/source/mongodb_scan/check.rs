//! What can be said of a collection before it is read.

use futures_util::TryStreamExt;
use mongodb::{
    IndexModel,
    bson::{Bson, Document, doc},
};

use super::collection::Scanned;
use crate::{
    fault::chain,
    model::{Finding, Severity},
    source::SourceError,
};

/// Looks at everything that a read does, and says what a read does not see.
///
/// # Errors
/// `Lost` where the server cannot be asked; what it refuses is a finding.
pub(super) async fn check(scanned: &Scanned) -> Result<Vec<Finding>, SourceError> {
    let mut findings = Vec::new();
    match look(scanned, &mut findings).await {
        Ok(()) => {}
        Err(error @ SourceError::Lost(..)) => return Err(error),
        Err(error) => findings.push(finding(Severity::Problem, chain(&error))),
    }
    findings.extend(unseen(scanned));
    Ok(findings)
}

async fn look(scanned: &Scanned, findings: &mut Vec<Finding>) -> Result<(), SourceError> {
    let error = |error| scanned.error(&error);
    let database = scanned.connection.database();
    let collection = scanned.documents.name();
    let named = doc! { "name": collection };
    let names = database.list_collection_names().filter(named).await;
    if names.map_err(error)?.is_empty() {
        let text = format!(
            "collection `{collection}` does not exist in database `{}`: check both names; it will \
             be read as soon as it is there",
            database.name()
        );
        findings.push(finding(Severity::Problem, text));
        return Ok(());
    }
    let documents = scanned.documents.estimated_document_count().await;
    let documents = documents.map_err(error)?;
    let text = format!("collection `{collection}` can be read: about {documents} documents");
    // Reading at all is what shows the rights.
    let class = scanned.class().await?;
    findings.push(finding(Severity::Good, text));
    scanned.refuse_lists().await?;
    let field = &scanned.order.field;
    if let Some(class) = class {
        let text = format!("`{field}` holds {} in every document", class.word());
        findings.push(finding(Severity::Good, text));
    }
    let indexes = scanned.documents.list_indexes().await.map_err(error)?;
    let indexes: Vec<IndexModel> = indexes.try_collect().await.map_err(error)?;
    if !scanned.order.is_id() && !indexes.iter().any(|it| serves(&it.keys, field)) {
        let text = format!(
            "no index on (`{field}`, `_id`): each read sorts all documents past the cursor; \
             db.{collection}.createIndex({{\"{field}\": 1, \"_id\": 1}}) spares that"
        );
        findings.push(finding(Severity::Note, text));
    }
    Ok(())
}

/// Whether an index with these keys gives the order (field, `_id`), forwards or backwards.
fn serves(keys: &Document, field: &str) -> bool {
    let direction = |value: &Bson| match value {
        Bson::Int32(it) => Some(it.signum()),
        Bson::Int64(it) => Some(it.signum() as i32),
        Bson::Double(it) => Some(it.signum() as i32),
        _ => None,
    };
    let mut keys = keys.iter().map(|(name, it)| (name.as_str(), direction(it)));
    match (keys.next(), keys.next()) {
        (Some((first, Some(one))), Some(("_id", Some(other)))) => first == field && one == other,
        _ => false,
    }
}

fn unseen(scanned: &Scanned) -> Vec<Finding> {
    let field = &scanned.order.field;
    let mut texts = vec!["a scan does not see deletions".to_owned()];
    if scanned.order.is_id() {
        texts.push("by `_id`, a scan sees new documents and no changes of old ones".to_owned());
        texts.push(
            "ObjectIds carry the clock of the client that made them: a document that comes with an \
             `_id` before the cursor is not seen"
                .to_owned(),
        );
    } else {
        texts.push(format!(
            "a change is seen if it raises `{field}`; a document that comes with a value before \
             the cursor is not"
        ));
    }
    let note = |text| finding(Severity::Note, text);
    texts.into_iter().map(note).collect()
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_serves_in_either_direction_but_not_in_both() {
        assert!(serves(&doc! { "at": 1, "_id": 1 }, "at"));
        assert!(serves(&doc! { "at": -1.0, "_id": -1_i64, "x": 1 }, "at"));
        assert!(!serves(&doc! { "at": 1, "_id": -1 }, "at"));
        assert!(!serves(&doc! { "at": 1 }, "at"));
        assert!(!serves(&doc! { "at": "text", "_id": 1 }, "at"));
        assert!(!serves(&doc! { "x": 1, "at": 1, "_id": 1 }, "at"));
    }
}
