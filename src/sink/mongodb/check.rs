//! Whether a collection of MongoDB can be written as the settings say.

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};

use super::{MongodbSink, write::OTHER_ID};
use crate::{
    fault::chain,
    model::{Finding, Kind, Severity},
    sink::SinkError,
};

/// What is found; nothing is changed.
pub(in crate::sink) async fn check(
    sink: &MongodbSink,
    key: &[String],
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<Finding>, SinkError> {
    let database = sink.connection.database();
    let hello = database.run_command(doc! { "hello": 1 }).await;
    let hello = hello.map_err(|error| sink.failed(error))?;
    let mut findings = vec![transactions(&hello)];
    match sink.refuse_older().await {
        Err(error @ SinkError::Incompatible { .. }) => {
            findings.push(finding(Severity::Problem, chain(&error)));
        }
        checked => checked?,
    }
    let collection = &sink.settings.collection;
    findings.push(if sink.is_there(collection).await? {
        good(format!("collection {collection} is there"))
    } else {
        good(format!(
            "collection {collection} is missing and will be made"
        ))
    });
    if let Some(advice) = folding(sink).await? {
        findings.push(finding(Severity::Problem, advice));
    }
    findings.push(match unkeyed((key, &sink.settings.drop), fields) {
        Some(advice) => finding(Severity::Problem, advice),
        None => good(match key {
            [] => "documents are written by their `_id`".to_owned(),
            [only] => format!("documents are written by `_id`, which is the value of `{only}`"),
            several => format!(
                "documents are written by `_id`, which has {}",
                several.join(", ")
            ),
        }),
    });
    findings.push(match &sink.settings.rules.version {
        Some(version) => good(format!(
            "an older change never overwrites a newer document: `{version}` tells"
        )),
        None => finding(
            Severity::Note,
            "without `version`, an older change that comes late overwrites a newer document"
                .to_owned(),
        ),
    });
    Ok(findings)
}

/// Why documents of different `_id`s could be one in this collection; `None` where they cannot.
pub(super) async fn folding(sink: &MongodbSink) -> Result<Option<String>, SinkError> {
    let collection = &sink.settings.collection;
    let listed = sink.connection.database().list_collections();
    let listed = listed.filter(doc! { "name": collection }).await;
    let mut listed = listed.map_err(|error| sink.failed(error))?;
    let found = listed
        .try_next()
        .await
        .map_err(|error| sink.failed(error))?;
    let collation = found.and_then(|it| it.options.collation);
    Ok(collation.map(|it| {
        format!(
            "collection {collection} has a collation ({}), which may take `_id`s for equal that differ, so that one document would overwrite another: write into a collection without a collation",
            it.locale
        )
    }))
}

/// Why documents of these fields have no `_id`; `None` where they have, or nobody knows yet.
pub(super) fn unkeyed(
    (key, drop): (&[String], &[String]),
    fields: Option<&[(String, Kind)]>,
) -> Option<String> {
    let fields = fields?;
    let named = |names: &[String]| names.iter().any(|it| it == "_id");
    let other = fields.iter().any(|(field, _)| field == "_id");
    if other && !key.is_empty() && !named(key) && !named(drop) {
        return Some(format!(
            "the records have a field `_id`, and their key is {}: {OTHER_ID}",
            key.join(", ")
        ));
    }
    let own = ["_id".to_owned()];
    let key = if key.is_empty() { &own[..] } else { key };
    let missing = key
        .iter()
        .find(|it| fields.iter().all(|(field, _)| field != *it))?;
    Some(format!(
        "documents are found by `_id`, and the records have no field `{missing}`: name the fields that identify a record with `key = [\"…\"]`"
    ))
}

/// A router of shards has them, too.
fn transactions(hello: &Document) -> Finding {
    let routes = hello.get_str("msg").is_ok_and(|it| it == "isdbgrid");
    if routes || hello.contains_key("setName") {
        good("the server has transactions".to_owned())
    } else {
        finding(
            Severity::Problem,
            "the server is alone and has no transactions, so rows and progress would part: make it a replica set (of one member, if need be)".to_owned(),
        )
    }
}

fn good(text: String) -> Finding {
    finding(Severity::Good, text)
}

fn finding(severity: Severity, text: String) -> Finding {
    Finding { severity, text }
}
