//! Protobuf by a schema: messages of any `.proto` file, each routed to its type.
//!
//! A plan is made of each type once (`plan`); after that a message's bytes are read straight into
//! a row and a row is written straight to bytes. What each type of protobuf is here stands in
//! `docs/protobuf.md`.

mod decode;
mod encode;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use prost_reflect::DescriptorPool;

use self::plan::Plan;
use super::{CodecError, Decoder, Encoder};
use crate::model::{Kind, Message, Op, Records, Row};

/// The format `proto`.
#[derive(Debug)]
pub struct Proto {
    by: By,
    types: Vec<(String, Plan)>,
    pass: Vec<String>,
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
    /// Types by the word that chooses each, out of the descriptors in `set`; messages of the words
    /// `pass` are other flows' and are passed by.
    ///
    /// # Errors
    /// As `SchemaError` says.
    pub fn new(
        set: &[u8],
        by: By,
        types: &[(String, String)],
        pass: Vec<String>,
    ) -> Result<Self, SchemaError> {
        let pool = DescriptorPool::decode(set).map_err(SchemaError::Unreadable)?;
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
            by,
            types: types.iter().map(planned).collect::<Result<_, _>>()?,
            pass,
        })
    }

    /// The type of a message; `None` where it is another flow's.
    fn route(&self, message: &Message<'_>, topic: &str) -> Result<Option<&Plan>, String> {
        let (what, word) = match &self.by {
            By::Nothing => return Ok(self.types.first().map(|(_, plan)| plan)),
            By::Key => ("key", message.key),
            By::Header(name) => (name.as_str(), message.headers.get(name).flatten()),
            By::Topic => ("topic", Some(topic.as_bytes())),
        };
        let Some(word) = word else {
            return Err(format!("it has no {what}, which says of which type it is"));
        };
        match self.types.iter().find(|(it, _)| it.as_bytes() == word) {
            Some((_, plan)) => Ok(Some(plan)),
            None if self.pass.iter().any(|it| it.as_bytes() == word) => Ok(None),
            None => Err(format!("no message type is declared for its {what}")),
        }
    }
}

impl Encoder for Proto {
    fn encode(&self, row: &Row<'_>, _topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let unencodable =
            |(field, reason): (String, String)| CodecError::Unencodable { field, reason };
        if row.op() == Op::Delete {
            let reason = "a message of a schema cannot say that its row is gone";
            return Err(unencodable((String::new(), reason.to_owned())));
        }
        match self.types.first() {
            Some((_, plan)) => encode::row(plan, row, out).map_err(unencodable),
            None => Err(unencodable((
                String::new(),
                "no message type is declared".into(),
            ))),
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
        let plan = self.route(message, out.schema().name());
        let Some(plan) = plan.map_err(undecodable)? else {
            return Ok(());
        };
        match message.value {
            // The key chooses the type, so it names no row.
            None if self.by == By::Key => Err(undecodable("it has no value".to_owned())),
            None => super::decode_deletion("protobuf", message, origin, out),
            Some(value) => out
                .push(Op::Upsert, origin, |packer| {
                    decode::row(plan, value, packer)
                })
                .map_err(undecodable),
        }
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        match self.types.as_slice() {
            [(_, plan)] => Some(plan.columns()),
            _ => None,
        }
    }
}
