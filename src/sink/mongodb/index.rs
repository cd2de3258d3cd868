//! Indexes of a collection: those that are there, and the commands that make others.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};

use super::{
    MongodbSink,
    failure::{DUPLICATE_KEY, code},
};
use crate::{
    fault::chain,
    model::{Kind, TableIndex},
    sink::{
        SinkError,
        sql::index::{
            ExistingIndex, ExistingPart, MissingIndex, free_name, missing_indexes, shared,
        },
    },
};

/// Bytes of an index's name that servers of all releases take.
const NAME: usize = 100;

/// What is neither null nor missing: a table's unique index is of rows with values alone.
const VALUES: [&str; 12] = [
    "double",
    "string",
    "object",
    "array",
    "binData",
    "objectId",
    "bool",
    "date",
    "int",
    "long",
    "timestamp",
    "decimal",
];

/// What of the source's indexes the collection lacks.
pub(in crate::sink) async fn missing_of(
    sink: &MongodbSink,
    fields: Option<&[(String, Kind)]>,
) -> Result<Vec<MissingIndex>, SinkError> {
    let collection = &sink.settings.collection;
    let existing = if sink.is_there(collection).await? {
        existing(sink).await?
    } else {
        vec![ExistingIndex::of_key(&["_id".to_owned()])]
    };
    let mut taken: Vec<String> = existing.iter().map(|it| it.name.clone()).collect();
    let mut all = Vec::new();
    for index in missing_indexes(&sink.settings.indexes, &existing) {
        let name = free_name(&index.name, NAME, |it| taken.iter().any(|name| name == it));
        taken.push(name.clone());
        let statement = possible(sink, index, fields).map(|()| {
            let (keys, options) = definition(index, &name);
            format!("db.{collection}.createIndex({keys}, {options})")
        });
        all.push(MissingIndex {
            index: TableIndex {
                name,
                ..index.clone()
            },
            table: collection.clone(),
            statement,
        });
    }
    Ok(all)
}

/// Makes an index.
///
/// # Errors
/// `Incompatible` where documents share its values.
pub(in crate::sink) async fn make(
    sink: &MongodbSink,
    missing: &MissingIndex,
) -> Result<(), SinkError> {
    let incompatible = |advice: String| SinkError::Incompatible {
        name: sink.connection.name().to_owned(),
        advice,
    };
    missing
        .statement
        .as_ref()
        .map_err(|it| incompatible(it.clone()))?;
    let (keys, mut index) = definition(&missing.index, &missing.index.name);
    index.insert("key", keys);
    let command = doc! { "createIndexes": &sink.settings.collection, "indexes": [index] };
    match sink.connection.database().run_command(command).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(DUPLICATE_KEY) => {
            Err(incompatible(shared(missing, &chain(&error))))
        }
        Err(error) => Err(sink.failed(error)),
    }
}

/// Its keys, and its options with the name.
fn definition(index: &TableIndex, name: &str) -> (Document, Document) {
    let mut keys = Document::new();
    for part in &index.parts {
        keys.insert(&part.field, if part.is_descending { -1 } else { 1 });
    }
    let mut options = doc! { "name": name };
    if index.is_hidden {
        options.insert("hidden", true);
    }
    if index.is_unique {
        options.insert("unique", true);
        let mut filter = Document::new();
        for part in index.parts.iter().filter(|it| it.may_be_null) {
            let values: Vec<Bson> = VALUES.iter().map(|it| Bson::from(*it)).collect();
            filter.insert(&part.field, doc! { "$type": values });
        }
        if !filter.is_empty() {
            options.insert("partialFilterExpression", filter);
        }
    }
    (keys, options)
}

fn possible(
    sink: &MongodbSink,
    index: &TableIndex,
    fields: Option<&[(String, Kind)]>,
) -> Result<(), String> {
    if let Some(beyond) = &index.beyond {
        return Err(beyond.clone());
    }
    for part in &index.parts {
        let field = &part.field;
        let of = fields.map(|it| it.iter().find(|(name, _)| name == field));
        if sink.settings.drop.contains(field) || matches!(of, Some(None)) {
            return Err(format!("the documents have no field `{field}`"));
        }
        if fields.is_some() && (field.contains(['.', '\0']) || field.starts_with('$')) {
            return Err(format!(
                "a dot or a dollar in `{field}` would mean another field"
            ));
        }
        if matches!(of, Some(Some((_, Kind::Json)))) {
            return Err(format!("`{field}` becomes a document or a list"));
        }
        if index.is_unique && part.prefix.is_some() {
            return Err(format!("it is unique by the beginning of `{field}`"));
        }
    }
    Ok(())
}

async fn existing(sink: &MongodbSink) -> Result<Vec<ExistingIndex>, SinkError> {
    let command = doc! { "listIndexes": &sink.settings.collection };
    let listed = async {
        let cursor = sink.connection.database().run_cursor_command(command);
        cursor.await?.try_collect::<Vec<Document>>().await
    };
    let listed = listed.await.map_err(|error| sink.failed(error))?;
    let index = |it: &Document| {
        let name = it.get_str("name").unwrap_or_default().to_owned();
        let part = |(field, direction): (&String, &Bson)| ExistingPart {
            column: Some(field.clone()),
            prefix: None,
            is_descending: matches!(direction, Bson::Int32(-1) | Bson::Int64(-1))
                || matches!(direction, Bson::Double(it) if *it < 0.0),
        };
        ExistingIndex {
            is_unique: name == "_id_" || it.get_bool("unique").unwrap_or_default(),
            parts: it
                .get_document("key")
                .into_iter()
                .flatten()
                .map(part)
                .collect(),
            name,
        }
    };
    Ok(listed.iter().map(index).collect())
}
