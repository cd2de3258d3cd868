//! Which record a message becomes, and what is none.

use proptest::prelude::*;

use super::*;
use crate::model::Kind;

const MESSAGE: &str = r#"{"uid":"u","topic":"t","name":"n","created_at":"c","data_type":"d","tag_values":"[1, 2]","link_data":[{"b":1.50,"a":2}],"data":{"info_date":"2025","info_section":["x",{"n":1e2}],"info_author":null,"description":""},"metadata":{"marc_code":"zh","details_page":"p"}}"#;

fn read(message: &str) -> Result<Records, CodecError> {
    decoded(&InformationJson, None, Some(message.as_bytes()))
}

/// The names and values of the record, and its origin.
fn shown(records: &Records) -> String {
    let row = records.get(0).expect("one row");
    let fields = row
        .fields()
        .map(|(name, value)| format!("{name}={value:?}"));
    format!(
        "{} {:?} {}",
        row.origin(),
        row.op(),
        fields.collect::<Vec<_>>().join(" ")
    )
}

fn check_refused(message: &str, why: &str) {
    match read(message) {
        Err(CodecError::Undecodable { reason, .. }) => {
            assert!(reason.contains(why), "{message}: {reason}");
        }
        other => panic!("{message}: {other:?}"),
    }
}

#[test]
fn a_message_becomes_a_flat_record_in_order() {
    let records = read(MESSAGE).expect("a record");
    assert_eq!(
        shown(&records),
        r#"7 Upsert uid=String("u") topic=String("t") name=String("n") created_at=String("c") data_type=String("d") tag_values=Json("[1, 2]") link_data=Json("[{\"b\":1.50,\"a\":2}]") info_date=String("2025") info_section=Json("[\"x\",{\"n\":1e2}]") info_author=Null description=String("") marc_code=String("zh") details_page=String("p")"#
    );
    let names: Vec<_> = records
        .get(0)
        .expect("it")
        .fields()
        .map(|(name, _)| name)
        .collect();
    let fields = InformationJson.fields().expect("fields");
    let listed: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, listed);
    let json: Vec<_> = fields
        .iter()
        .filter(|it| it.1 == Kind::Json)
        .map(|it| it.0.as_str())
        .collect();
    assert_eq!(json, ["tag_values", "link_data", "info_section"]);
    assert_eq!(InformationProtobuf.fields(), InformationJson.fields());
}

