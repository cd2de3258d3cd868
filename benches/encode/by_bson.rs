//! Extended JSON by the crate `bson`, as far as these records have types.

use std::{hint::black_box, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use bson::{Bson, DateTime, Document, oid::ObjectId};
use highwater::model::{Instant, Op, Packer, Records, Schema, Value};

use crate::measure;

/// What records cost that go by way of the crate's own values, each way.
pub fn canonical(record: &str, records: &Records, time: Duration) -> Result<()> {
    let mut texts = Vec::new();
    for row in records.iter() {
        texts.push(serde_json::to_vec(
            &of(row.fields())?.into_canonical_extjson(),
        )?);
    }
    let write = |out: &mut Vec<u8>| -> Result<()> {
        for row in records.iter() {
            serde_json::to_writer(&mut *out, &of(row.fields())?.into_canonical_extjson())?;
        }
        Ok(())
    };
    let schema = Arc::new(Schema::document("read", ["id"]));
    let read = || -> Result<()> {
        let mut back = Records::with_capacity(schema.clone(), texts.len(), records.bytes() * 2);
        for text in &texts {
            let json: serde_json::Value = serde_json::from_slice(text)?;
            let Bson::Document(document) = Bson::try_from(json)? else {
                anyhow::bail!("no document");
            };
            back.push(Op::Upsert, 0, |packer| pack_fields(&document, packer))?;
        }
        ensure!(black_box(back).len() == texts.len(), "records are gone");
        Ok(())
    };
    measure(record, "bson, canonical", time, write, read)
}

fn of<'v>(fields: impl Iterator<Item = (&'v str, Value<'v>)>) -> Result<Bson> {
    let fields = fields.map(|(name, value)| Ok((name.to_owned(), bson(value)?)));
    Ok(Bson::Document(fields.collect::<Result<Document>>()?))
}

fn bson(value: Value<'_>) -> Result<Bson> {
    Ok(match value {
        Value::Null => Bson::Null,
        Value::I32(it) => Bson::Int32(it),
        Value::I64(it) => Bson::Int64(it),
        Value::F64(it) => Bson::Double(it),
        Value::String(it) => Bson::String(it.to_owned()),
        Value::ObjectId(it) => Bson::ObjectId(ObjectId::from_bytes(it)),
        Value::Instant(it) => Bson::DateTime(DateTime::from_millis(
            it.to_millis().context("milliseconds")?,
        )),
        Value::Array(items) => Bson::Array(items.map(bson).collect::<Result<_>>()?),
        Value::Document(fields) => of(fields)?,
        other => anyhow::bail!("no record here has a {}", other.type_name()),
    })
}

fn pack_fields(document: &Document, packer: &mut Packer<'_>) -> Result<()> {
    for (name, value) in document {
        packer.name(name);
        pack(value, packer)?;
    }
    Ok(())
}

fn pack(value: &Bson, packer: &mut Packer<'_>) -> Result<()> {
    packer.value(match value {
        Bson::Null => Value::Null,
        Bson::Int32(it) => Value::I32(*it),
        Bson::Int64(it) => Value::I64(*it),
        Bson::Double(it) => Value::F64(*it),
        Bson::String(it) => Value::String(it),
        Bson::ObjectId(it) => Value::ObjectId(it.bytes()),
        Bson::DateTime(it) => Value::Instant(Instant::from_millis(it.timestamp_millis())),
        Bson::Array(items) => {
            return packer.array(|packer| items.iter().try_for_each(|it| pack(it, packer)));
        }
        Bson::Document(fields) => return packer.document(|packer| pack_fields(fields, packer)),
        other => anyhow::bail!("no record here has {other}"),
    });
    Ok(())
}
