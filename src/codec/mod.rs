//! ② Codecs: records to bytes and back; pure, synchronous, both directions of a format in one file.
//!
//! Contract, run as a suite against every format (`tests/contracts`): what is encoded decodes to
//! the same values (or to what the format's documentation says of their types), equal records
//! give equal bytes, and no bytes at all make a decoder panic.

pub mod information;
pub mod json;
pub mod proto;
pub mod protobuf;

use crate::{
    fault::{Fault, Faulty},
    model::{Kind, Message, Op, Records, Row, Value},
};

/// Writes a record's value.
pub trait Encoder: Send + Sync {
    /// Appends the bytes of `row`, to be published to `topic`, to `out`. Where it fails, what it
    /// has appended is of no use.
    ///
    /// # Errors
    /// Where the format cannot hold the record.
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// What says beside the value of which type the message is; `None` where nothing has to.
    fn type_tag<'m>(&'m self, row: &Row<'_>) -> Option<TypeTag<'m>>;
}

/// A word beside a message's value that says of which type it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeTag<'m> {
    /// It is the message's key, in place of the row's.
    Key(&'m str),
    /// A header's name, and the word.
    Header(&'m str, &'m str),
}

/// Reads messages.
pub trait Decoder: Send + Sync {
    /// Appends the records of one message, with `origin` as their origin. A null value is a
    /// deletion of the key.
    ///
    /// # Errors
    /// Where the bytes are not of this format; nothing is appended then.
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError>;

    /// The fields that every message of this format has, with what they are, in order; `None`
    /// where messages name their own. A sink makes its table and checks its columns by them.
    fn fields(&self) -> Option<Vec<(String, Kind)>>;
}

/// What one record or message can do wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodecError {
    /// The format cannot hold this value.
    #[error("field `{field}`: {reason}")]
    Unencodable {
        /// Its dotted path.
        field: String,
        /// Why not.
        reason: String,
    },
    /// The bytes are not of this format.
    #[error("not valid {format}: {reason}")]
    Undecodable {
        /// The format's name.
        format: &'static str,
        /// What and where.
        reason: String,
    },
}

impl Faulty for CodecError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unencodable { .. } | Self::Undecodable { .. } => Fault::Data,
        }
    }
}

/// A null value deletes what the key names; the record carries the key's text as `key`.
fn decode_deletion(
    format: &'static str,
    message: &Message<'_>,
    origin: u32,
    out: &mut Records,
) -> Result<(), CodecError> {
    let undecodable = |reason: &str| CodecError::Undecodable {
        format,
        reason: reason.to_owned(),
    };
    let key = message
        .key
        .ok_or_else(|| undecodable("neither key nor value"))?;
    let key = std::str::from_utf8(key).map_err(|_| undecodable("its key is not UTF-8"))?;
    out.push(Op::Delete, origin, |packer| {
        packer.name("key");
        packer.value(Value::String(key));
        Ok(())
    })
}

/// Whether JSON has the text as it is, with nothing to escape. Nearly all texts are so, and this
/// looks at many of their bytes at once.
fn is_plain(text: &[u8]) -> bool {
    let plain = |it: &u8| *it >= b' ' && *it != b'"' && *it != b'\\';
    let (blocks, rest) = text.as_chunks::<16>();
    // No `all` within a block: it would look at one byte after the other.
    let mut blocks = blocks.iter();
    blocks.all(|block| block.iter().fold(true, |are, it| are & plain(it))) && rest.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_to_escape_is_found_wherever_it_stands() {
        for length in 0..50 {
            let plain = "é/~\u{7f}".repeat(length);
            assert!(is_plain(plain.as_bytes()), "{plain}");
            for character in ["\"", "\\", "\n", "\0", "\u{1f}"] {
                for at in 0..=length {
                    let mut text = "a".repeat(length);
                    text.insert_str(at, character);
                    assert!(!is_plain(text.as_bytes()), "{text:?}");
                }
            }
        }
    }
}
