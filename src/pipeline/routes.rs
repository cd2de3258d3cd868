//! Records to the tables that they are for, each table with steps of its own on its own copy.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Failed, Step, StepError, per_record::as_documents};
use crate::model::{Message, Op, Records, Row, Schema, Value};

/// Where records go behind the steps that are common to all.
pub struct Routes {
    by: Option<RouteBy>,
    tables: Vec<TableRoute>,
}

/// What of a message says which tables it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteBy {
    /// A field of its record, as text.
    Field(String),
    /// A header.
    Header(String),
    /// Its key.
    Key,
}

/// The way to one table.
pub struct TableRoute {
    /// The table, for messages.
    pub table: String,
    /// What the route has to be, one of these; none for every message.
    pub when: Vec<String>,
    /// What happens to the records of this table alone.
    pub steps: Vec<Box<dyn Step>>,
    /// Whose rows these are, where they are replaced as a whole.
    pub replaces: Option<Replaces>,
}

/// How the rows of a parent are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The fields that name the parent.
    pub by: Vec<String>,
    /// The table's step in front of which they are read: the first that changes how many records
    /// there are. A parent of none is known by then.
    pub in_front_of: usize,
    /// What becomes of the rows where the parent is deleted.
    pub deletions: Deletions,
}

/// What becomes of rows whose parent is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletions {
    /// They go with it.
    Follow,
    /// They stay.
    Stay,
    /// The message becomes a dead letter.
    Refused,
}

/// The part of each table, and what failed.
pub type Routed = (Vec<Records>, Vec<Failed>);

/// Where one record goes.
enum Way<'r> {
    Everywhere,
    /// To the tables of this text, and to those of every message; without one, to these alone.
    To(Option<Cow<'r, str>>),
}

/// The name that dead letters have for it.
const ROUTE: &str = "route";

/// Of a text that leads nowhere, so much is told.
const SHOWN_CHARACTERS: usize = 100;

impl Routes {
    /// The ways to `tables`, in order; without `by`, every record goes to all of them.
    pub fn new(by: Option<RouteBy>, tables: Vec<TableRoute>) -> Self {
        Self { by, tables }
    }

    /// All records go to one table, as they are.
    pub fn to_one() -> Self {
        let only = TableRoute {
            table: String::new(),
            when: Vec::new(),
            steps: Vec::new(),
            replaces: None,
        };
        Self::new(None, vec![only])
    }

    /// Prepares all steps for a batch.
    ///
    /// # Errors
    /// As `Step::prepare`.
    pub async fn prepare(&self) -> Result<(), StepError> {
        for table in &self.tables {
            super::prepare(&table.steps).await?;
        }
        Ok(())
    }

    /// What records of this shape have in each table.
    ///
    /// # Errors
    /// As `Step::apply`.
    pub fn shapes(&self, schema: &Schema) -> Result<Vec<Arc<Schema>>, StepError> {
        let tables = self.tables.iter();
        tables
            .map(|it| super::shape_behind(&it.steps, schema.clone()))
            .collect()
    }

