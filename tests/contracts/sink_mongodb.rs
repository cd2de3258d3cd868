//! What a sink of MongoDB has to hold beside the contract: documents that are only made are those that
//! would be written over others.

use highwater::model::{Op, Value};
use mongodb::bson::{Bson, Document, Timestamp, doc};

use super::{
    limit::in_time,
    sinks::{Target, mongodb},
};

async fn found(target: &Target, uid: &str) -> Document {
    let documents = target.documents().collection::<Document>("info");
    let found = documents.find_one(doc! { "_id": uid }).await;
    found.expect("read").expect("there")
}

/// A server makes the present time of an empty timestamp in a document that is only made.
#[tokio::test]
async fn a_new_document_is_what_its_record_says() {
    in_time(async {
        let target = mongodb().await;
        let row = [
            ("uid", Value::String("a")),
            ("empty", Value::Timestamp(0, 0)),
            ("$price", Value::I64(1)),
            ("a.b", Value::I64(2)),
        ];
        let other = [
            ("uid", Value::String("b")),
            ("full", Value::Timestamp(7, 1)),
        ];
        let rows = [(Op::Upsert, &row[..]), (Op::Upsert, &other[..])];
        target.write(&rows, (None, 1)).await.expect("written");
        let empty = Bson::Timestamp(Timestamp {
            time: 0,
            increment: 0,
        });
        let whole: Vec<_> = found(&target, "a").await.into_iter().collect();
        let expected = [
            ("_id", Bson::from("a")),
            ("uid", Bson::from("a")),
            ("empty", empty),
            ("$price", Bson::from(1_i64)),
            ("a.b", Bson::from(2_i64)),
        ];
        assert_eq!(
            whole,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        let full = found(&target, "b").await;
        assert_eq!(full.get_timestamp("full").expect("there").time, 7);
        target.close().await;
    })
    .await;
}

/// What somebody else has made meanwhile is known, though the collection was empty before.
#[tokio::test]
async fn a_document_that_came_to_be_meanwhile_keeps_its_other_fields() {
    in_time(async {
        let target = mongodb().await;
        let documents = target.documents().collection::<Document>("info");
        let theirs = doc! { "_id": "b", "uid": "b", "name": "x", "size": 1_i64 };
        documents.insert_one(theirs).await.expect("made");
        let (a, b) = (
            [("uid", Value::String("a")), ("name", Value::String("y"))],
            [("uid", Value::String("b")), ("name", Value::String("y"))],
        );
        let rows = [(Op::Upsert, &a[..]), (Op::Upsert, &b[..])];
        target.write(&rows, (None, 1)).await.expect("written");
        target
            .holds(&["a y NULL NULL", "b y 1 NULL"], Some(1))
            .await;
        // And it goes on so.
        let b = [("uid", Value::String("b")), ("size", Value::I64(2))];
        let rows = [(Op::Upsert, &b[..])];
        target.write(&rows, (Some(1), 2)).await.expect("written");
        target
            .holds(&["a y NULL NULL", "b y 2 NULL"], Some(2))
            .await;
        target.close().await;
    })
    .await;
}
