//! The history of a schedule's runs, in every store of cursors.

use highwater::{
    cursor::{
        CursorError, CursorStore,
        history::{History, MOST_RUNS, Outcome, Run, RunHistory, read_history},
    },
    model::FlowName,
};

use super::cursors::{Files, LONG, Memory, Mongodb, Server, Sqlite, Stores};

macro_rules! stores {
    ($($name:ident: $open:expr;)*) => {
        $(mod $name {
            use super::*;

            behaviours!($open; what_runs_is_kept_and_bounded, a_history_is_held_once,
                a_run_without_an_end_was_interrupted, a_lost_history_is_told);
        })*
    };
}

macro_rules! behaviours {
    ($open:expr; $($behaviour:ident),*) => {
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

stores! {
    memory: Memory::default();
    file: Files::open();
    sqlite: Sqlite::open();
    mysql: Server::open("HIGHWATER_TEST_MYSQL_URL").await;
    mariadb: Server::open("HIGHWATER_TEST_MARIADB_URL").await;
    mongodb: Mongodb::open().await;
}

fn run(due: i64) -> Run {
    Run {
        due,
        started: due + 1,
        ended: None,
        outcome: Outcome::Running,
        rows: 0,
        skipped: 2,
        error: None,
        by: "a machine".to_owned(),
    }
}

async fn take(store: &dyn CursorStore) -> RunHistory {
    let taken = RunHistory::take(store, "nightly", 1_000).await;
    taken.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn read(store: &dyn CursorStore) -> Option<History> {
    let stored = store.list().await.expect("listed");
    let read = read_history(store, &stored, "nightly").await;
    read.expect("it can be read")
}

async fn what_runs_is_kept_and_bounded(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    assert_eq!(read(&*store).await, None);
    let mut history = take(&*store).await;
    // It begins with being seen, so that a first time that is missed is known.
    let seen = read(&*store).await.expect("it is stored");
    assert_eq!((seen.since, seen.done_up_to()), (1_000, 1_000));
    let most = i64::try_from(MOST_RUNS).expect("a number");
    for due in 1..=most + 3 {
        history.begin(run(due * 2_000)).await.expect("kept");
    }
    let error = Some("'é' \"quoted\" $field ".repeat(200));
    let ended = history.end(9_000_000, Outcome::Failed, 7, error).await;
    ended.expect("kept");
    history.release().await;
    let other = stores.store(LONG).await;
    let kept = read(&*other).await.expect("it is stored");
    assert_eq!(kept.runs.len(), MOST_RUNS);
    assert_eq!(kept.runs[0].due, 4 * 2_000);
    let last = kept.runs.last().expect("one");
    assert_eq!(
        (last.rows, last.ended, last.skipped),
        (7, Some(9_000_000), 2)
    );
    let error = last.error.as_ref().expect("an error");
    assert!(error.starts_with("'é' \"quoted\" $field"), "{error}");
    assert_eq!(error.chars().count(), 1_000);
    assert_eq!(kept.done_up_to(), (most + 3) * 2_000);
    assert!(kept.has_done((most + 3) * 2_000) && !kept.has_done(8_000));
}

async fn a_history_is_held_once(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    let held = take(&*store).await;
    let refused = RunHistory::take(&*store, "nightly", 2_000).await;
    assert!(matches!(refused.err(), Some(CursorError::Leased { .. })));
    let other = RunHistory::take(&*store, "weekly", 2_000).await;
    other.expect("another is free").release().await;
    held.release().await;
    assert_eq!(take(&*store).await.history().since, 1_000);
}

async fn a_run_without_an_end_was_interrupted(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    let mut history = take(&*store).await;
    history.begin(run(5_000)).await.expect("kept");
    let outcome = |it: Option<History>| it.expect("stored").runs[0].outcome;
    assert_eq!(outcome(read(&*store).await), Outcome::Running);
    history.release().await;
    assert_eq!(outcome(read(&*store).await), Outcome::Interrupted);
    let again = take(&*store).await;
    assert_eq!(again.history().runs[0].outcome, Outcome::Interrupted);
    // What was due then has had no run to its end.
    assert!(!again.history().has_done(5_000));
    assert_eq!(again.history().done_up_to(), 1_000);
}

async fn a_lost_history_is_told(stores: &dyn Stores) {
    let store = stores.store(LONG).await;
    if stores.address().is_none() {
        // What is in memory alone nobody damages.
        return;
    }
    take(&*store).await.release().await;
    let flow = FlowName {
        data_type: "schedule".to_owned(),
        topic: "nightly".to_owned(),
        source: "runs".to_owned(),
    };
    for damage in ["{\"since\":1}", "no JSON"] {
        stores.damage(&flow, damage).await;
        let refused = RunHistory::take(&*store, "nightly", 2_000).await;
        let error = refused.err().expect("it is damaged");
        assert!(matches!(error, CursorError::Damaged { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("history of a schedule's runs"), "{said}");
        let stored = store.list().await.expect("listed");
        let read = read_history(&*store, &stored, "nightly").await;
        read.expect_err("it is damaged");
    }
}
