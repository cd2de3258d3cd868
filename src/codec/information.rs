//! An information as the older producer sends it, as JSON (its very bytes) and as protobuf.
//!
//! Which field of a record becomes which field of the message is in `fields`; how a value is
//! printed, in `text` and `number`. What the message cannot hold is refused, never bent.

mod decoded;
mod fields;
mod json;
mod json_text;
mod number;
mod protobuf;
mod text;

pub use json::InformationJson;
pub use protobuf::InformationProtobuf;

#[cfg(test)]
mod tests;
