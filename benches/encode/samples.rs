//! The records that are measured: a table's rows, and documents as a crawler leaves them.

use std::sync::Arc;

use anyhow::{Context, Result};
use highwater::model::{DateTime, Field, Instant, Kind, Op, Packer, Records, Schema, Value};

use crate::{
    RECORDS,
    rows::{COLUMNS, row},
    typed::Announcement,
};

/// Rows of 12 columns.
pub fn rows() -> Result<Records> {
    let field = |name: &&str| Field {
        name: (*name).to_owned(),
        kind: Kind::Any,
    };
    let schema = Schema::table("rows", COLUMNS.iter().map(field).collect(), ["id"]);
    let mut records = Records::new(Arc::new(schema));
    for id in 1..=RECORDS {
        let row = row(id);
        let time = |text: &str| DateTime::parse(text).context("a time");
        let values = [
            Value::U64(row.id),
            Value::String(&row.uid),
            Value::String(&row.name),
            Value::String(&row.email),
            Value::String(row.status),
            Value::Decimal(&row.amount),
            Value::I64(row.quantity.into()),
            Value::F64(row.rating),
            Value::String(&row.note),
            Value::Json(&row.tags),
            Value::DateTime(time(&row.created_at)?),
            Value::DateTime(time(&row.updated_at)?),
        ];
        push(&mut records, |it| {
            values.iter().for_each(|value| it.value(*value))
        });
    }
    Ok(records)
}

/// Documents that the older producer's message can be made of.
pub fn documents() -> Records {
    let mut records = Records::new(Arc::new(Schema::document("list", ["_id"])));
    for number in 1..=RECORDS {
        let it = Announcement::of(number);
        let id = id(number);
        push(&mut records, |packer| pack(&it, id, packer));
    }
    records
}

/// The document's id, of one moment.
pub fn id(number: u64) -> [u8; 12] {
    let mut id = [0x66; 12];
    id[4..].copy_from_slice(&number.to_be_bytes());
    id
}

fn pack(it: &Announcement, id: [u8; 12], packer: &mut Packer<'_>) {
    let mut field = |name: &str, value: Value<'_>| {
        packer.name(name);
        packer.value(value);
    };
    field("_id", Value::ObjectId(id));
    field("info_name", Value::String(&it.info_name));
    field(
        "create_time",
        Value::Instant(Instant::from_millis(1_756_200_615_123)),
    );
    packer.name("column_info");
    packer.array(|list| {
        it.column_info
            .iter()
            .for_each(|one| list.value(Value::String(one)))
    });
    packer.name("link_data");
    packer.array(|list| {
        for link in &it.link_data {
            list.document(|fields| {
                fields.name("accessory_name");
                fields.value(Value::String(&link.accessory_name));
                fields.name("accessory_url");
                fields.value(Value::String(&link.accessory_url));
            });
        }
    });
    packer.name("info_date");
    packer.value(Value::String(&it.info_date));
    packer.name("info_section");
    packer.array(|list| {
        for section in &it.info_section {
            list.document(|fields| {
                fields.name("title_level");
                fields.value(Value::I32(section.title_level));
                fields.name("text_info");
                fields.value(Value::String(&section.text_info));
                fields.name("media_info");
                fields.array(|_| {});
            });
        }
    });
    for (name, text) in [
        ("info_author", &it.info_author),
        ("description", &it.description),
        ("marc_code", &it.marc_code),
        ("page_url", &it.page_url),
    ] {
        packer.name(name);
        packer.value(Value::String(text));
    }
}

fn push(records: &mut Records, fill: impl FnOnce(&mut Packer<'_>)) {
    let Ok(()) = records.push(Op::Upsert, 0, |packer| {
        fill(packer);
        Ok::<_, std::convert::Infallible>(())
    });
}
