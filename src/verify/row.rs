//! One row as it is compared: two hashes of 128 bits, of its key and of all of it.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Mutex, PoisonError},
};

use xxhash_rust::xxh3::xxh3_128;

use super::{VerifyError, canonical, typed};
use crate::{
    digest::{Documents, Keeps, Shape},
    model::{Row, Value, domain::Domain},
    sink::Texts,
};

/// The columns that are compared, and how.
#[derive(Debug)]
pub(super) struct Compared {
    pub columns: Vec<(String, Keeps)>,
    /// What each of them can hold.
    domains: Vec<Domain>,
    /// Which of them tell rows apart.
    pub key: Vec<usize>,
    /// Which of them name the parent that a row is replaced with; none where it stands by itself.
    parent: Vec<usize>,
    /// Columns of the target that no record names, or that its server computes.
    left_out: Vec<String>,
    ordinals: HashMap<String, usize>,
    ignored: BTreeSet<String>,
    texts: Texts,
    /// The fields of a record that the key is made of, and where it stands.
    made: Option<(Vec<String>, usize)>,
    /// Fields of the target's documents that no record names, as far as they were met.
    unnamed: Option<Mutex<BTreeSet<String>>>,
}

/// Fields that no record names, as far as they are told.
const UNNAMED: usize = 100;

/// What a row is known by, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hashes {
    pub key: u128,
    pub row: u128,
}

/// A row's values, each as the target's column would keep it.
#[derive(Debug, Default)]
pub(super) struct Canonical {
    bytes: Vec<u8>,
    ranges: Vec<(usize, usize)>,
    /// What is hashed.
    joined: Vec<u8>,
}

/// Which side a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Expected,
    Actual,
}

impl Compared {
    /// Of `shape`, as far as records have `fields`.
    ///
    /// # Errors
    /// `Incompatible` where a field has no column, or the key has no field.
    pub fn over(
        shape: &Shape,
        fields: &BTreeSet<String>,
        drop: &[String],
        texts: Texts,
    ) -> Result<Self, VerifyError> {
        let documents = shape.documents.as_ref();
        let named = |it: &String| fields.contains(it) && !drop.contains(it);
        let is_key = |at: usize| shape.key.contains(&at);
        let is_compared = |at: usize| {
            let column = &shape.columns[at];
            (named(&column.name) || is_key(at)) && !column.is_computed
        };
        let all = 0..shape.columns.len();
        let compared: Vec<usize> = all.clone().filter(|it| is_compared(*it)).collect();
        let name = |at: &usize| shape.columns[*at].name.clone();
        let has_column = |it: &&String| shape.columns.iter().any(|column| column.name == **it);
        let others: Vec<&String> = fields
            .iter()
            .filter(|it| !drop.contains(it) && !has_column(it))
            .collect();
        if let (None, Some(field)) = (documents, others.first()) {
            return Err(VerifyError::Incompatible(format!(
                "the records have a field `{field}`, and the table no such column: add it, or leave the field out with `drop`"
            )));
        }
        let key = shape.key.iter().map(|key| {
            let ordinal = compared.iter().position(|it| it == key);
            ordinal.ok_or_else(|| {
                let column = name(key);
                VerifyError::Incompatible(format!("column `{column}` is of the key, and computed by the server: declare another `key`"))
            })
        });
        let key: Vec<usize> = key.collect::<Result<_, _>>()?;
        let computed = shape.columns.iter().filter(|it| it.is_computed);
        let column = |at: &usize| (name(at), shape.columns[*at].keeps);
        let mut columns: Vec<_> = compared.iter().map(column).collect();
        let domain = |at: &usize| shape.columns[*at].domain.clone();
        let mut domains: Vec<_> = compared.iter().map(domain).collect();
        if let Some(documents) = documents {
            columns.extend(others.iter().map(|it| ((*it).clone(), documents.keep)));
            domains.resize(columns.len(), Domain::ANYTHING);
        }
        Ok(Self {
            parent: Vec::new(),
            ordinals: columns.iter().map(|it| it.0.clone()).zip(0..).collect(),
            left_out: all
                .filter(|it| !is_compared(*it))
                .map(|it| name(&it))
                .collect(),
            ignored: computed
                .map(|it| it.name.clone())
                .chain(drop.iter().cloned())
                .collect(),
            made: made(documents, &key),
            unnamed: documents.map(|_| Mutex::default()),
            key,
            columns,
            domains,
            texts,
        })
    }

