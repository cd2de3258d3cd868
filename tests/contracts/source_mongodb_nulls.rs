//! Documents without a value, and documents above the watermark.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    source_mongodb_late::{COMMIT_DELAY, Kind, begin, document, hold_back, insert, opened},
    sources::{Mongodb, POLL, Rows, limits, read, read_with_restarts, start},
};
use ::mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use highwater::{
    model::Position,
    source::{
        DeduplicationSettings, HoldBack, InspectableSource, Late, Nulls, Rules, Scope, Source,
        TableSource,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
    },
};

const NONE: [i64; 0] = [];

fn scan(them: &Mongodb, late: Late, rules: Rules, rows: usize) -> MongodbScan {
    let settings = MongodbScanSettings {
        collection: "t".to_owned(),
        incremental: "at".to_owned(),
        key: None,
        limits: limits(rows),
        poll: POLL,
        late,
        sharing: super::sources::SHARING,
        rules,
    };
    MongodbScan::new(them.connection.clone(), &settings)
}

fn nulls(nulls: Nulls) -> Rules {
    Rules {
        nulls,
        ..Rules::default()
    }
}

/// Missing and null alike, with ids of two types.
async fn with_gaps() -> Mongodb {
    let them = opened().await;
    them.put(vec![
        doc! { "_id": 1_i64, "id": 1_i64, "at": 10 },
        doc! { "_id": 2_i64, "id": 2_i64, "at": null },
        doc! { "_id": 3_i64, "id": 3_i64, "at": 5 },
        doc! { "_id": 4_i64, "id": 4_i64 },
        doc! { "_id": "five", "id": 5_i64 },
    ])
    .await;
    them
}

async fn set(them: &Mongodb, id: i64, at: i32) {
    let documents = them.connection.database().collection::<Document>("t");
    let set = documents.update_one(doc! { "_id": id }, doc! { "$set": { "at": at } });
    set.await.expect("set");
}

#[tokio::test]
async fn documents_without_a_value_are_read_by_their_rule() {
    let them = with_gaps().await;
    let refused = scan(&them, Late::None, nulls(Nulls::Refuse), 2);
    let begun = start(&refused, Scope::Incremental).await;
    let said = refused.open(&begun, highwater::source::ReadMode::Bounded);
    let said = said.await.err().expect("refused").to_string();
    assert!(said.contains("missing") && said.contains("nulls"), "{said}");

    let first = scan(&them, Late::None, nulls(Nulls::First), 2);
    let begun = start(&first, Scope::Incremental).await;
    let (ids, position) = read_with_restarts(&first, begun.clone()).await;
    assert_eq!(
        ids,
        [2, 4, 5, 3, 1],
        "those without a value first, and once"
    );
    set(&them, 4, 20).await;
    them.put(vec![
        doc! { "_id": 0_i64, "id": 0_i64 },
        doc! { "_id": 6_i64, "id": 6_i64, "at": null },
    ])
    .await;
    let (ids, position) = read(&first, &position, usize::MAX).await;
    assert_eq!(ids, [6, 4], "0 comes below the progress, as `check` says");
    assert_eq!(read(&first, &position, usize::MAX).await.0, NONE);

    let every = scan(&them, Late::None, nulls(Nulls::EveryRun), 2);
    let (ids, position) = read(&every, &begun, usize::MAX).await;
    assert_eq!(ids, [0, 2, 6, 5, 3, 1, 4]);
    let (ids, position) = read(&every, &position, usize::MAX).await;
    assert_eq!(ids, [0, 2, 6, 5]);
    assert_eq!(read(&every, &position, usize::MAX).await.0, [0, 2, 6, 5]);

    let mut full = start(&first, Scope::Full).await;
    let (mut ids, position) = read(&first, &full, usize::MAX).await;
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
    full = position;
    assert_eq!(read(&first, &full, usize::MAX).await.0, NONE);
    let plan = every.plan(None).await.expect("a plan");
    assert_eq!(plan.nulls.number(), 4);
    let found = first.check().await.expect("checked");
    let says =
        |it: &highwater::model::Finding| it.text.contains("4 documents have no value in `at`");
    assert!(found.iter().any(says), "{found:?}");
    them.close().await;
}

#[tokio::test]
async fn documents_without_a_value_wait_for_what_commits_below_them() {
    let them = opened().await;
    let bare = |number: u8| doc! { "_id": i64::from(number), "id": i64::from(number) };
    let mut late = begin(&them, || bare(1)).await;
    them.put(vec![bare(2)]).await;
    let first = scan(&them, hold_back(COMMIT_DELAY), nulls(Nulls::First), 10);
    let begun = start(&first, Scope::Incremental).await;
    let (ids, position) = read(&first, &begun, usize::MAX).await;
    assert_eq!(ids, NONE, "1 may still come below 2");
    late.commit_transaction().await.expect("committed");
    let (ids, position) = read(&first, &position, usize::MAX).await;
    assert_eq!(ids, [1, 2]);
    assert_eq!(read(&first, &position, usize::MAX).await.0, NONE);
    them.close().await;
}

