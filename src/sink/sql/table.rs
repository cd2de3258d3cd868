//! A table as a sink sees it: its columns, the key it is written by, the indexes in the way.

use crate::{
    model::{TableIndex, domain::Domain},
    sink::rules::{KeyMatch, OnDelete, OnKnown, RowRules},
};

/// What is known of a target table.
#[derive(Debug)]
pub(in crate::sink) struct Table {
    /// As people write it: `warehouse.info`.
    pub(in crate::sink) name: String,
    /// As it stands in statements, quoted.
    pub(in crate::sink) quoted: String,
    /// In the table's order.
    pub(in crate::sink) columns: Vec<Column>,
    /// Indexes of the columns of the key, in key order.
    pub(in crate::sink) key: Vec<usize>,
    /// Unique indexes that are not the key.
    pub(in crate::sink) others: Vec<Index>,
    /// The column that tells which of two changes is the newer.
    pub(in crate::sink) version: Option<usize>,
    /// What is done with a record whose key is known.
    pub(in crate::sink) on_known: OnKnown,
    /// What is done with deletions.
    pub(in crate::sink) on_delete: OnDelete,
    /// The columns by which all rows of one parent are removed; none where a deletion goes by the
    /// key.
    pub(in crate::sink) replace_by: Vec<usize>,
    /// Whether keys that differ in letters may be one row, as far as is known.
    pub(in crate::sink) folds: bool,
    /// Which keys are one row's.
    pub(in crate::sink) key_match: KeyMatch,
    /// The columns of the key, and of the parent's, whose collation takes texts that differ for equal:
    /// these are compared byte by byte as well.
    pub(in crate::sink) exact: Vec<usize>,
    /// And these take the spelling of each record, since its source takes the same texts for equal.
    pub(in crate::sink) respelled: Vec<usize>,
    /// What its database said of how it is made, just before it was looked up; `None` where the user
    /// may not ask.
    pub(in crate::sink) definition: Option<String>,
}

/// A column of a target table.
#[derive(Debug, Clone)]
pub(in crate::sink) struct Column {
    /// Its name.
    pub(in crate::sink) name: String,
    /// Its name as it stands in statements.
    pub(in crate::sink) quoted: String,
    /// How its values are bound.
    pub(in crate::sink) stored_type: ColumnType,
    /// What it can hold.
    pub(in crate::sink) domain: Domain,
    /// What becomes of it in a new row that does not name it.
    pub(in crate::sink) absent: Absent,
}

/// How values of a column are bound and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum ColumnType {
    /// Text.
    Text,
    /// JSON text, checked by the server.
    Json,
    /// Whole numbers, bits, years.
    Integer,
    /// Single precision.
    Float,
    /// Exact decimals, with so many digits behind the point.
    Decimal(u8),
    /// Other numbers.
    Number,
    /// Days and times.
    Clock,
    /// Bytes.
    Bytes,
    /// A vector, by its bytes.
    Vector,
    /// Whatever it is given, as it is given.
    Anything,
}

/// What becomes of a column in a new row that does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Absent {
    /// It is NULL.
    Null,
    /// It takes a default.
    Default,
    /// It takes the next number.
    Counted,
    /// It is always computed and can never be named.
    Computed,
    /// The row is refused.
    Refused,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sink) struct Index {
    /// Its name.
    pub(in crate::sink) name: String,
    /// Whether it is the primary key.
    pub(in crate::sink) primary: bool,
    /// Indexes of its columns; `None` where it is unique by an expression, a part of a column or
    /// only for some rows.
    pub(in crate::sink) columns: Option<Vec<usize>>,
}

impl Table {
    /// The table, written by `declared` (its primary key where nothing is declared).
    ///
    /// # Errors
    /// One sentence of advice, where the key is neither its primary key nor a unique index.
    pub(in crate::sink) fn new(
        (name, quoted): (String, String),
        columns: Vec<Column>,
        mut indexes: Vec<Index>,
        declared: Option<&[String]>,
    ) -> Result<Self, String> {
        let chosen = match declared {
            None => indexes
                .iter()
                .position(|it| it.primary && it.columns.is_some())
                .ok_or_else(|| {
                    format!(
                        "table {name} has no primary key: give it one, or name a unique index of it with `key = [\"…\"]`"
                    )
                })?,
            Some(declared) => {
                let wanted = ordinals(&columns, declared, "key", &name)?;
                indexes.iter().position(|it| it.is_on(&wanted)).ok_or_else(|| {
                    format!(
                        "the key ({}) is neither the primary key of table {name} nor a unique index of whole columns: make one with CREATE UNIQUE INDEX, or correct `key`",
                        declared.join(", ")
                    )
                })?
            }
        };
        let key = indexes.remove(chosen).columns.unwrap_or_default();
        Ok(Self {
            name,
            quoted,
            columns,
            key,
            others: indexes,
            version: None,
            on_known: OnKnown::default(),
            on_delete: OnDelete::default(),
            replace_by: Vec::new(),
            folds: true,
            key_match: KeyMatch::default(),
            exact: Vec::new(),
            respelled: Vec::new(),
            definition: None,
        })
    }