    /// The records of each table. `message` answers the message of an origin. An origin that fails
    /// on one way is told once, and goes no way at all: the rows of one message stay together.
    ///
    /// # Errors
    /// As `Step::apply`.
    pub fn apply<'m>(
        &self,
        records: Records,
        message: impl Fn(u32) -> Option<Message<'m>>,
    ) -> Result<Routed, StepError> {
        if let [only] = &self.tables[..]
            && self.by.is_none()
            && only.steps.is_empty()
            && only.replaces.is_none()
        {
            return Ok((vec![records], Vec::new()));
        }
        let mut failed = Vec::new();
        let mut parts: Vec<Records> = Vec::with_capacity(self.tables.len());
        let mut ways = Vec::with_capacity(records.len());
        for row in records.iter() {
            let way = self.way(&row, &message).unwrap_or_else(|reason| {
                failed.push(Failed {
                    origin: row.origin(),
                    step: ROUTE.to_owned(),
                    reason,
                });
                // It is taken out of all parts below.
                Way::Everywhere
            });
            ways.push(way);
        }
        for table in &self.tables {
            let mut own = Records::new(records.schema().clone());
            let rows = records.iter().zip(&ways);
            let these = rows.filter(|(_, way)| table.takes(way));
            these.for_each(|(row, _)| own.copy(&row));
            let (part, mut failures) = table.run(own)?;
            if self.tables.len() > 1 {
                for it in &mut failures {
                    it.reason = format!("table {}: {}", table.table, it.reason);
                }
            }
            parts.push(part);
            failed.extend(failures);
        }
        let mut gone = HashSet::new();
        failed.retain(|it| gone.insert(it.origin));
        if !gone.is_empty() {
            for part in &mut parts {
                part.retain(|row| !gone.contains(&row.origin()));
            }
        }
        Ok((parts, failed))
    }

    /// The error is why it leads nowhere.
    fn way<'r, 'm: 'r>(
        &self,
        row: &Row<'r>,
        message: &impl Fn(u32) -> Option<Message<'m>>,
    ) -> Result<Way<'r>, String> {
        let (what, text) = match &self.by {
            None => return Ok(Way::Everywhere),
            Some(RouteBy::Field(field)) => {
                let text = row.get(field).map(|it| text(field, it)).transpose()?;
                if text.is_none() && row.op() == Op::Delete {
                    return self.way_of_deletion(field);
                }
                (format!("field `{field}`"), text.flatten())
            }
            Some(RouteBy::Header(header)) => {
                let found = message(row.origin()).and_then(|it| it.headers.get(header)?);
                let what = format!("header `{header}`");
                let text = found.map(|it| readable(&what, it)).transpose()?;
                (what, text.map(Cow::Borrowed))
            }
            Some(RouteBy::Key) => {
                let key = message(row.origin()).and_then(|it| it.key);
                let text = key.map(|it| readable("key", it)).transpose()?;
                ("key".to_owned(), text.map(Cow::Borrowed))
            }
        };
        let way = Way::To(text);
        if self.tables.iter().any(|it| it.takes(&way)) {
            return Ok(way);
        }
        let known: Vec<&str> = self.known().into_iter().collect();
        let known = known.join(", ");
        Err(match way {
            Way::To(Some(text)) => {
                let text: String = text.chars().take(SHOWN_CHARACTERS).collect();
                format!("no table is for the {what} `{text}`; there are {known}")
            }
            _ => format!("it has no {what} to be routed by; there are {known}"),
        })
    }

    /// A deletion without the field: where there is one way only, it is that.
    fn way_of_deletion<'r>(&self, field: &str) -> Result<Way<'r>, String> {
        let routed = self.tables.iter().map(|it| &it.when);
        let mut routed = routed.filter(|it| !it.is_empty());
        let first = routed.next();
        if routed.all(|it| Some(it) == first) {
            Ok(Way::Everywhere)
        } else {
            Err(format!(
                "a deletion has no field `{field}` to be routed by: route by a header or the key"
            ))
        }
    }

    /// All texts that lead somewhere, once.
    fn known(&self) -> Vec<&str> {
        let mut known: Vec<&str> = Vec::new();
        for it in self.tables.iter().flat_map(|it| &it.when) {
            if !known.contains(&it.as_str()) {
                known.push(it);
            }
        }
        known
    }
}

/// A value as `when` has it.
fn text<'r>(field: &str, value: Value<'r>) -> Result<Option<Cow<'r, str>>, String> {
    Ok(Some(match value.widened() {
        Value::Null => return Ok(None),
        Value::String(it) | Value::Enum(it) | Value::Decimal(it) => Cow::Borrowed(it),
        Value::I64(it) => Cow::Owned(it.to_string()),
        Value::U64(it) => Cow::Owned(it.to_string()),
        Value::Bool(it) => Cow::Owned(it.to_string()),
        other => {
            let given = other.type_name();
            return Err(format!(
                "field `{field}`: {given} is nothing to be routed by"
            ));
        }
    }))
}

