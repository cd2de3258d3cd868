//! Output about an index that the target does not have.

use serde_json::json;

use crate::sink::MissingIndex;

/// One sentence, for a person.
pub(in crate::app) fn sentence(it: &MissingIndex) -> String {
    let (table, named) = (&it.table, it.index.named());
    match &it.statement {
        Ok(statement) => format!("{table} lacks the {named} of the source: {statement}"),
        Err(reason) => format!("{table} cannot have the {named} of the source: {reason}"),
    }
}

/// The same, for a script.
pub(in crate::app) fn object(it: &MissingIndex) -> serde_json::Value {
    json!({
        "table": it.table,
        "name": it.index.name,
        "unique": it.index.is_unique,
        "fields": it.index.fields(),
        "statement": it.statement.as_ref().ok(),
        "reason": it.statement.as_ref().err(),
    })
}
