//! Indexes of the source that the target does not have, and the widths of their columns.

use std::collections::HashMap;

use crate::model::{IndexPart, TableIndex};

/// An index of the source that the target lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingIndex {
    /// As the source has it, in the names of the target.
    pub index: TableIndex,
    /// The table or collection.
    pub table: String,
    /// The statement that makes it; else why it cannot be made there.
    pub statement: Result<String, String>,
}

/// An index that a table has.
#[derive(Debug, Clone)]
pub(in crate::sink) struct ExistingIndex {
    pub name: String,
    pub is_unique: bool,
    pub parts: Vec<ExistingPart>,
}

/// A part of an index that a table has.
#[derive(Debug, Clone)]
pub(in crate::sink) struct ExistingPart {
    /// `None`: an expression.
    pub column: Option<String>,
    pub prefix: Option<u32>,
    pub is_descending: bool,
}

impl ExistingIndex {
    /// The primary key's.
    pub(in crate::sink) fn of_key(key: &[String]) -> Self {
        let part = |it: &String| ExistingPart {
            column: Some(it.clone()),
            prefix: None,
            is_descending: false,
        };
        Self {
            name: "PRIMARY".to_owned(),
            is_unique: true,
            parts: key.iter().map(part).collect(),
        }
    }

    /// The indexes that these parts are of, in their order.
    pub(in crate::sink) fn of_parts(
        parts: impl Iterator<Item = (String, bool, ExistingPart)>,
    ) -> Vec<Self> {
        let mut existing: Vec<Self> = Vec::new();
        for (name, is_unique, part) in parts {
            match existing.last_mut().filter(|it| it.name == name) {
                Some(index) => index.parts.push(part),
                None => existing.push(Self {
                    name,
                    is_unique,
                    parts: vec![part],
                }),
            }
        }
        existing
    }

    /// Whether it is of the same columns in the same order (or wholly the other way round), and as
    /// strict as `wanted`.
    fn is(&self, wanted: &TableIndex) -> bool {
        if self.parts.len() != wanted.parts.len() || (wanted.is_unique && !self.is_unique) {
            return false;
        }
        let pairs = || self.parts.iter().zip(&wanted.parts);
        let named = pairs().all(|(it, part)| it.column.as_deref() == Some(&part.field));
        let turned =
            |is: bool| pairs().all(|(it, part)| (it.is_descending != part.is_descending) == is);
        let strict = pairs().all(|(it, part)| !wanted.is_unique || it.prefix == part.prefix);
        named && strict && (turned(false) || turned(true))
    }
}

/// Those of `wanted` that none of the `existing` is, each once; a primary key is the table's own affair.
pub(in crate::sink) fn missing_indexes<'w>(
    wanted: &'w [TableIndex],
    existing: &[ExistingIndex],
) -> impl Iterator<Item = &'w TableIndex> {
    let is_missing = move |it: &&TableIndex| {
        let is_there = it.beyond.is_none() && existing.iter().any(|found| found.is(it));
        !it.is_primary && !is_there
    };
    wanted.iter().filter(is_missing)
}

/// `name`, or the first of `name_2`, `name_3`, … that is free; of at most `longest` letters.
pub(in crate::sink) fn free_name(
    name: &str,
    longest: usize,
    is_taken: impl Fn(&str) -> bool,
) -> String {
    let cut = |room: usize| name.chars().take(room).collect::<String>();
    let mut found = cut(longest);
    let mut number = 2;
    while is_taken(&found) {
        let end = format!("_{number}");
        found = cut(longest - end.len()) + &end;
        number += 1;
    }
    found
}

/// The letters of a text that is of a key or a unique index, where nobody says how long its values are.
pub(in crate::sink) const USUAL_WIDTH: u32 = 255;

/// How wide the columns of texts and bytes are that a key or an index has whole: as wide as the source
/// says, not narrower than usual where there is room for that in each of `most` bytes.
pub(in crate::sink) fn widths(
    indexes: &[TableIndex],
    key: &[String],
    most: u32,
) -> HashMap<String, u32> {
    let mut declared: HashMap<&str, u32> = HashMap::new();
    for part in indexes.iter().flat_map(|it| &it.parts) {
        if let Some(width) = part.width {
            declared.insert(&part.field, width);
        }
    }
    let fits = |width: u32| width.saturating_mul(CHARACTER_BYTES) <= most;
    let mut widths: HashMap<String, u32> = HashMap::new();
    for field in key {
        let width = declared.get(field.as_str()).copied();
        let width = width.filter(|it| fits(*it)).unwrap_or(USUAL_WIDTH);
        widths.insert(field.clone(), width.max(USUAL_WIDTH));
    }
    let made = |it: &&TableIndex| it.beyond.is_none();
    for index in indexes.iter().filter(made) {
        for part in index.parts.iter().filter(|it| it.prefix.is_none()) {
            let width = match declared.get(part.field.as_str()) {
                Some(width) if fits(*width) => Some(*width),
                None if index.is_unique => Some(USUAL_WIDTH),
                _ => None,
            };
            if let Some(width) = width {
                widths.insert(part.field.clone(), width.max(USUAL_WIDTH));
            }
        }
    }
    narrow(&mut widths, indexes, key, &declared, most);
    widths
}

