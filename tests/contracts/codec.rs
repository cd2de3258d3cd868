//! The contract of a format: behaviours by name, each run against every format.

use std::sync::Arc;

use highwater::{
    codec::{
        CodecError, Decoder, Encoder,
        information::{InformationJson, InformationProtobuf},
        json::{Documents, Json},
        protobuf::Protobuf,
    },
    fault::{Fault, Faulty},
    model::{Headers, Message, Op, RecordOrigin, Records, Schema, Value},
};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};

use super::codec_options;
use super::codec_values::{Tree, bson, document, information, tree};

/// A format in both directions.
trait Format: Encoder + Decoder {}

impl<F: Encoder + Decoder> Format for F {}

/// What fields are when they are read again.
type Reading = fn(&[(String, Tree)]) -> Vec<(String, Tree)>;

/// A format under test.
struct Case {
    format: &'static dyn Format,
    /// Fields that it can hold.
    fields: fn() -> BoxedStrategy<Vec<(String, Tree)>>,
    /// What its documentation says they are when they are read again.
    again: Reading,
    /// The field that a deletion's key is read as.
    key: &'static str,
}

/// The behaviours of every format, each a test by its own name.
macro_rules! formats {
    ($($name:ident: $case:expr;)*) => {
        $(formats!(
            @ $name, $case,
            what_is_written_is_read_as_documented,
            equal_records_give_equal_bytes,
            a_null_value_deletes_what_its_key_names,
            neither_key_nor_value_is_refused,
            no_bytes_panic_and_what_is_refused_leaves_nothing,
            changed_bytes_never_panic,
            deep_nesting_never_overflows_the_stack,
            twenty_megabytes_are_read_or_refused,
        );)*
    };
    (@ $name:ident, $case:expr, $($behaviour:ident),* $(,)?) => {
        mod $name {
            use super::*;
            $(
                #[test]
                fn $behaviour() {
                    super::$behaviour(&$case);
                }
            )*
        }
    };
}

formats! {
    json: Case { format: &Json::PLAIN, fields: || document(tree()), again: as_json, key: "key" };
    json_with_micros: Case {
        format: &codec_options::IN_MICROS, fields: codec_options::fields,
        again: codec_options::in_micros, key: "key",
    };
    json_with_millis: Case {
        format: &codec_options::IN_MILLIS, fields: codec_options::fields,
        again: codec_options::in_millis, key: "key",
    };
    canonical_json: Case {
        format: &Json { documents: Documents::Canonical, ..Json::PLAIN },
        fields: bson, again: <[_]>::to_vec, key: "key",
    };
    relaxed_json: Case {
        format: &Json { documents: Documents::Relaxed, ..Json::PLAIN },
        fields: bson, again: as_relaxed, key: "key",
    };
    protobuf: Case { format: &Protobuf, fields: || document(tree()), again: <[_]>::to_vec, key: "key" };
    information_json: Case {
        format: &InformationJson, fields: information, again: as_information, key: "uid",
    };
    information_protobuf: Case {
        format: &InformationProtobuf, fields: information, again: as_information, key: "uid",
    };
}

/// A whole number is as narrow as it can be.
fn as_relaxed(fields: &[(String, Tree)]) -> Vec<(String, Tree)> {
    fn narrow(tree: &Tree) -> Tree {
        match tree {
            Tree::I64(it) => i32::try_from(*it).map_or(Tree::I64(*it), Tree::I32),
            Tree::Array(items) => Tree::Array(items.iter().map(narrow).collect()),
            Tree::Document(fields) => Tree::Document(as_relaxed(fields)),
            Tree::CodeWithScope(code, it) => Tree::CodeWithScope(code.clone(), as_relaxed(it)),
            other => other.clone(),
        }
    }
    let narrowed = fields.iter().map(|(name, it)| (name.clone(), narrow(it)));
    narrowed.collect()
}

const TOPIC: &str = "a topic with \"quotes\"";

fn records(fields: &[(String, Tree)]) -> Records {
    let mut records = empty();
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            value.pack(packer);
        }
        Ok(())
    });
    pushed.expect("nothing fails");
    records
}

fn empty() -> Records {
    Records::new(Arc::new(Schema::document("t", ["_id"])))
}

fn encoded(format: &dyn Format, records: &Records) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    let row = records.get(0).expect("one row");
    format.encode(&row, TOPIC, &mut bytes).map(|()| bytes)
}

fn decode(
    format: &dyn Format,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    into: &mut Records,
) -> Result<(), CodecError> {
    let message = Message {
        key,
        value,
        headers: Headers::default(),
        record_origin: RecordOrigin::default(),
    };
    format.decode(&message, 3, into)
}

