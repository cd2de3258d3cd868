//! Fields and `_id`s that hold values of several classes, which no one comparison finds.

use std::time::Duration;

use super::{
    source_mongodb::classes,
    sources::{Mongodb, POLL, Rows, ids, limits, next, open, read, sorted, start},
};
use ::mongodb::bson::{Bson, DateTime, Document, doc};
use highwater::{
    model::{Position, Severity},
    source::{
        InspectableSource, Late, ReadMode, Scope, Source, TableSource,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
    },
};
use tokio::time::timeout;

/// Every value of every class.
fn values() -> Vec<Bson> {
    classes()
        .into_iter()
        .flat_map(|(_, values)| values)
        .collect()
}

/// As many values, some of which are the same, in no order.
fn shuffled(count: usize) -> Vec<Bson> {
    let values = values();
    let at = |number: usize| values[(number * 13 + number / values.len()) % values.len()].clone();
    (0..count).map(at).collect()
}

/// Opens anew for each document.
async fn one_by_one(source: &dyn Source, scope: Scope) -> (Vec<i64>, Position) {
    let (mut all, mut position) = (Vec::new(), start(source, scope).await);
    loop {
        let (one, behind) = read(source, &position, 1).await;
        if one.is_empty() && behind == position {
            return (all, position);
        }
        all.extend(one);
        position = behind;
    }
}

async fn expect_each_once(source: &MongodbScan, count: usize, what: &str) {
    let expected: Vec<i64> = (0..count as i64).collect();
    let begun = start(source, Scope::Incremental).await;
    let in_one_go = read(source, &begun, usize::MAX).await.0;
    for scope in [Scope::Incremental, Scope::Full] {
        let (all, end) = one_by_one(source, scope).await;
        assert_eq!(
            sorted(all.clone()),
            expected,
            "{what}, {scope:?}, up to {end}"
        );
        assert!(
            scope == Scope::Full || all == in_one_go,
            "{what}: the order differs"
        );
        assert!(
            read(source, &end, usize::MAX).await.0.is_empty(),
            "{what}: more after {end}"
        );
    }
}

#[tokio::test]
async fn a_field_of_every_class_is_read_with_its_ties() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let count = values().len() * 3;
    let document = |(id, at): (usize, Bson)| doc! { "_id": id as i64, "id": id as i64, "at": at };
    them.put(
        shuffled(count)
            .into_iter()
            .enumerate()
            .map(document)
            .collect(),
    )
    .await;
    expect_each_once(&them.scan("at", limits(1)), count, "a field").await;
    them.close().await;
}

/// Few values of the field, so that most documents are told apart by their `_id` alone.
#[tokio::test]
async fn ids_of_every_class_are_read_and_tell_ties_apart() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let documents = them.connection.database().collection::<Document>("t");
    let mut count = 0;
    for (number, value) in shuffled(values().len()).into_iter().enumerate() {
        let at: Bson = [Bson::Int32(7), "a".into(), Bson::Double(7.0)][number % 3].clone();
        // Of values that are equal, such as 5 and 5.0, one alone can be there.
        let document = doc! { "_id": value, "id": count, "at": at };
        count += i64::from(documents.insert_one(document).await.is_ok());
    }
    for field in ["_id", "at"] {
        expect_each_once(&them.scan(field, limits(1)), count as usize, field).await;
    }
    them.close().await;
}

#[tokio::test]
async fn what_comes_later_is_read_whatever_its_class() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let put = |id: i64, at: Bson| them.put(vec![doc! { "_id": id, "id": id, "at": at }]);
    put(1, Bson::Int32(1)).await;
    put(2, "a".into()).await;
    let source = them.scan("at", limits(10));
    let (all, position) = read(&source, &start(&source, Scope::Incremental).await, 9).await;
    assert_eq!(all, [1, 2]);
    // Below what has been read, of the same and of other classes.
    put(3, Bson::Double(1.5)).await;
    put(4, DateTime::from_millis(0).into()).await;
    put(5, "b".into()).await;
    put(6, true.into()).await;
    let (all, position) = read(&source, &position, usize::MAX).await;
    assert_eq!(all, [3, 5, 6, 4]);
    assert!(read(&source, &position, usize::MAX).await.0.is_empty());
    let findings = source.check().await.expect("checked");
    assert!(
        findings.iter().all(|it| it.severity != Severity::Problem),
        "{findings:?}"
    );
    let said = "numbers and text and booleans and dates";
    assert!(
        findings.iter().any(|it| it.text.contains(said)),
        "{findings:?}"
    );
    them.close().await;
}

#[tokio::test]
async fn a_following_read_finds_a_class_that_is_new() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let put = |id: i64, at: Bson| them.put(vec![doc! { "_id": id, "id": id, "at": at }]);
    put(1, "a".into()).await;
    let source = them.scan("at", limits(10));
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Follow).await;
    assert_eq!(ids(&next(&mut *reader).await.expect("no end")), [1]);
    put(2, Bson::Int32(1)).await;
    let found = timeout(Duration::from_secs(20), next(&mut *reader)).await;
    assert_eq!(ids(&found.expect("in time").expect("no end")), [2]);
    them.close().await;
}

#[tokio::test]
async fn a_place_that_a_person_sets_is_behind_all_classes_below_it() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let put = |id: i64, at: Bson| them.put(vec![doc! { "_id": id, "id": id, "at": at }]);
    for id in 1..=3 {
        put(id, Bson::Int64(id)).await;
        put(id + 10, format!("t{id}").into()).await;
    }
    let source = them.scan("at", limits(10));
    for (value, expected) in [("2", vec![3, 11, 12, 13]), ("t2", vec![13])] {
        let position = source.position_at(value).await.expect("a value");
        assert_eq!(
            read(&source, &position, usize::MAX).await.0,
            expected,
            "{value}"
        );
    }
    them.close().await;
}

/// Each class is held back by its own rule.
#[tokio::test]
async fn classes_of_every_rule_are_read_up_to_what_is_settled() {
    let them = Mongodb::open(Mongodb::object_id).await;
    let now = DateTime::now().timestamp_millis();
    let date = |millis: i64| Bson::from(DateTime::from_millis(millis));
    let values = [
        Bson::Int32(1),
        "a".into(),
        date(now - 9000),
        date(now),
        date(now + 3_600_000),
    ];
    for (id, at) in (1_i64..).zip(values) {
        them.put(vec![doc! { "_id": id, "id": id, "at": at }]).await;
    }
    let settings = MongodbScanSettings {
        collection: "t".to_owned(),
        incremental: "at".to_owned(),
        key: None,
        limits: limits(10),
        poll: POLL,
        late: Late::default(),
        sharing: super::sources::SHARING,
        rules: highwater::source::Rules::default(),
    };
    let source = MongodbScan::new(them.connection.clone(), &settings);
    for scope in [Scope::Incremental, Scope::Full] {
        let (all, position) = read(&source, &start(&source, scope).await, usize::MAX).await;
        let all = sorted(all);
        let expected: &[i64] = if scope == Scope::Full {
            &[1, 2, 3, 4, 5]
        } else {
            &[1, 2, 3, 4]
        };
        assert_eq!(all, expected, "{scope:?}");
        let (none, _) = read(&source, &position, usize::MAX).await;
        assert!(none.is_empty(), "{none:?}");
    }
    them.close().await;
}
