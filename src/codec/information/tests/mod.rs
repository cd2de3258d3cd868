//! Records under test, and how the two formats are asked.

mod decoding;
mod encoding;

use std::{collections::HashMap, sync::Arc};

use bson::{Bson, Document};
pub(super) use serde_json::value::RawValue;

pub(super) use super::{InformationJson, InformationProtobuf};
pub(super) use crate::{
    codec::{CodecError, Decoder, Encoder},
    model::{Instant, Messages, Op, Packer, RecordOrigin, Records, Schema, Value},
};

pub(super) const ID: Value<'_> = Value::ObjectId([0xab; 12]);

/// One record; `pack` appends names and values.
pub(super) fn record(pack: impl FnOnce(&mut Packer<'_>)) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("list", ["_id"])));
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        pack(packer);
        Ok(())
    });
    pushed.expect("nothing fails");
    records
}

/// A record with `name`, and with what the message cannot do without.
pub(super) fn with(name: &str, pack: impl FnOnce(&mut Packer<'_>)) -> Records {
    record(|it| {
        it.name(name);
        pack(it);
        it.name("_id");
        it.value(ID);
        it.name("create_time");
        it.value(Value::String("then"));
    })
}

pub(super) fn with_value(name: &str, value: Value<'_>) -> Records {
    with(name, |it| it.value(value))
}

pub(super) fn encoded(format: &dyn Encoder, records: &Records) -> Result<Vec<u8>, CodecError> {
    let mut out = b"before".to_vec();
    let row = records.get(0).expect("one row");
    format.encode(&row, "information", &mut out)?;
    Ok(out.split_off(6))
}

pub(super) fn json(records: &Records) -> String {
    let bytes = encoded(&InformationJson, records).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(bytes).expect("UTF-8")
}

pub(super) fn decoded(
    format: &dyn Decoder,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<Records, CodecError> {
    let mut messages = Messages::default();
    messages.push(key, value, [], RecordOrigin::default());
    let message = messages.get(0).expect("one message");
    let mut records = Records::new(Arc::new(Schema::document("info", ["uid"])));
    let read = format.decode(&message, 7, &mut records);
    assert_eq!(records.len(), usize::from(read.is_ok()));
    read.map(|()| records)
}

/// The very text of the member at `path`.
pub(super) fn member(message: &str, path: &str) -> String {
    path.split('.').fold(message.to_owned(), |text, step| {
        let members: HashMap<String, &RawValue> = serde_json::from_str(&text).expect("an object");
        members[step].get().to_owned()
    })
}

/// The fixtures: name, record, message.
pub(super) fn fixtures() -> Vec<(String, Records, String)> {
    let text = include_str!("../../../../tests/fixtures/information.json");
    let cases: Vec<Document> = serde_json::from_str(text).expect("the fixtures");
    let case = |case: Document| {
        let document = case.get_document("document").expect("a document");
        let text = |name| case.get_str(name).expect("text").to_owned();
        (
            text("name"),
            record(|it| pack_fields(document, it)),
            text("value"),
        )
    };
    cases.into_iter().map(case).collect()
}

fn pack_fields(document: &Document, packer: &mut Packer<'_>) {
    for (name, value) in document {
        packer.name(name);
        pack(value, packer);
    }
}

fn pack(value: &Bson, packer: &mut Packer<'_>) {
    packer.value(match value {
        Bson::Null => Value::Null,
        Bson::Boolean(it) => Value::Bool(*it),
        Bson::Int32(it) => Value::I64(i64::from(*it)),
        Bson::Int64(it) => Value::I64(*it),
        Bson::Double(it) => Value::F64(*it),
        Bson::String(it) => Value::String(it),
        Bson::ObjectId(it) => Value::ObjectId(it.bytes()),
        Bson::DateTime(it) => Value::Instant(Instant::from_millis(it.timestamp_millis())),
        Bson::Array(items) => {
            return packer.array(|it| items.iter().for_each(|item| pack(item, it)));
        }
        Bson::Document(fields) => return packer.document(|it| pack_fields(fields, it)),
        other => panic!("no fixture holds {other}"),
    });
}
