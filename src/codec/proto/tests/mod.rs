//! The planned way held against prost-reflect's own messages.

mod routing;

use std::sync::{Arc, LazyLock};

use proptest::{collection::vec, prelude::*};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind as Described, MapKey, MessageDescriptor,
    ReflectMessage, Value as Given,
};

use super::*;
use crate::model::{Headers, Packer, RecordOrigin, Schema, Value};

const PROTO: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
enum Colour { NONE = 0; RED = 1; BLUE = 7; }
message Inner { int32 a = 1; optional string b = 2; Inner more = 3; }
message All {
  double d = 1; float f = 2; int32 i = 3; int64 l = 4; uint32 u = 5; uint64 ul = 6;
  sint32 s = 7; sint64 sl = 8; fixed32 x = 9; fixed64 xl = 10; sfixed32 sx = 11; sfixed64 sxl = 12;
  bool t = 13; string text = 14; bytes raw = 15; Colour colour = 16;
  Inner inner = 17; repeated int32 list = 18; repeated string texts = 19; repeated Inner inners = 20;
  repeated Colour colours = 40; repeated double loose = 41 [packed = false];
  map<string, int64> counts = 21; map<int32, Inner> by_number = 22; map<bool, bytes> flags = 23;
  oneof one { string left = 24; Inner right = 25; uint32 middle = 26; }
  optional int32 maybe = 27; optional string perhaps = 28;
  google.protobuf.StringValue wrapped = 29;
}
message Known { google.protobuf.Struct free = 1; google.protobuf.Value any = 2; }
"#;

const OLD: &str = r#"
syntax = "proto2";
package old;
message Old {
  required int32 id = 1;
  optional string name = 2 [default = "nobody"];
  optional int32 plain = 3;
  repeated group Part = 4 { optional int32 size = 5; }
}
"#;

/// Compiled once for all cases.
static NEW: LazyLock<DescriptorPool> = LazyLock::new(|| pool(PROTO));

pub(super) fn pool(text: &str) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.proto"), text).unwrap();
    let set = protox::compile(["t.proto"], [folder.path()]).unwrap();
    DescriptorPool::decode(set.encode_to_vec().as_slice()).unwrap()
}

fn proto(pool: &DescriptorPool, name: &str) -> Proto {
    Proto::new(&typed(pool, By::Nothing, &[("", name)])).unwrap()
}

pub(super) fn typed(pool: &DescriptorPool, by: By, types: &[(&str, &str)]) -> ProtoSettings {
    let types = types
        .iter()
        .map(|(word, name)| (word.to_string(), name.to_string()));
    ProtoSettings {
        set: pool.encode_to_vec(),
        by,
        types: types.collect(),
        pass: Vec::new(),
        field: None,
    }
}

pub(super) fn keyed<'m>(key: Option<&'m [u8]>, value: &'m [u8]) -> Message<'m> {
    Message {
        key,
        value: Some(value),
        headers: Headers::default(),
        record_origin: RecordOrigin::default(),
    }
}

pub(super) fn records() -> Records {
    Records::new(Arc::new(Schema::document("topic", [] as [&str; 0])))
}

fn decoded(proto: &Proto, bytes: &[u8]) -> Result<Records, CodecError> {
    let mut out = records();
    proto.decode(&keyed(None, bytes), 0, &mut out)?;
    Ok(out)
}

/// A message whose every field is as `next` says.
fn random(of: &MessageDescriptor, next: &mut impl FnMut() -> u8, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields() {
        if next().is_multiple_of(3) || (depth > 2 && matches!(field.kind(), Described::Message(_)))
        {
            continue;
        }
        let mut fitting = |field: &FieldDescriptor| random_value(field, next, depth);
        let value = if field.is_map() {
            let Described::Message(entry) = field.kind() else {
                unreachable!("maps are of messages")
            };
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let entries = (0..3).map(|_| {
                let key = match fitting(&key) {
                    Given::Bool(it) => MapKey::Bool(it),
                    Given::I32(it) => MapKey::I32(it),
                    Given::String(it) => MapKey::String(it),
                    other => panic!("{other:?}"),
                };
                (key, fitting(&value))
            });
            Given::Map(entries.collect())
        } else if field.is_list() {
            Given::List((0..3).map(|_| fitting(&field)).collect())
        } else {
            fitting(&field)
        };
        message.set_field(&field, value);
    }
    message
}