#[test]
fn what_the_message_may_leave_out_is_null() {
    let short = MESSAGE
        .replace(r#""info_author":null,"description":"""#, r#""x":0"#)
        .replace(r#""marc_code":"zh","details_page":"p""#, "");
    let records = read(&short).expect("a record");
    let row = records.get(0).expect("one row");
    for (name, value) in [
        ("info_author", Value::Null),
        ("description", Value::Null),
        ("marc_code", Value::String("zh")),
        ("details_page", Value::Null),
    ] {
        assert_eq!(row.get(name), Some(value), "{name}");
    }
}

#[test]
fn members_beyond_the_format_are_passed_on_by_their_path() {
    let more = MESSAGE.replace(
        r#""data":{"#,
        r#""menu_list":["a"],"uid2":5,"info_date":null,"data":{"uid":true,"info_source":"s\n","n":-1.5,"#,
    );
    let records = read(&more).expect("a record");
    assert!(shown(&records).ends_with(
        r#"menu_list=Json("[\"a\"]") uid2=I64(5) info_date=Null data.uid=Bool(true) data.info_source=String("s\n") data.n=Decimal("-1.5")"#
    ), "{}", shown(&records));
}

#[test]
fn a_null_value_deletes_its_key() {
    for format in [&InformationJson as &dyn Decoder, &InformationProtobuf] {
        let records = decoded(format, Some(b"k"), None).expect("a record");
        assert_eq!(shown(&records), r#"7 Delete uid=String("k")"#);
        assert!(decoded(format, None, None).is_err());
        assert!(decoded(format, Some(b"\xff"), None).is_err());
    }
}

#[test]
fn what_is_missing_or_of_another_type_is_named() {
    for (from, to, why) in [
        (r#""uid":"u","#, "", "`uid` is missing"),
        (r#""uid":"u""#, r#""uid":"""#, "`uid` is empty"),
        (
            r#""name":"n""#,
            r#""name":null"#,
            "`name` is null, not text",
        ),
        (
            r#""created_at":"c""#,
            r#""created_at":5"#,
            "`created_at` is integer",
        ),
        (r#""[1, 2]""#, r#""[1,""#, "`tag_values` holds no JSON"),
        (
            r#""[1, 2]""#,
            "[1, 2]",
            "`tag_values` is json, not JSON text",
        ),
        (
            r#"[{"b":1.50,"a":2}]"#,
            "[1]",
            "`link_data` is json, not a list of objects",
        ),
        (r#"[{"b":1.50,"a":2}]"#, "null", "`link_data` is null"),
        (
            r#"["x",{"n":1e2}]"#,
            "{}",
            "`data.info_section` is json, not a list",
        ),
        (
            r#""info_author":null"#,
            r#""info_author":1"#,
            "`data.info_author` is integer",
        ),
        (
            r#""marc_code":"zh""#,
            r#""marc_code":[]"#,
            "`metadata.marc_code` is json",
        ),
        (r#""metadata""#, r#""meta""#, "`metadata` is missing"),
        (
            r#"{"marc_code":"zh","details_page":"p"}"#,
            "5",
            "`metadata` cannot be read",
        ),
        (r#""n","#, r#""\ud800","#, "`name`"),
    ] {
        let message = MESSAGE.replacen(from, to, 1);
        assert_ne!(message, MESSAGE);
        check_refused(&message, why);
    }
    for message in ["", "null", "[]", "{", "{} {}", "\u{feff}{}"] {
        check_refused(message, "");
    }
    let refused = decoded(&InformationJson, None, Some(b"{\"uid\":\"\xff\"}"));
    assert!(refused.expect_err("no UTF-8").to_string().contains("UTF-8"));
}

#[test]
fn deep_json_is_refused_and_overflows_nothing() {
    for depth in [201, 1_000_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        check_refused(&MESSAGE.replace("1e2", &deep), "");
        check_refused(&MESSAGE.replacen(":", &format!(":{deep},\"uid\":"), 1), "");
    }
}

#[test]
fn what_is_encoded_is_read_back_by_either_format() {
    for (name, records, value) in fixtures() {
        let flat = read(&value).expect("a record");
        let bytes = encoded(&InformationProtobuf, &records).expect("a message");
        let back = decoded(&InformationProtobuf, None, Some(&bytes)).expect("a record");
        assert_eq!(shown(&flat), shown(&back), "{name}");
        let again = encoded(&InformationProtobuf, &records).expect("a message");
        assert_eq!(bytes, again);
    }
}

#[test]
fn a_protobuf_without_its_key_or_with_broken_json_is_refused() {
    assert!(decoded(&InformationProtobuf, None, Some(b"")).is_err());
    let (_, records, _) = fixtures().remove(0);
    let bytes = encoded(&InformationProtobuf, &records).expect("a message");
    // An attachment that is no JSON: field 7, one byte.
    let refused = decoded(
        &InformationProtobuf,
        None,
        Some(&[&bytes[..], b"\x3a\x01{"].concat()),
    );
    let said = refused.expect_err("no JSON").to_string();
    assert!(said.contains("`link_data.1` holds no JSON"), "{said}");
    let joined = decoded(
        &InformationProtobuf,
        None,
        Some(&[&bytes[..], b"\x3a\x01{\x3a\x01}"].concat()),
    );
    assert!(joined.is_err());
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[来源：日期 a\"\\\\]{0,12}"]
}

proptest! {
    #[test]
    fn no_bytes_panic(noise in proptest::collection::vec(any::<u8>(), 0..100)) {
        for format in [&InformationJson as &dyn Decoder, &InformationProtobuf] {
            let _ = decoded(format, None, Some(&noise));
        }
    }

    #[test]
    fn no_damaged_message_panics(at in 0_usize..400, to in any::<u8>(), cut in 0_usize..400) {
        let mut message = MESSAGE.as_bytes().to_vec();
        let at = at % message.len();
        message[at] = to;
        let _ = decoded(&InformationJson, None, Some(&message));
        message.truncate(cut);
        let _ = decoded(&InformationJson, None, Some(&message));
        let (_, records, _) = fixtures().remove(2);
        let mut message = encoded(&InformationProtobuf, &records).expect("a message");
        let at = at % message.len();
        message[at] = to;
        let _ = decoded(&InformationProtobuf, None, Some(&message));
    }

    #[test]
    fn any_text_comes_back_from_either_format(
        name in texts(), tag in texts(), date in texts(), section in texts(),
        float in any::<f64>().prop_filter("finite", |it| it.is_finite()), author in proptest::option::of(texts()),
    ) {
        let records = with("info_name", |it| {
            it.value(Value::String(&name));
            it.name("column_info");
            it.value(Value::String(&tag));
            it.name("info_date");
            it.value(Value::String(&date));
            it.name("info_author");
            it.value(author.as_deref().map_or(Value::Null, Value::String));
            it.name("info_section");
            it.array(|it| {
                it.value(Value::String(&section));
                it.value(Value::F64(float));
            });
        });
        let clean = date.replace("来源：", "").replace("日期", "").replace(' ', "");
        for (format, reader) in [
            (&InformationJson as &dyn Encoder, &InformationJson as &dyn Decoder),
            (&InformationProtobuf, &InformationProtobuf),
        ] {
            let bytes = encoded(format, &records).expect("a message");
            let back = decoded(reader, None, Some(&bytes)).expect("a record");
            let row = back.get(0).expect("one row");
            prop_assert_eq!(row.get("name"), Some(Value::String(&name)));
            prop_assert_eq!(row.get("info_date"), Some(Value::String(&clean)));
            prop_assert_eq!(row.get("info_author"), Some(author.as_deref().map_or(Value::Null, Value::String)));
            let (Some(Value::Json(tags)), Some(Value::Json(sections))) = (row.get("tag_values"), row.get("info_section")) else {
                panic!("no JSON");
            };
            prop_assert!(tags.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(tags).expect("text"), tag.clone());
            let (text, number): (String, Box<RawValue>) = serde_json::from_str(sections).expect("a list");
            prop_assert_eq!(text, section.clone());
            prop_assert_eq!(number.get().parse::<f64>().expect("a number").to_bits(), float.to_bits());
        }
    }
}

#[test]
fn the_topic_is_escaped() {
    let records = with_value("other", Value::Null);
    let row = records.get(0).expect("one row");
    let mut out = Vec::new();
    let topic = "a\"b";
    InformationJson
        .encode(&row, topic, &mut out)
        .expect("a message");
    let back = decoded(&InformationJson, None, Some(&out)).expect("a record");
    let row = back.get(0).expect("one row");
    assert_eq!(row.get("topic"), Some(Value::String(topic)));
}
