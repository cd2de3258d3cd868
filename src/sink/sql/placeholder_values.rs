//! Placeholder values for a column whose own value moves to another row.

use super::table::{Column, ColumnType};
use crate::model::Value;

/// What a column may hold for a moment: nothing at all, or something that is hardly in use. What
/// the table does not take is followed by the next.
pub(super) fn free_values(column: &Column) -> Vec<FreeValue> {
    let chance = chance();
    let number = |bits: u32| FreeValue::Number((chance >> (64 - bits)) as i64);
    let negative = |bits: u32| FreeValue::Number(-((chance >> (64 - bits)) as i64));
    let text = |length: usize| FreeValue::Text(format!("{chance:016x}").split_off(16 - length));
    let mut values = vec![FreeValue::Null];
    values.extend(match column.stored_type {
        ColumnType::Integer | ColumnType::Float | ColumnType::Decimal(_) | ColumnType::Number => {
            let widths = [62, 31, 30, 15, 7, 6];
            let numbers = widths.iter().flat_map(|it| [negative(*it), number(*it)]);
            numbers.collect::<Vec<_>>()
        }
        ColumnType::Clock => {
            let year = 1971 + chance % 60;
            let (month, day) = (1 + (chance >> 8) % 12, 1 + (chance >> 16) % 28);
            let day = format!("{year}-{month:02}-{day:02}");
            let time = format!("{:02}:{:02}:{:02}", chance % 24, chance % 60, chance % 59);
            vec![
                FreeValue::Text(format!("{day} {time}")),
                FreeValue::Text(day),
                FreeValue::Text(time),
            ]
        }
        // No index holds a vector among its unique values.
        ColumnType::Vector => Vec::new(),
        ColumnType::Text | ColumnType::Json | ColumnType::Bytes | ColumnType::Anything => {
            let uuid = FreeValue::Text(format!("{chance:032x}"));
            let texts = [16, 8, 4, 2, 1].map(text).into_iter();
            texts.chain([uuid]).collect()
        }
    });
    values
}

/// A value that no record has named.
pub(super) enum FreeValue {
    /// Nothing.
    Null,
    /// A number.
    Number(i64),
    /// A text, or what is written as one.
    Text(String),
}

impl FreeValue {
    /// As it is bound.
    pub(super) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Number(it) => Value::I64(*it),
            Self::Text(it) => Value::Bytes(0, it.as_bytes()),
        }
    }
}

/// A number that nobody else has.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
