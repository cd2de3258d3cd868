//! Protobuf by a schema, beside prost-reflect's own messages of the same schema.

use std::{hint::black_box, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use highwater::{
    codec::proto::{By, Proto, ProtoSettings},
    model::{Op, Packer, Records, Schema, Value},
};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value as Given,
};

use crate::measure;

const SCHEMA: &str = r#"
syntax = "proto3";
package bench;
message Row {
  uint64 id = 1; string uid = 2; string name = 3; string email = 4; string status = 5;
  string amount = 6; int32 quantity = 7; double rating = 8; string note = 9; string tags = 10;
  string created_at = 11; string updated_at = 12;
}
message Announcement {
  bytes _id = 1; string info_name = 2; string create_time = 3; repeated string column_info = 4;
  repeated Link link_data = 5; string info_date = 6; repeated Section info_section = 7;
  string info_author = 8; string description = 9; string marc_code = 10; string page_url = 11;
}
message Link { string accessory_name = 1; string accessory_url = 2; }
message Section { int32 title_level = 1; string text_info = 2; repeated string media_info = 3; }
"#;

/// The schema, compiled.
pub fn pool() -> Result<DescriptorPool> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bench.proto"), SCHEMA)?;
    let set = protox::compile(["bench.proto"], [folder.path()])?;
    Ok(DescriptorPool::decode(set.encode_to_vec().as_slice())?)
}

/// Our format of one type of it.
pub fn planned(pool: &DescriptorPool, name: &str) -> Result<Proto> {
    Ok(Proto::new(&ProtoSettings {
        set: pool.encode_to_vec(),
        by: By::Nothing,
        types: vec![(String::new(), name.to_owned())],
        pass: Vec::new(),
        field: None,
    })?)
}

/// What records cost that go by way of `DynamicMessage`, each way.
pub fn dynamic(
    record: &str,
    pool: &DescriptorPool,
    name: &str,
    records: &Records,
    time: Duration,
) -> Result<()> {
    let type_ = pool.get_message_by_name(name).context("the type")?;
    let mut texts = Vec::new();
    for row in records.iter() {
        texts.push(message(&type_, row.fields())?.encode_to_vec());
    }
    let write = |out: &mut Vec<u8>| -> Result<()> {
        for row in records.iter() {
            message(&type_, row.fields())?.encode(out)?;
        }
        Ok(())
    };
    let schema = Arc::new(Schema::document("read", ["id"]));
    let read = || -> Result<()> {
        let mut back = Records::with_capacity(schema.clone(), texts.len(), records.bytes() * 2);
        for text in &texts {
            let message = DynamicMessage::decode(type_.clone(), text.as_slice())?;
            let Ok(()) = back.push(Op::Upsert, 0, |packer| {
                pack_fields(&message, packer);
                Ok::<_, std::convert::Infallible>(())
            });
        }
        ensure!(black_box(back).len() == texts.len(), "records are gone");
        Ok(())
    };
    measure(record, "prost-reflect", time, write, read)
}

fn message<'v>(
    of: &MessageDescriptor,
    fields: impl Iterator<Item = (&'v str, Value<'v>)>,
) -> Result<DynamicMessage> {
    let mut message = DynamicMessage::new(of.clone());
    for (name, value) in fields {
        let field = of.get_field_by_name(name).context("the field")?;
        message.set_field(&field, given(&field.kind(), value)?);
    }
    Ok(message)
}

fn given(kind: &Kind, value: Value<'_>) -> Result<Given> {
    Ok(match (kind, value) {
        (Kind::Int32, Value::I32(it)) => Given::I32(it),
        (Kind::Int32, Value::I64(it)) => Given::I32(it.try_into()?),
        (Kind::Uint64, Value::U64(it)) => Given::U64(it),
        (Kind::Double, Value::F64(it)) => Given::F64(it),
        (Kind::Bytes, Value::ObjectId(it)) => Given::Bytes(it.to_vec().into()),
        (Kind::String, Value::DateTime(it)) => Given::String(it.to_string()),
        (Kind::String, Value::Instant(it)) => Given::String(it.to_string()),
        (Kind::String, Value::String(it) | Value::Decimal(it) | Value::Json(it)) => {
            Given::String(it.to_owned())
        }
        (kind, Value::Array(items)) => {
            Given::List(items.map(|it| given(kind, it)).collect::<Result<_>>()?)
        }
        (Kind::Message(of), Value::Document(fields)) => Given::Message(message(of, fields)?),
        (_, other) => anyhow::bail!("no record here has a {}", other.type_name()),
    })
}

fn pack_fields(message: &DynamicMessage, packer: &mut Packer<'_>) {
    for field in message.descriptor().fields() {
        packer.name(field.name());
        pack(&message.get_field(&field), packer);
    }
}

fn pack(value: &Given, packer: &mut Packer<'_>) {
    packer.value(match value {
        Given::I32(it) => Value::I64((*it).into()),
        Given::U64(it) => Value::U64(*it),
        Given::F64(it) => Value::F64(*it),
        Given::String(it) => Value::String(it),
        Given::Bytes(it) => Value::Bytes(0, it),
        Given::Message(it) => return packer.document(|packer| pack_fields(it, packer)),
        Given::List(items) => {
            return packer.array(|packer| items.iter().for_each(|it| pack(it, packer)));
        }
        _ => Value::Null,
    });
}
