//! The contract of a store of cursors: behaviours by name, each run against every store.

use std::time::Duration;

use highwater::{
    cursor::{CursorError, CursorLease, CursorStore},
    fault::{Fault, Faulty, chain},
    model::{FlowName, Position},
};
use tokio::time::timeout;

use super::cursors::{Files, Holder, LONG, Memory, Mongodb, SHORT, Server, Sqlite, Stores, flow};

/// Each behaviour is a test by its own name.
macro_rules! suite {
    ($open:expr, $($behaviour:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let stores = $open;
                super::$behaviour(&stores).await;
                Stores::close(&stores).await;
            }
        )*
    };
}

/// What every store does.
macro_rules! every {
    ($open:expr) => {
        suite!(
            $open,
            what_is_saved_is_loaded_and_listed_until_it_is_removed,
            a_flow_is_held_once,
            a_lease_that_is_released_or_dropped_is_free,
            flows_of_any_name_have_cursors_of_their_own,
            a_position_of_any_size_comes_back,
        );
    };
}

/// What a store does besides that outlives its process.
macro_rules! lasting {
    ($open:expr) => {
        every!($open);
        suite!(
            $open,
            another_store_finds_what_one_has_saved,
            another_process_is_kept_out_until_it_is_gone,
            what_is_damaged_is_refused_with_place_and_remedy_and_can_be_removed,
            many_flows_save_at_the_same_time,
            a_hold_that_was_deleted_by_hand_lets_no_two_save,
        );
    };
}

/// What a store does besides that several machines share.
macro_rules! leased {
    ($open:expr) => {
        lasting!($open);
        suite!(
            $open,
            a_lease_that_expired_and_was_taken_cannot_save,
            a_name_too_long_for_a_key_is_told,
        );
    };
}

macro_rules! stores {
    ($($name:ident: $suite:ident!($open:expr);)*) => {
        $(mod $name {
            use super::*;
            $suite!($open);
        })*
    };
}

stores! {
    memory: every!(Memory::default());
    file: lasting!(Files::open());
    sqlite: leased!(Sqlite::open());
    mysql: leased!(Server::open("HIGHWATER_TEST_MYSQL_URL").await);
    mariadb: leased!(Server::open("HIGHWATER_TEST_MARIADB_URL").await);
    mongodb: leased!(Mongodb::open().await);
}

const PATIENCE: Duration = Duration::from_secs(20);

pub fn position(text: &str) -> Position {
    Position::new(format!("{{\"after\":\"{text}\"}}"))
}

pub async fn lease(store: &dyn CursorStore, flow: &FlowName) -> Box<dyn CursorLease> {
    store.lease(flow).await.expect("free")
}

