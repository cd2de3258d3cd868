//! Records into commands of MongoDB, within a transaction that is open.

use mongodb::{
    ClientSession, Database,
    bson::{Document, RawDocumentBuf},
};

use super::{bson::Bson, failure::Failure};
use crate::{
    model::{Op, Records, Row, Value},
    sink::{OnDelete, OnKnown, RowRules},
};

/// What writes the records of one transaction.
pub(super) struct MongodbWriter<'w> {
    pub(in crate::sink) database: &'w Database,
    pub(in crate::sink) collection: &'w str,
    /// The fields that `_id` is made of; empty where it is the record's own `_id`.
    pub(in crate::sink) key: &'w [String],
    pub(in crate::sink) drop: &'w [String],
    /// Fields that a document loses where its record does not have them.
    pub(super) loses: &'w [String],
    pub(in crate::sink) rules: &'w RowRules,
    /// Whether no document is there yet, as it seems: they are only made, which is less for the server to do.
    pub(in crate::sink) is_fresh: bool,
}

/// Bytes of one command: a server takes 16 MiB and a little more.
const COMMAND: usize = 12 << 20;
/// Bytes of one document; a command may be a little longer.
const DOCUMENT: usize = 16 << 20;
/// Fields of which it is looked at whether two have one name.
const NAMES: usize = 64;
/// Documents of one command, at most: more is hardly faster.
const DOCUMENTS: usize = 1_000;

/// What is done with the documents of a command: its name, and that of the list that they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Insert,
    Update,
    Delete,
}

/// Records that go in one command.
#[derive(Default)]
struct Run {
    command: Option<Command>,
    bytes: usize,
    statements: Vec<Vec<u8>>,
    origins: Vec<u32>,
}

