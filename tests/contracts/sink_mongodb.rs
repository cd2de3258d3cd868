//! What a sink of MongoDB has to hold beside the contract: documents that are only made are those that
//! would be written over others.

use highwater::{
    fault::{self, Fault, Faulty},
    model::{Finding, Op, Position, Severity, Value},
    sink::{Advance, RowRules, SinkError},
};
use mongodb::bson::{Bson, Document, Timestamp, doc};

use super::{
    limit::in_time,
    sinks::{Target, mongodb, mongodb_by},
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

/// Also where it has no version, which a document that is only made would not be asked for.
#[tokio::test]
async fn a_record_is_refused_alike_by_an_empty_collection_and_by_another() {
    in_time(async {
        let rules = RowRules {
            version: Some("v".to_owned()),
            ..RowRules::default()
        };
        let target = mongodb_by(rules).await;
        for (from, uid) in [(None, "a"), (Some(1), "b")] {
            let row = [("uid", Value::String(uid)), ("v", Value::Null)];
            let refused = target.write(&[(Op::Upsert, &row)], (from, 9)).await;
            let said = fault::chain(&refused.expect_err("no version"));
            assert!(said.contains("field `v`: it is the version"), "{said}");
            if from.is_none() {
                let row = [("uid", Value::String("x")), ("v", Value::I64(1))];
                let rows = [(Op::Upsert, &row[..])];
                target.write(&rows, (None, 1)).await.expect("written");
            }
        }
        target.close().await;
    })
    .await;
}

/// The largest that a server keeps, in an empty collection and over itself; one byte more is refused.
#[tokio::test]
async fn the_largest_document_is_made_and_changed() {
    in_time(async {
        let target = mongodb().await;
        let bytes = (16 << 20) - doc_bytes(&doc! { "_id": "a", "uid": "a", "name": "" });
        let name = "x".repeat(bytes);
        let row = [("uid", Value::String("a")), ("name", Value::String(&name))];
        for (from, to) in [(None, 1), (Some(1), 2)] {
            let written = target.write(&[(Op::Upsert, &row)], (from, to)).await;
            written.expect("as large as a document may be");
            assert_eq!(doc_bytes(&found(&target, "a").await), 16 << 20);
        }
        let longer = format!("{name}x");
        for uid in ["a", "b"] {
            let row = [
                ("uid", Value::String(uid)),
                ("name", Value::String(&longer)),
            ];
            let refused = target.write(&[(Op::Upsert, &row)], (Some(2), 3)).await;
            let said = fault::chain(&refused.expect_err("too long"));
            assert!(said.contains("it takes 16777217 bytes"), "{said}");
        }
        target.close().await;
    })
    .await;
}

/// Two fields of one name: the first counts, in an empty collection too.
#[tokio::test]
async fn of_two_fields_of_one_name_the_first_counts() {
    in_time(async {
        let target = mongodb().await;
        let row = [
            ("uid", Value::String("a")),
            ("size", Value::I64(1)),
            ("size", Value::I64(2)),
        ];
        for (from, to) in [(None, 1), (Some(1), 2)] {
            let written = target.write(&[(Op::Upsert, &row)], (from, to)).await;
            written.expect("written");
            target.holds(&["a NULL 1 NULL"], Some(to)).await;
            assert_eq!(found(&target, "a").await.len(), 3);
        }
        target.close().await;
    })
    .await;
}

fn doc_bytes(document: &Document) -> usize {
    document.to_vec().expect("BSON").len()
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

/// As a `kill -9` leaves it: the server does not notice that nobody will end the transaction.
#[tokio::test]
async fn a_transaction_that_nobody_has_ended_is_told_as_such_and_waited_for() {
    in_time(async {
        let target = mongodb().await;
        let advance = |from: Option<&str>, to: &str| Advance {
            flow: "task".to_owned(),
            from: from.map(Position::new),
            to: Position::new(to),
        };
        let first = target.sink.write(&[], (&advance(None, "1")).into()).await;
        first.expect("written");
        let mut session = target
            .documents()
            .client()
            .start_session()
            .await
            .expect("a session");
        session.start_transaction().await.expect("begun");
        let places = target
            .documents()
            .collection::<Document>("highwater_positions");
        let moved = places
            .update_one(doc! { "_id": "task" }, doc! { "$set": { "place": "2" } })
            .session(&mut session)
            .await;
        assert_eq!(moved.expect("moved").matched_count, 1);
        let second = target
            .sink
            .write(&[], (&advance(Some("1"), "3")).into())
            .await;
        let error = second.expect_err("it is in the way");
        assert!(matches!(error, SinkError::Fenced(_)), "{error:?}");
        assert_eq!(error.fault(), Fault::Transient);
        let said = fault::chain(&error);
        for part in [
            "documents.info",
            "a process that was killed",
            "transactionLifetimeLimitSeconds",
            "waited for",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(!said.contains("taken over"), "{said}");
        session.abort_transaction().await.expect("ended");
        let third = target
            .sink
            .write(&[], (&advance(Some("1"), "3")).into())
            .await;
        third.expect("written");
        target.close().await;
    })
    .await;
}

/// Its index of `_id` has the collation as well: a document of `A` would overwrite that of `a`.
#[tokio::test]
async fn a_collection_whose_collation_takes_keys_for_equal_is_refused() {
    in_time(async {
        let target = mongodb().await;
        let database = target.documents();
        let info = database.collection::<Document>("info");
        info.drop().await.expect("dropped");
        let folding = doc! { "create": "info", "collation": { "locale": "en", "strength": 2 } };
        database.run_command(folding).await.expect("made");
        let sink = target.sink.capabilities().database.expect("it is one");
        let error = sink.prepare(None).await.expect_err("it is refused");
        assert_eq!(error.fault(), Fault::Permanent);
        let said = fault::chain(&error);
        assert!(
            said.contains("collection info has a collation (en)"),
            "{said}"
        );
        let findings = sink.check(None).await.expect("checked");
        let problem = |it: &Finding| it.severity == Severity::Problem && it.text.contains("(en)");
        assert!(findings.iter().any(problem), "{findings:?}");
        target.close().await;
    })
    .await;
}
