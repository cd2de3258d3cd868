//! Protobuf by a schema: messages of any `.proto` file, each routed to its type.
//!
//! A plan is made of each type once (`plan`); after that a message's bytes are read straight into
//! a row and a row is written straight to bytes. What each type of protobuf is here stands in
//! `docs/protobuf.md`.
//!
//! Descriptors are prost-reflect's, and messages are not its `DynamicMessage`: a row of 12 columns takes
//! 575 ns to write and 705 to read, and 3,900 and 1,040 by way of it (1,740,000 rows a second and 256,000,
//! 1,420,000 and 962,000); a document of lists takes 820 and 1,170, and 8,300 and 2,330 (`cargo bench
//! --bench encode`). What each type is here would have to be said of its values all the same.

mod decode;
mod encode;
mod plan;
mod scalar;
#[cfg(test)]
mod tests;
mod wire;

use prost_reflect::DescriptorPool;

use self::plan::Plan;
use super::{CodecError, Decoder, Encoder, TypeTag};
use crate::model::{Kind, Message, Op, Records, Row, Value};

/// Messages of declared types.
#[derive(Debug)]
pub struct Proto {
    by: By,
    types: Vec<(String, Plan)>,
    pass: Vec<String>,
    field: Option<String>,
}

/// What messages there are.
#[derive(Debug, Clone)]
pub struct ProtoSettings {
    /// A set of file descriptors, as `protoc` writes it.
    pub set: Vec<u8>,
    /// What says of which type a message is.
    pub by: By,
    /// The types, each by the word that says so; the one type's word where nothing does is empty.
    pub types: Vec<(String, String)>,
    /// Words of messages that are other flows': these are passed by.
    pub pass: Vec<String>,
    /// A record's field that holds the word.
    pub field: Option<String>,
}

/// What says of which type a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Nothing: all are of the one type.
    Nothing,
    /// The record's key.
    Key,
    /// The header of this name.
    Header(String),
    /// The topic.
    Topic,
}

/// Why there is no such schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The bytes are no set of descriptors.
    #[error("it is no set of descriptors")]
    Unreadable(#[source] prost_reflect::DescriptorError),
    /// A type that is not in it.
    #[error("it has no message `{name}`; it has {known}")]
    UnknownType {
        /// As it was asked for.
        name: String,
        /// Those that are in it.
        known: String,
    },
}

impl Proto {
    /// The types of `settings`, planned.
    ///
    /// # Errors
    /// As `SchemaError` says.
    pub fn new(settings: &ProtoSettings) -> Result<Self, SchemaError> {
        let pool = DescriptorPool::decode(&settings.set[..]).map_err(SchemaError::Unreadable)?;
        let planned = |(word, name): &(String, String)| {
            let message = pool.get_message_by_name(name).ok_or_else(|| {
                let known: Vec<_> = pool
                    .all_messages()
                    .filter(|it| !it.full_name().starts_with("google.protobuf."))
                    .map(|it| it.full_name().to_owned())
                    .collect();
                SchemaError::UnknownType {
                    name: name.clone(),
                    known: known.join(", "),
                }
            })?;
            Ok((word.clone(), Plan::new(&message)))
        };
        Ok(Self {
            by: settings.by.clone(),
            types: settings
                .types
                .iter()
                .map(planned)
                .collect::<Result<_, _>>()?,
            pass: settings.pass.clone(),
            field: settings.field.clone(),
        })
    }

    /// The type of a message and its word; `None` where it is another flow's.
    fn incoming(&self, message: &Message<'_>, topic: &str) -> Result<Option<&Typed>, String> {
        let (what, word) = match &self.by {
            By::Nothing => return Ok(self.types.first()),
            By::Key => ("key".to_owned(), message.key),
            By::Header(name) => (
                format!("header `{name}`"),
                message.headers.get(name).flatten(),
            ),
            By::Topic => ("topic".to_owned(), Some(topic.as_bytes())),
        };
        let Some(word) = word else {
            return Err(format!("it has no {what}, which says of which type it is"));
        };
        match self.types.iter().find(|(it, _)| it.as_bytes() == word) {
            Some(found) => Ok(Some(found)),
            None if self.pass.iter().any(|it| it.as_bytes() == word) => Ok(None),
            None => Err(format!(
                "no message type is declared for its {what} {}",
                shown(word)
            )),
        }
    }

    /// The type that a record is to be written as, and its word.
    fn outgoing(&self, row: &Row<'_>, topic: Option<&str>) -> Result<&Typed, String> {
        let named = |word: &str| self.types.iter().find(|(it, _)| it == word);
        if let (By::Topic, Some(topic)) = (&self.by, topic) {
            return named(topic)
                .ok_or_else(|| format!("no message type is declared for the topic `{topic}`"));
        }
        match (self.field.as_ref().map(|it| row.get(it)), &self.types[..]) {
            (None | Some(None | Some(Value::Null)), [only]) => Ok(only),
            (Some(Some(Value::String(word) | Value::Enum(word))), _) => {
                named(word).ok_or_else(|| {
                    format!("no message type is declared for {}", shown(word.as_bytes()))
                })
            }
            _ => Err("it has no word that says of which type it is".to_owned()),
        }
    }
}

/// A type by its word.
type Typed = (String, Plan);

/// A word of a stranger's, short enough to be told.
fn shown(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

impl Encoder for Proto {
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let unencodable =
            |(field, reason): (String, String)| CodecError::Unencodable { field, reason };
        if row.op() == Op::Delete {
            let reason = "a message of a schema cannot say that its row is gone";
            return Err(unencodable((String::new(), reason.to_owned())));
        }
        let field = self.field.as_deref();
        let (_, plan) = self
            .outgoing(row, Some(topic))
            .map_err(|reason| unencodable((field.unwrap_or_default().to_owned(), reason)))?;
        // A row of several types has the fields of them all.
        let several = self.types.len() > 1;
        let is_others = |name: &str, value: Value<'_>| {
            several && matches!(value, Value::Null) && plan.root().named(name).is_none()
        };
        let fields = row
            .fields()
            .filter(|(name, value)| Some(*name) != field && !is_others(name, *value));
        encode::fields_of(plan, fields, out).map_err(unencodable)
    }

    fn type_tag<'m>(&'m self, row: &Row<'_>) -> Option<TypeTag<'m>> {
        let word = || self.outgoing(row, None).ok().map(|(word, _)| word);
        match &self.by {
            By::Nothing | By::Topic => None,
            By::Key => Some(TypeTag::Key(word()?)),
            By::Header(name) => Some(TypeTag::Header(name, word()?)),
        }
    }
}

impl Decoder for Proto {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let undecodable = |reason: String| CodecError::Undecodable {
            format: "protobuf",
            reason,
        };
        let found = self.incoming(message, out.schema().name());
        let Some((word, plan)) = found.map_err(undecodable)? else {
            return Ok(());
        };
        match message.value {
            // The key chooses the type, so it names no row.
            None if self.by == By::Key => Err(undecodable("it has no value".to_owned())),
            None => super::decode_deletion("protobuf", message, origin, out),
            Some(value) => out
                .push(Op::Upsert, origin, |packer| {
                    decode::row(plan, value, packer)?;
                    if let Some(field) = &self.field {
                        packer.name(field);
                        packer.value(Value::String(word));
                    }
                    Ok(())
                })
                .map_err(undecodable),
        }
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        let [(_, plan)] = &self.types[..] else {
            return None;
        };
        let mut fields = plan.columns();
        fields.extend(self.field.iter().map(|it| (it.clone(), Kind::String)));
        Some(fields)
    }
}