impl MongodbWriter<'_> {
    /// Writes `records` in order.
    pub(in crate::sink) async fn write(
        &self,
        session: &mut ClientSession,
        records: &[Records],
    ) -> Result<(), Failure> {
        let mut run = Run::default();
        for row in records.iter().flat_map(Records::iter) {
            let Some((command, statement)) = self.statement(&row)? else {
                continue;
            };
            let full = run.bytes + statement.len() > COMMAND || run.origins.len() >= DOCUMENTS;
            if full || run.command != Some(command) {
                self.send(session, std::mem::take(&mut run)).await?;
            }
            run.command = Some(command);
            run.bytes += statement.len();
            run.statements.push(statement);
            run.origins.push(row.origin());
        }
        self.send(session, run).await
    }

    /// The `_id` of a record, as the document `{"": …}` that has it alone.
    ///
    /// # Errors
    /// Where a part of it is missing.
    pub(in crate::sink) fn id(
        &self,
        row: &Row<'_>,
        bson: &mut Bson,
        name: &str,
    ) -> Result<(), Failure> {
        let part = |field: &str| match row.get(field) {
            None | Some(Value::Null | Value::Undefined) => Err(Failure::Record(format!(
                "field `{field}`: it is of the key, and the record has none"
            ))),
            Some(value) => Ok(value),
        };
        match self.key {
            [] => put(bson, (name, "_id"), part("_id")?),
            [only] => put(bson, (name, only), part(only)?),
            several => {
                let at = bson.document(name);
                for field in several {
                    put(bson, (field, field), part(field)?)?;
                }
                bson.close(at);
                Ok(())
            }
        }
    }

    fn statement(&self, row: &Row<'_>) -> Result<Option<(Command, Vec<u8>)>, Failure> {
        let mut bson = Bson::default();
        let at = bson.open();
        if row.op() == Op::Upsert && self.is_fresh && self.may_be_made(row) {
            self.document(row, &mut bson)?;
            bson.close(at);
            return Ok(Some((Command::Insert, bson.0)));
        }
        self.found(row, &mut bson)?;
        let command = match (row.op(), self.rules.on_delete) {
            (Op::Upsert, _) => {
                self.upsert(row, &mut bson)?;
                Command::Update
            }
            (Op::Delete, OnDelete::Delete) => {
                bson.number("limit", 1);
                Command::Delete
            }
            (Op::Delete, OnDelete::Ignore) => return Ok(None),
            (Op::Delete, OnDelete::Refuse) => {
                let reason = "deletions are refused here (`on-delete`)";
                return Err(Failure::Record(reason.to_owned()));
            }
        };
        bson.close(at);
        Ok(Some((command, bson.0)))
    }

    /// Whether a document that is only made is the one that would be written over another. It is not where it
    /// has an empty timestamp, of which a server makes the present one, nor where two fields have one name,
    /// nor where it is refused as it lacks its version.
    fn may_be_made(&self, row: &Row<'_>) -> bool {
        let has = |version: &String| {
            let value = row.get(version);
            !matches!(value, None | Some(Value::Null | Value::Undefined))
        };
        if !self.rules.version.as_ref().is_none_or(has) {
            return false;
        }
        let is_sure = |(at, (name, value)): (usize, (&str, Value<'_>))| {
            let is_empty = matches!(value, Value::Timestamp(0, 0));
            !is_empty && at < NAMES && row.fields().take(at).all(|it| it.0 != name)
        };
        row.fields().enumerate().all(is_sure)
    }

    /// Which document it is.
    fn found(&self, row: &Row<'_>, bson: &mut Bson) -> Result<(), Failure> {
        let q = bson.document("q");
        let id = bson.document("_id");
        self.id(row, bson, "$eq")?;
        bson.close(id);
        bson.close(q);
        Ok(())
    }

    /// The record's fields over those that are there. Names and values are literals: a dot or a
    /// dollar in them means nothing.
    fn upsert(&self, row: &Row<'_>, bson: &mut Bson) -> Result<(), Failure> {
        let u = bson.list("u");
        let stage = bson.document("0");
        let condition = match (&self.rules.version, self.rules.on_known) {
            (_, OnKnown::Ignore) => Some(known(bson)),
            (Some(version), OnKnown::Update) => Some(newer(bson, row, version)?),
            (None, OnKnown::Update) => None,
        };
        // Behind a condition and what it keeps, the new one is the third of three.
        let merged = match condition {
            None => bson.document("$replaceWith"),
            Some(_) => bson.document("2"),
        };
        let both = bson.list("$mergeObjects");
        let lost = self.loses.iter().filter(|it| row.get(it).is_none());
        kept(bson, &lost.map(String::as_str).collect::<Vec<_>>());
        let literal = bson.document("1");
        let document = bson.document("$literal");
        self.document(row, bson)?;
        for at in [document, literal, both, merged] {
            bson.close(at);
        }
        for at in condition.into_iter().flatten() {
            bson.close(at);
        }
        bson.close(stage);
        bson.close(u);
        bson.flag("upsert", true);
        Ok(())
    }

    fn document(&self, row: &Row<'_>, bson: &mut Bson) -> Result<(), Failure> {
        let begin = bson.0.len();
        self.id(row, bson, "_id")?;
        let is_key = self.key.is_empty() || self.key.iter().any(|it| it == "_id");
        for (name, value) in row.fields() {
            if self.drop.iter().any(|it| it == name) {
                continue;
            }
            if name != "_id" {
                put(bson, (name, name), value)?;
            } else if !is_key {
                return Err(Failure::Record(format!("field `_id`: {OTHER_ID}")));
            }
        }
        // With its length in front, and what ends it.
        let bytes = bson.0.len() - begin + 5;
        if bytes > DOCUMENT {
            let reason = format!("it takes {bytes} bytes, more than a document may");
            return Err(Failure::Record(reason));
        }
        Ok(())
    }

    async fn send(&self, session: &mut ClientSession, run: Run) -> Result<(), Failure> {
        let Some(command) = run.command else {
            return Ok(());
        };
        let (command, list) = match command {
            Command::Insert => ("insert", "documents"),
            Command::Update => ("update", "updates"),
            Command::Delete => ("delete", "deletes"),
        };
        let mut bson = Bson(Vec::with_capacity(run.bytes + run.origins.len() * 8 + 256));
        let at = bson.open();
        bson.text(command, self.collection);
        bson.flag("ordered", true);
        let statements = bson.list(list);
        for (index, statement) in run.statements.iter().enumerate() {
            bson.head(0x03, &index.to_string());
            bson.0.extend_from_slice(statement);
        }
        bson.close(statements);
        bson.close(at);
        let command = RawDocumentBuf::from_bytes(bson.0)
            .map_err(|error| Failure::Record(error.to_string()))?;
        let answer = self.database.run_raw_command(command).session(session);
        let answer = answer.await?;
        refused(&answer, &run.origins)
    }
}