fn readable<'m>(what: &str, bytes: &'m [u8]) -> Result<&'m str, String> {
    std::str::from_utf8(bytes)
        .map_err(|_| format!("its {what} is no UTF-8, and nothing to be routed by"))
}

impl TableRoute {
    fn takes(&self, way: &Way<'_>) -> bool {
        match way {
            Way::Everywhere => true,
            _ if self.when.is_empty() => true,
            Way::To(Some(text)) => self.when.iter().any(|it| it == text),
            Way::To(None) => false,
        }
    }

    fn run(&self, records: Records) -> Result<(Records, Vec<Failed>), StepError> {
        match &self.replaces {
            None => super::run(&self.steps, records),
            Some(replaces) => self.replace(replaces, records),
        }
    }

    /// For each message the removal of its parent's rows, then the new ones.
    fn replace(
        &self,
        replaces: &Replaces,
        records: Records,
    ) -> Result<(Records, Vec<Failed>), StepError> {
        let (before, behind) = self
            .steps
            .split_at(replaces.in_front_of.min(self.steps.len()));
        let (mut records, mut failed) = super::run(before, records)?;
        let mut removed = Records::new(as_documents(records.schema()));
        for row in records.iter() {
            if let Err((step, reason)) = replaces.remove(&row, &mut removed) {
                failed.push(Failed {
                    origin: row.origin(),
                    step: step.to_owned(),
                    reason,
                });
            }
        }
        records.retain(|row| row.op() == Op::Upsert);
        let (new, failures) = super::run(behind, records)?;
        failed.extend(failures);
        Ok((interleave(&removed, &new), failed))
    }
}

impl Replaces {
    fn remove(&self, row: &Row<'_>, out: &mut Records) -> Result<(), (&'static str, String)> {
        if row.op() == Op::Delete {
            match self.deletions {
                Deletions::Follow => {}
                Deletions::Stay => return Ok(()),
                Deletions::Refused => {
                    let reason = "deletions are refused here (`on-delete`)";
                    return Err(("write", reason.to_owned()));
                }
            }
            copy(row, out);
            return Ok(());
        }
        out.push(Op::Delete, row.origin(), |packer| {
            for field in &self.by {
                let value = row
                    .get(field)
                    .filter(|it| !matches!(it.widened(), Value::Null));
                let value = value.ok_or_else(|| {
                    let reason =
                        "it names the rows to replace, and is missing or null in this record";
                    ("replace-by", format!("field `{field}`: {reason}"))
                })?;
                packer.name(field);
                packer.value(value);
            }
            Ok(())
        })
    }
}

/// Message by message: what is removed, then what is new.
fn interleave(removed: &Records, new: &Records) -> Records {
    let mut indexes: HashMap<u32, usize> = HashMap::new();
    let mut messages: Vec<Vec<Row<'_>>> = Vec::new();
    for row in removed.iter().chain(new.iter()) {
        let index = *indexes.entry(row.origin()).or_insert(messages.len());
        match messages.get_mut(index) {
            Some(rows) => rows.push(row),
            None => messages.push(vec![row]),
        }
    }
    let schema: &Arc<_> = removed.schema();
    let bytes = removed.bytes() + new.bytes();
    let mut all = Records::with_capacity(schema.clone(), removed.len() + new.len(), bytes);
    messages
        .iter()
        .flatten()
        .for_each(|row| copy(row, &mut all));
    all
}

/// Appends a record with its names, whatever its schema is.
fn copy(row: &Row<'_>, out: &mut Records) {
    let pushed: Result<(), std::convert::Infallible> = out.push(row.op(), row.origin(), |packer| {
        for (name, packed) in row.packed_fields() {
            packer.name(name);
            packer.packed(packed);
        }
        Ok(())
    });
    let Ok(()) = pushed;
}
