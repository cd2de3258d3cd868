//! A row straight into a message's bytes: fields by number, each value exact or refused.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::{
    plan::{FieldPlan, Meaning, MessagePlan, Plan, Scalar, Shape, What},
    scalar::{narrow, scalar},
    wire::{DEPTH, too_deep},
};
use crate::model::Value;

/// Where it failed, and why.
pub(super) type Refused = (String, String);

/// Appends the message of these fields.
pub(super) fn fields_of<'v>(
    plan: &Plan,
    named: impl Iterator<Item = (&'v str, Value<'v>)>,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    fields(plan, plan.root(), named, out, 0)
}

fn fields<'v>(
    plan: &Plan,
    message: &MessagePlan,
    named: impl Iterator<Item = (&'v str, Value<'v>)>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    let mut values = vec![None; message.fields.len()];
    let mut chosen = vec![false; message.oneofs];
    for (name, value) in named {
        let refuse = |reason: &str| Err((name.to_owned(), reason.to_owned()));
        let Some(at) = message.named(name) else {
            return refuse("the message has no such field");
        };
        if values[at].is_some() {
            return refuse("it stands twice");
        }
        let is_null = matches!(value, Value::Null | Value::Undefined);
        if let Some(oneof) = message.fields[at].oneof.filter(|_| !is_null) {
            if chosen[oneof] {
                return refuse("another field is set, and only one of these can be");
            }
            chosen[oneof] = true;
        }
        values[at] = Some(value);
    }
    for (field, value) in message.fields.iter().zip(values) {
        let written = match value {
            Some(value) => self::field(plan, field, value, out, depth),
            None if field.required => Err(refused("it is required, and is not there")),
            None => Ok(()),
        };
        written.map_err(|(inner, reason)| match inner.as_str() {
            "" => (field.name.clone(), reason),
            inner => (format!("{}.{inner}", field.name), reason),
        })?;
    }
    Ok(())
}

pub(super) fn refused(reason: impl Into<String>) -> Refused {
    (String::new(), reason.into())
}

pub(super) fn mismatch(value: &Value<'_>, wanted: &str) -> Refused {
    refused(format!(
        "a value of type {} is not {wanted}",
        value.type_name()
    ))
}

fn field(
    plan: &Plan,
    field: &FieldPlan,
    value: Value<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    match (field.shape, value.widened()) {
        (_, Value::Null) if field.required => Err(refused("it is required, and is null")),
        (_, Value::Null) if field.presence => Ok(()),
        (_, Value::Null) => Err(refused(
            "it has no null: declare it `optional` or as a wrapper, or give it a default",
        )),
        (Shape::List { packed: false }, Value::Array(mut items)) => {
            items.try_for_each(|it| keyed(plan, field, it, out, depth))
        }
        (Shape::List { packed: true }, Value::Array(items)) => {
            let mut run = Vec::new();
            for item in items {
                payload(plan, &field.what, item, &mut run, depth)?;
            }
            if !run.is_empty() {
                encode_key(field.number, WireType::LengthDelimited, out);
                encode_varint(run.len() as u64, out);
                out.extend_from_slice(&run);
            }
            Ok(())
        }
        (Shape::List { .. }, other) => Err(mismatch(&other, "a list")),
        (Shape::Map, Value::Document(entries)) => map(plan, field, entries, out, depth),
        (Shape::Map, other) => Err(mismatch(&other, "a document")),
        (Shape::Single, value) => {
            let start = out.len();
            keyed(plan, field, value, out, depth)?;
            if !field.presence && is_default(&out[start..]) {
                out.truncate(start);
            }
            Ok(())
        }
    }
}

/// Whether a field's bytes, behind its key, are those of zero or of nothing.
fn is_default(bytes: &[u8]) -> bool {
    let key = bytes.iter().take_while(|it| **it >= 0x80).count() + 1;
    bytes[key..].iter().all(|it| *it == 0)
        // A text of one zero byte has a length before it.
        && bytes.len() > key
}

fn map<'v>(
    plan: &Plan,
    field: &FieldPlan,
    entries: impl Iterator<Item = (&'v str, Value<'v>)>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    let What::Message(entry) = field.what else {
        return Err(refused("its entries are no messages"));
    };
    let [key, value] = plan.messages[entry].fields.as_slice() else {
        return Err(refused("its entries have no key and value"));
    };
    for (name, it) in entries {
        let at = |(inner, reason): Refused| match inner.as_str() {
            "" => (name.to_owned(), reason),
            inner => (format!("{name}.{inner}"), reason),
        };
        let typed = match &key.what {
            What::Scalar(Scalar::String) => Some(Value::String(name)),
            What::Scalar(Scalar::Bool) => name.parse().ok().map(Value::Bool),
            _ => match (name.parse(), name.parse()) {
                (Ok(it), _) => Some(Value::I64(it)),
                (_, Ok(it)) => Some(Value::U64(it)),
                _ => None,
            },
        };
        let typed = typed.ok_or_else(|| at(refused("it is no key of this map")))?;
        sized(field.number, out, |out| {
            keyed(plan, key, typed, out, depth)?;
            keyed(plan, value, it, out, depth)
        })
        .map_err(at)?;
    }
    Ok(())
}

