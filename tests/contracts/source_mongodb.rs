//! Values of every class that a collection can be ordered by, and what would never be reached.

use ::mongodb::{
    bson::{
        Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc, oid::ObjectId,
        spec::BinarySubtype,
    },
    options::{Collation, CollationStrength},
};
use highwater::{
    fault::{Fault, Faulty},
    model::Severity,
    source::{InspectableSource, ReadMode, Scope, Source, SourceError},
};

use super::{
    source_values::check,
    sources::{Mongodb, Rows, limits, open, read, read_with_restarts, sorted, start},
};

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().expect("a decimal"))
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    let bytes = bytes.to_vec();
    Bson::Binary(Binary { subtype, bytes })
}

/// Values of one class each.
pub fn classes() -> Vec<(&'static str, Vec<Bson>)> {
    let date = |millis| Bson::DateTime(DateTime::from_millis(millis));
    let timestamp = |time, increment| Bson::Timestamp(Timestamp { time, increment });
    vec![
        (
            "ObjectIds",
            vec![[0; 12], [1; 12], [0xff; 12]]
                .into_iter()
                .map(|it| ObjectId::from_bytes(it).into())
                .collect(),
        ),
        (
            "dates",
            vec![
                date(i64::MIN),
                date(-1),
                date(0),
                date(1_756_200_615_123),
                date(i64::MAX),
            ],
        ),
        (
            "numbers of every type",
            vec![
                Bson::Double(f64::NEG_INFINITY),
                Bson::Int64(i64::MIN),
                Bson::Int32(-1),
                Bson::Double(-0.0),
                Bson::Int32(0),
                decimal("0E-10"),
                Bson::Double(0.1),
                decimal("0.1"),
                Bson::Int32(5),
                Bson::Int64(5),
                Bson::Double(5.0),
                decimal("5.00"),
                Bson::Double(9_007_199_254_740_992.0),
                Bson::Int64(9_007_199_254_740_993),
                Bson::Int64(i64::MAX),
                decimal("9223372036854775807.5"),
                Bson::Double(f64::MAX),
                decimal("9.999999999999999999999999999999999E+6144"),
                Bson::Double(f64::INFINITY),
            ],
        ),
        (
            "text",
            [
                "",
                "a",
                "A",
                "a ",
                "á",
                "a\u{301}",
                "文",
                "😀",
                "a\0b",
                "$a",
                "{\"$oid\":1}",
            ]
            .map(|it| Bson::String(it.to_owned()))
            .into(),
        ),
        (
            "binary",
            vec![
                binary(BinarySubtype::Generic, b""),
                binary(BinarySubtype::Generic, b"\xff"),
                binary(BinarySubtype::Uuid, &[7; 16]),
                binary(BinarySubtype::UserDefined(0x80), b"a"),
            ],
        ),
        ("booleans", vec![false.into(), true.into()]),
        (
            "timestamps",
            vec![
                timestamp(1, 1),
                timestamp(1, 2),
                timestamp(u32::MAX, u32::MAX),
            ],
        ),
        (
            "documents",
            vec![
                doc! {}.into(),
                doc! { "a": 1 }.into(),
                doc! { "a": 1, "b": [1, 2] }.into(),
                doc! { "$ref": "c", "$id": 5 }.into(),
                doc! { "x": { "y": "z" } }.into(),
            ],
        ),
    ]
}

