//! The contract of sinks that write several transactions of a migration at a time.

use highwater::{
    model::{Op, Position, Value},
    sink::{Laid, Passage, SinkError},
};

use super::{
    limit::in_time,
    sinks::{Target, Written, records},
};

const FLOW: &str = "task/to:warehouse.info/crawler.raw";

const fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

fn passage(from: Option<&str>, to: &str) -> Passage {
    Passage {
        flow: FLOW.to_owned(),
        from: from.map(Position::new),
        to: Position::new(to),
    }
}

/// The place `1`, with no row.
async fn begin(target: &Target) {
    let begun = target.sink.carry(&[], &passage(None, "1")).await;
    begun.expect("written");
}

async fn lay<'t>(target: &'t Target, rows: &[Written<'_>]) -> Box<dyn Laid + 't> {
    let laid = target.sink.lay(&records(rows)).await.expect("laid");
    laid.expect("it writes several at a time")
}

async fn holds(target: &Target, rows: &[&str], at: &str) {
    assert_eq!((target.rows)().await, rows);
    let stored = target.sink.place(FLOW).await.expect("the place is read");
    assert_eq!(stored, Some(Position::new(at)));
}

async fn nobody_sees_rows_before_their_place(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let laid = lay(target, &[(Op::Upsert, &row)]).await;
    holds(target, &[], "1").await;
    laid.settle(&passage(Some("1"), "2")).await.expect("ended");
    holds(target, &["a NULL NULL NULL"], "2").await;
}

async fn several_are_laid_at_a_time_and_end_in_their_order(target: &Target) {
    begin(target).await;
    let (a, b) = ([("uid", text("a"))], [("uid", text("b"))]);
    let first = lay(target, &[(Op::Upsert, &a)]).await;
    let second = lay(target, &[(Op::Upsert, &b)]).await;
    first.settle(&passage(Some("1"), "2")).await.expect("ended");
    holds(target, &["a NULL NULL NULL"], "2").await;
    second
        .settle(&passage(Some("2"), "3"))
        .await
        .expect("ended");
    holds(target, &["a NULL NULL NULL", "b NULL NULL NULL"], "3").await;
}

async fn what_is_dropped_is_undone(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a")), ("name", text("x"))];
    drop(lay(target, &[(Op::Upsert, &row)]).await);
    let other = [("uid", text("b"))];
    let laid = lay(target, &[(Op::Upsert, &other)]).await;
    laid.settle(&passage(Some("1"), "2")).await.expect("ended");
    holds(target, &["b NULL NULL NULL"], "2").await;
}

async fn where_another_writer_has_moved_the_place_rows_are_undone(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let laid = lay(target, &[(Op::Upsert, &row)]).await;
    let moved = target.sink.carry(&[], &passage(Some("1"), "2")).await;
    moved.expect("written");
    let fenced = laid.settle(&passage(Some("1"), "3")).await;
    assert!(matches!(fenced, Err(SinkError::Fenced(_))), "{fenced:?}");
    holds(target, &[], "2").await;
}

async fn rows_that_cannot_be_held_are_refused_before_their_end(target: &Target) {
    begin(target).await;
    let (good, bad) = (
        [("uid", text("a"))],
        [("uid", text("b")), ("name", target.unheld)],
    );
    let rows = records(&[(Op::Upsert, &good[..]), (Op::Upsert, &bad[..])]);
    let refused = target.sink.lay(&rows).await.err();
    assert!(
        matches!(refused, Some(SinkError::Data { .. })),
        "{refused:?}"
    );
    holds(target, &[], "1").await;
}

async fn a_sink_that_writes_one_after_the_other_lays_nothing(target: &Target) {
    begin(target).await;
    let row = [("uid", text("a"))];
    let laid = target.sink.lay(&records(&[(Op::Upsert, &row)])).await;
    assert!(laid.expect("no error").is_none());
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

macro_rules! laying {
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

laying! {
    on_memory: crate::sinks::memory(),
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
}

behaviours! {
    on_sqlite: crate::sinks::sqlite() => [a_sink_that_writes_one_after_the_other_lays_nothing]
    on_mongodb: crate::sinks::mongodb() => [a_sink_that_writes_one_after_the_other_lays_nothing]
}
