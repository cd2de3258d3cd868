//! Protobuf: any row in the envelope of `proto/envelope.proto`, each value in its own precision.
//!
//! Written field by field from the borrowed row: lengths are measured first, so that nothing is
//! allocated. What is decoded equals what was encoded, type and all.

use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};

use super::{CodecError, Decoder, Encoder, TypeTag};
use crate::model::{Date, DateTime, Instant, Kind, Message, Op, Packer, Records, Row, Time, Value};

#[allow(missing_docs)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/highwater.envelope.v1.rs"));
}

/// The format `protobuf`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Protobuf;

/// Nesting beyond this is refused; prost reads 100 levels, and each of ours takes three.
const DEPTH: usize = 30;

impl Encoder for Protobuf {
    fn encode(&self, row: &Row<'_>, _topic: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if row.op() == Op::Delete {
            encode_key(1, WireType::Varint, out);
            encode_varint(wire::Operation::Delete as u64, out);
        }
        for (name, value) in row.fields() {
            let measured = measure(value, 0).map_err(|reason| CodecError::Unencodable {
                field: name.to_owned(),
                reason,
            })?;
            write_field(name, value, measured, 2, out);
        }
        Ok(())
    }

    fn type_tag<'m>(&'m self, _row: &Row<'_>) -> Option<TypeTag<'m>> {
        None
    }
}

impl Decoder for Protobuf {
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
        let Some(value) = message.value else {
            return super::decode_deletion("protobuf", message, origin, out);
        };
        let row = wire::Row::decode(value).map_err(|error| undecodable(error.to_string()))?;
        let op = match row.operation() {
            wire::Operation::Upsert => Op::Upsert,
            wire::Operation::Delete => Op::Delete,
        };
        out.push(op, origin, |packer| pack_fields(packer, &row.fields))
            .map_err(undecodable)
    }

    fn fields(&self) -> Option<Vec<(String, Kind)>> {
        None
    }
}

/// The encoded length of a `Value` message.
fn measure(value: Value<'_>, depth: usize) -> Result<usize, String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    let varint = |number: u32, it: u64| key_len(number) + encoded_len_varint(it);
    let sized =
        |number: u32, length: usize| key_len(number) + encoded_len_varint(length as u64) + length;
    Ok(match value {
        Value::Null => 0,
        Value::Bool(_) => varint(1, 1),
        Value::I32(it) => varint(26, zigzag(i64::from(it))),
        Value::I64(it) => varint(2, zigzag(it)),
        Value::U64(it) => varint(3, it),
        Value::F32(_) => key_len(4) + 4,
        Value::F64(_) => key_len(5) + 8,
        Value::Year(it) => varint(13, u64::from(it)),
        Value::Bit(it) => varint(14, it),
        Value::MinKey => varint(22, 1),
        Value::MaxKey => varint(23, 1),
        Value::Undefined => varint(28, 1),
        Value::Geometry(it) => sized(17, it.len()),
        Value::ObjectId(it) => sized(18, it.len()),
        Value::Array(items) => {
            let mut length = 0;
            for item in items {
                length += sized(1, measure(item, depth + 1)?);
            }
            sized(24, length)
        }
        Value::Document(fields) => {
            let mut length = 0;
            for (name, value) in fields {
                length += sized(1, field_length(name, measure(value, depth + 1)?));
            }
            sized(25, length)
        }
        Value::CodeWithScope(code, scope) => {
            let mut length = sized(1, code.len());
            for (name, value) in scope {
                length += sized(2, field_length(name, measure(value, depth + 1)?));
            }
            sized(30, length)
        }
        small => small_message(small).map_or(0, |(number, bytes)| sized(number, bytes.len())),
    })
}

fn field_length(name: &str, value: usize) -> usize {
    let sized = |length: usize| key_len(1) + encoded_len_varint(length as u64) + length;
    sized(name.len()) + sized(value)
}

fn write_field(name: &str, value: Value<'_>, measured: usize, number: u32, out: &mut Vec<u8>) {
    open(number, field_length(name, measured), out);
    open(1, name.len(), out);
    out.extend_from_slice(name.as_bytes());
    open(2, measured, out);
    write_value(value, out);
}

