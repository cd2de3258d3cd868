//! Documents in extended JSON as rows of the model.

use std::sync::Arc;

use highwater::model::{Instant, Op, Packer, Records, Schema, Value};
use serde_json::Value as Json;

/// One document in canonical extended JSON as the row that a source would make of it.
///
/// Top-level fields keep the order of the text only where it is alphabetical: `serde_json` sorts
/// them, which no rule of the message depends on. Nested ones are read in order.
pub fn row(document: &str) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("raw", ["_id"])));
    let fields = members(document);
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in &fields {
            packer.name(name);
            pack(packer, value);
        }
        Ok(())
    });
    pushed.expect("nothing fails");
    records
}

/// An object's members in the order of the text, each as text.
fn members(object: &str) -> Vec<(String, String)> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) =
                map.next_entry::<String, &'de serde_json::value::RawValue>()?
            {
                members.push((name, value.get().to_owned()));
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    serde::Deserializer::deserialize_map(&mut reader, Members).expect("an object")
}

fn pack(packer: &mut Packer<'_>, text: &str) {
    let text = text.trim();
    let json: Json = serde_json::from_str(text).expect("JSON");
    match &json {
        Json::Null => packer.value(Value::Null),
        Json::Bool(it) => packer.value(Value::Bool(*it)),
        Json::String(it) => packer.value(Value::String(it)),
        Json::Number(it) => packer.value(match it.as_i64() {
            Some(it) => Value::I64(it),
            None => Value::F64(it.as_f64().expect("a float")),
        }),
        Json::Array(_) => {
            let items: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(text).expect("a list");
            packer.array(|packer| items.iter().for_each(|it| pack(packer, it.get())));
        }
        Json::Object(_) => pack_object(packer, text),
    }
}

fn pack_object(packer: &mut Packer<'_>, text: &str) {
    let fields = members(text);
    let text_of = |it: &str| it.trim_matches('"').to_owned();
    match &fields[..] {
        [(name, value)] if name == "$oid" => {
            let hex = text_of(value);
            let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex");
            packer.value(Value::ObjectId(std::array::from_fn(byte)));
        }
        [(name, value)] if name == "$date" => {
            let millis = members(value)[0]
                .1
                .trim_matches('"')
                .parse()
                .expect("a number");
            packer.value(Value::Instant(Instant::from_millis(millis)));
        }
        [(name, value)] if name == "$numberInt" || name == "$numberLong" => {
            packer.value(Value::I64(text_of(value).parse().expect("a number")));
        }
        [(name, value)] if name == "$numberDouble" => {
            packer.value(Value::F64(text_of(value).parse().expect("a number")));
        }
        [(name, value)] if name == "$numberDecimal" => {
            packer.value(Value::Decimal(&text_of(value)));
        }
        [(name, value)] if name == "$binary" => packer.value(Value::Bytes(0, value.as_bytes())),
        fields => packer.document(|packer| {
            for (name, value) in fields {
                packer.name(name);
                pack(packer, value);
            }
        }),
    }
}
