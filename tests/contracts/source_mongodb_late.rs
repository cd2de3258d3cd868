//! Documents that commit late: nothing below the cursor may still come.

use std::time::{Duration, Instant};

use super::sources::{Mongodb, POLL, Rows, ids, limits, next, open, read, start};
use ::mongodb::{
    ClientSession,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
};
use highwater::{
    connect::mongodb::MongodbConnection,
    model::Position,
    source::{
        HoldBack, InspectableSource, Late, ReadLimits, ReadMode, Scope, SourceReader,
        mongodb::scan::{MongodbScan, MongodbScanSettings},
    },
};

use tokio::time::timeout;

/// Short, as the tests' writers are on this machine.
pub const COMMIT_DELAY: Duration = Duration::from_millis(300);

pub fn hold_back(max_commit_delay: Duration) -> Late {
    Late::HoldBack(HoldBack {
        max_commit_delay: Some(max_commit_delay),
        clock_skew: Duration::ZERO,
    })
}

pub fn scan_by(
    connection: &MongodbConnection,
    field: &str,
    late: Late,
    limits: ReadLimits,
) -> MongodbScan {
    let settings = MongodbScanSettings {
        collection: "t".to_owned(),
        incremental: field.to_owned(),
        key: None,
        limits,
        poll: POLL,
        late,
        sharing: super::sources::SHARING,
        rules: highwater::source::Rules::default(),
    };
    MongodbScan::new(connection.clone(), &settings)
}

pub fn scan(them: &Mongodb, field: &str, late: Late) -> MongodbScan {
    scan_by(&them.connection, field, late, limits(10))
}

/// Answers soon while nothing comes.
pub fn restless() -> ReadLimits {
    ReadLimits {
        max_wait: Duration::from_millis(100),
        ..limits(10)
    }
}

/// What the incremental field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Date,
    ObjectId,
    Number,
    Text,
}

const KINDS: [Kind; 4] = [Kind::Date, Kind::ObjectId, Kind::Number, Kind::Text];

impl Kind {
    /// A value that a client takes `ago` before now; `number` orders those of one moment.
    pub fn value(self, number: u8, ago: Duration) -> Bson {
        let now = DateTime::now().timestamp_millis() - ago.as_millis() as i64;
        match self {
            Self::Date => DateTime::from_millis(now).into(),
            Self::ObjectId => {
                let mut bytes = [0; 12];
                bytes[..4].copy_from_slice(&((now / 1000) as u32).to_be_bytes());
                bytes[11] = number;
                ObjectId::from_bytes(bytes).into()
            }
            Self::Number => Bson::Int32(number.into()),
            Self::Text => format!("{number:03}").into(),
        }
    }
}

pub fn document(number: u8, at: Bson) -> Document {
    doc! { "_id": i64::from(number), "id": i64::from(number), "at": at }
}

/// An empty collection: a transaction that had to make it would keep all others out.
pub async fn opened() -> Mongodb {
    let them = Mongodb::open(Mongodb::object_id).await;
    let made = them.connection.database().create_collection("t").await;
    made.expect("made");
    them
}

pub async fn insert(them: &Mongodb, number: u8, at: Bson) {
    them.put(vec![document(number, at)]).await;
}

/// A transaction with a document in it that nobody else sees yet.
pub async fn begin(them: &Mongodb, document: impl FnOnce() -> Document) -> ClientSession {
    let database = them.connection.database();
    let mut session = database.client().start_session().await.expect("a session");
    session.start_transaction().await.expect("begun");
    let documents = database.collection::<Document>("t");
    // The transaction begins with this first statement, its value is taken behind that.
    let none = documents
        .find_one(doc! { "_id": "none" })
        .session(&mut session);
    assert_eq!(none.await.expect("read"), None);
    let insert = documents.insert_one(document()).session(&mut session);
    insert.await.expect("inserted");
    session
}

pub async fn commit(mut session: ClientSession) {
    session.commit_transaction().await.expect("committed");
}

pub async fn run(source: &MongodbScan, position: &Position) -> (Vec<i64>, Position) {
    read(source, position, usize::MAX).await
}

/// Runs until as many documents have come: transactions of other tests hold all back.
pub async fn gather(
    source: &MongodbScan,
    position: Position,
    count: usize,
) -> (Vec<i64>, Position) {
    let (mut all, mut position) = (Vec::new(), position);
    let runs = async {
        while all.len() < count {
            let (part, behind) = run(source, &position).await;
            all.extend(part);
            position = behind;
        }
    };
    let ended = timeout(Duration::from_secs(60), runs).await;
    assert!(
        ended.is_ok(),
        "{count} documents, read {all:?} up to {position}"
    );
    (all, position)
}