    /// The same table, whose rows are treated by `rules`.
    ///
    /// # Errors
    /// One sentence of advice, where the version cannot be that column.
    pub(in crate::sink) fn ruled(mut self, rules: &RowRules) -> Result<Self, String> {
        self.on_known = rules.on_known;
        self.on_delete = rules.on_delete;
        self.key_match = rules.key_match;
        self.version = match &rules.version {
            None => None,
            Some(name) => Some(self.version_column(name)?),
        };
        self.replace_by = ordinals(&self.columns, &rules.replace_by, "replace-by", &self.name)?;
        if self.replaces() {
            // Whoever makes the records has heeded it: here a deletion replaces.
            self.on_delete = OnDelete::Delete;
        }
        Ok(self)
    }

    /// The same table, of whose columns those in `folding` have a collation that takes texts that
    /// differ for equal; of a record's source `indexes` are known.
    pub(in crate::sink) fn folded(
        mut self,
        folding: &[(String, String)],
        indexes: &[TableIndex],
    ) -> Self {
        let alike = indexes.iter().any(|it| self.is_of_key(it, folding));
        let keyed = self.key.iter().chain(&self.replace_by).copied();
        let name = |it: usize| self.columns[it].name.as_str();
        let folds = |it: &usize| folding.iter().any(|(folded, _)| folded == name(*it));
        let mut folded: Vec<usize> = keyed.filter(folds).collect();
        folded.sort_unstable();
        folded.dedup();
        // Of a collation that ends with `_bin`, blanks at the end alone do not count.
        let letters = |it: &usize| {
            let mut known = folding.iter();
            known.any(|(name, collation)| {
                *name == self.columns[*it].name && !collation.ends_with("_bin")
            })
        };
        self.folds = folded.iter().any(letters);
        match self.key_match {
            KeyMatch::Auto if alike => self.respelled = folded,
            KeyMatch::Auto | KeyMatch::Exact => self.exact = folded,
            KeyMatch::Collation => self.respelled = folded,
        }
        self
    }

    /// Whether an index of the source takes the same keys for equal as this table does.
    fn is_of_key(&self, index: &TableIndex, folding: &[(String, String)]) -> bool {
        let collation = |name: &str| folding.iter().find(|(it, _)| it == name).map(|it| &it.1);
        let same = |ordinal: &usize| {
            let name = self.columns[*ordinal].name.as_str();
            let mut parts = index.parts.iter();
            parts.any(|it| {
                it.field == name
                    && it.prefix.is_none()
                    && collation(name).is_none_or(|known| it.collation.as_ref() == Some(known))
            })
        };
        let usable = index.is_unique && index.beyond.is_none();
        usable && index.parts.len() == self.key.len() && self.key.iter().all(same)
    }