/// Writes the inside of a `Value` message that `measure` has accepted.
fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    let varint = |number: u32, it: u64, out: &mut Vec<u8>| {
        encode_key(number, WireType::Varint, out);
        encode_varint(it, out);
    };
    match value {
        Value::Null => (),
        Value::Bool(it) => varint(1, u64::from(it), out),
        Value::I32(it) => varint(26, zigzag(i64::from(it)), out),
        Value::I64(it) => varint(2, zigzag(it), out),
        Value::U64(it) => varint(3, it, out),
        Value::F32(it) => {
            encode_key(4, WireType::ThirtyTwoBit, out);
            out.extend_from_slice(&it.to_le_bytes());
        }
        Value::F64(it) => {
            encode_key(5, WireType::SixtyFourBit, out);
            out.extend_from_slice(&it.to_le_bytes());
        }
        Value::Year(it) => varint(13, u64::from(it), out),
        Value::Bit(it) => varint(14, it, out),
        Value::MinKey => varint(22, 1, out),
        Value::MaxKey => varint(23, 1, out),
        Value::Undefined => varint(28, 1, out),
        Value::Geometry(it) => write_sized(17, it, out),
        Value::ObjectId(it) => write_sized(18, &it, out),
        Value::Array(items) => {
            let measured = |it| measure(it, 0).unwrap_or(0);
            let length = items.map(|it| 1 + prefixed(measured(it))).sum();
            open(24, length, out);
            for item in items {
                open(1, measured(item), out);
                write_value(item, out);
            }
        }
        Value::Document(fields) => {
            let measured = |it| measure(it, 0).unwrap_or(0);
            let length = fields
                .map(|(name, value)| 1 + prefixed(field_length(name, measured(value))))
                .sum();
            open(25, length, out);
            for (name, value) in fields {
                write_field(name, value, measured(value), 1, out);
            }
        }
        Value::CodeWithScope(code, scope) => {
            let measured = |it| measure(it, 0).unwrap_or(0);
            let variables: usize = scope
                .map(|(name, value)| 1 + prefixed(field_length(name, measured(value))))
                .sum();
            open(30, 1 + prefixed(code.len()) + variables, out);
            write_sized(1, code.as_bytes(), out);
            for (name, value) in scope {
                write_field(name, value, measured(value), 2, out);
            }
        }
        small => {
            if let Some((number, bytes)) = small_message(small) {
                write_sized(number, &bytes, out);
            }
        }
    }
}

/// The values that are text, or small messages of their own.
fn small_message(value: Value<'_>) -> Option<(u32, std::borrow::Cow<'_, [u8]>)> {
    let text = |number, it: &str| Some((number, it.as_bytes().to_vec().into()));
    match value {
        Value::Decimal(it) => Some((6, it.as_bytes().into())),
        Value::String(it) => Some((7, it.as_bytes().into())),
        Value::Enum(it) => Some((15, it.as_bytes().into())),
        Value::Json(it) => Some((16, it.as_bytes().into())),
        Value::Code(it) => Some((21, it.as_bytes().into())),
        Value::Symbol(it) => Some((27, it.as_bytes().into())),
        Value::DbPointer(namespace, id) => {
            let (namespace, object_id) = (namespace.to_owned(), id.to_vec());
            let pointer = wire::DbPointer {
                namespace,
                object_id,
            };
            Some((29, pointer.encode_to_vec().into()))
        }
        Value::Bytes(subtype, data) => {
            let (subtype, data) = (u32::from(subtype), data.to_vec());
            Some((8, wire::Binary { subtype, data }.encode_to_vec().into()))
        }
        Value::Date(it) => text(9, &it.to_string()),
        Value::Time(it) => text(10, &it.to_string()),
        Value::DateTime(it) => text(11, &it.to_string()),
        Value::Instant(Instant { seconds, micros }) => {
            Some((12, wire::Instant { seconds, micros }.encode_to_vec().into()))
        }
        Value::Timestamp(seconds, increment) => {
            let timestamp = wire::Timestamp { seconds, increment };
            Some((19, timestamp.encode_to_vec().into()))
        }
        Value::Regex(pattern, options) => {
            let (pattern, options) = (pattern.to_owned(), options.to_owned());
            let regex = wire::Regex { pattern, options };
            Some((20, regex.encode_to_vec().into()))
        }
        _ => None,
    }
}