fn deduplication(file: Option<PathBuf>, most: usize) -> Rules {
    Rules {
        deduplication: DeduplicationSettings { file, most },
        ..Rules::default()
    }
}

fn again() -> Late {
    Late::ReRead(HoldBack {
        max_commit_delay: Some(COMMIT_DELAY),
        clock_skew: Duration::ZERO,
    })
}

/// Reads on until nothing is above what is settled; all that came.
async fn until_below_watermark(source: &MongodbScan, mut at: Position, last: &str) -> Vec<i64> {
    let mut all = Vec::new();
    let began = Instant::now();
    while !at.as_str().contains(last) {
        assert!(began.elapsed() < Duration::from_secs(60), "{at}");
        let (ids, next) = read(source, &at, usize::MAX).await;
        all.extend(ids);
        at = next;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    all
}

#[tokio::test]
async fn what_commits_late_is_read_again_and_nothing_else() {
    for kind in [Kind::Date, Kind::Number] {
        let them = opened().await;
        let folder = tempfile::tempdir().expect("a folder");
        let rules = deduplication(Some(folder.path().join("t.early")), 100);
        let value = |number| kind.value(number, Duration::ZERO);
        let mut late = begin(&them, || document(1, value(1))).await;
        for number in 2..5 {
            insert(&them, number, value(number)).await;
        }
        let source = scan(&them, again(), rules, 10);
        let begun = start(&source, Scope::Incremental).await;
        let (ids, position) = read(&source, &begun, usize::MAX).await;
        assert_eq!(ids, [2, 3, 4], "{kind:?}: at once, though 1 is open");
        let (ids, position) = read(&source, &position, usize::MAX).await;
        assert_eq!(ids, NONE, "{kind:?}");
        let documents = them.connection.database().collection::<Document>("t");
        let changed = documents.update_one(
            doc! { "_id": 3_i64 },
            doc! { "$set": { "text": "changed" } },
        );
        changed.await.expect("changed");
        late.commit_transaction().await.expect("committed");
        let (mut ids, position) = read(&source, &position, usize::MAX).await;
        ids.sort_unstable();
        assert_eq!(ids, [1, 3], "{kind:?}");
        let last = r#"{"$numberLong":"4"}],"sent""#;
        assert_eq!(
            until_below_watermark(&source, position, last).await,
            NONE,
            "{kind:?}"
        );
        them.close().await;
    }
}

#[tokio::test]
async fn a_restart_in_the_window_goes_on_in_it() {
    let them = opened().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.early");
    let source = scan(&them, again(), deduplication(Some(file.clone()), 100), 1);
    let now = || DateTime::now().into();
    let mut late = begin(&them, || document(1, now())).await;
    for number in 2..5 {
        insert(&them, number, now()).await;
    }
    let begun = start(&source, Scope::Incremental).await;
    let (ids, position) = read(&source, &begun, 1).await;
    assert_eq!(ids, [2]);
    late.commit_transaction().await.expect("committed");
    // What was read ahead behind that position was never acknowledged.
    let (ids, position) = read(&source, &position, usize::MAX).await;
    assert_eq!(ids, [1, 3, 4]);
    std::fs::remove_file(&file).expect("removed");
    insert(&them, 5, now()).await;
    let (ids, _) = read(&source, &position, usize::MAX).await;
    assert!(
        ids.ends_with(&[5]),
        "without the file the window may come again: {ids:?}"
    );
    them.close().await;
}

#[tokio::test]
async fn what_there_is_no_room_for_is_sent_again_and_nothing_else() {
    let them = opened().await;
    let folder = tempfile::tempdir().expect("a folder");
    let rules = deduplication(Some(folder.path().join("t.early")), 2);
    let late = begin(&them, || document(1, ObjectId::new().into())).await;
    for number in 2..5 {
        insert(&them, number, ObjectId::new().into()).await;
    }
    let source = scan(&them, again(), rules, 10);
    let begun = start(&source, Scope::Incremental).await;
    let (ids, position) = read(&source, &begun, usize::MAX).await;
    assert_eq!(ids, [2, 3, 4]);
    drop(late);
    let mut rest = until_below_watermark(&source, position, r#"{"$numberLong":"4"}],"sent""#).await;
    // By each run, until it is settled.
    rest.dedup();
    assert_eq!(rest, [4]);
    them.close().await;
}
