//! The same message as protobuf: `proto/information.proto`.

use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};

use super::{
    decoded::{Cell, Decoded, deletion, fields, undecodable},
    fields::{DATA_TYPE, Form, InformationFields, Written},
    json_text::check_json,
};
use crate::{
    codec::{CodecError, Decoder, Encoder, TypeTag},
    model::{Kind, Message, Records, Row},
};

/// The format `information-protobuf`.
#[derive(Debug, Clone, Copy, Default)]
pub struct InformationProtobuf;

const FORMAT: &str = "information-protobuf";

/// The generated message.
mod wire {
    #![allow(missing_docs, clippy::all)]
    include!(concat!(env!("OUT_DIR"), "/highwater.information.v1.rs"));
}

impl Encoder for InformationProtobuf {
    /// Fields in the order of their numbers, so that equal records have equal bytes.
    fn encode(&self, row: &Row<'_>, topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let fields = InformationFields::of(row);
        required(1, out, |out| fields.uid(Form::Plain, out))?;
        required(2, out, |out| plain(topic, out))?;
        required(3, out, |out| fields.name(Form::Plain, out))?;
        required(4, out, |out| fields.created_at(Form::Plain, out))?;
        required(5, out, |out| plain(DATA_TYPE, out))?;
        required(6, out, |out| fields.tag_values(out))?;
        fields.link_data(|it| sized(7, out, |out| it.write(out).map(|()| true)))?;
        nullable(8, out, |out| fields.info_date(Form::Plain, out))?;
        fields.info_section(|it| sized(9, out, |out| it.write(out).map(|()| true)))?;
        nullable(10, out, |out| fields.info_author(Form::Plain, out))?;
        nullable(11, out, |out| fields.description(Form::Plain, out))?;
        required(12, out, |out| fields.marc_code(Form::Plain, out))?;
        nullable(13, out, |out| fields.details_page(Form::Plain, out))
    }

    fn type_tag<'m>(&'m self, _row: &Row<'_>) -> Option<TypeTag<'m>> {
        None
    }
}

impl Decoder for InformationProtobuf {
    fn decode(
        &self,
        message: &Message<'_>,
        origin: u32,
        out: &mut Records,
    ) -> Result<(), CodecError> {
        let Some(value) = message.value else {
            return deletion(FORMAT, message, origin, out);
        };
        let wrong = |reason: String| undecodable(FORMAT, reason);
        let read = wire::Information::decode(value).map_err(|error| wrong(error.to_string()))?;
        let decoded = decoded(read).map_err(wrong)?;
        decoded.push(origin, out).map_err(wrong)
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        Some(fields())
    }
}

fn decoded(read: wire::Information) -> Result<Decoded<'static>, String> {
    let text = |it: String| Some(Cell::Text(it.into()));
    // Protobuf does not tell an absent text from an empty one; these are never empty.
    let given = |it: String| if it.is_empty() { None } else { text(it) };
    let nullable = |it: Option<String>| it.map_or(Some(Cell::Null), text);
    Ok(Decoded {
        fields: [
            given(read.uid),
            text(read.topic),
            text(read.name),
            text(read.created_at),
            given(read.data_type),
            given(read.tag_values),
            Some(list("link_data", &read.link_data)?),
            nullable(read.info_date),
            Some(list("info_section", &read.info_section)?),
            nullable(read.info_author),
            nullable(read.description),
            given(read.marc_code),
            nullable(read.details_page),
        ],
        extras: Vec::new(),
    })
}

fn list(name: &str, items: &[String]) -> Result<Cell<'static>, String> {
    for (index, item) in items.iter().enumerate() {
        check_json(item).map_err(|reason| format!("`{name}.{index}` holds {reason}"))?;
    }
    Ok(Cell::Json(format!("[{}]", items.join(",")).into()))
}

fn plain(text: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A field that is absent where it is empty, as proto3 has it.
fn required(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    sized(number, out, |out| {
        let start = out.len();
        write(out)?;
        Ok(out.len() > start)
    })
}

fn nullable(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Written, CodecError>,
) -> Result<(), CodecError> {
    sized(number, out, |out| Ok(write(out)? == Written::Text))
}

/// Appends a field of counted bytes; `write` appends these and says whether there is a field.
fn sized(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<bool, CodecError>,
) -> Result<(), CodecError> {
    let before = out.len();
    encode_key(number, WireType::LengthDelimited, out);
    let start = out.len();
    // Most texts are short: one byte is kept for the length, and more are made room for.
    out.push(0);
    if !write(out)? {
        out.truncate(before);
        return Ok(());
    }
    let length = (out.len() - start - 1) as u64;
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => out[start] = short,
        _ => {
            let mut bytes = [0; 10];
            let mut rest = &mut bytes[..];
            encode_varint(length, &mut rest);
            let used = 10 - rest.len();
            out.splice(start..=start, bytes[..used].iter().copied());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_read_back() {
        for length in [1, 127, 128, 16_383, 16_384, 3_000_000] {
            let name = "x".repeat(length);
            let mut out = Vec::new();
            sized(3, &mut out, |out| plain(&name, out).map(|()| true)).expect("written");
            let read = wire::Information::decode(&out[..]).expect("protobuf");
            assert_eq!(read.name.len(), length);
        }
    }
}