/// The next so many documents of a following read.
async fn come(reader: &mut dyn SourceReader, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    let whole = async {
        while all.len() < count {
            all.extend(ids(&next(reader).await.expect("no end")));
        }
    };
    let ended = timeout(Duration::from_secs(60), whole).await;
    assert!(ended.is_ok(), "{all:?} of {count} documents have come");
    all
}

/// Reads heartbeats for a while, longer than anything settles by itself.
pub async fn expect_nothing(reader: &mut dyn SourceReader, why: &str) {
    let until = Instant::now() + COMMIT_DELAY * 4 + Duration::from_secs(1);
    while Instant::now() < until {
        let batch = reader.next_batch().await.expect("read").expect("no end");
        assert_eq!(ids(&batch), Vec::<i64>::new(), "{why}");
    }
}

/// A transaction takes a value; another one commits a higher value, and a run reads; then the first
/// commits, and runs read until `count` documents have come in all.
async fn commit_late(kind: Kind, late: Late, count: usize) -> Vec<i64> {
    let them = opened().await;
    insert(&them, 1, kind.value(1, Duration::from_secs(20))).await;
    let source = scan(&them, "at", late);
    let begun = start(&source, Scope::Incremental).await;
    let (mut all, position) = gather(&source, begun, 1).await;
    let open = begin(&them, || document(2, kind.value(2, Duration::ZERO))).await;
    insert(&them, 3, later(kind)).await;
    let (part, position) = run(&source, &position).await;
    all.extend(part);
    commit(open).await;
    let (part, position) = gather(&source, position, count - all.len()).await;
    all.extend(part);
    let (none, _) = run(&source, &position).await;
    assert!(none.is_empty(), "{kind:?}: {none:?} once more");
    them.close().await;
    all
}

/// Above the value that was taken just now.
pub fn later(kind: Kind) -> Bson {
    match kind.value(3, Duration::ZERO) {
        Bson::DateTime(it) => DateTime::from_millis(it.timestamp_millis() + 1).into(),
        other => other,
    }
}

#[tokio::test]
async fn what_commits_late_is_read_when_reading_holds_back() {
    for kind in KINDS {
        let all = commit_late(kind, hold_back(COMMIT_DELAY), 3).await;
        assert_eq!(all, [1, 2, 3], "{kind:?}");
    }
}

/// The same without holding back: what the other test shows is there to be lost.
#[tokio::test]
async fn what_commits_late_is_lost_when_reading_does_not_hold_back() {
    for kind in KINDS {
        let all = commit_late(kind, Late::None, 2).await;
        assert_eq!(all, [1, 3], "{kind:?}");
    }
}

#[tokio::test]
async fn a_following_read_waits_for_the_transaction_and_then_goes_on_in_order() {
    for kind in KINDS {
        let them = opened().await;
        let source = scan_by(&them.connection, "at", hold_back(COMMIT_DELAY), restless());
        let begun = start(&source, Scope::Incremental).await;
        let mut reader = open(&source, &begun, ReadMode::Follow).await;
        let transaction = begin(&them, || document(1, kind.value(1, Duration::ZERO))).await;
        let second = match kind {
            Kind::Number | Kind::Text => kind.value(2, Duration::ZERO),
            _ => later(kind),
        };
        insert(&them, 2, second).await;
        expect_nothing(&mut *reader, &format!("{kind:?} passed what is open")).await;
        commit(transaction).await;
        assert_eq!(come(&mut *reader, 2).await, [1, 2], "{kind:?}");
        them.close().await;
    }
}

/// As a person does it, with the usual settings.
#[tokio::test]
async fn what_is_there_when_a_run_begins_is_read_by_it_and_soon() {
    for kind in KINDS {
        let them = opened().await;
        let source = scan(&them, "at", Late::default());
        let mut position = start(&source, Scope::Incremental).await;
        for number in 1..=2 {
            insert(&them, number, kind.value(number, Duration::ZERO)).await;
            let begun = Instant::now();
            let (all, end) = run(&source, &position).await;
            assert_eq!(all, [i64::from(number)], "{kind:?}");
            // Two seconds, and transactions of other tests, on a busy machine.
            assert!(begun.elapsed() < Duration::from_secs(9), "{kind:?}");
            assert!(!end.as_str().contains("seen"), "{end}");
            position = end;
        }
        assert_eq!(
            run(&source, &position).await,
            (vec![], position.clone()),
            "{kind:?}"
        );
        them.close().await;
    }
}