    /// Those of `columns` that are compared byte by byte as well.
    pub(in crate::sink) fn exact<'t>(
        &'t self,
        columns: &'t [usize],
    ) -> impl Iterator<Item = usize> + 't {
        columns.iter().copied().filter(|it| self.exact.contains(it))
    }

    /// Whether rows of another key can be in the way.
    pub(in crate::sink) fn is_exact(&self) -> bool {
        self.exact(&self.key).next().is_some()
    }

    /// Whether the row of a record takes its spelling of this column of the key.
    pub(in crate::sink) fn respells(&self, column: usize) -> bool {
        self.respelled.contains(&column)
    }

    /// Whether rows are replaced by their parent.
    pub(in crate::sink) fn replaces(&self) -> bool {
        !self.replace_by.is_empty()
    }

    /// The columns whose values a deletion names.
    pub(in crate::sink) fn removed_by(&self) -> &[usize] {
        if self.replaces() {
            &self.replace_by
        } else {
            &self.key
        }
    }

    fn version_column(&self, name: &str) -> Result<usize, String> {
        let table = &self.name;
        let Some(ordinal) = self.column(name) else {
            return Err(format!(
                "table {table} has no column `{name}`, which `version` names: add it, or correct `version`"
            ));
        };
        let no_order = self.columns[ordinal].stored_type == ColumnType::Json;
        if no_order || self.key.contains(&ordinal) || self.ordinal(name).is_err() {
            Err(format!(
                "column `{name}` of table {table} cannot be the version: it is of the key, is computed, or has no order"
            ))
        } else {
            Ok(ordinal)
        }
    }

    /// Where the column of that name stands.
    pub(in crate::sink) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|it| it.name == name)
    }

    /// Whether rows of exactly these fields can be written here.
    ///
    /// # Errors
    /// One sentence of advice.
    pub(in crate::sink) fn fit<'f>(
        &self,
        fields: impl IntoIterator<Item = &'f str>,
        drop: &[String],
    ) -> Result<(), String> {
        let mut written = Vec::new();
        for field in fields {
            if !drop.iter().any(|it| it == field) {
                written.extend(self.ordinal(field)?);
            }
        }
        let name = &self.name;
        if let Some(column) = self.key.iter().find(|it| !written.contains(it)) {
            let column = &self.columns[*column].name;
            return Err(format!(
                "the messages have no field `{column}`, which is of the key of table {name}: rename a field to it, or declare another `key`"
            ));
        }
        let refused = |(ordinal, column): &(usize, &Column)| {
            column.absent == Absent::Refused && !written.contains(ordinal)
        };
        match self.columns.iter().enumerate().find(refused) {
            None => Ok(()),
            Some((_, column)) => Err(format!(
                "column `{}` of table {name} has no default, and the messages have no such field: give the column a default, or allow NULL there",
                column.name
            )),
        }
    }

    /// The columns that the server computes: fields of their names are left out.
    pub(in crate::sink) fn computed(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter();
        let computed = columns.filter(|it| it.absent == Absent::Computed);
        computed.map(|it| it.name.as_str())
    }

    /// The column that a field goes to; `None` where the server computes it, and nobody may write it.
    ///
    /// # Errors
    /// One sentence of advice, where there is none, or where rows are found by what is computed.
    pub(in crate::sink) fn ordinal(&self, field: &str) -> Result<Option<usize>, String> {
        let name = &self.name;
        let Some(ordinal) = self.column(field) else {
            let alike = self
                .columns
                .iter()
                .find(|it| it.name.eq_ignore_ascii_case(field));
            let advice = match alike {
                None => "add the column".to_owned(),
                Some(it) => format!("spell it as the column `{}` is spelled", it.name),
            };
            return Err(format!(
                "the messages have a field `{field}`, but table {name} has no such column: {advice}, or leave the field out with `drop = [\"{field}\"]`"
            ));
        };
        match self.columns[ordinal].absent {
            Absent::Computed if self.key.contains(&ordinal) => Err(format!(
                "column `{field}` of table {name} is of the key, and computed by the server, so that it cannot be written: declare another `key`"
            )),
            Absent::Computed => Ok(None),
            _ => Ok(Some(ordinal)),
        }
    }

    /// Another unique index that could take a row of these columns for a row of another key.
    ///
    /// One that holds the whole key cannot: whoever equals it equals the key. Nor can one with a
    /// column that is left to NULL or to the next number, as those equal nothing.
    pub(in crate::sink) fn redirecting(&self, written: &[usize]) -> Option<&Index> {
        let never_equal = |ordinal: &usize| {
            !written.contains(ordinal)
                && matches!(
                    self.columns[*ordinal].absent,
                    Absent::Null | Absent::Counted
                )
        };
        self.others.iter().find(|index| match &index.columns {
            None => true,
            Some(columns) => {
                !self.key.iter().all(|it| columns.contains(it)) && !columns.iter().any(never_equal)
            }
        })
    }
}

impl Index {
    fn is_on(&self, wanted: &[usize]) -> bool {
        self.columns.as_ref().is_some_and(|columns| {
            columns.len() == wanted.len() && wanted.iter().all(|it| columns.contains(it))
        })
    }
}

fn ordinals(
    columns: &[Column],
    names: &[String],
    setting: &str,
    table: &str,
) -> Result<Vec<usize>, String> {
    let ordinal = |name: &String| {
        columns
            .iter()
            .position(|it| it.name == *name)
            .ok_or_else(|| {
                format!("table {table} has no column `{name}`, which `{setting}` names: correct it")
            })
    };
    names.iter().map(ordinal).collect()
}

#[cfg(test)]
mod tests;
