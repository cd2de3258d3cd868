//! The rows that a deletion names: by its own fields, or by the key of a message without a value.

use super::{
    incompatible::ValueError,
    table::{ColumnType, Table},
};
use crate::model::{Op, Records, Row, Value};

/// The field in which a message without a value has its key, as text.
const TOMBSTONE: &str = "key";

/// Appends a value for each column that deletions go by, in its order; NULL where the record has none.
///
/// # Errors
/// Where the key of a message is not that of such a table.
pub(super) fn named_key<'r>(
    row: &Row<'r>,
    table: &Table,
    values: &mut Vec<Value<'r>>,
) -> Result<(), ValueError> {
    let columns = table.removed_by();
    let first = &table.columns[columns[0]].name;
    let alone = row.fields().count() == 1;
    match row.get(TOMBSTONE).filter(|_| alone && first != TOMBSTONE) {
        Some(Value::String(text)) => from_text(text, table, values),
        _ => {
            let value = |it: &usize| row.get(&table.columns[*it].name).unwrap_or(Value::Null);
            values.extend(columns.iter().map(value));
            Ok(())
        }
    }
}

/// What a row that is there already is looked for by: the key of each record, or the parent whose
/// rows are replaced. Where one is not whole, the write says what is wrong with it.
pub(in crate::sink) fn asked_for<'r>(
    records: &'r Records,
    table: &Table,
) -> impl Iterator<Item = Vec<Value<'r>>> {
    let asking = |it: &Row<'_>| !table.replaces() || it.op() == Op::Delete;
    records.iter().filter(asking).filter_map(|row| {
        let mut values = Vec::new();
        match row.op() {
            Op::Delete => named_key(&row, table, &mut values).ok()?,
            Op::Upsert => {
                let named = table.key.iter().map(|it| &table.columns[*it].name);
                values = named.map(|it| row.get(it)).collect::<Option<_>>()?;
            }
        }
        let whole = values.iter().all(|it| !matches!(it.widened(), Value::Null));
        whole.then_some(values)
    })
}

/// One column as its plain text, several as a JSON array of texts: as producers write keys.
fn from_text<'r>(
    text: &'r str,
    table: &Table,
    values: &mut Vec<Value<'r>>,
) -> Result<(), ValueError> {
    let wrong = |reason: &str| ValueError::new(TOMBSTONE, reason);
    let parts = match table.removed_by().len() {
        1 => vec![text],
        count => {
            let parts = serde_json::from_str::<Vec<&str>>(text);
            let parts = parts.map_err(|_| wrong("it is not a JSON array of plain texts"))?;
            if parts.len() != count {
                return Err(wrong("it has not as many parts as the key of the table"));
            }
            parts
        }
    };
    for (ordinal, part) in table.removed_by().iter().zip(parts) {
        values.push(match table.columns[*ordinal].stored_type {
            // Compared with a text, a server takes a number for its neighbours.
            ColumnType::Integer => part
                .parse()
                .map(Value::I64)
                .or_else(|_| part.parse().map(Value::U64))
                .map_err(|_| wrong("it is not a whole number, as the key of the table is"))?,
            ColumnType::Bytes => {
                return Err(wrong(
                    "the key of the table is bytes, which the text of a message's key does not tell",
                ));
            }
            _ => Value::String(part),
        });
    }
    Ok(())
}