#[tokio::test]
async fn what_is_ahead_of_the_clock_is_left_for_its_time() {
    for kind in [Kind::Date, Kind::ObjectId] {
        let them = opened().await;
        insert(&them, 1, kind.value(1, Duration::from_secs(20))).await;
        let hour = Duration::from_secs(3600);
        let ahead = match kind.value(2, Duration::ZERO) {
            Bson::DateTime(it) => {
                DateTime::from_millis(it.timestamp_millis() + hour.as_millis() as i64).into()
            }
            Bson::ObjectId(it) => {
                let mut bytes = it.bytes();
                bytes[0] += 1;
                ObjectId::from_bytes(bytes).into()
            }
            other => other,
        };
        insert(&them, 2, ahead).await;
        let source = scan(&them, "at", Late::default());
        let begun = Instant::now();
        let (all, end) = run(&source, &start(&source, Scope::Incremental).await).await;
        assert_eq!(all, [1], "{kind:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(9),
            "it is not waited for"
        );
        // The cursor has not been carried away.
        insert(&them, 3, kind.value(3, Duration::from_secs(5))).await;
        assert_eq!(run(&source, &end).await.0, [3], "{kind:?}");
        let findings = source.check().await.expect("checked");
        let said = findings
            .iter()
            .any(|it| it.text.contains("ahead of the server's clock"));
        assert!(said, "{findings:?}");
        them.close().await;
    }
}

#[tokio::test]
async fn clocks_that_are_apart_are_allowed_for_as_declared() {
    let them = opened().await;
    let late = Late::HoldBack(HoldBack {
        max_commit_delay: Some(Duration::ZERO),
        clock_skew: Duration::from_secs(4),
    });
    let source = scan_by(&them.connection, "at", late, restless());
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Follow).await;
    insert(&them, 1, Kind::Date.value(1, Duration::from_secs(1))).await;
    for _ in 0..3 {
        let batch = reader.next_batch().await.expect("read").expect("no end");
        assert!(batch.records.is_empty(), "another clock may be behind");
    }
    insert(&them, 2, Kind::Date.value(2, Duration::from_secs(2))).await;
    assert_eq!(come(&mut *reader, 2).await, [2, 1]);
    let findings = source.check().await.expect("checked");
    assert!(
        findings
            .iter()
            .any(|it| it.text.contains("`clock-skew` (4s)")),
        "{findings:?}"
    );
    them.close().await;
}

/// Where one transaction or another is always open, runs get on by what earlier ones have seen.
#[tokio::test]
async fn what_was_seen_before_a_transaction_began_is_read_while_that_is_open() {
    let them = opened().await;
    let source = scan(&them, "at", hold_back(COMMIT_DELAY));
    let first = begin(&them, || document(9, Bson::Int32(9))).await;
    insert(&them, 1, Bson::Int32(1)).await;
    let (none, position) = run(&source, &start(&source, Scope::Incremental).await).await;
    assert_eq!(
        (none, position.as_str().contains("seen")),
        (vec![], true),
        "{position}"
    );
    let second = begin(&them, || document(8, Bson::Int32(8))).await;
    commit(first).await;
    insert(&them, 10, Bson::Int32(10)).await;
    let (part, position) = gather(&source, position, 1).await;
    assert_eq!(part, [1], "up to {position}");
    commit(second).await;
    assert_eq!(gather(&source, position, 3).await.0, [8, 9, 10]);
    them.close().await;
}

/// Its values are of the time when it began.
#[tokio::test]
async fn a_write_that_takes_long_is_waited_for() {
    let them = opened().await;
    let database = them.connection.database();
    let from = database.collection::<Document>("from");
    from.insert_one(document(1, Bson::Null))
        .await
        .expect("inserted");
    let source = scan_by(&them.connection, "at", hold_back(COMMIT_DELAY), restless());
    insert(&them, 9, Kind::Date.value(9, Duration::from_secs(20))).await;
    let begun = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &begun, ReadMode::Follow).await;
    assert_eq!(ids(&next(&mut *reader).await.expect("no end")), [9]);
    let sleep = doc! { "body": "function() { sleep(2500); return 1; }", "args": [], "lang": "js" };
    let stages = [
        doc! { "$set": { "at": "$$NOW", "slept": { "$function": sleep } } },
        doc! { "$merge": "t" },
    ];
    let slow = tokio::spawn({
        let from = from.clone();
        async move { from.aggregate(stages).await.map(drop) }
    });
    let running = doc! { "aggregate": 1, "cursor": {}, "pipeline": [
        { "$currentOp": {} },
        { "$match": { "ns": from.namespace().to_string(), "active": true } },
    ] };
    let admin = database.client().database("admin");
    loop {
        let answer = admin
            .run_command(running.clone())
            .await
            .expect("it is valid");
        let found = answer.get_document("cursor").expect("one");
        if !found.get_array("firstBatch").expect("a list").is_empty() {
            break;
        }
    }
    insert(&them, 2, later(Kind::Date)).await;
    assert_eq!(come(&mut *reader, 2).await, [1, 2]);
    slow.await.expect("no panic").expect("merged");
    them.close().await;
}