/// Reads what may be anything: it is a record, or refused and without a trace.
fn read(format: &dyn Format, bytes: &[u8]) -> Result<Records, CodecError> {
    let mut into = records(&[("before".to_owned(), Tree::Null)]);
    let (rows, size) = (into.len(), into.bytes());
    match decode(format, Some(b"k"), Some(bytes), &mut into) {
        Ok(()) => {
            // A sink will look at each of its values.
            let read = into.get(rows).expect("one row more");
            read.fields().for_each(|(_, value)| look(value));
            assert_eq!(into.len(), rows + 1);
            Ok(into)
        }
        Err(error) => {
            assert_eq!((into.len(), into.bytes()), (rows, size));
            assert_eq!(error.fault(), Fault::Data);
            Err(error)
        }
    }
}

fn look(value: Value<'_>) {
    match value {
        Value::Array(items) => items.for_each(look),
        Value::Document(fields) => fields.for_each(|(_, value)| look(value)),
        // Packed text is taken for UTF-8 without another look.
        Value::String(text) | Value::Json(text) | Value::Decimal(text) => {
            assert!(std::str::from_utf8(text.as_bytes()).is_ok());
        }
        _ => {}
    }
}

/// Checks 256 examples, or as many as PROPTEST_CASES says.
fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, test);
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn what_is_written_is_read_as_documented(case: &Case) {
    check((case.fields)(), |fields| {
        let bytes = encoded(case.format, &records(&fields)).expect("it can be held");
        let mut again = empty();
        decode(case.format, None, Some(&bytes), &mut again).expect("our own bytes");
        let expected = records(&(case.again)(&fields));
        let (row, wanted) = (again.get(0), expected.get(0));
        let (row, wanted) = (row.expect("one row"), wanted.expect("one row"));
        prop_assert_eq!((row.op(), row.origin()), (Op::Upsert, 3));
        let (read, wanted): (Vec<_>, Vec<_>) = (row.fields().collect(), wanted.fields().collect());
        prop_assert_eq!(read, wanted);
        Ok(())
    });
}

fn equal_records_give_equal_bytes(case: &Case) {
    check((case.fields)(), |fields| {
        let one = encoded(case.format, &records(&fields)).expect("it can be held");
        // Among others in its buffer, and appended to other bytes.
        let mut among = records(&[("other".to_owned(), Tree::I64(1))]);
        among.append(&records(&fields), 7);
        let mut bytes = b"before".to_vec();
        let row = among.get(1).expect("the second row");
        let held = case.format.encode(&row, TOPIC, &mut bytes);
        held.expect("it can be held");
        prop_assert_eq!(&bytes[6..], &one);
        Ok(())
    });
}

fn a_null_value_deletes_what_its_key_names(case: &Case) {
    for key in ["", "68a1f0c2e4b0a1b2c3d4e5f6", "[\"a\",\"1\"]", "信息"] {
        let mut into = empty();
        decode(case.format, Some(key.as_bytes()), None, &mut into).expect("a deletion");
        let row = into.get(0).expect("one row");
        assert_eq!((row.op(), row.origin()), (Op::Delete, 3));
        let fields: Vec<_> = row.fields().collect();
        assert_eq!(fields, [(case.key, Value::String(key))]);
    }
}

fn neither_key_nor_value_is_refused(case: &Case) {
    for key in [None, Some(&b"\xff\xfe"[..])] {
        let mut into = empty();
        let error = decode(case.format, key, None, &mut into).expect_err("nothing is named");
        assert!(matches!(error, CodecError::Undecodable { .. }));
        assert!(into.is_empty());
    }
}

fn no_bytes_panic_and_what_is_refused_leaves_nothing(case: &Case) {
    check(proptest::collection::vec(any::<u8>(), 0..200), |bytes| {
        let _ = read(case.format, &bytes);
        Ok(())
    });
    // What looks like JSON gets further.
    let pieces = [
        "{", "}", "[", "]", ":", ",", "\"", "\\u", "d800", "uid", "1", "-", "e9", "null",
    ];
    let text = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40);
    check(text, |pieces| {
        let _ = read(case.format, pieces.concat().as_bytes());
        Ok(())
    });
}

