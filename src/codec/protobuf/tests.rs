//! What is written comes back, and no bytes at all make it panic.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Headers, RecordOrigin, Schema};

fn decoded(bytes: &[u8]) -> Result<Records, CodecError> {
    let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
    let message = Message {
        key: None,
        value: Some(bytes),
        headers: Headers::default(),
        record_origin: RecordOrigin::default(),
    };
    Protobuf.decode(&message, 0, &mut records).map(|()| records)
}

fn one(fill: impl FnOnce(&mut Packer<'_>)) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        fill(packer);
        Ok(())
    });
    pushed.expect("nothing fails");
    records
}

#[test]
fn every_value_comes_back_as_it_was() {
    let date = Date {
        year: 2025,
        month: 0,
        day: 31,
    };
    let clock = DateTime {
        date,
        hour: 23,
        minute: 59,
        second: 58,
        micros: 7,
    };
    let time = Time {
        negative: true,
        hours: 838,
        minutes: 59,
        seconds: 59,
        micros: 999_999,
    };
    let values = [
        Value::Null,
        Value::Bool(false),
        Value::I32(i32::MIN),
        Value::Symbol("s"),
        Value::Undefined,
        Value::DbPointer("db.c", [9; 12]),
        Value::I64(i64::MIN),
        Value::U64(u64::MAX),
        Value::F32(f32::NAN),
        Value::F64(-0.0),
        Value::Decimal("-0.000000000000000000000000000001"),
        Value::String(""),
        Value::Bytes(4, &[0, 255]),
        Value::Date(date),
        Value::Time(time),
        Value::DateTime(clock),
        Value::Instant(Instant::from_millis(-1)),
        Value::Year(1901),
        Value::Bit(u64::MAX),
        Value::Enum("a,b"),
        Value::Json("{\"a\": 1.0}"),
        Value::Geometry(&[1, 2, 3]),
        Value::ObjectId([7; 12]),
        Value::Timestamp(u32::MAX, 1),
        Value::Regex("^a", "i"),
        Value::Code("f()"),
        Value::MinKey,
        Value::MaxKey,
    ];
    let records = one(|packer| {
        for value in values {
            packer.name(value.type_name());
            packer.value(value);
        }
        packer.name("scoped");
        packer.code_with_scope("g()", |packer| {
            for value in values {
                packer.name("x");
                packer.value(value);
            }
        });
        packer.name("nested");
        packer.document(|packer| {
            packer.name("list");
            packer.array(|packer| values.iter().for_each(|it| packer.value(*it)));
        });
    });
    let row = records.get(0).expect("one row");
    let mut bytes = Vec::new();
    Protobuf
        .encode(&row, "t", &mut bytes)
        .expect("all can be held");
    let again = decoded(&bytes).expect("our own bytes");
    let pairs = row.fields().zip(again.get(0).expect("one row").fields());
    for (before, after) in pairs {
        assert_eq!(before, after);
    }
    // What we write is what prost would write.
    let parsed = wire::Row::decode(&bytes[..]).expect("our own bytes");
    assert_eq!(parsed.encoded_len(), bytes.len());
}

#[test]
fn deep_nesting_is_refused_before_it_cannot_be_read() {
    fn nest(packer: &mut Packer<'_>, levels: usize) {
        if levels == 0 {
            packer.value(Value::Null);
        } else {
            packer.array(|packer| nest(packer, levels - 1));
        }
    }
    for (levels, fits) in [(DEPTH, true), (DEPTH + 1, false)] {
        let records = one(|packer| {
            packer.name("a");
            nest(packer, levels);
        });
        let mut bytes = Vec::new();
        let row = records.get(0).expect("one row");
        assert_eq!(Protobuf.encode(&row, "t", &mut bytes).is_ok(), fits);
        assert!(!fits || decoded(&bytes).is_ok());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
        let _ = decoded(&bytes);
    }
}