fn random_value(of: &FieldDescriptor, next: &mut impl FnMut() -> u8, depth: usize) -> Given {
    let wide = u64::from_le_bytes(std::array::from_fn(|_| next()));
    let small = wide >> (wide % 64);
    match of.kind() {
        // Negative zero is a value of its own here, and none for prost.
        Described::Double => Given::F64((small as i64 as f64) / 8.0),
        Described::Float => Given::F32(small as i32 as f32),
        Described::Int32 | Described::Sint32 | Described::Sfixed32 => Given::I32(small as i32),
        Described::Int64 | Described::Sint64 | Described::Sfixed64 => Given::I64(small as i64),
        Described::Uint32 | Described::Fixed32 => Given::U32(small as u32),
        Described::Uint64 | Described::Fixed64 => Given::U64(small),
        Described::Bool => Given::Bool(small % 2 == 1),
        Described::String => Given::String("é\"\0".repeat(small as usize % 60)),
        Described::Bytes => Given::Bytes(vec![small as u8; small as usize % 300].into()),
        Described::Enum(_) => Given::EnumNumber((small % 9) as i32 - 1),
        Described::Message(it) => Given::Message(random(&it, next, depth + 1)),
    }
}

/// What the documentation says that a message is, by prost-reflect's own reading.
fn pack(message: &DynamicMessage, packer: &mut Packer<'_>) {
    let mut fields: Vec<_> = message.descriptor().fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    for field in fields {
        packer.name(field.name());
        let single = !field.is_list() && !field.is_map();
        let declared = field.field_descriptor_proto().default_value.is_some();
        if single && field.supports_presence() && !message.has_field(&field) && !declared {
            packer.value(Value::Null);
        } else {
            pack_value(&field.kind(), &message.get_field(&field), packer);
        }
    }
}

fn pack_value(kind: &Described, value: &Given, packer: &mut Packer<'_>) {
    packer.value(match value {
        Given::Bool(it) => Value::Bool(*it),
        Given::I32(it) => Value::I64((*it).into()),
        Given::I64(it) => Value::I64(*it),
        Given::U32(it) => Value::U64((*it).into()),
        Given::U64(it) => Value::U64(*it),
        Given::F32(it) => Value::F32(*it),
        Given::F64(it) => Value::F64(*it),
        Given::String(it) => Value::String(it),
        Given::Bytes(it) => Value::Bytes(0, it),
        Given::EnumNumber(it) => {
            let named = kind.as_enum().unwrap().get_value(*it);
            match named {
                Some(named) => return packer.value(Value::Enum(named.name())),
                None => Value::I64((*it).into()),
            }
        }
        Given::Message(it) if it.descriptor().full_name() == "google.protobuf.StringValue" => {
            let value = it.get_field_by_name("value").unwrap();
            return packer.value(Value::String(value.as_str().unwrap()));
        }
        Given::Message(it) => return packer.document(|packer| pack(it, packer)),
        Given::List(items) => {
            return packer.array(|packer| items.iter().for_each(|it| pack_value(kind, it, packer)));
        }
        Given::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|(left, _), (right, _)| match (left, right) {
                (MapKey::I32(left), MapKey::I32(right)) => left.cmp(right),
                (MapKey::Bool(left), MapKey::Bool(right)) => left.cmp(right),
                (left, right) => left.as_str().cmp(&right.as_str()),
            });
            let kind = kind.as_message().unwrap().map_entry_value_field().kind();
            return packer.document(|packer| {
                for (key, value) in sorted {
                    match key {
                        MapKey::Bool(it) => packer.name(&it.to_string()),
                        MapKey::I32(it) => packer.name(&it.to_string()),
                        other => packer.name(other.as_str().unwrap()),
                    }
                    pack_value(&kind, value, packer);
                }
            });
        }
    });
}

fn reference(message: &DynamicMessage) -> Vec<u8> {
    let mut packed = Vec::new();
    pack(message, &mut Packer::new(&mut packed));
    packed
}