fn changed_bytes_never_panic(case: &Case) {
    let change = (any::<Index>(), any::<Index>(), any::<u8>(), 0..5_u8);
    let changes = proptest::collection::vec(change, 1..5);
    check(((case.fields)(), changes), |(fields, changes)| {
        let mut bytes = encoded(case.format, &records(&fields)).expect("it can be held");
        for (one, other, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let (at, end) = (one.index(bytes.len()), other.index(bytes.len()));
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, byte),
                _ => {
                    let part = bytes[at.min(end)..at.max(end)].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        let _ = read(case.format, &bytes);
        Ok(())
    });
}

fn deep_nesting_never_overflows_the_stack(case: &Case) {
    // On the way out: what is written can be read again, the rest is refused.
    for levels in [10, 29, 30, 31, 60, 119, 121, 122, 200, 1_000] {
        for wrap in [Tree::array as fn(Tree) -> Tree, Tree::document] {
            let deep = (0..levels).fold(Tree::Null, |inner, _| wrap(inner));
            for name in ["deep", "column_info"] {
                let mut fields = vec![(name.to_owned(), deep.clone())];
                for (name, value) in [("uid", "u"), ("create_time", "t"), ("info_name", "n")] {
                    fields.push((name.to_owned(), Tree::String(value.to_owned())));
                }
                let nested = records(&fields);
                if let Ok(bytes) = encoded(case.format, &nested) {
                    read(case.format, &bytes).expect("our own bytes");
                }
            }
            deep.take_apart();
        }
    }
    // On the way in, as text and as groups, messages and lists of protobuf.
    for piece in [
        &b"["[..],
        b"{\"a\":",
        b"\x0b",
        b"\x12\x7f\x12\x7f\xc2\x01\x7f\x0a\x7f",
    ] {
        let _ = read(case.format, &piece.repeat(100_000));
    }
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for name in ["a", "data", "metadata", "link_data", "tag_values"] {
        let _ = read(
            case.format,
            format!("{{\"{name}\":{open}{close}}}").as_bytes(),
        );
    }
}

fn twenty_megabytes_are_read_or_refused(case: &Case) {
    const SIZE: usize = 20 << 20;
    for byte in [b'[', b'"', 0x0a] {
        let _ = read(case.format, &vec![byte; SIZE]);
    }
    let text = Tree::String("信".repeat(SIZE / 3));
    let mut fields = vec![("description".to_owned(), text)];
    for (name, value) in [("uid", "u"), ("create_time", "t"), ("info_name", "n")] {
        fields.push((name.to_owned(), Tree::String(value.to_owned())));
    }
    let bytes = encoded(case.format, &records(&fields)).expect("it can be held");
    assert!(bytes.len() > SIZE - 3);
    read(case.format, &bytes).expect("our own bytes");
}

/// The table at the top of `codec::json`.
fn as_json(fields: &[(String, Tree)]) -> Vec<(String, Tree)> {
    let pair = |(name, value): &(String, Tree)| (name.clone(), value.through_json());
    fields.iter().map(pair).collect()
}

/// A message's fields; what the document has besides is not part of it.
fn as_information(fields: &[(String, Tree)]) -> Vec<(String, Tree)> {
    let of = |name: &str| fields.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    let text = |text: &str| Tree::String(text.to_owned());
    let or_empty = |name: &str| of(name).unwrap_or_else(|| text(""));
    let uid = match of("_id") {
        Some(Tree::ObjectId(bytes)) => text(
            &bytes
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect::<String>(),
        ),
        _ => of("uid").expect("it has one"),
    };
    let marc_code = match of("marc_code") {
        Some(Tree::String(it)) if !it.is_empty() => Tree::String(it),
        _ => text("zh"),
    };
    let list = |name: &str| match of(name) {
        Some(Tree::Array(items)) => {
            let items: Vec<String> = items.iter().map(|it| it.json(false)).collect();
            Tree::Json(format!("[{}]", items.join(",")))
        }
        _ => Tree::Json("[]".to_owned()),
    };
    let info_date = match or_empty("info_date") {
        Tree::String(it) => Tree::String(
            it.replace("来源：", "")
                .replace("日期", "")
                .replace(' ', ""),
        ),
        null => null,
    };
    let tags = of("column_info").map_or("[]".to_owned(), |it| it.json(true));
    let named = [
        ("uid", uid),
        ("topic", text(TOPIC)),
        ("name", or_empty("info_name")),
        ("created_at", of("create_time").expect("it has one")),
        ("data_type", text("information_nsfc")),
        ("tag_values", Tree::Json(tags)),
        ("link_data", list("link_data")),
        ("info_date", info_date),
        ("info_section", list("info_section")),
        ("info_author", or_empty("info_author")),
        ("description", or_empty("description")),
        ("marc_code", marc_code),
        ("details_page", or_empty("page_url")),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}
