//! The contract of a sink for migrations: rows and the source's position in one transaction.

use highwater::{
    model::{Op, Position, Value},
    sink::{PositionAdvance, SinkError},
};

use super::{
    limit::in_time,
    sinks::{Target, Written, records},
};

const FLOW: &str = "task/to:warehouse.info/crawler.raw";

const fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

/// What a source's token may be like: longer than any key, with letters of every kind.
fn position(of: &str) -> Position {
    Position::new(format!(
        "{{\"after\":\"{of} ä ' \\\\ {}\"}}",
        "x".repeat(5000)
    ))
}

async fn write_positioned(
    target: &Target,
    rows: &[Written<'_>],
    (from, to): (Option<&str>, &str),
) -> Result<(), SinkError> {
    let advance = PositionAdvance {
        flow: FLOW.to_owned(),
        from: from.map(position),
        to: position(to),
    };
    target.sink.write_positioned(&records(rows), &advance).await
}

async fn holds(target: &Target, rows: &[&str], at: Option<&str>) {
    assert_eq!((target.rows)().await, rows);
    let stored = target.sink.position(FLOW).await.expect("the place is read");
    assert_eq!(stored, at.map(position));
}

async fn rows_and_place_are_read_back(target: &Target) {
    holds(target, &[], None).await;
    let row = [("uid", text("a")), ("name", text("x"))];
    write_positioned(target, &[(Op::Upsert, &row)], (None, "1"))
        .await
        .expect("written");
    holds(target, &["a x NULL NULL"], Some("1")).await;
    assert_eq!(target.sink.position("another").await.expect("read"), None);
    assert_eq!(target.offset().await, None, "a place is no progress");
}

async fn a_writer_who_is_behind_is_fenced_and_writes_nothing(target: &Target) {
    let row = [("uid", text("a")), ("name", text("x"))];
    let newer = [("uid", text("a")), ("name", text("y"))];
    write_positioned(target, &[(Op::Upsert, &row)], (None, "b"))
        .await
        .expect("written");
    for from in [None, Some("a"), Some("B"), Some("b ")] {
        let error = write_positioned(target, &[(Op::Upsert, &newer)], (from, "c"))
            .await
            .expect_err("another writer owns it");
        assert!(matches!(error, SinkError::Fenced(_)), "{from:?}: {error:?}");
    }
    holds(target, &["a x NULL NULL"], Some("b")).await;
    write_positioned(target, &[(Op::Upsert, &newer)], (Some("b"), "c"))
        .await
        .expect("written");
    holds(target, &["a y NULL NULL"], Some("c")).await;
}

async fn a_writer_expecting_a_place_where_there_is_none_is_fenced(target: &Target) {
    let error = write_positioned(target, &[], (Some("a"), "b"))
        .await
        .expect_err("there is none");
    assert!(matches!(error, SinkError::Fenced(_)), "{error:?}");
    holds(target, &[], None).await;
}

async fn of_two_writers_at_once_one_is_fenced(target: &Target) {
    for (from, to) in [(None, "1"), (Some("1"), "2")] {
        let (a, b) = ([("uid", text("a"))], [("uid", text("b"))]);
        let (a, b) = ([(Op::Upsert, &a[..])], [(Op::Upsert, &b[..])]);
        let (first, second) = futures_util::join!(
            write_positioned(target, &a, (from, to)),
            write_positioned(target, &b, (from, to))
        );
        let fenced = match (first, second) {
            (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
            both => panic!("one of them must be fenced: {both:?}"),
        };
        assert!(matches!(fenced, SinkError::Fenced(_)), "{fenced:?}");
    }
}

async fn the_place_may_stand_still(target: &Target) {
    write_positioned(target, &[], (None, "1"))
        .await
        .expect("written");
    let row = [("uid", text("a"))];
    write_positioned(target, &[(Op::Upsert, &row)], (Some("1"), "1"))
        .await
        .expect("the same is no other writer's");
    holds(target, &["a NULL NULL NULL"], Some("1")).await;
}

async fn a_record_that_is_refused_moves_nothing(target: &Target) {
    write_positioned(target, &[], (None, "1"))
        .await
        .expect("written");
    let good = [("uid", text("a"))];
    let bad = [("uid", text("b")), ("name", target.unsupported)];
    let rows = [(Op::Upsert, &good[..]), (Op::Upsert, &bad[..])];
    let error = write_positioned(target, &rows, (Some("1"), "2"))
        .await
        .expect_err("it cannot be held");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    holds(target, &[], Some("1")).await;
}

async fn a_place_can_be_forgotten(target: &Target) {
    write_positioned(target, &[], (None, "1"))
        .await
        .expect("written");
    assert_eq!(target.sink.reset(FLOW, None).await.expect("forgotten"), 1);
    holds(target, &[], None).await;
    write_positioned(target, &[], (None, "2"))
        .await
        .expect("written");
}

macro_rules! every_sink {
    ($($adapter:ident: $open:expr => $behaviours:tt),* $(,)?) => {
        $(every_sink!(@one $adapter $open, $behaviours);)*
    };
    (@one $adapter:ident $open:expr, [$($behaviour:ident)*]) => {
        mod $adapter {
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
        }
    };
}

macro_rules! behaviours {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        every_sink! {
            $($adapter: $open => [
                rows_and_place_are_read_back
                a_writer_who_is_behind_is_fenced_and_writes_nothing
                a_writer_expecting_a_place_where_there_is_none_is_fenced
                of_two_writers_at_once_one_is_fenced
                the_place_may_stand_still
                a_record_that_is_refused_moves_nothing
                a_place_can_be_forgotten
            ]),*
        }
    };
}

behaviours! {
    on_memory: crate::sinks::memory(),
    on_sqlite: crate::sinks::sqlite(),
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
    on_mongodb: crate::sinks::mongodb(),
}
