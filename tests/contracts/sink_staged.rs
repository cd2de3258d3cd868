//! The contract of sinks that write several transactions of a migration at a time.

use highwater::{
    model::{Op, Position, Value},
    sink::{PositionAdvance, SinkError, StagedWrite},
};

use super::{
    limit::in_time,
    sinks::{Target, Written, records},
};

const FLOW: &str = "task/to:warehouse.info/crawler.raw";

const fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

fn advance(from: Option<&str>, to: &str) -> PositionAdvance {
    PositionAdvance {
        flow: FLOW.to_owned(),
        from: from.map(Position::new),
        to: Position::new(to),
    }
}

/// The place `1`, with no row.
async fn begin(target: &Target) {
    let begun = target.sink.write_positioned(&[], &advance(None, "1")).await;
    begun.expect("written");
}

async fn stage<'t>(target: &'t Target, rows: &[Written<'_>]) -> Box<dyn StagedWrite + 't> {
    let staged = target.sink.stage(&records(rows)).await.expect("laid");
    staged.expect("it writes several at a time")
}

async fn holds(target: &Target, rows: &[&str], at: &str) {
    assert_eq!((target.rows)().await, rows);
    let stored = target.sink.position(FLOW).await.expect("the place is read");
    assert_eq!(stored, Some(Position::new(at)));
}

async fn nobody_sees_rows_before_their_place(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let staged = stage(target, &[(Op::Upsert, &row)]).await;
    holds(target, &[], "1").await;
    staged
        .commit(&advance(Some("1"), "2"))
        .await
        .expect("ended");
    holds(target, &["a NULL NULL NULL"], "2").await;
}

async fn several_are_laid_at_a_time_and_end_in_their_order(target: &Target) {
    begin(target).await;
    let (a, b) = ([("uid", text("a"))], [("uid", text("b"))]);
    let first = stage(target, &[(Op::Upsert, &a)]).await;
    let second = stage(target, &[(Op::Upsert, &b)]).await;
    first.commit(&advance(Some("1"), "2")).await.expect("ended");
    holds(target, &["a NULL NULL NULL"], "2").await;
    second
        .commit(&advance(Some("2"), "3"))
        .await
        .expect("ended");
    holds(target, &["a NULL NULL NULL", "b NULL NULL NULL"], "3").await;
}

async fn what_is_dropped_is_undone(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a")), ("name", text("x"))];
    drop(stage(target, &[(Op::Upsert, &row)]).await);
    let other = [("uid", text("b"))];
    let staged = stage(target, &[(Op::Upsert, &other)]).await;
    staged
        .commit(&advance(Some("1"), "2"))
        .await
        .expect("ended");
    holds(target, &["b NULL NULL NULL"], "2").await;
}

async fn where_another_writer_has_moved_the_place_rows_are_undone(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let staged = stage(target, &[(Op::Upsert, &row)]).await;
    let moved = target
        .sink
        .write_positioned(&[], &advance(Some("1"), "2"))
        .await;
    moved.expect("written");
    let fenced = staged.commit(&advance(Some("1"), "3")).await;
    assert!(matches!(fenced, Err(SinkError::Fenced(_))), "{fenced:?}");
    holds(target, &[], "2").await;
}

async fn rows_that_cannot_be_held_are_refused_before_their_end(target: &Target) {
    begin(target).await;
    let (good, bad) = (
        [("uid", text("a"))],
        [("uid", text("b")), ("name", target.unsupported)],
    );
    let rows = records(&[(Op::Upsert, &good[..]), (Op::Upsert, &bad[..])]);
    let refused = target.sink.stage(&rows).await.err();
    assert!(
        matches!(refused, Some(SinkError::Data { .. })),
        "{refused:?}"
    );
    holds(target, &[], "1").await;
}

async fn a_sink_that_writes_one_after_the_other_lays_nothing(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let staged = target.sink.stage(&records(&[(Op::Upsert, &row)])).await;
    assert!(staged.expect("no error").is_none());
    holds(target, &[], "1").await;
}

macro_rules! behaviours {
    ($($adapter:ident: $open:expr => [$($behaviour:ident)*])*) => {
        $(mod $adapter {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    super::in_time(async {
                        let target = $open.await;
                        super::$behaviour(&target).await;
                        target.close().await;
                    })
                    .await;
                }
            )*
        })*
    };
}

macro_rules! staging {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        behaviours! {
            $($adapter: $open => [
                nobody_sees_rows_before_their_place
                several_are_laid_at_a_time_and_end_in_their_order
                what_is_dropped_is_undone
                where_another_writer_has_moved_the_place_rows_are_undone
                rows_that_cannot_be_held_are_refused_before_their_end
            ])*
        }
    };
}

staging! {
    on_memory: crate::sinks::memory(),
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
}

behaviours! {
    on_sqlite: crate::sinks::sqlite() => [a_sink_that_writes_one_after_the_other_lays_nothing]
    on_mongodb: crate::sinks::mongodb() => [a_sink_that_writes_one_after_the_other_lays_nothing]
}
