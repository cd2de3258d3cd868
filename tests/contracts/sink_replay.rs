//! Replay into every sink: rows and markers in one transaction, no existing row is touched unasked.

use highwater::{
    model::{Op, Value},
    sink::{Advance, Landing, Onto, SinkError},
};

use super::{
    limit::in_time,
    sinks::{Target, advance, records},
};

/// The mark of the letter at `offset`.
fn marker(offset: i64) -> Advance {
    let mut marker = advance(None, offset + 1);
    marker.flow = format!("{} letter {offset}", marker.flow);
    marker
}

fn row<'v>(uid: &'v str, name: &'v str) -> [(&'v str, Value<'v>); 2] {
    [("uid", Value::String(uid)), ("name", Value::String(name))]
}

async fn replay(
    target: &Target,
    row: (Op, &[(&str, Value<'_>)]),
    markers: &[i64],
    onto: Onto,
) -> Result<Landing, SinkError> {
    let markers: Vec<_> = markers.iter().map(|it| marker(*it)).collect();
    target.sink.replay(&records(&[row]), &markers, onto).await
}

async fn a_letter_lands_once_and_never_over_a_row_unasked(target: &Target) {
    let (a, other, newer) = (row("a", "x"), row("a", "other"), row("a", "newer"));
    let landing = replay(target, (Op::Upsert, &a), &[4], Onto::Absent).await;
    assert_eq!(landing.expect("written"), Landing::Written);
    for onto in [Onto::Absent, Onto::Any] {
        let landing = replay(target, (Op::Upsert, &other), &[4], onto).await;
        assert_eq!(landing.expect("asked"), Landing::Before(0));
    }
    for op in [Op::Upsert, Op::Delete] {
        let landing = replay(target, (op, &other), &[5, 6], Onto::Absent).await;
        assert_eq!(landing.expect("asked"), Landing::Superseded);
    }
    target.holds(&["a x NULL NULL"], None).await;
    let landing = replay(target, (Op::Upsert, &newer), &[5, 6], Onto::Any).await;
    assert_eq!(landing.expect("written"), Landing::Written);
    let landing = replay(target, (Op::Upsert, &a), &[7, 6], Onto::Any).await;
    assert_eq!(landing.expect("asked"), Landing::Before(1));
    target.holds(&["a newer NULL NULL"], None).await;
    // The mark of 7 was undone with the rest.
    let landing = replay(target, (Op::Delete, &a), &[7], Onto::Any).await;
    assert_eq!(landing.expect("written"), Landing::Written);
    target.holds(&[], None).await;
}

async fn a_letter_that_is_bad_leaves_neither_row_nor_mark(target: &Target) {
    let bad = [("uid", Value::Null), ("name", Value::String("x"))];
    let good = row("a", "x");
    let error = replay(target, (Op::Upsert, &bad), &[1], Onto::Absent).await;
    assert!(matches!(error.expect_err("no key"), SinkError::Data { .. }));
    let landing = replay(target, (Op::Upsert, &good), &[1], Onto::Absent).await;
    assert_eq!(landing.expect("written"), Landing::Written);
}

async fn of_two_replays_at_once_one_lands(target: &Target) {
    let (x, y) = (row("a", "x"), row("a", "y"));
    let (first, second) = futures_util::join!(
        replay(target, (Op::Upsert, &x), &[1], Onto::Absent),
        replay(target, (Op::Upsert, &y), &[2], Onto::Absent),
    );
    let landed = [&first, &second];
    let landed = landed
        .iter()
        .filter(|it| matches!(it, Ok(Landing::Written)));
    assert_eq!(landed.count(), 1, "{first:?}, {second:?}");
    // The other one is superseded, or was the victim of a deadlock and may come again.
    assert_eq!((target.rows)().await.len(), 1);
}

macro_rules! every_sink {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(mod $adapter {
            #[tokio::test]
            async fn replays_letters() {
                super::in_time(async {
                    let target = $open.await;
                    target.sink.prepare(None).await.expect("prepared");
                    super::a_letter_lands_once_and_never_over_a_row_unasked(&target).await;
                    target.close().await;
                    let target = $open.await;
                    super::a_letter_that_is_bad_leaves_neither_row_nor_mark(&target).await;
                    target.close().await;
                    let target = $open.await;
                    super::of_two_replays_at_once_one_lands(&target).await;
                    target.close().await;
                })
                .await;
            }
        })*
    };
}

every_sink! {
    on_memory: crate::sinks::memory(),
    on_sqlite: crate::sinks::sqlite(),
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
    on_mongodb: crate::sinks::mongodb(),
}
