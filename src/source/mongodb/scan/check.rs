//! What can be said of a collection before it is read.

use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::{
    IndexModel,
    bson::{Bson, Document, doc},
};

use super::{
    class::Class,
    collection::{Scanned, words},
    watermark::{Sight, Watch},
};
use crate::{
    fault::chain,
    model::{Finding, Severity},
    source::{HoldBack, Late, Nulls, SourceError},
};

/// Looks at everything that a read does, and says what a read does not see.
///
/// # Errors
/// `Lost` where the server cannot be asked; what it refuses is a finding.
pub(super) async fn check(scanned: &Arc<Scanned>, late: Late) -> Result<Vec<Finding>, SourceError> {
    let mut findings = Vec::new();
    match look(scanned, late, &mut findings).await {
        Ok(()) => {}
        Err(error @ SourceError::Lost(..)) => return Err(error),
        Err(error) => findings.push(finding(Severity::Problem, chain(&error))),
    }
    findings.extend(unseen(scanned));
    Ok(findings)
}

async fn look(
    scanned: &Arc<Scanned>,
    late: Late,
    findings: &mut Vec<Finding>,
) -> Result<(), SourceError> {
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
    scanned.refuse_lists().await?;
    let classes = scanned.classes().await?.values;
    findings.push(finding(Severity::Good, text));
    let field = &scanned.order.field;
    if !classes.is_empty() {
        let every = match scanned.nulls {
            Nulls::Refuse => " in every document",
            _ => "",
        };
        let text = format!("`{field}` holds {}{every}", words(&classes));
        findings.push(finding(Severity::Good, text));
    }
    if scanned.nulls != Nulls::Refuse {
        let without = scanned.documents.count_documents(scanned.has_none());
        let without = without.await.map_err(error)?;
        let how = match scanned.nulls {
            Nulls::First => {
                "they are read once, by their `_id`: one that comes with an `_id` below those that \
                 were read is not seen"
            }
            _ => "each run reads all of them",
        };
        let text = format!("{without} documents have no value in `{field}`: {how}");
        findings.push(finding(Severity::Note, text));
    }
    match late {
        Late::None => findings.push(finding(
            Severity::Note,
            "`late = \"none\"`: what commits after higher values have been read is not seen".into(),
        )),
        Late::HoldBack(hold_back) | Late::ReRead(hold_back) => {
            rests_on(scanned, hold_back, &classes, findings).await?
        }
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

/// What holding back rests on.
async fn rests_on(
    scanned: &Arc<Scanned>,
    hold_back: HoldBack,
    classes: &[Class],
    findings: &mut Vec<Finding>,
) -> Result<(), SourceError> {
    let mut watch = Watch::new(scanned.clone(), hold_back);
    let look = watch.look().await?;
    let max_commit_delay = watch.max_commit_delay();
    findings.push(match watch.sight() {
        Sight::Open => {
            let text = format!(
                "late commits: documents are read once nothing that the server knows to be under \
                 way is older than they are, by {max_commit_delay:?}"
            );
            finding(Severity::Good, text)
        }
        Sight::Blind(longest) if max_commit_delay < longest => {
            let text = format!(
                "late commits: open transactions cannot be seen, and live for up to {longest:?}; \
                 `max-commit-delay` says {max_commit_delay:?}: what commits later than that is not seen. {GRANT}"
            );
            finding(Severity::Note, text)
        }
        Sight::Blind(_) => {
            let text = format!(
                "late commits: open transactions cannot be seen, so documents are held back for \
                 {max_commit_delay:?}. {GRANT}; or declare a shorter `max-commit-delay`"
            );
            finding(Severity::Note, text)
        }
    });
    let (field, skew) = (&scanned.order.field, hold_back.clock_skew);
    for class in classes {
        let text = match class {
            Class::Date | Class::ObjectId => format!(
                "{} in `{field}` carry the clocks of the clients that made them: those of a clock \
                 that is behind the server's by more than `clock-skew` ({skew:?}) and `max-commit-delay` \
                 ({max_commit_delay:?}) together may not be seen",
                class.word()
            ),
            Class::Timestamp => continue,
            _ => format!(
                "{} in `{field}` are no clock: they are read up to the last one that was there \
                 before the oldest transaction; that they are given out in rising order is relied \
                 on",
                class.word()
            ),
        };
        findings.push(finding(Severity::Note, text));
        let ahead = look.now + i64::try_from(skew.as_millis()).unwrap_or(0) + MOMENT;
        if let Some(ahead) = class.taken_at(ahead)
            && scanned.has(doc! { field: { "$gte": ahead } }).await?
        {
            let text = format!(
                "some {} in `{field}` are ahead of the server's clock: each is read when it has \
                 come to be its time",
                class.word()
            );
            findings.push(finding(Severity::Note, text));
        }
    }
    Ok(())
}

const GRANT: &str = "Grant the user the role `clusterMonitor`, and read from the primary";

/// What a clock may be ahead without a word, in milliseconds.
const MOMENT: i64 = 2000;

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