/// Columns of a key or an index that would not fit together are as wide as the source's, and no wider.
fn narrow(
    widths: &mut HashMap<String, u32>,
    indexes: &[TableIndex],
    key: &[String],
    declared: &HashMap<&str, u32>,
    most: u32,
) {
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    let indexes = indexes.iter().filter_map(whole);
    for fields in std::iter::once(key).chain(indexes) {
        let bytes = |it: &&str| {
            widths
                .get(*it)
                .map_or(USUAL_BYTES, |it| it * CHARACTER_BYTES)
        };
        if fields.iter().map(bytes).sum::<u32>() <= most {
            continue;
        }
        for field in fields {
            if let (Some(width), Some(own)) = (widths.get_mut(field), declared.get(field)) {
                *width = (*own).max(1);
            }
        }
    }
}

/// The fields of an index of whole values.
fn whole(index: &TableIndex) -> Option<Vec<&str>> {
    let whole = |it: &IndexPart| it.prefix.is_none();
    let fields = || index.parts.iter().map(|it| it.field.as_str()).collect();
    index.parts.iter().all(whole).then(fields)
}

/// Bytes of a letter, at most.
pub(in crate::sink) const CHARACTER_BYTES: u32 = 4;

/// Bytes of what is no text in an index, at most: those of the longest decimal.
pub(in crate::sink) const USUAL_BYTES: u32 = 32;

/// Parts of indexes, one behind the other: each index begins with the part `first`.
pub(in crate::sink) fn in_order(parts: Vec<(i64, String)>, first: i64) -> Vec<Vec<String>> {
    let mut indexes: Vec<Vec<String>> = Vec::new();
    for (ordinal, column) in parts {
        match indexes.last_mut().filter(|_| ordinal > first) {
            Some(index) => index.push(column),
            None => indexes.push(vec![column]),
        }
    }
    indexes
}

/// What is said where rows share the values of a unique index.
pub(in crate::sink) fn shared(missing: &MissingIndex, what: &str) -> String {
    let (named, table) = (missing.index.named(), &missing.table);
    format!(
        "the {named} cannot be made in {table}, since rows share its values ({what}); the rows stay: mend \
         them, and run the task again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(is_unique: bool, parts: &[(&str, Option<u32>)]) -> TableIndex {
        let part = |(field, width): &(&str, Option<u32>)| IndexPart {
            field: (*field).to_owned(),
            prefix: None,
            width: *width,
            is_descending: false,
            may_be_null: false,
            collation: None,
        };
        TableIndex {
            name: "i".to_owned(),
            is_primary: false,
            is_unique,
            is_hidden: false,
            parts: parts.iter().map(part).collect(),
            beyond: None,
        }
    }

    #[test]
    fn columns_of_an_index_are_as_wide_as_its_bytes_allow() {
        let of = |index: TableIndex| {
            let widths = widths(&[index], &[], 3072);
            let mut widths: Vec<_> = widths.into_iter().collect();
            widths.sort();
            widths
        };
        let widths = |pairs: &[(&str, u32)]| -> Vec<(String, u32)> {
            pairs
                .iter()
                .map(|(name, it)| ((*name).to_owned(), *it))
                .collect()
        };
        assert_eq!(of(index(false, &[("a", Some(9))])), widths(&[("a", 255)]));
        assert_eq!(of(index(true, &[("a", Some(700))])), widths(&[("a", 700)]));
        // Of no known width, or of more than an index holds: not by its whole.
        assert_eq!(of(index(false, &[("a", None)])), []);
        assert_eq!(of(index(true, &[("a", Some(800))])), []);
        assert_eq!(of(index(true, &[("a", None)])), widths(&[("a", 255)]));
        let four = ["a", "b", "c", "d"].map(|it| (it, Some(100)));
        assert_eq!(of(index(true, &four)), widths(&four.map(|it| (it.0, 100))));
    }

    #[test]
    fn an_index_that_is_there_is_not_lacking() {
        let existing = |is_unique, columns: &[(&str, bool)]| ExistingIndex {
            name: "i".to_owned(),
            is_unique,
            parts: columns
                .iter()
                .map(|(column, is_descending)| ExistingPart {
                    column: Some((*column).to_owned()),
                    prefix: None,
                    is_descending: *is_descending,
                })
                .collect(),
        };
        let is_missing = |is_unique, there: ExistingIndex| {
            let wanted = [index(is_unique, &[("a", None), ("b", None)])];
            missing_indexes(&wanted, &[there]).count() == 1
        };
        let both = [("a", false), ("b", false)];
        assert!(!is_missing(true, existing(true, &both)));
        assert!(!is_missing(false, existing(true, &both)));
        assert!(is_missing(true, existing(false, &both)));
        assert!(!is_missing(
            false,
            existing(false, &[("a", true), ("b", true)])
        ));
        assert!(is_missing(
            false,
            existing(false, &[("a", true), ("b", false)])
        ));
        assert!(is_missing(
            false,
            existing(false, &[("b", false), ("a", false)])
        ));
        assert!(is_missing(false, existing(false, &both[..1])));
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let taken = |it: &str| ["by_at", "by_at_2"].contains(&it);
        assert_eq!(free_name("by_at", 64, taken), "by_at_3");
        assert_eq!(free_name("by_at", 4, taken), "by_a");
    }
}
