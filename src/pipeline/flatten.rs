//! `flatten` and `unflatten`: the fields of a document beside its own name, and back.

use std::{collections::BTreeSet, sync::Arc};

use super::per_record::{PerRecord, as_documents, needs};
use crate::model::{Fields, Packed, Packer, Records, Row, Schema, Value};

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
            match packed.value() {
                Value::Document(inner) if self.fields.iter().any(|it| it == name) => {
                    self.flat(name, packed, inner, &mut fields);
                }
                _ => fields.push((name.to_owned(), packed)),
            }
        }
        let mut seen = BTreeSet::new();
        if let Some((name, _)) = fields.iter().find(|(it, _)| !seen.insert(it.as_str())) {
            return Err(format!("there would be two fields `{name}`"));
        }
        out.push(row.op(), row.origin(), |packer| {
            for (name, packed) in &fields {
                packer.name(name);
                packer.packed(*packed);
            }
            Ok(())
        })
    }
}

impl Flatten {
    fn flat<'a>(
        &self,
        name: &str,
        whole: Packed<'a>,
        fields: Fields<'a>,
        out: &mut Vec<(String, Packed<'a>)>,
    ) {
        let before = out.len();
        for (inner, packed) in fields.packed() {
            let name = format!("{name}{}{inner}", self.separator);
            match packed.value() {
                Value::Document(fields) => self.flat(&name, packed, fields, out),
                _ => out.push((name, packed)),
            }
        }
        // A document without fields would be gone.
        if out.len() == before {
            out.push((name.to_owned(), whole));
        }
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