#[tokio::test]
async fn every_class_of_mongodb_orders_a_read() {
    let mut wrong = Vec::new();
    for (class, values) in classes() {
        for field in ["at", "meta.deep.at"] {
            let them = Mongodb::open(Mongodb::object_id).await;
            let count = values.len() * 4;
            let value = |id: usize| values[(id * 7 + id / values.len()) % values.len()].clone();
            let document = |id: usize| match field {
                "at" => doc! { "_id": id as i64, "id": id as i64, "at": value(id) },
                _ => {
                    doc! { "_id": id as i64, "id": id as i64, "meta": { "deep": { "at": value(id) } } }
                }
            };
            them.put((0..count).map(document).collect()).await;
            let source = them.scan(field, limits(3));
            wrong.extend(check(&source, count, class).await);
            them.close().await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_class_of_mongodb_is_an_id() {
    for (class, values) in classes() {
        let them = Mongodb::open(Mongodb::object_id).await;
        // Of values that are equal, such as 5 and 5.0, one alone can be there.
        let mut count = 0;
        let documents = them.connection.database().collection::<Document>("t");
        for value in values {
            let document = doc! { "_id": value, "id": count as i64, "at": 7 };
            count += usize::from(documents.insert_one(document).await.is_ok());
        }
        let ids: Vec<i64> = (0..count as i64).collect();
        for (field, scope) in [
            ("_id", Scope::Incremental),
            ("_id", Scope::Full),
            ("at", Scope::Incremental),
            ("at", Scope::Full),
        ] {
            let source = them.scan(field, limits(2));
            let (all, end) = read_with_restarts(&source, start(&source, scope).await).await;
            assert_eq!(
                sorted(all),
                ids,
                "{class} by {field}, {scope:?}, up to {end}"
            );
        }
        them.close().await;
    }
}

#[tokio::test]
async fn a_collection_of_another_collation_is_read_in_it() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let collation = Collation::builder()
        .locale("de".to_owned())
        .strength(CollationStrength::Primary);
    let create = them.connection.database().create_collection("t");
    create.collation(collation.build()).await.expect("made");
    let texts = ["a", "A", "á", "ä", "b", "B", "ß", "ss", "z", "Å"];
    let document = |id: usize| {
        let at = texts[id * 7 % texts.len()];
        doc! { "_id": id as i64, "id": id as i64, "at": at }
    };
    them.put((0..40).map(document).collect()).await;
    let wrong = check(&them.scan("at", limits(3)), 40, "a collation").await;
    assert!(wrong.is_empty(), "{wrong:?}");
    them.close().await;
}

/// What `$gt` would pass over in silence.
#[tokio::test]
async fn documents_that_an_incremental_read_would_never_reach_are_refused() {
    let field = |it: Bson| doc! { "_id": 2, "id": 2_i64, "at": it };
    let cases: Vec<(&str, Document, &str)> = vec![
        ("at", doc! { "_id": 2, "id": 2_i64 }, "missing"),
        ("at", field(Bson::Null), "null"),
        ("at", field(f64::NAN.into()), "NaN"),
        ("at", field(decimal("NaN")), "NaN"),
        ("at", field(Bson::MinKey), "without order"),
        ("at", field(Bson::MaxKey), "without order"),
        ("at", field(Bson::Array(vec![1.into(), 9.into()])), "list"),
        ("at", field(Bson::Array(vec![])), "list"),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": [{ "at": 1 }, { "at": 9 }] },
            "list",
        ),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": { "at": [1, 9] } },
            "list",
        ),
        (
            "meta.at",
            doc! { "_id": 2, "id": 2_i64, "meta": 5 },
            "missing",
        ),
    ];
    for (by, document, why) in cases {
        let them = Mongodb::open(Mongodb::object_id).await;
        let usual = |id: i64| doc! { "_id": id, "id": id, "at": id, "meta": { "at": id } };
        them.put(vec![usual(1), document.clone(), usual(3), usual(5)])
            .await;
        let source = them.scan(by, limits(10));
        let begun = source.begin(Scope::Incremental, None).await.expect("begun");
        let error = source.open(&begun, ReadMode::Bounded).await.err();
        let error = error.unwrap_or_else(|| panic!("{document} is read"));
        assert!(
            matches!(error, SourceError::Incompatible { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(why), "{document}: {error}");
        let findings = source.check().await.expect("checked");
        assert!(
            findings.iter().any(|it| it.severity == Severity::Problem),
            "{document}: {findings:?}"
        );
        them.close().await;
    }
}

#[tokio::test]
async fn a_cursor_that_the_server_has_lost_is_no_end() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let document = |id: i64| doc! { "_id": id, "id": id, "text": "x".repeat(500) };
    them.put((1..=9000).map(document).collect()).await;
    let source = them.scan("_id", limits(50));
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Bounded).await;
    reader.next_batch().await.expect("read").expect("rows");
    let database = them.connection.database();
    let stage = doc! { "$currentOp": { "idleCursors": true, "allUsers": true } };
    let only = doc! { "$match": { "ns": format!("{}.t", database.name()) } };
    let ask = doc! { "aggregate": 1, "pipeline": [stage, only], "cursor": {} };
    let answer = database.client().database("admin").run_command(ask).await;
    let answer = answer.expect("it is valid");
    let found = answer.get_document("cursor").expect("a cursor");
    let found = found.get_array("firstBatch").expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    let cursor = found[0]
        .as_document()
        .and_then(|it| it.get_document("cursor").ok());
    let id = cursor
        .expect("it is idle")
        .get("cursorId")
        .expect("it has one");
    let kill = doc! { "killCursors": "t", "cursors": [id.clone()] };
    database.run_command(kill).await.expect("killed");
    let error = loop {
        match reader.next_batch().await {
            Ok(batch) => assert!(batch.is_some(), "a cut read is taken for a whole one"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    them.close().await;
}

/// A collection made anew under its old name, with `_id`s of another class.
#[tokio::test]
async fn a_full_read_is_not_resumed_among_ids_of_another_class() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let of = |id: Bson, number: i64| doc! { "_id": id, "id": number, "at": number };
    them.put((1..=6).map(|it| of(Mongodb::object_id(it), it)).collect())
        .await;
    let source = them.scan("at", limits(2));
    let begun = start(&source, Scope::Full).await;
    let (_, interrupted) = read(&source, &begun, 1).await;
    them.connection.database().drop().await.expect("dropped");
    them.put((1..=6).map(|it| of(it.to_string().into(), it)).collect())
        .await;
    let error = source.open(&interrupted, ReadMode::Bounded).await.err();
    let error = error.expect("nothing would be read").to_string();
    assert!(error.contains("cursor reset"), "{error}");
    them.close().await;
}
