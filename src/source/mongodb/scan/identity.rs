//! An `_id` that is made of fields, taken apart again: the value of one, a document of several.

use super::values::{Element, Elements, Malformed, pack_field};
use crate::model::Packer;

/// The fields that `_id` is made of, in their order.
#[derive(Debug, Clone)]
pub(super) struct Identity(Vec<String>);

/// Why a document cannot be taken as such.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IdentityError {
    /// It is no BSON.
    Malformed,
    /// Its `_id` is not made of these fields; one sentence of advice.
    Foreign(String),
}

impl From<Malformed> for IdentityError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Identity {
    pub fn of(fields: &[String]) -> Self {
        Self(fields.to_vec())
    }

    /// Appends the fields that `_id` is made of, and those that stand beside it. One that stands there
    /// as well has to have the same value: one of two would be lost.
    ///
    /// # Errors
    /// As `IdentityError` says; what has been appended is of no use then.
    pub fn pack(&self, document: &[u8], packer: &mut Packer<'_>) -> Result<(), IdentityError> {
        let parts = self.parts(document)?;
        for part in &parts {
            pack_field(part, packer)?;
        }
        let mut elements = Elements::of(document)?;
        while let Some(element) = elements.next()? {
            if element.name == b"_id" {
                continue;
            }
            match parts.iter().find(|it| it.name == element.name) {
                None => pack_field(&element, packer)?,
                Some(part) if (part.tag, part.value) == (element.tag, element.value) => (),
                Some(_) => {
                    let name = String::from_utf8_lossy(element.name);
                    return Err(IdentityError::Foreign(format!(
                        "a document has a field `{name}` of another value or type than in its `_id`: mend it, or leave `key` out"
                    )));
                }
            }
        }
        Ok(())
    }

    /// The fields as they are in `_id`.
    fn parts<'a>(&'a self, document: &'a [u8]) -> Result<Vec<Element<'a>>, IdentityError> {
        let mut elements = Elements::of(document)?;
        let id = loop {
            match elements.next()? {
                Some(element) if element.name == b"_id" => break element,
                Some(_) => continue,
                None => return Err(self.foreign()),
            }
        };
        let [only] = &self.0[..] else {
            return self.of_document(id);
        };
        Ok(vec![id.named(only.as_bytes())])
    }

    fn of_document<'a>(&self, id: Element<'a>) -> Result<Vec<Element<'a>>, IdentityError> {
        if id.tag != 0x03 {
            return Err(self.foreign());
        }
        let mut parts = Vec::with_capacity(self.0.len());
        let mut elements = Elements::of(id.value)?;
        while let Some(element) = elements.next()? {
            parts.push(element);
        }
        // In another order it is another `_id`, and the way back would make it this one.
        let names = parts.iter().map(|it| it.name);
        if names.eq(self.0.iter().map(|it| it.as_bytes())) {
            Ok(parts)
        } else {
            Err(self.foreign())
        }
    }

    fn foreign(&self) -> IdentityError {
        IdentityError::Foreign(format!(
            "a document's `_id` is not made of {}, in this order, as `key` says: correct `key`, or leave it out",
            self.0.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mongodb::bson::{Document, doc};

    use super::*;
    use crate::model::{Op, Records, Schema};

    /// The fields of the record that a document becomes.
    fn packed(document: &Document, key: &[&str]) -> Result<Vec<String>, IdentityError> {
        let key: Vec<String> = key.iter().map(|it| (*it).to_owned()).collect();
        let mut bytes = Vec::new();
        document.to_writer(&mut bytes).expect("it is BSON");
        let mut records = Records::new(Arc::new(Schema::document("t", &key)));
        records.push(Op::Upsert, 0, |it| Identity::of(&key).pack(&bytes, it))?;
        let row = records.get(0).expect("one");
        let text = |(name, value)| format!("{name}={value:?}");
        Ok(row.fields().map(text).collect())
    }

    #[test]
    fn fields_of_the_id_come_first_and_once() {
        let both = doc! { "_id": { "a": 1, "b": "x" }, "c": 2, "b": "x" };
        let fields = ["a=I32(1)", "b=String(\"x\")", "c=I32(2)"];
        assert_eq!(
            packed(&both, &["a", "b"]).as_deref(),
            Ok(&fields.map(str::to_owned)[..])
        );
        let one = doc! { "c": 2, "_id": 7_i64, "a": 7_i64 };
        let fields = ["a=I64(7)", "c=I32(2)"];
        assert_eq!(
            packed(&one, &["a"]).as_deref(),
            Ok(&fields.map(str::to_owned)[..])
        );
    }

    #[test]
    fn what_is_not_made_of_them_is_refused() {
        for (document, why) in [
            (doc! { "_id": { "b": 1, "a": 1 } }, "another order"),
            (doc! { "_id": { "a": 1 } }, "one is missing"),
            (doc! { "_id": { "a": 1, "b": 1, "c": 1 } }, "one too many"),
            (doc! { "_id": [1, 1] }, "a list"),
            (doc! { "_id": 1 }, "one value"),
            (
                doc! { "_id": { "a": 1, "b": 1 }, "a": 2 },
                "another value beside it",
            ),
            (
                doc! { "_id": { "a": 1, "b": 1 }, "a": 1_i64 },
                "another type beside it",
            ),
            (doc! { "a": 1, "b": 1 }, "no `_id`"),
        ] {
            let refused = packed(&document, &["a", "b"]);
            assert!(
                matches!(refused, Err(IdentityError::Foreign(_))),
                "{why}: {refused:?}"
            );
        }
    }
}