    /// The same, where rows are replaced by the parent that `columns` name.
    ///
    /// # Errors
    /// `Incompatible` where one of them is not compared.
    pub fn of_parents(mut self, columns: &[String]) -> Result<Self, VerifyError> {
        let ordinal = |name: &String| {
            let ordinal = self.ordinals.get(name).copied();
            ordinal.ok_or_else(|| {
                VerifyError::Incompatible(format!(
                    "`replace-by` names `{name}`, which no record has: correct it"
                ))
            })
        };
        self.parent = columns.iter().map(ordinal).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// What a row is written and deleted with: its parent, or the row itself. `canonical` has its values.
    pub fn unit(&self, hashes: Hashes, canonical: &Canonical) -> u128 {
        if self.parent.is_empty() {
            hashes.key
        } else {
            hash(canonical, self.parent.iter().copied(), &mut Vec::new())
        }
    }

    /// The columns that name such a unit.
    pub fn unit_columns(&self) -> Vec<&String> {
        let ordinals = if self.parent.is_empty() {
            &self.key
        } else {
            &self.parent
        };
        ordinals.iter().map(|it| &self.columns[*it].0).collect()
    }

    /// Whether rows are replaced by their parent.
    pub fn has_parents(&self) -> bool {
        !self.parent.is_empty()
    }

    /// What is not compared: columns of the target, and fields of its documents, as far as these were
    /// met.
    pub fn left_out(&self) -> Vec<String> {
        let unnamed = self.unnamed.as_ref();
        let unnamed = unnamed.map(|it| it.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let unnamed = unnamed.into_iter().flatten();
        self.left_out.iter().cloned().chain(unnamed).collect()
    }

    /// The hashes of `row`, whose values are in `canonical` afterwards. A column that it does not
    /// name is NULL.
    ///
    /// # Errors
    /// The field of an expected row that is not among the columns compared.
    pub fn take(
        &self,
        row: &Row<'_>,
        side: Side,
        canonical: &mut Canonical,
    ) -> Result<Hashes, String> {
        let Canonical { bytes, ranges, .. } = canonical;
        bytes.clear();
        // NULL, for what is not named.
        bytes.push(0);
        ranges.clear();
        ranges.resize(self.columns.len(), (0, 1));
        let mut next = 0;
        for (name, value) in row.fields() {
            let is_next = self.columns.get(next).is_some_and(|it| it.0 == name);
            let ordinal = if is_next {
                next
            } else {
                match self.ordinals.get(name) {
                    Some(ordinal) => *ordinal,
                    None if side == Side::Actual => {
                        self.met(name);
                        continue;
                    }
                    None if self.ignored.contains(name) => continue,
                    None => return Err(name.to_owned()),
                }
            };
            next = ordinal + 1;
            let is_made = |(_, at): &(_, usize)| side == Side::Expected && *at == ordinal;
            if self.made.as_ref().is_some_and(is_made) {
                // The target's is another one.
                continue;
            }
            if ranges[ordinal] != (0, 1) {
                // A name that stands twice: the first counts, as it does for the sink.
                continue;
            }
            let start = bytes.len();
            let keeps = self.columns[ordinal].1;
            match side {
                Side::Actual => canonical::write(value, keeps, Texts::default(), bytes),
                // The sink refuses what the column cannot hold: it is equal to nothing.
                Side::Expected if self.domains[ordinal].admit(&value, self.texts).is_err() => {
                    canonical::unsupported(value, bytes);
                }
                Side::Expected => canonical::write(value, keeps, self.texts, bytes),
            }
            ranges[ordinal] = (start, bytes.len());
        }
        if let (Some((fields, ordinal)), Side::Expected) = (&self.made, side) {
            let start = bytes.len();
            make(row, fields, bytes);
            ranges[*ordinal] = (start, bytes.len());
        }
        Ok(self.hashes(canonical))
    }

    /// A field of the target's that no record names.
    fn met(&self, name: &str) {
        if let Some(unnamed) = &self.unnamed {
            let mut unnamed = unnamed.lock().unwrap_or_else(PoisonError::into_inner);
            if unnamed.len() < UNNAMED && !unnamed.contains(name) && !self.ignored.contains(name) {
                unnamed.insert(name.to_owned());
            }
        }
    }

    fn hashes(&self, canonical: &mut Canonical) -> Hashes {
        let mut joined = mem::take(&mut canonical.joined);
        let hashes = Hashes {
            key: hash(canonical, self.key.iter().copied(), &mut joined),
            row: hash(canonical, 0..self.columns.len(), &mut joined),
        };
        canonical.joined = joined;
        hashes
    }
}

fn hash(
    canonical: &Canonical,
    ordinals: impl Iterator<Item = usize>,
    joined: &mut Vec<u8>,
) -> u128 {
    joined.clear();
    for ordinal in ordinals {
        let value = canonical.value(ordinal);
        // With its length: what ends one value never begins the next.
        joined.extend_from_slice(&(value.len() as u64).to_le_bytes());
        joined.extend_from_slice(value);
    }
    xxh3_128(joined)
}

/// The fields that the key of documents is made of, and where it stands.
fn made(documents: Option<&Documents>, key: &[usize]) -> Option<(Vec<String>, usize)> {
    let identity = &documents?.identity;
    let ordinal = *key.first()?;
    (!identity.is_empty()).then(|| (identity.clone(), ordinal))
}

/// The key that the sink makes of these fields: the value of one, a document of several.
fn make(row: &Row<'_>, fields: &[String], bytes: &mut Vec<u8>) {
    let value = |name: &String| row.get(name).unwrap_or(Value::Null);
    let start = bytes.len();
    let written = match fields {
        [only] => typed::write(value(only), bytes, 0),
        several => {
            let parts = several.iter().map(|it| (it.as_str(), value(it)));
            typed::document(parts, bytes, 0)
        }
    };
    if written.is_none() {
        // As no key of a document is: the sink refuses such a record.
        bytes.truncate(start);
        bytes.push(0);
    }
}

impl Canonical {
    pub fn value(&self, ordinal: usize) -> &[u8] {
        let (start, end) = self.ranges[ordinal];
        &self.bytes[start..end]
    }
}

#[cfg(test)]
mod tests;