fn open(number: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn write_sized(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    open(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn prefixed(length: usize) -> usize {
    encoded_len_varint(length as u64) + length
}

fn zigzag(it: i64) -> u64 {
    ((it << 1) ^ (it >> 63)) as u64
}

fn pack_fields(packer: &mut Packer<'_>, fields: &[wire::Field]) -> Result<(), String> {
    for field in fields {
        packer.name(&field.name);
        let kind = field.value.as_ref().and_then(|it| it.kind.as_ref());
        pack(packer, kind).map_err(|reason| format!("field `{}`: {reason}", field.name))?;
    }
    Ok(())
}

fn pack(packer: &mut Packer<'_>, kind: Option<&wire::value::Kind>) -> Result<(), String> {
    use wire::value::Kind as Wire;
    let unread = |it: &str| format!("`{it}` cannot be read");
    let value = match kind {
        None => Value::Null,
        Some(Wire::Boolean(it)) => Value::Bool(*it),
        Some(Wire::Narrow(it)) => Value::I32(*it),
        Some(Wire::Signed(it)) => Value::I64(*it),
        Some(Wire::Unsigned(it)) => Value::U64(*it),
        Some(Wire::Single(it)) => Value::F32(*it),
        Some(Wire::Double(it)) => Value::F64(*it),
        Some(Wire::Decimal(it)) => Value::Decimal(it),
        Some(Wire::Text(it)) => Value::String(it),
        Some(Wire::Binary(it)) => {
            let subtype = u8::try_from(it.subtype).map_err(|_| "no such binary subtype")?;
            Value::Bytes(subtype, &it.data)
        }
        Some(Wire::Date(it)) => Value::Date(Date::parse(it).ok_or_else(|| unread(it))?),
        Some(Wire::Time(it)) => Value::Time(Time::parse(it).ok_or_else(|| unread(it))?),
        Some(Wire::Datetime(it)) => Value::DateTime(DateTime::parse(it).ok_or_else(|| unread(it))?),
        Some(Wire::Instant(it)) if it.micros < 1_000_000 => Value::Instant(Instant {
            seconds: it.seconds,
            micros: it.micros,
        }),
        Some(Wire::Instant(_)) => return Err("an instant's micros are past 999,999".into()),
        Some(Wire::Year(it)) => Value::Year(u16::try_from(*it).map_err(|_| "no such year")?),
        Some(Wire::Bit(it)) => Value::Bit(*it),
        Some(Wire::Enumeration(it)) => Value::Enum(it),
        Some(Wire::Json(it)) => Value::Json(it),
        Some(Wire::Geometry(it)) => Value::Geometry(it),
        Some(Wire::ObjectId(it)) => {
            let bytes = it.as_slice().try_into();
            Value::ObjectId(bytes.map_err(|_| "an ObjectId has 12 bytes")?)
        }
        Some(Wire::DbPointer(it)) => {
            let bytes = it.object_id.as_slice().try_into();
            Value::DbPointer(
                &it.namespace,
                bytes.map_err(|_| "an ObjectId has 12 bytes")?,
            )
        }
        Some(Wire::Symbol(it)) => Value::Symbol(it),
        Some(Wire::Undefined(_)) => Value::Undefined,
        Some(Wire::CodeWithScope(it)) => {
            return packer.code_with_scope(&it.code, |packer| pack_fields(packer, &it.scope));
        }
        Some(Wire::Timestamp(it)) => Value::Timestamp(it.seconds, it.increment),
        Some(Wire::Regex(it)) => Value::Regex(&it.pattern, &it.options),
        Some(Wire::Code(it)) => Value::Code(it),
        Some(Wire::MinKey(_)) => Value::MinKey,
        Some(Wire::MaxKey(_)) => Value::MaxKey,
        Some(Wire::Array(array)) => {
            return packer.array(|packer| {
                let mut items = array.items.iter();
                items.try_for_each(|it| pack(packer, it.kind.as_ref()))
            });
        }
        Some(Wire::Document(document)) => {
            return packer.document(|packer| pack_fields(packer, &document.fields));
        }
    };
    packer.value(value);
    Ok(())
}

#[cfg(test)]
mod tests;
