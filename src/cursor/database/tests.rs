//! What a store of cursors promises, over a real SQLite file and two stores on it.

use std::path::Path;

use super::*;
use crate::connect::sqlite::{self as connect, Absent, Durability, SqliteSettings};

async fn connection(folder: &Path) -> SqliteConnection {
    let settings = SqliteSettings {
        path: folder.join("cursors.db"),
    };
    connect::open("local", &settings, Absent::Create, Durability::Full)
        .await
        .expect("opened")
}

/// A store as another process would have it, with leases of `lease`.
async fn store(folder: &Path, lease: Duration) -> DatabaseCursors {
    let store = DatabaseCursors::in_sqlite(connection(folder).await, "machine").await;
    store.expect("opened").lasting(lease)
}

fn flow(topic: &str) -> FlowName {
    FlowName {
        data_type: "information".to_owned(),
        topic: topic.to_owned(),
        source: "crawler.raw_list".to_owned(),
    }
}

const SHORT: Duration = Duration::from_millis(600);

#[tokio::test]
async fn what_is_saved_is_loaded_by_the_next_lease() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), LEASE).await;
    let mut lease = store.lease(&flow("t")).await.expect("free");
    assert_eq!(lease.load().await.expect("loaded"), None);
    let position = Position::new(r#"{"after":"ä"}"#);
    lease.save(&position).await.expect("saved");
    lease.release().await;
    let mut lease = store.lease(&flow("t")).await.expect("free");
    assert_eq!(lease.load().await.expect("loaded"), Some(position.clone()));
    let listed = store.list().await.expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].flow, &listed[0].position),
        (&flow("t").text(), &Ok(position))
    );
    assert!(listed[0].saved_at > 1_700_000_000);
    lease.remove().await.expect("removed");
    assert_eq!(lease.load().await.expect("loaded"), None);
    assert_eq!(store.list().await.expect("listed"), []);
}

#[tokio::test]
async fn a_flow_that_runs_is_refused_to_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (
        store(folder.path(), SHORT).await,
        store(folder.path(), SHORT).await,
    );
    let _lease = one.lease(&flow("t")).await.expect("free");
    assert!(matches!(
        one.lease(&flow("t")).await,
        Err(CursorError::Leased { .. })
    ));
    // It lives: the other sees its lease renewed.
    let refused = other
        .lease(&flow("t"))
        .await
        .err()
        .expect("held")
        .to_string();
    assert!(refused.contains("machine"), "{refused}");
    assert!(other.lease(&flow("t2")).await.is_ok());
}

#[tokio::test]
async fn a_dead_holder_is_outwaited_and_cannot_save_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (
        store(folder.path(), SHORT).await,
        store(folder.path(), SHORT).await,
    );
    // A holder that does not renew, as after kill -9 or in a long pause.
    let fence = one
        .table
        .take(&flow("t").text(), "dead", SHORT)
        .await
        .expect("asked")
        .expect("free");
    let mut lease = other.lease(&flow("t")).await.expect("expired");
    let position = Position::new("1");
    lease.save(&position).await.expect("saved");
    let stale = one
        .table
        .save(&flow("t").text(), fence, Some("2"), SHORT)
        .await;
    assert!(!stale.expect("asked"));
    assert_eq!(lease.load().await.expect("loaded"), Some(position));
}

#[tokio::test]
async fn a_lease_that_was_lost_answers_that_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), LEASE).await;
    let mut lease = store.lease(&flow("t")).await.expect("free");
    // Taken over under the same holder's name, which an expired lease would allow to any.
    store
        .table
        .take(&flow("t").text(), &store.holder, LEASE)
        .await
        .expect("asked")
        .expect("taken");
    for answer in [
        lease.save(&Position::new("1")).await,
        lease.remove().await,
        lease.load().await.map(drop),
    ] {
        assert!(matches!(answer, Err(CursorError::Fenced(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_lease_that_was_lost_is_told_while_there_is_nothing_to_save() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), SHORT).await;
    let lease = store.lease(&flow("t")).await.expect("free");
    let renewed = tokio::time::timeout(SHORT, lease.lost()).await;
    assert!(renewed.is_err(), "it is renewed");
    let name = flow("t").text();
    let taken = store.table.take(&name, &store.holder, LEASE).await;
    taken.expect("asked").expect("taken");
    let lost = tokio::time::timeout(LEASE, lease.lost()).await;
    lost.expect("told by the next renewal");
}

/// A statement that was sent before the lease was given back, and came to its turn behind that.
#[tokio::test]
async fn what_comes_late_does_not_lease_a_flow_again_that_was_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), LEASE).await;
    let (table, name) = (&store.table, flow("t").text());
    let taken = table.take(&name, "one", LEASE).await;
    let fence = taken.expect("asked").expect("free");
    table.release(&name, fence).await.expect("given back");
    assert!(!table.renew(&name, fence, LEASE).await.expect("asked"));
    let saved = table.save(&name, fence, Some("1"), LEASE).await;
    assert!(!saved.expect("asked"));
    let taken = table.take(&name, "other", LEASE).await;
    taken.expect("asked").expect("free at once");
}

#[tokio::test]
async fn a_lease_that_was_dropped_is_free_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (
        store(folder.path(), LEASE).await,
        store(folder.path(), LEASE).await,
    );
    drop(one.lease(&flow("t")).await.expect("free"));
    drop(one.lease(&flow("t")).await.expect("free for this process"));
    let leased = tokio::time::timeout(LEASE / 2, other.lease(&flow("t"))).await;
    assert!(leased.expect("before it expires").is_ok());
}

#[tokio::test]
async fn a_damaged_cursor_is_refused_and_can_be_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), LEASE).await;
    let writer = connection(folder.path()).await;
    for (sql, reason) in [
        ("UPDATE highwater_cursors SET position = 'None'", "no JSON"),
        ("UPDATE highwater_cursors SET position = ''", "empty"),
        ("UPDATE highwater_cursors SET position = x'ff'", "no text"),
    ] {
        let mut lease = store.lease(&flow("t")).await.expect("free");
        lease.save(&Position::new("1")).await.expect("saved");
        sqlx::query(sql)
            .execute(writer.writer())
            .await
            .expect("damaged");
        let error = lease.load().await.expect_err("damaged");
        assert!(matches!(error, CursorError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        let listed = store.list().await.expect("listed");
        assert!(
            listed[0]
                .position
                .as_ref()
                .is_err_and(|it| it.contains(reason))
        );
        lease.remove().await.expect("removed");
        assert_eq!(lease.load().await.expect("loaded"), None);
    }
}

#[tokio::test]
async fn a_name_too_long_for_a_key_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), LEASE).await;
    let long = flow(&"t".repeat(LONGEST_NAME));
    assert!(matches!(
        store.lease(&long).await,
        Err(CursorError::Refused { .. })
    ));
}
