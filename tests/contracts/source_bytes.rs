//! One value has the same bytes, whichever reader it came by; and MongoDB's those that its own library gives.

use ::mongodb::bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc,
    oid::ObjectId, spec::BinarySubtype,
};
use highwater::{
    codec::{
        Encoder,
        json::{Documents, Json},
        protobuf::Protobuf,
    },
    source::{ReadMode, Scope, Source},
};
use serde_json::Value;

use super::sources::{Mongodb, Rows, Server, Sqlite, limits, next, open, start};

/// All rows of a source in a format, sorted.
async fn encoded(source: &dyn Source, format: &dyn Encoder) -> Vec<Vec<u8>> {
    let begun = start(source, Scope::Incremental).await;
    let mut reader = open(source, &begun, ReadMode::Bounded).await;
    let mut all = Vec::new();
    while let Some(batch) = next(&mut *reader).await {
        for row in batch.records.iter() {
            let mut bytes = Vec::new();
            let hold_back = format.encode(&row, "t", &mut bytes);
            hold_back.unwrap_or_else(|error| panic!("{error}"));
            all.push(bytes);
        }
    }
    all.sort();
    all
}

fn table(options: &str) -> String {
    format!(
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, n BIGINT, r DOUBLE, \
         t LONGTEXT, b LONGBLOB){options}; \
         INSERT INTO t VALUES \
         (1, 1, -9223372036854775808, 0.1, 'a \"quoted\" é 文 😀', x'00FF80'), \
         (2, 2, 9223372036854775807, 1e300, '', x''), \
         (3, 3, 0, -123456789.125, ' trailing ', x'0A'), \
         (4, 4, NULL, NULL, NULL, NULL), \
         (5, 5, 9007199254740993, 2e0, '0', x'30')"
    )
}

#[tokio::test]
async fn what_every_table_holds_has_the_same_bytes_from_every_reader() {
    let (mysql, mariadb) = (
        Server::empty("HIGHWATER_TEST_MYSQL_URL").await,
        Server::empty("HIGHWATER_TEST_MARIADB_URL").await,
    );
    for server in [&mysql, &mariadb] {
        server.run(&table(" CHARACTER SET utf8mb4")).await;
    }
    let file = Sqlite::empty().await;
    file.run(&table("")).await;
    let formats: [&dyn Encoder; 2] = [&Json::PLAIN, &Protobuf];
    for format in formats {
        let expected = encoded(&mysql.scan("t", "at", limits(10)), format).await;
        assert_eq!(expected.len(), 5);
        let other = encoded(&mariadb.scan("t", "at", limits(10)), format).await;
        assert_eq!(other, expected, "MariaDB");
        let other = encoded(&file.scan("t", "at", limits(10)), format).await;
        assert_eq!(other, expected, "SQLite");
    }
    for server in [mysql, mariadb] {
        server.close().await;
    }
}

fn every_type() -> Document {
    let binary = |subtype, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        Bson::Binary(Binary { subtype, bytes })
    };
    let decimals = ["1.10", "-0", "NaN", "Infinity", "1E+6144", "1E-6176"];
    let decimal = |it: &str| it.parse::<Decimal128>().expect("a decimal");
    let decimals: Vec<Bson> = decimals.iter().map(|it| decimal(it).into()).collect();
    doc! {
        "_id": ObjectId::from_bytes([7; 12]),
        "at": 1,
        "int": i32::MIN,
        "long": i64::MAX,
        // None below 2.3e-308: that library writes those as bare numbers.
        "doubles": [0.1, -0.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 2.0],
        "decimals": decimals,
        "text": "é \"文\" \u{0}\u{1f}😀",
        "symbol": Bson::Symbol("s".into()),
        "null": Bson::Null,
        "undefined": Bson::Undefined,
        "bool": true,
        "dates": [
            DateTime::from_millis(0),
            DateTime::from_millis(1_756_200_615_123),
            DateTime::from_millis(-1),
            DateTime::from_millis(i64::MAX),
        ],
        "bytes": binary(BinarySubtype::Generic, &[0, 255]),
        "none": binary(BinarySubtype::Generic, &[]),
        "uuid": binary(BinarySubtype::Uuid, &[5; 16]),
        "own": binary(BinarySubtype::UserDefined(0x81), &[1]),
        "regex": Bson::RegularExpression(Regex {
            pattern: "^a/\"".try_into().expect("a pattern"),
            options: "im".try_into().expect("options"),
        }),
        "code": Bson::JavaScriptCode("f()".into()),
        "scoped": Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
            code: "g()".into(),
            scope: doc! { "x": 1_i64 },
        }),
        "timestamp": Bson::Timestamp(Timestamp { time: u32::MAX, increment: 1 }),
        "min": Bson::MinKey,
        "max": Bson::MaxKey,
        "nested": { "b": [{ "a": 1 }, []], "a": {} },
    }
}

/// Doubles by their value: that text is not said to the letter.
fn by_value(json: Value) -> Value {
    match json {
        Value::Array(items) => items.into_iter().map(by_value).collect(),
        Value::Object(fields) => {
            let double = fields.get("$numberDouble").and_then(Value::as_str);
            if let Some(double) = double.and_then(|it| it.parse::<f64>().ok()) {
                return format!("{double:?}").into();
            }
            let fields = fields.into_iter();
            fields.map(|(name, it)| (name, by_value(it))).collect()
        }
        other => other,
    }
}

#[tokio::test]
async fn canonical_extended_json_is_that_of_the_servers_own_library() {
    let them = Mongodb::open(Mongodb::object_id).await;
    them.put(vec![every_type()]).await;
    let canonical = Json {
        documents: Documents::Canonical,
        ..Json::PLAIN
    };
    let found = encoded(&them.scan("at", limits(10)), &canonical).await;
    let found: Value = serde_json::from_slice(&found[0]).expect("JSON");
    let expected = Bson::Document(every_type()).into_canonical_extjson();
    assert_eq!(by_value(found), by_value(expected));
    them.close().await;
}
