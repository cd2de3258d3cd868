//! A message's bytes straight into a row.
//!
//! A message may have its fields in any order and more than once; a row has them once, in order.
//! So where they stand is gathered first, without a copy, and then each is packed.

use std::collections::BTreeMap;

use super::{
    plan::{FieldPlan, Meaning, MessagePlan, Plan, Scalar, Shape, What, enum_value},
    wire::{DEPTH, Reader, Wire, too_deep, unzigzag},
};
use crate::model::{Instant, OwnedValue, Packer, Value};

/// Appends the fields of the message `bytes`, names and values.
pub(super) fn row(plan: &Plan, bytes: &[u8], packer: &mut Packer<'_>) -> Result<(), String> {
    fields(plan, plan.root(), bytes, packer, 0)
}

/// Where a field stands: its place in the plan, and what is there.
type Located<'a> = (usize, Wire<'a>);

fn fields(
    plan: &Plan,
    message: &MessagePlan,
    bytes: &[u8],
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    let found = gather(message, bytes)?;
    let mut rest = &found[..];
    for (at, field) in message.fields.iter().enumerate() {
        let (here, later) = rest.split_at(rest.partition_point(|(it, _)| *it == at));
        rest = later;
        packer.name(&field.name);
        value(plan, field, here, packer, depth).map_err(|it| within(&field.name, &it))?;
    }
    Ok(())
}

/// A reason with the path of the field that it is about.
fn within(name: &str, reason: &str) -> String {
    match reason.strip_prefix("field `") {
        Some(inner) => format!("field `{name}.{inner}"),
        None => format!("field `{name}`: {reason}"),
    }
}

/// What there is of each field, by field; of fields of which one can be set, of the last alone.
fn gather<'a>(message: &MessagePlan, bytes: &'a [u8]) -> Result<Vec<Located<'a>>, String> {
    let mut found = Vec::with_capacity(message.fields.len());
    // Of each group: the field that is set, and from where on it is.
    let mut chosen = vec![(usize::MAX, 0); message.oneofs];
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.field()? {
        // Fields that the schema does not know are left out.
        let Some(at) = message.numbered(number) else {
            continue;
        };
        if let Some(oneof) = message.fields[at].oneof
            && chosen[oneof].0 != at
        {
            chosen[oneof] = (at, found.len());
        }
        found.push((at, wire));
    }
    if message.oneofs > 0 {
        let mut index = 0;
        found.retain(|(at, _)| {
            index += 1;
            let Some(oneof) = message.fields[*at].oneof else {
                return true;
            };
            let (set, from) = chosen[oneof];
            set == *at && index > from
        });
    }
    if !found.is_sorted_by_key(|(at, _)| *at) {
        found.sort_by_key(|(at, _)| *at);
    }
    Ok(found)
}

fn value(
    plan: &Plan,
    field: &FieldPlan,
    here: &[Located<'_>],
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    let Some((_, last)) = here.last() else {
        if field.required {
            return Err("it is required, and is not there".to_owned());
        }
        packer.packed(field.absent.packed());
        return Ok(());
    };
    match (field.shape, &field.what) {
        (Shape::List { .. }, _) => packer.array(|packer| {
            here.iter()
                .try_for_each(|(_, it)| items(plan, field, *it, packer, depth))
        }),
        (Shape::Map, What::Message(entry)) => map(plan, *entry, here, packer, depth),
        // A message that stands several times is merged, which is what its bytes in a row mean.
        (_, What::Message(_) | What::Group(_)) if here.len() > 1 => {
            let parts = here.iter().map(|(_, it)| message_bytes(field, *it));
            let whole = parts.collect::<Result<Vec<_>, _>>()?.concat();
            let merged = match field.what {
                What::Group(_) => Wire::Group(&whole),
                _ => Wire::Sized(&whole),
            };
            one(plan, &field.what, merged, packer, depth)
        }
        _ => {
            // Those before must be of the type too.
            let scalar = !matches!(field.what, What::Message(_) | What::Group(_));
            for (_, earlier) in here[..here.len() - 1].iter().filter(|_| scalar) {
                one(
                    plan,
                    &field.what,
                    *earlier,
                    &mut Packer::new(&mut Vec::new()),
                    depth,
                )?;
            }
            one(plan, &field.what, *last, packer, depth)
        }
    }
}

fn message_bytes<'a>(field: &FieldPlan, wire: Wire<'a>) -> Result<&'a [u8], String> {
    match (&field.what, wire) {
        (What::Message(_), Wire::Sized(it)) | (What::Group(_), Wire::Group(it)) => Ok(it),
        _ => Err(another_type()),
    }
}