/// What `fill` appends, behind its key and length.
fn sized(
    number: u32,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    encode_key(number, WireType::LengthDelimited, out);
    length_before(out, fill)
}

fn length_before(
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let start = out.len();
    // Nearly all lengths take one byte; longer ones are put in afterwards.
    out.push(0);
    fill(out)?;
    let length = out.len() - start - 1;
    match u8::try_from(length) {
        Ok(it) if it < 0x80 => out[start] = it,
        _ => {
            let mut prefix = Vec::new();
            encode_varint(length as u64, &mut prefix);
            out.splice(start..=start, prefix);
        }
    }
    Ok(())
}

/// One value behind its key.
fn keyed(
    plan: &Plan,
    field: &FieldPlan,
    value: Value<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    let wire = match &field.what {
        What::Scalar(it) => match it.wire() {
            0 => WireType::Varint,
            1 => WireType::SixtyFourBit,
            5 => WireType::ThirtyTwoBit,
            _ => WireType::LengthDelimited,
        },
        What::Enum(_) => WireType::Varint,
        What::Message(_) => WireType::LengthDelimited,
        What::Group(_) => WireType::StartGroup,
    };
    encode_key(field.number, wire, out);
    payload(plan, &field.what, value, out, depth)?;
    if wire == WireType::StartGroup {
        encode_key(field.number, WireType::EndGroup, out);
    }
    Ok(())
}

fn payload(
    plan: &Plan,
    what: &What,
    value: Value<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    match what {
        What::Scalar(it) => scalar(*it, value, out),
        What::Enum(names) => {
            let number = match value.widened() {
                Value::Enum(name) | Value::String(name) => names
                    .iter()
                    .find(|(_, it)| it == name)
                    .map(|(number, _)| *number)
                    .ok_or_else(|| refused("the enum has no such name"))?,
                other => narrow::<i32>(&other)?,
            };
            encode_varint(i64::from(number) as u64, out);
            Ok(())
        }
        What::Message(it) => length_before(out, |out| {
            message(plan, &plan.messages[*it], value, out, depth + 1)
        }),
        What::Group(it) => message(plan, &plan.messages[*it], value, out, depth + 1),
    }
}

/// The inside of a message that stands for `value`.
fn message(
    plan: &Plan,
    message: &MessagePlan,
    value: Value<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refused> {
    if depth > DEPTH {
        return Err(refused(too_deep()));
    }
    let value = value.widened();
    match message.meaning {
        Meaning::Document => match value {
            Value::Document(it) => fields(plan, message, it, out, depth),
            other => Err(mismatch(&other, "a document")),
        },
        Meaning::Only => field(plan, &message.fields[0], value, out, depth),
        Meaning::Chosen => {
            let number = match value {
                Value::Null => return zero_null(out),
                Value::Bool(_) => 4,
                Value::String(_) | Value::Enum(_) => 3,
                Value::Document(_) => 5,
                Value::Array(_) => 6,
                _ => 2,
            };
            match message.numbered(number) {
                Some(at) => field(plan, &message.fields[at], value, out, depth),
                None => Err(refused("google.protobuf.Value is not as it is known")),
            }
        }
        Meaning::Timestamp => match value {
            Value::Instant(it) if (-62_135_596_800..=253_402_300_799).contains(&it.seconds) => {
                clock(it.seconds, (it.micros * 1_000) as i32, out);
                Ok(())
            }
            Value::Instant(_) => Err(refused("it is outside the years 1 to 9999")),
            other => Err(mismatch(&other, "a point in time")),
        },
        Meaning::Duration => {
            let text = match value {
                Value::Decimal(it) | Value::String(it) => it.to_owned(),
                Value::I64(it) => it.to_string(),
                Value::U64(it) => it.to_string(),
                other => return Err(mismatch(&other, "a number of seconds")),
            };
            let (seconds, nanos) =
                duration(&text).ok_or_else(|| refused("it is no duration in seconds"))?;
            clock(seconds, nanos, out);
            Ok(())
        }
    }
}

/// `null_value` of `google.protobuf.Value`.
fn zero_null(out: &mut Vec<u8>) -> Result<(), Refused> {
    out.extend_from_slice(&[0x08, 0]);
    Ok(())
}

fn clock(seconds: i64, nanos: i32, out: &mut Vec<u8>) {
    for (number, it) in [(1, seconds), (2, i64::from(nanos))] {
        if it != 0 {
            encode_key(number, WireType::Varint, out);
            encode_varint(it as u64, out);
        }
    }
}

fn duration(text: &str) -> Option<(i64, i32)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(it) => (true, it),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok().filter(|it| *it <= 315_576_000_000)?;
    let nanos: i32 = format!("{part:0<9}").parse().ok()?;
    Some(if negative {
        (-seconds, -nanos)
    } else {
        (seconds, nanos)
    })
}