/// The error of a lease that must be held.
async fn held(store: &dyn CursorStore, flow: &FlowName) -> String {
    let Err(error) = store.lease(flow).await else {
        panic!("{flow} is leased twice");
    };
    assert!(matches!(error, CursorError::Leased { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Permanent);
    let said = chain(&error);
    assert!(said.contains(&flow.text()), "{said}");
    said
}

/// The stored flows and positions.
pub async fn listed(store: &dyn CursorStore) -> Vec<(String, Position)> {
    let stored = store.list().await.expect("listed");
    let pair = |it: highwater::cursor::StoredCursor| (it.flow, it.position.expect("not damaged"));
    stored.into_iter().map(pair).collect()
}

async fn what_is_saved_is_loaded_and_listed_until_it_is_removed(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    assert_eq!(listed(&*store).await, []);
    let mut lease = lease(&*store, &flow("t")).await;
    assert_eq!(lease.load().await.expect("loaded"), None);
    lease.remove().await.expect("there is nothing to remove");
    for text in ["1", "1", "ä\\n😀", "2"] {
        lease.save(&position(text)).await.expect("saved");
        assert_eq!(lease.load().await.expect("loaded"), Some(position(text)));
    }
    assert_eq!(listed(&*store).await, [(flow("t").text(), position("2"))]);
    assert!(!store.location(&flow("t")).is_empty());
    lease.remove().await.expect("removed");
    assert_eq!(lease.load().await.expect("loaded"), None);
    assert_eq!(listed(&*store).await, []);
    lease.save(&position("3")).await.expect("saved again");
    assert_eq!(lease.load().await.expect("loaded"), Some(position("3")));
}

async fn a_flow_is_held_once(stores: &dyn Stores) {
    let (one, other) = (stores.store(SHORT).await, stores.store(SHORT).await);
    let mut lease = lease(&*one, &flow("t")).await;
    lease.save(&position("1")).await.expect("saved");
    held(&*one, &flow("t")).await;
    held(&*other, &flow("t")).await;
    // Others are free, and lists need no lease.
    drop(other.lease(&flow("t2")).await.expect("free"));
    assert_eq!(listed(&*other).await.len(), 1);
    lease.save(&position("2")).await.expect("still held");
}

async fn a_lease_that_is_released_or_dropped_is_free(stores: &dyn Stores) {
    let (one, other) = (stores.store(LONG).await, stores.store(LONG).await);
    let free_in_time = async |store: &dyn CursorStore| {
        let leased = timeout(PATIENCE, store.lease(&flow("t"))).await;
        leased.expect("in time").expect("free")
    };
    for round in ["1", "2", "3"] {
        let mut lease = free_in_time(&*one).await;
        lease.save(&position(round)).await.expect("saved");
        lease.release().await;
        let mut lease = free_in_time(&*other).await;
        assert_eq!(lease.load().await.expect("loaded"), Some(position(round)));
        drop(lease);
    }
}

async fn flows_of_any_name_have_cursors_of_their_own(stores: &dyn Stores) {
    let named = |data_type: &str, topic: &str, source: &str| FlowName {
        data_type: data_type.to_owned(),
        topic: topic.to_owned(),
        source: source.to_owned(),
    };
    let flows = [
        named("a", "b", "c"),
        named("a/b", "c", "c"),
        named("a", "b/c", "c"),
        named("a", "b", "b/c"),
        named("A", "b", "c"),
        named("a", "b", "c "),
        named("a@b", "c", "c"),
        named("a%2fb", "c", "c"),
        named("..", "..", ".."),
        named("ä", "b", "c"),
        named("a\u{308}", "b", "c"),
        named("信息", "数据", "采集.原始列表"),
        named("quote'\"`;--", "new\nline", "nul\\0"),
        named("x.new", "x.lock", "x.json"),
        named(&"d".repeat(500), "t", "s"),
        named(&"d".repeat(501), "t", "s"),
        named("d", &"信".repeat(100), "s"),
        named("d", &"信".repeat(99), "s"),
    ];
    let store = stores.store(LONG).await;
    // All at once, so that two that share a lease are seen.
    let mut leases = Vec::new();
    for flow in &flows {
        let leased = store.lease(flow).await;
        let leased = leased.unwrap_or_else(|error| panic!("{flow}: {}", chain(&error)));
        leases.push(leased);
    }
    for (index, lease) in leases.iter_mut().enumerate() {
        let saved = lease.save(&position(&index.to_string())).await;
        saved.expect("saved");
    }
    for (index, lease) in leases.iter_mut().enumerate() {
        let loaded = lease.load().await.expect("loaded");
        assert_eq!(loaded, Some(position(&index.to_string())));
    }
    let mut names: Vec<String> = flows.iter().map(FlowName::text).collect();
    names.sort();
    let mut found: Vec<String> = listed(&*store).await.into_iter().map(|it| it.0).collect();
    found.sort();
    assert_eq!(found, names);
}

async fn a_position_of_any_size_comes_back(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    let mut lease = lease(&*store, &flow("t")).await;
    for length in [0, 1 << 10, 1 << 20] {
        let large = position(&"文".repeat(length));
        lease.save(&large).await.expect("saved");
        assert_eq!(lease.load().await.expect("loaded"), Some(large));
    }
    // As it stands: neither its spaces nor its numbers are touched.
    let exact = Position::new(r#"{ "b" : 1.50, "a":[18446744073709551615] }"#);
    lease.save(&exact).await.expect("saved");
    assert_eq!(lease.load().await.expect("loaded"), Some(exact));
}

async fn another_store_finds_what_one_has_saved(stores: &dyn Stores) {
    let one = stores.store(LONG).await;
    let mut first = lease(&*one, &flow("t")).await;
    first.save(&position("1")).await.expect("saved");
    let other = stores.store(LONG).await;
    assert_eq!(listed(&*other).await, [(flow("t").text(), position("1"))]);
    let stored = other.list().await.expect("listed");
    assert!(stored[0].saved_at > 1_700_000_000, "{stored:?}");
    first.release().await;
    drop(one);
    let mut second = lease(&*other, &flow("t")).await;
    assert_eq!(second.load().await.expect("loaded"), Some(position("1")));
}

async fn another_process_is_kept_out_until_it_is_gone(stores: &dyn Stores) {
    let address = stores.address().expect("another process can find it");
    let holder = tokio::task::spawn_blocking(move || Holder::start(&address));
    let holder = holder.await.expect("started");
    let store = stores.store(SHORT).await;
    let said = held(&*store, &flow("t")).await;
    let by = [holder.id().to_string(), "machine".to_owned()];
    assert!(by.iter().any(|it| said.contains(it)), "{said}");
    // Killed, as by kill -9: what it had saved is there.
    drop(holder);
    let mut lease = timeout(PATIENCE, store.lease(&flow("t")))
        .await
        .expect("in time")
        .expect("free");
    let theirs = lease.load().await.expect("loaded");
    assert_eq!(theirs, Some(Position::new("[\"theirs\"]")));
    lease.save(&position("ours")).await.expect("saved");
}

async fn what_is_damaged_is_refused_with_place_and_remedy_and_can_be_removed(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    let (flow, other) = (flow("t"), flow("whole"));
    let mut whole = lease(&*store, &other).await;
    whole.save(&position("1")).await.expect("saved");
    let mut lease = lease(&*store, &flow).await;
    for damage in ["", " ", "None", "{\"after\":", "{\"after\":1}}"] {
        lease.save(&position("1")).await.expect("saved");
        stores.damage(&flow, damage).await;
        let error = lease.load().await.expect_err(damage);
        assert!(matches!(error, CursorError::Damaged { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Permanent);
        let said = chain(&error);
        for part in [&store.location(&flow), "cursor set", "cursor reset"] {
            assert!(said.contains(part), "{said}");
        }
        // It is listed as damaged, and hides no other.
        let stored = store.list().await.expect("listed");
        let of = |name: &FlowName| stored.iter().find(|it| it.flow == name.text());
        let listed = of(&flow).and_then(|it| it.position.clone().err());
        assert_eq!(listed, Some(error.to_string()), "{stored:?}");
        assert!(
            of(&other).is_some_and(|it| it.position.is_ok()),
            "{stored:?}"
        );
        lease.remove().await.expect("removed");
        assert_eq!(lease.load().await.expect("loaded"), None);
    }
}

async fn many_flows_save_at_the_same_time(stores: &dyn Stores) {
    let store: std::sync::Arc<dyn CursorStore> = stores.store(LONG).await.into();
    let save = |number: u32| {
        let store = store.clone();
        async move {
            let mut lease = lease(&*store, &flow(&number.to_string())).await;
            for round in 0..10 {
                lease
                    .save(&position(&round.to_string()))
                    .await
                    .expect("saved");
            }
            lease.release().await;
        }
    };
    let all = (0..16).map(|number| tokio::spawn(save(number)));
    for saved in all.collect::<Vec<_>>() {
        saved.await.expect("no panic");
    }
    let stored = listed(&*store).await;
    assert_eq!(stored.len(), 16);
    assert!(stored.iter().all(|it| it.1 == position("9")), "{stored:?}");
}

/// The row, the document or the lock's file: who finds it gone takes the flow, and who had it before
/// is told so.
async fn a_hold_that_was_deleted_by_hand_lets_no_two_save(stores: &dyn Stores) {
    let (one, other) = (stores.store(LONG).await, stores.store(LONG).await);
    let mut first = lease(&*one, &flow("t")).await;
    first.save(&position("1")).await.expect("saved");
    stores.forget(&flow("t")).await;
    let mut second = lease(&*other, &flow("t")).await;
    second.save(&position("2")).await.expect("saved");
    for answer in [first.save(&position("3")).await, first.remove().await] {
        assert!(matches!(answer, Err(CursorError::Fenced(_))), "{answer:?}");
    }
    first.release().await;
    assert_eq!(second.load().await.expect("loaded"), Some(position("2")));
    second.save(&position("4")).await.expect("still held");
    held(&*one, &flow("t")).await;
}

async fn a_name_too_long_for_a_key_is_told(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    let longest = 1024 - flow("").text().len();
    drop(lease(&*store, &flow(&"t".repeat(longest))).await);
    let long = flow(&"t".repeat(longest + 1));
    let error = store.lease(&long).await.err().expect("too long");
    assert!(matches!(error, CursorError::Refused { .. }), "{error:?}");
    let said = chain(&error);
    for part in ["1025 bytes", "1024", "choose a shorter name", &long.text()] {
        assert!(said.contains(part), "{said}");
    }
}

/// A process in a long pause: its lease expires, since nothing in it runs, not even a renewal.
async fn a_lease_that_expired_and_was_taken_cannot_save(stores: &dyn Stores) {
    let short = Duration::from_millis(500);
    std::thread::scope(|threads| {
        let paused = threads.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            let leased = runtime.block_on(async {
                let store = stores.store(short).await;
                let mut lease = lease(&*store, &flow("t")).await;
                lease.save(&position("old")).await.expect("saved");
                (store, lease)
            });
            (runtime, leased)
        });
        let (runtime, (_store, mut stale)) = paused.join().expect("leased");
        let resumed = tokio::task::block_in_place(|| {
            let handle = tokio::runtime::Handle::current();
            let mut taken = handle.block_on(async {
                let store = stores.store(short).await;
                let mut lease = timeout(PATIENCE, store.lease(&flow("t")))
                    .await
                    .expect("in time")
                    .expect("expired");
                assert_eq!(lease.load().await.expect("loaded"), Some(position("old")));
                lease.save(&position("new")).await.expect("saved");
                lease
            });
            let answers = runtime.block_on(async {
                let saved = stale.save(&position("stale")).await;
                let removed = stale.remove().await;
                let loaded = stale.load().await.map(drop);
                // Nor does giving it back end the other's lease.
                stale.release().await;
                [saved, removed, loaded]
            });
            for answer in answers {
                assert!(matches!(answer, Err(CursorError::Fenced(_))), "{answer:?}");
            }
            handle.block_on(async { taken.load().await.expect("loaded") })
        });
        runtime.shutdown_background();
        assert_eq!(resumed, Some(position("new")));
    });
}
