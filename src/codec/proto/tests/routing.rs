//! Which type a message is, and what says so: both ways.

use super::*;
use crate::model::Headers;

const PROTO: &str = r#"
syntax = "proto3";
package t;
message Cat { int32 lives = 1; }
message Dog { string name = 1; }
"#;

const CAT: &[u8] = b"\x08\x09";
const DOG: &[u8] = b"\x0a\x03Rex";

fn pets(by: By) -> ProtoSettings {
    typed(&pool(PROTO), by, &[("cat", "t.Cat"), ("dog", "t.Dog")])
}

fn row(fields: &[(&str, Value<'_>)]) -> Records {
    let mut records = records();
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            packer.value(*value);
        }
        Ok(())
    });
    pushed.unwrap();
    records
}

fn first(records: &Records) -> Vec<(String, String)> {
    let row = records.get(0).unwrap();
    let fields = row.fields();
    fields
        .map(|(name, it)| (name.to_owned(), format!("{it:?}")))
        .collect()
}

#[test]
fn a_key_chooses_the_type_and_an_unknown_one_is_refused_by_its_name() {
    let mut settings = pets(By::Key);
    settings.types.pop();
    settings.pass = vec!["dog".to_owned()];
    let proto = Proto::new(&settings).unwrap();
    let mut out = records();
    proto
        .decode(&keyed(Some(b"cat"), CAT), 0, &mut out)
        .unwrap();
    proto
        .decode(&keyed(Some(b"dog"), DOG), 1, &mut out)
        .unwrap();
    assert_eq!(out.len(), 1);
    for (key, said) in [
        (None, "it has no key"),
        (Some(&b"cow"[..]), "for its key \"cow\""),
        (Some(b""), "for its key \"\""),
        (Some(b"\xff\x1b"), "for its key \"\u{fffd}\\u{1b}\""),
    ] {
        let error = proto.decode(&keyed(key, CAT), 2, &mut out).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let tombstone = Message {
        value: None,
        ..keyed(Some(b"cat"), CAT)
    };
    let error = proto.decode(&tombstone, 3, &mut out).unwrap_err();
    assert!(error.to_string().contains("it has no value"), "{error}");
    assert_eq!(out.len(), 1);
}

#[test]
fn a_header_or_the_topic_chooses_the_type() {
    let mut messages = crate::model::Messages::default();
    let header = [("kind", Some(&b"dog"[..]))];
    messages.push(Some(b"1"), Some(DOG), header, Default::default());
    messages.push(Some(b"1"), None, header, Default::default());
    messages.push(Some(b"1"), Some(DOG), [("kind", None)], Default::default());
    let proto = Proto::new(&pets(By::Header("kind".to_owned()))).unwrap();
    let mut out = records();
    proto
        .decode(&messages.get(0).unwrap(), 0, &mut out)
        .unwrap();
    assert_eq!(out.get(0).unwrap().get("name"), Some(Value::String("Rex")));
    proto
        .decode(&messages.get(1).unwrap(), 1, &mut out)
        .unwrap();
    assert_eq!(out.get(1).unwrap().op(), Op::Delete);
    let error = proto
        .decode(&messages.get(2).unwrap(), 2, &mut out)
        .unwrap_err();
    assert!(error.to_string().contains("no header `kind`"), "{error}");

    // The records' schema has the topic's name, which is `topic` here.
    let topics = typed(
        &pool(PROTO),
        By::Topic,
        &[("topic", "t.Cat"), ("other", "t.Dog")],
    );
    let proto = Proto::new(&topics).unwrap();
    let mut out = records();
    proto.decode(&keyed(None, CAT), 0, &mut out).unwrap();
    assert_eq!(out.get(0).unwrap().get("lives"), Some(Value::I64(9)));
    let dog = row(&[("name", Value::String("Rex"))]);
    let mut written = Vec::new();
    proto
        .encode(&dog.get(0).unwrap(), "other", &mut written)
        .unwrap();
    assert_eq!(written, DOG);
    let error = proto
        .encode(&dog.get(0).unwrap(), "cows", &mut written)
        .unwrap_err();
    assert!(error.to_string().contains("the topic `cows`"), "{error}");
}

#[test]
fn the_word_is_a_field_on_the_way_in_and_chooses_on_the_way_out() {
    for by in [By::Key, By::Header("kind".to_owned())] {
        let mut settings = pets(by.clone());
        settings.field = Some("pet".to_owned());
        let proto = Proto::new(&settings).unwrap();
        let records = row(&[
            ("pet", Value::String("dog")),
            ("name", Value::String("Rex")),
        ]);
        let row = records.get(0).unwrap();
        let mut written = Vec::new();
        proto.encode(&row, "topic", &mut written).unwrap();
        assert_eq!(written, DOG);
        let (key, headers) = match proto.type_tag(&row) {
            Some(TypeTag::Key(word)) => (Some(word), None),
            Some(TypeTag::Header(name, word)) => (None, Some((name, Some(word.as_bytes())))),
            None => (None, None),
        };
        assert_eq!(
            (key.is_some(), headers.is_some()),
            (by == By::Key, by != By::Key)
        );
        let mut messages = crate::model::Messages::default();
        let key = key.map(str::as_bytes);
        messages.push(key, Some(&written), headers, Default::default());
        let mut out = tests::records();
        proto
            .decode(&messages.get(0).unwrap(), 0, &mut out)
            .unwrap();
        let mut again = first(&out);
        again.reverse();
        assert_eq!(again, first(&records));
    }
}

#[test]
fn a_record_whose_type_nothing_says_is_refused_and_has_no_mark() {
    let mut settings = pets(By::Key);
    settings.field = Some("pet".to_owned());
    let proto = Proto::new(&settings).unwrap();
    for word in [Value::Null, Value::String("cow"), Value::I64(1)] {
        let records = row(&[("pet", word)]);
        let row = records.get(0).unwrap();
        let error = proto.encode(&row, "t", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("field `pet`"), "{error}");
        assert_eq!(proto.type_tag(&row), None);
    }
    // Where there is one type, it is that; its word is the key all the same.
    settings.types.pop();
    let proto = Proto::new(&settings).unwrap();
    let records = row(&[("lives", Value::I64(9))]);
    let row = records.get(0).unwrap();
    let mut written = Vec::new();
    proto.encode(&row, "t", &mut written).unwrap();
    assert_eq!(
        (written.as_slice(), proto.type_tag(&row)),
        (CAT, Some(TypeTag::Key("cat")))
    );
    let names: Vec<_> = proto.fields().unwrap().into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["lives", "pet"]);
}

#[test]
fn a_type_that_is_not_there_is_told_with_those_that_are() {
    let unknown = typed(&pool(PROTO), By::Key, &[("a", "t.Cow")]);
    let error = Proto::new(&unknown).unwrap_err();
    assert!(error.to_string().contains("t.Cat, t.Dog"), "{error}");
}

#[test]
fn a_null_headers_value_is_no_word() {
    let proto = Proto::new(&pets(By::Header("kind".to_owned()))).unwrap();
    let bare = Message {
        headers: Headers::default(),
        ..keyed(None, CAT)
    };
    assert!(proto.decode(&bare, 0, &mut records()).is_err());
}
