//! The message of `information`: the older producer's bytes, and each of its rules.

use std::sync::Arc;

use highwater::{
    codec::{
        CodecError, Decoder, Encoder,
        information::{InformationJson, InformationProtobuf},
    },
    model::{Headers, Message, RecordOrigin, Records, Schema},
};
use proptest::prelude::*;

use crate::documents::row;

const TOPIC: &str = "information";

fn encode(format: &dyn Encoder, document: &str) -> Result<Vec<u8>, CodecError> {
    let records = row(document);
    let mut out = Vec::new();
    let row = records.get(0).expect("one row");
    format.encode(&row, TOPIC, &mut out).map(|()| out)
}

fn decode(format: &dyn Decoder, bytes: &[u8]) -> Result<Vec<(String, String)>, CodecError> {
    let mut records = Records::new(Arc::new(Schema::document("info", ["uid"])));
    let message = Message {
        key: Some(b"k"),
        value: Some(bytes),
        headers: Headers::default(),
        record_origin: RecordOrigin::default(),
    };
    format.decode(&message, 0, &mut records)?;
    let row = records.get(0).expect("one row");
    let shown = |(name, value): (&str, _)| (name.to_owned(), format!("{value:?}"));
    Ok(row.fields().map(shown).collect())
}

/// A document with all that is required, and `fields` besides.
fn document(fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    format!(
        r#"{{"_id":{{"$oid":"68a1f0c2e4b0a1b2c3d4e5f6"}},"create_time":"t","info_name":"n"{comma}{fields}}}"#
    )
}

#[test]
fn the_older_producers_bytes() {
    #[derive(serde::Deserialize)]
    struct Fixture<'a> {
        name: String,
        #[serde(borrow)]
        document: &'a serde_json::value::RawValue,
        value: String,
    }
    let text = include_str!("../fixtures/information.json");
    let fixtures: Vec<Fixture<'_>> = serde_json::from_str(text).expect("fixtures");
    assert_eq!(fixtures.len(), 3);
    for fixture in fixtures {
        let bytes = encode(&InformationJson, fixture.document.get()).expect("it can be held");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(text, fixture.value, "{}", fixture.name);
    }
}