fn another_type() -> String {
    "its bytes are of another type".to_owned()
}

/// An element of a list, or a packed run of them.
fn items(
    plan: &Plan,
    field: &FieldPlan,
    wire: Wire<'_>,
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    let scalar = match &field.what {
        What::Scalar(it) => *it,
        What::Enum(_) => Scalar::Int32,
        What::Message(_) | What::Group(_) => Scalar::Bytes,
    };
    match wire {
        Wire::Sized(run) if scalar.wire() != 2 => {
            let mut reader = Reader(run);
            while !reader.0.is_empty() {
                one(plan, &field.what, reader.scalar(scalar)?, packer, depth)?;
            }
            Ok(())
        }
        single => one(plan, &field.what, single, packer, depth),
    }
}

/// A map's key, in the order of its type.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Signed(i64),
    Unsigned(u64),
    Text(&'a str),
}

/// A document by the keys' texts, in the order of the keys; of equal keys the last counts.
fn map(
    plan: &Plan,
    entry: usize,
    here: &[Located<'_>],
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    let entry = &plan.messages[entry];
    let [key_field, value_field] = entry.fields.as_slice() else {
        return Err("its entries have no key and value".to_owned());
    };
    let What::Scalar(key_type) = key_field.what else {
        return Err("its keys are no scalars".to_owned());
    };
    let mut entries = BTreeMap::new();
    for (_, wire) in here {
        let Wire::Sized(bytes) = wire else {
            return Err(another_type());
        };
        let found = gather(entry, bytes)?;
        let (keys, values) = found.split_at(found.partition_point(|(it, _)| *it == 0));
        let key = match keys.last() {
            None if key_type == Scalar::String => Key::Text(""),
            None if matches!(
                key_type,
                Scalar::Int32
                    | Scalar::Int64
                    | Scalar::Sint32
                    | Scalar::Sint64
                    | Scalar::Sfixed32
                    | Scalar::Sfixed64
            ) =>
            {
                Key::Signed(0)
            }
            None => Key::Unsigned(0),
            Some((_, wire)) => match scalar(key_type, *wire)? {
                Value::I64(it) => Key::Signed(it),
                Value::U64(it) => Key::Unsigned(it),
                Value::Bool(it) => Key::Unsigned(u64::from(it)),
                Value::String(it) => Key::Text(it),
                _ => return Err(another_type()),
            },
        };
        let packed =
            OwnedValue::filled(|packer| entry_value(plan, value_field, values, packer, depth))?;
        entries.insert(key, packed);
    }
    packer.document(|packer| {
        for (key, packed) in &entries {
            match key {
                Key::Text(it) => packer.name(it),
                Key::Unsigned(it) if key_type == Scalar::Bool => {
                    packer.name(if *it == 0 { "false" } else { "true" });
                }
                Key::Signed(it) => packer.name(&it.to_string()),
                Key::Unsigned(it) => packer.name(&it.to_string()),
            }
            packer.packed(packed.packed());
        }
    });
    Ok(())
}

/// The value of a map's entry; one that is not there is the default of its type.
fn entry_value(
    plan: &Plan,
    field: &FieldPlan,
    values: &[Located<'_>],
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    match (&field.what, values) {
        (What::Message(_), []) => one(plan, &field.what, Wire::Sized(b""), packer, depth),
        (_, []) if field.presence => {
            packer.value(match &field.what {
                What::Scalar(it) => zero(*it),
                What::Enum(names) => enum_value(&field.what, names.first().map_or(0, |it| it.0)),
                _ => Value::Null,
            });
            Ok(())
        }
        _ => value(plan, field, values, packer, depth),
    }
}

/// What a scalar is where nothing is said of it.
fn zero(scalar: Scalar) -> Value<'static> {
    match scalar {
        Scalar::Double => Value::F64(0.0),
        Scalar::Float => Value::F32(0.0),
        Scalar::Bool => Value::Bool(false),
        Scalar::String => Value::String(""),
        Scalar::Bytes => Value::Bytes(0, b""),
        Scalar::Uint32 | Scalar::Uint64 | Scalar::Fixed32 | Scalar::Fixed64 => Value::U64(0),
        _ => Value::I64(0),
    }
}

fn one(
    plan: &Plan,
    what: &What,
    wire: Wire<'_>,
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    match (what, wire) {
        (What::Scalar(it), wire) => packer.value(scalar(*it, wire)?),
        (What::Enum(_), Wire::Varint(it)) => packer.value(enum_value(what, it as i32)),
        (What::Message(it), Wire::Sized(bytes)) | (What::Group(it), Wire::Group(bytes)) => {
            return message(plan, &plan.messages[*it], bytes, packer, depth + 1);
        }
        _ => return Err(another_type()),
    }
    Ok(())
}

/// A message as what it stands for.
fn message(
    plan: &Plan,
    message: &MessagePlan,
    bytes: &[u8],
    packer: &mut Packer<'_>,
    depth: usize,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(too_deep());
    }
    match message.meaning {
        Meaning::Document => {
            return packer.document(|packer| fields(plan, message, bytes, packer, depth));
        }
        Meaning::Only | Meaning::Chosen => {
            let found = gather(message, bytes)?;
            let at = found.first().map_or(0, |(at, _)| *at);
            // The first field of `Value` is its null.
            if message.meaning == Meaning::Chosen && at == 0 {
                packer.value(Value::Null);
                return Ok(());
            }
            return value(plan, &message.fields[at], &found, packer, depth);
        }
        Meaning::Timestamp => {
            let (seconds, nanos) = clock(message, bytes)?;
            let fits = (-62_135_596_800..=253_402_300_799).contains(&seconds);
            match u32::try_from(nanos) {
                Ok(nanos) if fits && nanos < 1_000_000_000 => {
                    if nanos % 1_000 != 0 {
                        return Err("a time finer than a microsecond cannot be held".to_owned());
                    }
                    let micros = nanos / 1_000;
                    packer.value(Value::Instant(Instant { seconds, micros }));
                }
                _ => return Err("it is no point in time of the years 1 to 9999".to_owned()),
            }
        }
        Meaning::Duration => {
            let (seconds, nanos) = clock(message, bytes)?;
            let apart = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
            if apart
                || nanos.unsigned_abs() > 999_999_999
                || seconds.unsigned_abs() > 315_576_000_000
            {
                return Err("it is no duration of at most 10,000 years".to_owned());
            }
            let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
            let (whole, part) = (seconds.unsigned_abs(), nanos.unsigned_abs());
            let text = match part {
                0 => format!("{sign}{whole}"),
                _ => format!("{sign}{whole}.{part:09}")
                    .trim_end_matches('0')
                    .to_owned(),
            };
            packer.value(Value::Decimal(&text));
        }
    }
    Ok(())
}

