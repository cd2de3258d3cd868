//! What reading up to a settled place rests on: before a full read, without the right to see
//! transactions, and behind which time.

use std::time::Duration;

use ::mongodb::bson::{Bson, Document, doc};
use highwater::{
    connect::mongodb::{self, MongodbConnection, MongodbSettings},
    model::Severity,
    source::{HoldBack, InspectableSource, Late, ReadMode, Scope},
};

use super::{
    source_mongodb_late::{
        COMMIT_DELAY, Kind, begin, commit, document, expect_nothing, gather, hold_back, insert,
        later, opened, restless, run, scan, scan_by,
    },
    source_mongodb_proxy::{Entry, Proxy},
    sources::{Mongodb, Rows, ids, limits, open, sorted, start},
};

/// The place to go on from is one below which nothing may still commit.
#[tokio::test]
async fn a_full_read_goes_on_from_what_was_settled_before_it() {
    for kind in [Kind::Date, Kind::ObjectId] {
        for by_id in [false, true] {
            let them = opened().await;
            let document = |number: u8, at: Bson| {
                if by_id {
                    doc! { "_id": at, "id": i64::from(number) }
                } else {
                    document(number, at)
                }
            };
            let old = kind.value(1, Duration::from_secs(20));
            them.put(vec![document(1, old)]).await;
            let open = begin(&them, || document(2, kind.value(2, Duration::ZERO))).await;
            them.put(vec![document(3, later(kind))]).await;
            let source = scan(
                &them,
                if by_id { "_id" } else { "at" },
                hold_back(COMMIT_DELAY),
            );
            let begun = start(&source, Scope::Full).await;
            let (all, end) = run(&source, &begun).await;
            // By another order the whole collection is read, and what had not settled once more.
            let expected: &[i64] = if by_id { &[1] } else { &[1, 3] };
            assert_eq!(all, expected, "{kind:?}");
            commit(open).await;
            let (all, _) = gather(&source, end, 2).await;
            assert_eq!(all, [2, 3], "{kind:?}");
            them.close().await;
        }
    }
}

/// What is no clock has to be seen and to settle first.
#[tokio::test]
async fn a_full_read_by_numbers_begins_when_what_was_last_has_settled() {
    let them = opened().await;
    let transaction = begin(&them, || document(2, Bson::Int32(2))).await;
    insert(&them, 1, Bson::Int32(1)).await;
    insert(&them, 3, Bson::Int32(3)).await;
    let source = scan_by(&them.connection, "at", hold_back(COMMIT_DELAY), restless());
    let begun = start(&source, Scope::Full).await;
    let mut reader = open(&source, &begun, ReadMode::Bounded).await;
    expect_nothing(&mut *reader, "a page before the place to go on from").await;
    commit(transaction).await;
    let (mut all, mut position) = (Vec::new(), begun);
    while let Some(batch) = reader.next_batch().await.expect("read") {
        all.extend(ids(&batch));
        position = batch.position;
    }
    assert_eq!(sorted(all), [1, 2, 3]);
    assert_eq!(
        run(&source, &position).await.0,
        Vec::<i64>::new(),
        "{position}"
    );
    them.close().await;
}

async fn proxied(them: &Mongodb) -> (MongodbConnection, Proxy) {
    let url = std::env::var("HIGHWATER_TEST_MONGODB_URL").expect("it is set");
    let proxy = Proxy::start(&url).await;
    let settings = MongodbSettings {
        url: proxy.url.clone().into(),
        database: Some(them.connection.database().name().to_owned()),
    };
    let connection = mongodb::open("crawler", &settings).await;
    (connection.expect("it answers"), proxy)
}

#[tokio::test]
async fn a_user_who_may_not_see_transactions_is_told_what_it_costs() {
    let them = opened().await;
    let (connection, _proxy) = proxied(&them).await;
    insert(&them, 1, Kind::Date.value(1, Duration::ZERO)).await;
    for (max_commit_delay, says) in [
        (None, "90s"),
        (Some(COMMIT_DELAY), "`max-commit-delay` says 300ms"),
    ] {
        let late = Late::HoldBack(HoldBack {
            max_commit_delay,
            clock_skew: Duration::ZERO,
        });
        let source = scan_by(&connection, "at", late, limits(10));
        let findings = source.check().await.expect("checked");
        let note = findings
            .iter()
            .find(|it| it.text.contains("clusterMonitor"));
        let note = note.unwrap_or_else(|| panic!("{findings:?}"));
        assert_eq!(note.severity, Severity::Note);
        assert!(note.text.contains(says), "{note:?}");
    }
    let source = scan_by(&connection, "at", hold_back(COMMIT_DELAY), limits(10));
    let (all, _) = run(&source, &start(&source, Scope::Incremental).await).await;
    assert_eq!(all, [1]);
    them.close().await;
}

/// Where the majority is behind the primary, a page waits for it.
#[tokio::test]
async fn each_page_is_read_behind_the_time_of_the_look() {
    let them = opened().await;
    let (connection, proxy) = proxied(&them).await;
    let source = scan_by(&connection, "at", hold_back(COMMIT_DELAY), limits(10));
    let mut position = start(&source, Scope::Incremental).await;
    for number in 1..=20 {
        insert(
            &them,
            number,
            Kind::Date.value(number, Duration::from_secs(60 - u64::from(number))),
        )
        .await;
        // Others write all the time, so that the time of each look is another one.
        let others = them.connection.database().collection::<Document>("others");
        let write = async {
            loop {
                others.insert_one(doc! {}).await.expect("inserted");
            }
        };
        tokio::select! {
            (all, behind) = run(&source, &position) => {
                assert_eq!(all, [i64::from(number)]);
                position = behind;
            }
            () = write => {}
        }
    }
    let (mut looked, mut pages) = (None, 0);
    for entry in proxy.log() {
        match entry {
            Entry::Look(time) => looked = Some(time),
            Entry::Page(find) => {
                let concern = find.get_document("readConcern").expect("one");
                assert_eq!(concern.get_str("level").ok(), Some("majority"), "{find}");
                let after = concern.get_timestamp("afterClusterTime").expect("one");
                let looked = looked.expect("a look before it");
                assert!(after >= looked, "{find} is not behind {looked}");
                pages += 1;
            }
        }
    }
    assert!(pages >= 20, "{pages} pages");
    them.close().await;
}
