//! The row that a deletion names: by its own fields, or by the key of a message without a value.

use super::{
    table::{Holds, Table},
    table_runs::Unholdable,
};
use crate::model::{Row, Value};

/// The field in which a message without a value has its key, as text.
const TOMBSTONE: &str = "key";

/// Appends a value for each column of the key, in its order; NULL where the record has none.
///
/// # Errors
/// Where the key of a message is not that of such a table.
pub(super) fn named_key<'r>(
    row: &Row<'r>,
    table: &Table,
    values: &mut Vec<Value<'r>>,
) -> Result<(), Unholdable> {
    let first = &table.columns[table.key[0]].name;
    let alone = row.fields().count() == 1;
    match row.get(TOMBSTONE).filter(|_| alone && first != TOMBSTONE) {
        Some(Value::String(text)) => from_text(text, table, values),
        _ => {
            let value = |it: &usize| row.get(&table.columns[*it].name).unwrap_or(Value::Null);
            values.extend(table.key.iter().map(value));
            Ok(())
        }
    }
}

/// One column as its plain text, several as a JSON array of texts: as producers write keys.
fn from_text<'r>(
    text: &'r str,
    table: &Table,
    values: &mut Vec<Value<'r>>,
) -> Result<(), Unholdable> {
    let wrong = |reason: &str| Unholdable::new(TOMBSTONE, reason);
    let parts = match table.key.len() {
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
    for (place, part) in table.key.iter().zip(parts) {
        values.push(match table.columns[*place].holds {
            // Compared with a text, a server takes a number for its neighbours.
            Holds::Integer => part
                .parse()
                .map(Value::I64)
                .or_else(|_| part.parse().map(Value::U64))
                .map_err(|_| wrong("it is not a whole number, as the key of the table is"))?,
            Holds::Bytes => {
                return Err(wrong(
                    "the key of the table is bytes, which the text of a message's key does not tell",
                ));
            }
            _ => Value::String(part),
        });
    }
    Ok(())
}
