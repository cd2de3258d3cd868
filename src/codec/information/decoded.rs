//! A message that has been read, and the record that it becomes.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json_text::check_json;
use crate::{
    codec::CodecError,
    model::{Kind, Message, Op, Records, Value},
};

/// One field of the record: where it stands in the JSON message, and what it may be.
struct Field {
    parent: &'static str,
    name: &'static str,
    rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Text that must be there.
    Text,
    /// Text, null or nothing (which is null).
    Nullable,
    /// Text, null, or nothing, which is `zh`.
    Language,
    /// Text that holds JSON.
    JsonText,
    /// A list.
    List,
    /// A list of objects.
    Objects,
}

const FIELDS: [Field; 13] = [
    field("", "uid", Rule::Text),
    field("", "topic", Rule::Text),
    field("", "name", Rule::Text),
    field("", "created_at", Rule::Text),
    field("", "data_type", Rule::Text),
    field("", "tag_values", Rule::JsonText),
    field("", "link_data", Rule::Objects),
    field("data", "info_date", Rule::Nullable),
    field("data", "info_section", Rule::List),
    field("data", "info_author", Rule::Nullable),
    field("data", "description", Rule::Nullable),
    field("metadata", "marc_code", Rule::Language),
    field("metadata", "details_page", Rule::Nullable),
];

const fn field(parent: &'static str, name: &'static str, rule: Rule) -> Field {
    Field { parent, name, rule }
}

/// The record's fields and what they are, in order.
pub(super) fn fields() -> Vec<(String, Kind)> {
    let kind = |rule| match rule {
        Rule::Text | Rule::Nullable | Rule::Language => Kind::String,
        Rule::JsonText | Rule::List | Rule::Objects => Kind::Json,
    };
    let fields = FIELDS.iter();
    fields
        .map(|it| (it.name.to_owned(), kind(it.rule)))
        .collect()
}

/// Which field stands there in the JSON message.
pub(super) fn field_index(parent: &str, name: &str) -> Option<usize> {
    FIELDS
        .iter()
        .position(|it| it.name == name && it.parent == parent)
}

/// A value of a message.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    I64(i64),
    /// Any other number, as its digits.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// A list or an object, checked.
    Json(Cow<'a, str>),
}

/// What a message holds.
#[derive(Debug, Default)]
pub(super) struct Decoded<'a> {
    /// In the order of the record's fields; `None` where the message has none.
    pub fields: [Option<Cell<'a>>; FIELDS.len()],
    /// What the message has beyond these, by dotted path.
    pub extras: Vec<(Cow<'a, str>, Cell<'a>)>,
}

impl Decoded<'_> {
    /// Appends the record.
    ///
    /// # Errors
    /// Which field is missing or is not what it must be; nothing is appended then.
    pub fn push(&self, origin: u32, out: &mut Records) -> Result<(), String> {
        out.push(Op::Upsert, origin, |packer| {
            for (field, cell) in FIELDS.iter().zip(&self.fields) {
                let value = field.value(cell.as_ref())?;
                packer.name(field.name);
                packer.value(value);
            }
            for (path, cell) in &self.extras {
                packer.name(path);
                packer.value(cell.value());
            }
            Ok(())
        })
    }
}

impl Cell<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(*it),
            Self::I64(it) => Value::I64(*it),
            Self::Number(it) => Value::Decimal(it),
            Self::Text(it) => Value::String(it),
            Self::Json(it) => Value::Json(it),
        }
    }
}

impl Field {
    fn value<'c>(&self, cell: Option<&'c Cell<'_>>) -> Result<Value<'c>, String> {
        match (self.rule, cell) {
            (Rule::Language, None) => Ok(Value::String("zh")),
            (Rule::Nullable, None) | (Rule::Nullable | Rule::Language, Some(Cell::Null)) => {
                Ok(Value::Null)
            }
            (_, None) => Err(self.wrong("is missing")),
            (Rule::Text, Some(Cell::Text(text))) if text.is_empty() && self.name == "uid" => {
                Err(self.wrong("is empty"))
            }
            (Rule::Text | Rule::Nullable | Rule::Language, Some(Cell::Text(text))) => {
                Ok(Value::String(text))
            }
            (Rule::JsonText, Some(Cell::Text(text))) => match check_json(text) {
                Ok(()) => Ok(Value::Json(text)),
                Err(reason) => Err(self.wrong(&format!("holds {reason}"))),
            },
            (Rule::List, Some(Cell::Json(text))) if text.starts_with('[') => Ok(Value::Json(text)),
            (Rule::Objects, Some(Cell::Json(text))) if is_objects(text) => Ok(Value::Json(text)),
            (rule, Some(cell)) => {
                let given = cell.value().type_name();
                Err(self.wrong(&format!("is {given}, not {}", rule.word())))
            }
        }
    }

    fn wrong(&self, reason: &str) -> String {
        match self.parent {
            "" => format!("`{}` {reason}", self.name),
            parent => format!("`{parent}.{}` {reason}", self.name),
        }
    }
}

impl Rule {
    fn word(self) -> &'static str {
        match self {
            Self::Text | Self::Nullable | Self::Language => "text",
            Self::JsonText => "JSON text",
            Self::List => "a list",
            Self::Objects => "a list of objects",
        }
    }
}

fn is_objects(text: &str) -> bool {
    let items: Result<Vec<&RawValue>, _> = serde_json::from_str(text);
    items.is_ok_and(|items| items.iter().all(|it| it.get().starts_with('{')))
}

/// A null value deletes what the key names.
pub(super) fn deletion(
    format: &'static str,
    message: &Message<'_>,
    origin: u32,
    out: &mut Records,
) -> Result<(), CodecError> {
    let wrong = |reason: &str| undecodable(format, reason.to_owned());
    let key = message.key.ok_or_else(|| wrong("neither key nor value"))?;
    let key = std::str::from_utf8(key).map_err(|_| wrong("its key is no UTF-8"))?;
    out.push(Op::Delete, origin, |packer| {
        packer.name("uid");
        packer.value(Value::String(key));
        Ok(())
    })
}

pub(super) fn undecodable(format: &'static str, reason: String) -> CodecError {
    CodecError::Undecodable { format, reason }
}