/// What is said of a field `_id` where another one is the key.
pub(super) const OTHER_ID: &str = "a document has its key there, and this field is not of the key: rename it (a step `rename`), or leave it out (`drop`)";

/// The document that is there, without these fields. A dot or a dollar in their names means nothing.
fn kept(bson: &mut Bson, lost: &[&str]) {
    let mut open = Vec::new();
    let mut name = "0";
    for field in lost {
        open.push(bson.document(name));
        open.push(bson.document("$unsetField"));
        let literal = bson.document("field");
        bson.text("$literal", field);
        bson.close(literal);
        name = "input";
    }
    bson.text(name, "$$ROOT");
    for at in open.into_iter().rev() {
        bson.close(at);
    }
}

/// `$cond: [{$eq: ["$$ROOT", {_id: "$_id"}]}, …]` the other way round: a document that is there
/// stays. The new one follows as "2". Answers what is to be closed behind it.
fn known(bson: &mut Bson) -> [usize; 2] {
    let (replace, cond) = condition(bson);
    let test = bson.document("0");
    let ne = bson.list("$ne");
    bson.text("0", "$$ROOT");
    let made = bson.document("1");
    bson.text("_id", "$_id");
    for at in [made, ne, test] {
        bson.close(at);
    }
    bson.text("1", "$$ROOT");
    [cond, replace]
}

/// A document whose version is above the record's stays.
fn newer(bson: &mut Bson, row: &Row<'_>, version: &str) -> Result<[usize; 2], Failure> {
    let value = match row.get(version) {
        None | Some(Value::Null | Value::Undefined) => {
            let reason = format!("field `{version}`: it is the version, and the record has none");
            return Err(Failure::Record(reason));
        }
        Some(value) => value,
    };
    let (replace, cond) = condition(bson);
    let test = bson.document("0");
    let gt = bson.list("$gt");
    bson.text("0", &format!("${version}"));
    let literal = bson.document("1");
    put(bson, ("$literal", version), value)?;
    for at in [literal, gt, test] {
        bson.close(at);
    }
    bson.text("1", "$$ROOT");
    Ok([cond, replace])
}

fn condition(bson: &mut Bson) -> (usize, usize) {
    let replace = bson.document("$replaceWith");
    (replace, bson.list("$cond"))
}

fn put(bson: &mut Bson, (name, field): (&str, &str), value: Value<'_>) -> Result<(), Failure> {
    bson.field(name, value)
        .map_err(|reason| Failure::Record(format!("field `{field}`: {reason}")))
}

/// What the server refuses of a command, which itself is answered with `ok`.
fn refused(answer: &Document, origins: &[u32]) -> Result<(), Failure> {
    let errors = answer.get_array("writeErrors");
    let first = errors.ok().and_then(|it| it.first()?.as_document());
    let Some(first) = first else { return Ok(()) };
    let index = first.get_i32("index").unwrap_or_default();
    let origin = usize::try_from(index).ok().and_then(|it| origins.get(it));
    Err(Failure::Written {
        origin: origin.copied().unwrap_or_default(),
        code: first.get_i32("code").unwrap_or_default(),
        text: first
            .get_str("errmsg")
            .unwrap_or("it gave no reason")
            .to_owned(),
    })
}