proptest! {
    #[test]
    fn the_planned_way_reads_and_writes_what_prost_does(seed in vec(any::<u8>(), 900)) {
        let pool = &*NEW;
        let all = pool.get_message_by_name("t.All").unwrap();
        let mut at = 0;
        let mut next = || { at += 1; seed[at % seed.len()].wrapping_add((at / seed.len()) as u8) };
        let message = random(&all, &mut next, 0);
        let proto = proto(pool, "t.All");
        let found = decoded(&proto, &message.encode_to_vec()).unwrap();
        let row = found.get(0).unwrap();
        prop_assert_eq!(row.packed(), reference(&message));
        let mut written = Vec::new();
        proto.encode(&row, "", &mut written).unwrap();
        // Not by their `Debug`, which does not end for a type within itself.
        let again = DynamicMessage::decode(all.clone(), message.encode_to_vec().as_slice());
        prop_assert!(DynamicMessage::decode(all, written.as_slice()).unwrap() == again.unwrap());
    }

    #[test]
    fn damaged_bytes_are_read_as_prost_reads_them_or_refused(
        seed in vec(any::<u8>(), 300), cut in any::<prop::sample::Index>(), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
    ) {
        let pool = &*NEW;
        let all = pool.get_message_by_name("t.All").unwrap();
        let mut at = 0;
        let mut next = || { at += 1; seed[at % seed.len()] };
        let mut bytes = random(&all, &mut next, 0).encode_to_vec();
        bytes.truncate(cut.index(bytes.len() + 1));
        for (record_origin, to) in flips {
            if !bytes.is_empty() { let record_origin = record_origin.index(bytes.len()); bytes[record_origin] = to; }
        }
        let ours = decoded(&proto(pool, "t.All"), &bytes);
        match DynamicMessage::decode(all, bytes.as_slice()) {
            Ok(it) => {
                let ours = ours.unwrap();
                prop_assert_eq!(ours.get(0).unwrap().packed(), reference(&it));
            }
            Err(_) => prop_assert!(ours.is_err()),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
        let pool = &*NEW;
        for name in ["t.All", "t.Known"] {
            let _ = decoded(&proto(pool, name), &bytes);
        }
    }
}

#[test]
fn an_older_message_has_its_defaults_its_groups_and_what_it_requires() {
    let pool = pool(OLD);
    let proto = proto(&pool, "old.Old");
    let found = decoded(&proto, &[0x08, 0x07, 0x23, 0x28, 0x05, 0x24]).unwrap();
    let row = found.get(0).unwrap();
    assert_eq!(row.get("id"), Some(Value::I64(7)));
    assert_eq!(row.get("name"), Some(Value::String("nobody")));
    assert_eq!(row.get("plain"), Some(Value::Null));
    let mut written = Vec::new();
    proto.encode(&row, "", &mut written).unwrap();
    assert_eq!(written, b"\x08\x07\x12\x06nobody\x23\x28\x05\x24");
    let error = decoded(&proto, b"").unwrap_err().to_string();
    assert!(error.contains("`id`: it is required"), "{error}");
}

#[test]
fn what_a_field_cannot_hold_is_refused_by_its_path() {
    let proto = proto(&pool(PROTO), "t.All");
    let refused = |name: &str, value: Value<'_>| {
        let mut records = records();
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            packer.name(name);
            packer.value(value);
            Ok(())
        });
        pushed.unwrap();
        let row = records.get(0).unwrap();
        proto
            .encode(&row, "", &mut Vec::new())
            .unwrap_err()
            .to_string()
    };
    for (name, value) in [
        ("i", Value::I64(1 << 31)),
        ("u", Value::I64(-1)),
        ("f", Value::F64(0.1)),
        ("text", Value::Null),
        ("colour", Value::String("GREEN")),
        ("raw", Value::Bytes(4, b"")),
        ("absent", Value::I64(1)),
    ] {
        let error = refused(name, value);
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn a_user_of_kpm_is_read_with_the_default_that_is_not_on_the_wire() {
    let proto = proto(&pool(include_str!("../../../../proto/kpm.proto")), "User");
    let bytes = b"\x0a\x017\x12\x01e\x1a\x01p\x2a\x01n\x32\x01i";
    let found = decoded(&proto, bytes).unwrap();
    let row = found.get(0).unwrap();
    let names: Vec<_> = row.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["id", "email", "passwd", "admin", "name", "image"]);
    assert_eq!(row.get("admin"), Some(Value::Bool(false)));
    let mut written = Vec::new();
    proto.encode(&row, "", &mut written).unwrap();
    assert_eq!(written, bytes);
}
