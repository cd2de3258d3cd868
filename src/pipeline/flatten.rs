//! `flatten` and `unflatten`: the fields of a document beside its own name, and back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::{
    explode::read_json,
    per_record::{PerRecord, as_documents, needs},
};
use crate::model::{OwnedValue, Packed, Packer, Records, Row, Schema, Value};

/// The documents to flatten, and what stands between their names.
pub(super) struct Flatten {
    pub fields: Vec<String>,
    pub separator: String,
}

/// What stands between names.
pub(super) struct Unflatten {
    pub separator: String,
}

impl PerRecord for Flatten {
    type Plan = ();

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, ()), String> {
        needs(schema, self.fields.iter().map(String::as_str))?;
        Ok((as_documents(schema), ()))
    }

    fn record(&self, _plan: &(), row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        let mut fields = Vec::new();
        for (name, packed) in row.packed_fields() {
            if self.fields.iter().any(|it| it == name) {
                self.flat(name.to_owned(), packed, &mut fields)
            } else {
                fields.push((name.to_owned(), Flat::Packed(packed)))
            }
        }
        let mut seen = BTreeSet::new();
        if let Some((name, _)) = fields.iter().find(|(it, _)| !seen.insert(it.as_str())) {
            return Err(format!("there would be two fields `{name}`"));
        }
        out.push(row.op(), row.origin(), |packer| {
            for (name, value) in &fields {
                packer.name(name);
                match value {
                    Flat::Packed(it) => packer.packed(*it),
                    Flat::Read(it) => packer.packed(it.packed()),
                }
            }
            Ok(())
        })
    }
}

/// A value that stands beside the others now: as it was packed, or read from JSON.
enum Flat<'a> {
    Packed(Packed<'a>),
    Read(OwnedValue),
}

/// Objects inside objects of JSON, at most; what is deeper stays JSON.
const DEPTH: usize = 64;

impl Flatten {
    fn flat<'a>(&self, name: String, packed: Packed<'a>, out: &mut Vec<(String, Flat<'a>)>) {
        let before = out.len();
        match packed.value() {
            Value::Document(fields) => {
                for (inner, packed) in fields.packed() {
                    self.flat(self.below(&name, inner), packed, out);
                }
            }
            // A document inside a message of JSON is kept as its text.
            Value::Json(text) => self.json(&name, text, DEPTH, out),
            _ => {}
        }
        // A document without fields would be gone.
        if out.len() == before {
            out.push((name, Flat::Packed(packed)));
        }
    }

    /// Appends the fields of an object; nothing where the text is none, or has no field.
    fn json(&self, name: &str, text: &str, depth: usize, out: &mut Vec<(String, Flat<'_>)>) {
        let object = text.trim_start().starts_with('{') && depth > 0;
        let fields = object.then(|| serde_json::from_str::<BTreeMap<String, &RawValue>>(text));
        for (inner, value) in fields.and_then(Result::ok).into_iter().flatten() {
            let (name, before) = (self.below(name, &inner), out.len());
            self.json(&name, value.get(), depth - 1, out);
            if out.len() == before {
                out.push((name, Flat::Read(read_json(value))));
            }
        }
    }

    fn below(&self, name: &str, inner: &str) -> String {
        format!("{name}{}{inner}", self.separator)
    }
}

/// A field, or those that share the first part of their names.
enum Node<'a> {
    Leaf(Packed<'a>),
    Inner(Vec<(&'a str, Node<'a>)>),
}

impl PerRecord for Unflatten {
    type Plan = ();

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, ()), String> {
        let apart = |it: &&String| it.contains(&self.separator);
        if let Some(name) = schema.key().iter().find(apart) {
            return Err(format!("`{name}` is of the record's key and must stay"));
        }
        Ok((as_documents(schema), ()))
    }

    fn record(&self, _plan: &(), row: &Row<'_>, out: &mut Records) -> Result<(), String> {
        let mut root = Vec::new();
        for (name, packed) in row.packed_fields() {
            let fits = insert(&mut root, name.split(self.separator.as_str()), packed);
            if !fits {
                return Err(format!("field `{name}` would be a document and a value"));
            }
        }
        out.push(row.op(), row.origin(), |packer| {
            write(&root, packer);
            Ok(())
        })
    }
}

/// Puts a value below the parts of its name; false where another value stands there.
fn insert<'a>(
    nodes: &mut Vec<(&'a str, Node<'a>)>,
    mut parts: std::str::Split<'a, &str>,
    packed: Packed<'a>,
) -> bool {
    let Some(part) = parts.next() else {
        return false;
    };
    let last = parts.clone().next().is_none();
    let known = nodes.iter().position(|(it, _)| *it == part);
    match (known, last) {
        (Some(_), true) => false,
        (None, true) => {
            nodes.push((part, Node::Leaf(packed)));
            true
        }
        (Some(index), false) => match &mut nodes[index].1 {
            Node::Leaf(_) => false,
            Node::Inner(inner) => insert(inner, parts, packed),
        },
        (None, false) => {
            let mut inner = Vec::new();
            let fits = insert(&mut inner, parts, packed);
            nodes.push((part, Node::Inner(inner)));
            fits
        }
    }
}

fn write(nodes: &[(&str, Node<'_>)], packer: &mut Packer<'_>) {
    for (name, node) in nodes {
        packer.name(name);
        match node {
            Node::Leaf(packed) => packer.packed(*packed),
            Node::Inner(inner) => packer.document(|packer| write(inner, packer)),
        }
    }
}