/// The seconds and nanoseconds of a message that has just these.
fn clock(message: &MessagePlan, bytes: &[u8]) -> Result<(i64, i32), String> {
    let (mut seconds, mut nanos) = (0, 0);
    for (at, wire) in gather(message, bytes)? {
        let Wire::Varint(it) = wire else {
            return Err(another_type());
        };
        match message.fields[at].number {
            1 => seconds = it as i64,
            _ => nanos = it as i32,
        }
    }
    Ok((seconds, nanos))
}

/// A scalar; numbers too wide for their type lose their upper bits, as in every decoder.
fn scalar(scalar: Scalar, wire: Wire<'_>) -> Result<Value<'_>, String> {
    Ok(match (scalar, wire) {
        (Scalar::Double, Wire::Fixed64(it)) => Value::F64(f64::from_le_bytes(it)),
        (Scalar::Float, Wire::Fixed32(it)) => Value::F32(f32::from_le_bytes(it)),
        (Scalar::Int32, Wire::Varint(it)) => Value::I64(i64::from(it as i32)),
        (Scalar::Int64, Wire::Varint(it)) => Value::I64(it as i64),
        (Scalar::Uint32, Wire::Varint(it)) => Value::U64(u64::from(it as u32)),
        (Scalar::Uint64, Wire::Varint(it)) => Value::U64(it),
        (Scalar::Sint32, Wire::Varint(it)) => Value::I64(unzigzag(u64::from(it as u32))),
        (Scalar::Sint64, Wire::Varint(it)) => Value::I64(unzigzag(it)),
        (Scalar::Bool, Wire::Varint(it)) => Value::Bool(it != 0),
        (Scalar::Fixed32, Wire::Fixed32(it)) => Value::U64(u64::from(u32::from_le_bytes(it))),
        (Scalar::Fixed64, Wire::Fixed64(it)) => Value::U64(u64::from_le_bytes(it)),
        (Scalar::Sfixed32, Wire::Fixed32(it)) => Value::I64(i64::from(i32::from_le_bytes(it))),
        (Scalar::Sfixed64, Wire::Fixed64(it)) => Value::I64(i64::from_le_bytes(it)),
        (Scalar::Bytes, Wire::Sized(it)) => Value::Bytes(0, it),
        (Scalar::String, Wire::Sized(it)) => {
            Value::String(std::str::from_utf8(it).map_err(|_| "it is not UTF-8")?)
        }
        _ => return Err(another_type()),
    })
}