/// Each case: fields of the document, and what the message has to contain.
const RULES: &[(&str, &str)] = &[
    // Tags, as Python's json.dumps.
    (r#""column_info":null"#, r#""tag_values":"null""#),
    (
        r#""column_info":["a",1,true,null]"#,
        r#""tag_values":"[\"a\", 1, true, null]""#,
    ),
    (
        r#""column_info":{"a":{"$numberDouble":"1e100"}}"#,
        r#""tag_values":"{\"a\": 1e+100}""#,
    ),
    (
        r#""column_info":{"$numberDouble":"1e-7"}"#,
        r#""tag_values":"1e-07""#,
    ),
    (
        r#""column_info":"😀""#,
        r#""tag_values":"\"\\ud83d\\ude00\"""#,
    ),
    (r#""column_info":[[],{}]"#, r#""tag_values":"[[], {}]""#),
    // Sections and links, in the shortest form.
    (
        r#""info_section":[{"$numberDouble":"1e16"}]"#,
        r#""info_section":[1e16]"#,
    ),
    (
        r#""info_section":[{"$numberDouble":"1e-7"}]"#,
        r#""info_section":[1e-7]"#,
    ),
    (
        r#""info_section":[{"$numberDouble":"-0.0"}]"#,
        r#""info_section":[-0.0]"#,
    ),
    (
        r#""info_section":[{"$numberDouble":"1000000000000000"}]"#,
        r#""info_section":[1000000000000000.0]"#,
    ),
    (
        r#""info_section":[{"$date":{"$numberLong":"1756200615000"}}]"#,
        r#""info_section":["2025-08-26T09:30:15"]"#,
    ),
    (
        r#""info_section":[{"$date":{"$numberLong":"-1"}}]"#,
        r#""info_section":["1969-12-31T23:59:59.999000"]"#,
    ),
    (r#""info_section":null"#, r#""info_section":[]"#),
    (
        r#""link_data":[{"n":{"$numberLong":"9007199254740993"}}]"#,
        r#"[{"n":9007199254740993}]"#,
    ),
    (r#""link_data":null"#, r#""link_data":[]"#),
    // Dates.
    (
        r#""info_date":"来源：日期 2025-08-26 ""#,
        r#""info_date":"2025-08-26""#,
    ),
    (r#""info_date":"日来源：期x""#, r#""info_date":"x""#),
    (r#""info_date":"日 期x""#, r#""info_date":"日期x""#),
    (
        r#""info_date":{"$date":{"$numberLong":"1756200615123"}}"#,
        r#""info_date":"2025-08-2609:30:15.123000""#,
    ),
    (
        r#""info_date":{"$numberInt":"2025"}"#,
        r#""info_date":"2025""#,
    ),
    (r#""info_date":null"#, r#""info_date":null"#),
    // Missing is empty, null stays null.
    (
        "",
        r#""data":{"info_date":"","info_section":[],"info_author":"","description":""}"#,
    ),
    (
        r#""info_author":null,"description":null"#,
        r#""info_author":null,"description":null"#,
    ),
    (r#""page_url":null"#, r#""details_page":null"#),
    (r#""marc_code":null"#, r#""marc_code":"zh""#),
    (r#""marc_code":"en""#, r#""marc_code":"en""#),
    // A text passes unchanged, a name that repeats stands as it was last.
    (
        r#""create_time":" any text ""#,
        r#""created_at":" any text ""#,
    ),
    (
        r#""info_source":"作者：x""#,
        r#""metadata":{"marc_code":"zh","details_page":""}}"#,
    ),
];

#[test]
fn every_rule_has_its_bytes() {
    for (fields, part) in RULES {
        let bytes = encode(&InformationJson, &document(fields)).expect(fields);
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(text.contains(part), "{fields}\n{text}\nlacks {part}");
    }
}

/// Each case: a document, and the field that is named when it is refused.
const REFUSED: &[(&str, &str)] = &[
    (r#"{"_id":"x","create_time":"t","info_name":"n"}"#, "uid"),
    (
        r#"{"_id":"x","uid":null,"create_time":"t","info_name":"n"}"#,
        "uid",
    ),
    (
        r#"{"_id":{"$oid":"68a1f0c2e4b0a1b2c3d4e5f6"},"info_name":"n"}"#,
        "create_time",
    ),
];
const REFUSED_FIELDS: &[(&str, &str)] = &[
    (r#""create_time":null"#, "create_time"),
    (
        r#""create_time":{"$date":{"$numberLong":"253402300800000"}}"#,
        "create_time",
    ),
    (r#""info_name":null"#, "info_name"),
    (r#""info_name":1"#, "info_name"),
    (r#""info_section":"text""#, "info_section"),
    (
        r#""info_section":[{"$numberDouble":"NaN"}]"#,
        "info_section.0",
    ),
    (
        r#""info_section":[1,{"a":{"$oid":"68a1f0c2e4b0a1b2c3d4e5f6"}}]"#,
        "info_section.1.a",
    ),
    (
        r#""info_section":[{"$numberDecimal":"1.5"}]"#,
        "info_section.0",
    ),
    (r#""link_data":["text"]"#, "link_data.0"),
    (
        r#""link_data":[{"a":{"$binary":{"base64":"AA==","subType":"00"}}}]"#,
        "link_data.0.a",
    ),
    (
        r#""column_info":[{"$date":{"$numberLong":"0"}}]"#,
        "column_info.0",
    ),
    (
        r#""column_info":{"$numberDouble":"Infinity"}"#,
        "column_info",
    ),
    (r#""info_author":1"#, "info_author"),
    (r#""description":[]"#, "description"),
];

#[test]
fn what_the_form_cannot_hold_is_refused_by_field() {
    let whole = REFUSED.iter().map(|(it, field)| ((*it).to_owned(), *field));
    let parts = REFUSED_FIELDS
        .iter()
        .map(|(it, field)| (document(it), *field));
    for (document, wanted) in whole.chain(parts) {
        for format in [&InformationJson as &dyn Encoder, &InformationProtobuf] {
            match encode(format, &document) {
                Err(CodecError::Unencodable { field, .. }) => assert_eq!(field, wanted),
                other => panic!("{document}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_document_without_object_id_brings_its_own_uid() {
    let document = r#"{"_id":"x","uid":"own","create_time":"t","info_name":"n"}"#;
    let bytes = encode(&InformationJson, document).expect("it can be held");
    assert!(bytes.starts_with(br#"{"uid":"own","topic":"information","name":"n""#));
}

#[test]
fn both_formats_decode_to_the_same_fields() {
    for (fields, _) in RULES {
        let document = document(fields);
        let json = encode(&InformationJson, &document).expect(fields);
        let protobuf = encode(&InformationProtobuf, &document).expect(fields);
        let from_json = decode(&InformationJson, &json).expect(fields);
        assert_eq!(
            from_json,
            decode(&InformationProtobuf, &protobuf).expect(fields)
        );
        let names: Vec<_> = from_json.into_iter().map(|(name, _)| name).collect();
        let known = InformationJson.fields().expect("they are known");
        assert_eq!(
            names,
            known.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
    }
}

#[test]
fn further_fields_are_told_by_their_path() {
    let bytes = encode(&InformationJson, &document("")).expect("it can be held");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let more = text
        .replacen('{', r#"{"menu_list":[1],"#, 1)
        .replace(r#""data":{"#, r#""data":{"info_source":"s","#);
    let fields = decode(&InformationJson, more.as_bytes()).expect("it can be read");
    let further: Vec<_> = fields[13..].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(further, ["menu_list", "data.info_source"]);
}

#[test]
fn what_is_no_such_message_is_refused() {
    let bytes = encode(&InformationJson, &document("")).expect("it can be held");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let cases = [
        (r#""uid":"#, r#""id":"#, "uid"),
        (r#""tag_values":"[]""#, r#""tag_values":"[""#, "tag_values"),
        (r#""link_data":[]"#, r#""link_data":{}"#, "link_data"),
        (r#""name":"n""#, r#""name":7"#, "name"),
        (
            r#""info_section":[]"#,
            r#""info_section":null"#,
            "data.info_section",
        ),
        (r#""metadata":{"#, r#""metadata":{{"#, ""),
    ];
    for (from, to, path) in cases {
        match decode(&InformationJson, text.replacen(from, to, 1).as_bytes()) {
            Err(CodecError::Undecodable { reason, .. }) => {
                assert!(reason.contains(path), "{reason}")
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        let _ = decode(&InformationJson, &bytes);
        let _ = decode(&InformationProtobuf, &bytes);
    }

    #[test]
    fn no_cut_or_changed_byte_makes_a_decoder_panic(at in 0_usize..300, byte: u8) {
        for format in [&InformationJson as &dyn Encoder, &InformationProtobuf] {
            let mut bytes = encode(format, &document(RULES[1].0)).expect("it can be held");
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            let _ = decode(&InformationJson, &bytes);
            let _ = decode(&InformationProtobuf, &bytes);
            let _ = decode(&InformationJson, &bytes[..at]);
        }
    }
}
