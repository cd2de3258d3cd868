//! JSON: one object a record, names as the source spells them.
//!
//! | value | JSON |
//! |---|---|
//! | integers, floats | number, the shortest that reads back; NaN and Infinity are refused |
//! | decimal | text, every digit; a number where `decimals` says so |
//! | text, enum | text |
//! | binary, geometry | text, base64; hex where `binary` says so |
//! | ObjectId | text, 24 hex |
//! | date, time, datetime | text: `2025-08-26`, `09:30:15.123000`, `2025-08-26 09:30:15` |
//! | instant | text, RFC 3339 in UTC; a number where `instants` says so |
//! | year, bit | number |
//! | JSON | as it is |
//! | BSON timestamp, regex, code, min and max key | an object, as canonical extended JSON has them |
//!
//! Decoded, a text is text, a whole number an integer, any other number a decimal with its very
//! digits, and an array or object stays JSON text.
//!
//! Where `documents` is extended, every value is as MongoDB's extended JSON has it, and decoded as
//! it was. What BSON has no type for is refused then.

mod extended;
mod extended_read;
mod read;
mod write;

use super::{CodecError, Decoder, Encoder, TypeTag};
use crate::model::{Kind, Message, Op, Records, Row};

/// The format `json`, as it was chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json {
    /// How values of BSON are told apart.
    pub documents: Documents,
    /// How decimals are written.
    pub decimals: Decimals,
    /// How points in time are written.
    pub instants: Instants,
    /// How bytes are written.
    pub binary: Binary,
}

/// How values of BSON are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Documents {
    /// By nothing: plain JSON.
    #[default]
    Plain,
    /// MongoDB's extended JSON of version 2, numbers and most dates as people read them.
    Relaxed,
    /// MongoDB's extended JSON of version 2, each value with its type.
    Canonical,
}

/// How decimals are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Decimals {
    /// As text: no reader makes a float of it.
    #[default]
    Text,
    /// As a number of the same digits. NaN and Infinity are refused.
    Number,
}

/// How points in time are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Instants {
    /// RFC 3339, in UTC.
    #[default]
    Text,
    /// Milliseconds since 1970. What is finer is refused.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binary {
    /// RFC 4648, with its padding.
    #[default]
    Base64,
    /// Two lower-case digits a byte.
    Hex,
}

/// Nesting beyond this is refused, on the way out as on the way in.
const DEPTH: usize = 120;

impl Json {
    /// The format as it is where nothing is chosen.
    pub const PLAIN: Self = Self {
        documents: Documents::Plain,
        decimals: Decimals::Text,
        instants: Instants::Text,
        binary: Binary::Base64,
    };
}

impl Encoder for Json {
    fn encode(&self, row: &Row<'_>, _topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut first = true;
        out.push(b'{');
        for (name, value) in row.fields() {
            write::name(name, &mut first, out);
            let written = match self.documents {
                Documents::Plain => write::value(value, *self, out, 0),
                Documents::Relaxed => extended::value::<true>(value, out, 0),
                Documents::Canonical => extended::value::<false>(value, out, 0),
            };
            written.map_err(|reason| CodecError::Unencodable {
                field: name.to_owned(),
                reason,
            })?;
        }
        out.push(b'}');
        Ok(())
    }

    fn type_tag<'m>(&'m self, _row: &Row<'_>) -> Option<TypeTag<'m>> {
        None
    }
}

impl Decoder for Json {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return super::decode_deletion("json", message, origin, out);
        };
        out.push(Op::Upsert, origin, |packer| match self.documents {
            Documents::Plain => read::fields(value, packer),
            Documents::Relaxed | Documents::Canonical => extended_read::fields(value, packer),
        })
        .map_err(|error| CodecError::Undecodable {
            format: "json",
            reason: error.to_string(),
        })
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        None
    }
}

#[cfg(test)]
mod tests;
