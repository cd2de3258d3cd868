//! The contract of a sink: behaviours by name, each run against every sink.

use highwater::{
    model::{Kind, Op, Value},
    sink::{Progress, SinkError},
};

use super::{
    limit::in_time,
    sinks::{FLOW, Target, Written, advance, fields},
};

const fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

async fn rows_and_progress_are_read_back(target: &Target) {
    target.holds(&[], None).await;
    let first = [
        ("uid", text("a")),
        ("name", text("x")),
        ("size", Value::I64(1)),
    ];
    let second = [
        ("tags", Value::Json("[1]")),
        ("uid", text("b")),
        ("size", Value::Null),
    ];
    let rows = [(Op::Upsert, &first[..]), (Op::Upsert, &second[..])];
    target.write(&rows, (None, 7)).await.expect("written");
    target
        .holds(&["a x 1 NULL", "b NULL NULL [1]"], Some(7))
        .await;
    let others = target.sink.progress("another").await.expect("read");
    assert_eq!(others, []);
}

async fn a_writer_who_is_behind_is_fenced_and_writes_nothing(target: &Target) {
    let row = [("uid", text("a")), ("name", text("x"))];
    let newer = [("uid", text("a")), ("name", text("y"))];
    target
        .write(&[(Op::Upsert, &row)], (None, 5))
        .await
        .expect("written");
    for from in [None, Some(4), Some(6)] {
        let error = target
            .write(&[(Op::Upsert, &newer)], (from, 9))
            .await
            .expect_err("another writer owns it");
        assert!(matches!(error, SinkError::Fenced(_)), "{from:?}: {error:?}");
    }
    target.holds(&["a x NULL NULL"], Some(5)).await;
    target
        .write(&[(Op::Upsert, &newer)], (Some(5), 9))
        .await
        .expect("written");
    target.holds(&["a y NULL NULL"], Some(9)).await;
}

async fn a_writer_expecting_progress_where_there_is_none_is_fenced(target: &Target) {
    let error = target
        .write(&[], (Some(1), 2))
        .await
        .expect_err("there is none");
    assert!(matches!(error, SinkError::Fenced(_)), "{error:?}");
    target.holds(&[], None).await;
}

async fn of_two_writers_at_once_one_is_fenced(target: &Target) {
    for (from, to) in [(None, 1), (Some(1), 2)] {
        let (a, b) = ([("uid", text("a"))], [("uid", text("b"))]);
        let (a, b) = ([(Op::Upsert, &a[..])], [(Op::Upsert, &b[..])]);
        let (first, second) =
            futures_util::join!(target.write(&a, (from, to)), target.write(&b, (from, to)));
        let fenced = match (first, second) {
            (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
            both => panic!("one of them must be fenced: {both:?}"),
        };
        assert!(matches!(fenced, SinkError::Fenced(_)), "{fenced:?}");
        assert_eq!(target.offset().await, Some(to));
    }
}

async fn progress_may_stand_still(target: &Target) {
    target.write(&[], (None, 5)).await.expect("written");
    target
        .write(&[], (Some(5), 5))
        .await
        .expect("the same is no other writer's");
    target.holds(&[], Some(5)).await;
}

async fn of_equal_keys_the_last_one_stands(target: &Target) {
    let rows: Vec<_> = (0..100)
        .map(|it| {
            [
                ("uid", text(["a", "b"][it as usize % 2])),
                ("size", Value::I64(it)),
            ]
        })
        .collect();
    let rows: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&rows, (None, 1)).await.expect("written");
    target
        .holds(&["a NULL 98 NULL", "b NULL 99 NULL"], Some(1))
        .await;
}

async fn deletions_between_upserts_keep_their_place(target: &Target) {
    let (a, b) = (
        [("uid", text("a")), ("size", Value::I64(1))],
        [("uid", text("b"))],
    );
    let again = [("uid", text("a")), ("name", text("again"))];
    let rows = [
        (Op::Upsert, &a[..]),
        (Op::Upsert, &b[..]),
        (Op::Delete, &a[..]),
        (Op::Upsert, &again[..]),
        (Op::Delete, &b[..]),
        (Op::Delete, &b[..]),
    ];
    target.write(&rows, (None, 1)).await.expect("written");
    target.holds(&["a again NULL NULL"], Some(1)).await;
}

async fn a_field_that_is_missing_leaves_its_column_alone(target: &Target) {
    let full = [
        ("uid", text("a")),
        ("name", text("x")),
        ("size", Value::I64(1)),
    ];
    let part = [("size", Value::I64(2)), ("uid", text("a"))];
    let null = [
        ("uid", text("b")),
        ("size", Value::Null),
        ("name", text("z")),
    ];
    let rows = [
        (Op::Upsert, &full[..]),
        (Op::Upsert, &part[..]),
        (Op::Upsert, &null[..]),
    ];
    target.write(&rows, (None, 1)).await.expect("written");
    target
        .holds(&["a x 2 NULL", "b z NULL NULL"], Some(1))
        .await;
}

async fn a_record_that_cannot_be_held_leaves_nothing(target: &Target) {
    let good = [("uid", text("a"))];
    let bad = [("uid", text("b")), ("size", target.unsupported)];
    let rows = [
        (Op::Upsert, &good[..]),
        (Op::Upsert, &bad[..]),
        (Op::Upsert, &good[..]),
    ];
    let error = target
        .write(&rows, (None, 3))
        .await
        .expect_err("no column holds it");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    assert!(
        highwater::fault::chain(&error).contains("`size`"),
        "{error:?}"
    );
    target.holds(&[], None).await;
    target
        .write(&rows[..1], (None, 1))
        .await
        .expect("its neighbour can be written");
    target.holds(&["a NULL NULL NULL"], Some(1)).await;
}

async fn a_record_without_its_key_is_at_fault_by_itself(target: &Target) {
    for fields in [&[("name", text("x"))][..], &[("uid", Value::Null)]] {
        for op in [Op::Upsert, Op::Delete] {
            let error = target
                .write(&[(op, fields)], (None, 1))
                .await
                .expect_err("no key");
            assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
        }
    }
    target.holds(&[], None).await;
}

async fn many_rows_are_all_there(target: &Target) {
    let names: Vec<_> = (0..3001).map(|it| format!("{it:06}")).collect();
    let rows: Vec<_> = names
        .iter()
        .map(|it| {
            [
                ("uid", text(it)),
                ("name", text("x")),
                ("size", Value::I64(1)),
            ]
        })
        .collect();
    let upserts: Vec<Written<'_>> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&upserts, (None, 1)).await.expect("written");
    assert_eq!((target.rows)().await.len(), 3001);
    let deletes: Vec<Written<'_>> = rows[1..].iter().map(|it| (Op::Delete, &it[..])).collect();
    target.write(&deletes, (Some(1), 2)).await.expect("written");
    target.holds(&["000000 x 1 NULL"], Some(2)).await;
}

async fn progress_can_be_set_and_forgotten(target: &Target) {
    target.write(&[], (None, 5)).await.expect("written");
    let elsewhere = Progress {
        topic_id: "made-anew".to_owned(),
        ..advance(None, 2).to
    };
    let set = target
        .sink
        .reset(FLOW, Some(&elsewhere))
        .await
        .expect("set");
    assert_eq!(set, 1);
    let progress = target.sink.progress(FLOW).await.expect("read");
    assert_eq!(progress, [elsewhere], "the topic id of old is gone");
    assert_eq!(
        target.sink.reset("another", None).await.expect("nothing"),
        0
    );
    assert_eq!(target.sink.reset(FLOW, None).await.expect("forgotten"), 1);
    target.holds(&[], None).await;
}

/// The behaviours of every sink, each a test by its own name.
macro_rules! suite {
    ($adapter:ident, $open:expr, $($behaviour:ident),* $(,)?) => {
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

macro_rules! every_sink {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(suite!(
            $adapter, $open,
            rows_and_progress_are_read_back,
            a_writer_who_is_behind_is_fenced_and_writes_nothing,
            a_writer_expecting_progress_where_there_is_none_is_fenced,
            of_two_writers_at_once_one_is_fenced,
            progress_may_stand_still,
            of_equal_keys_the_last_one_stands,
            deletions_between_upserts_keep_their_place,
            a_field_that_is_missing_leaves_its_column_alone,
            a_record_that_cannot_be_held_leaves_nothing,
            a_record_without_its_key_is_at_fault_by_itself,
            many_rows_are_all_there,
            progress_can_be_set_and_forgotten,
        );)*
    };
}

every_sink! {
    on_memory: crate::sinks::memory(),
    on_sqlite: crate::sinks::sqlite(),
    on_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    on_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
    on_mongodb: crate::sinks::mongodb(),
}

/// Behaviours of the sinks that keep their rows in tables.
async fn a_field_without_a_column_is_a_mistake_of_the_settings(target: &Target) {
    let row = [("uid", text("a")), ("colour", text("red"))];
    let error = target
        .write(&[(Op::Upsert, &row)], (None, 1))
        .await
        .expect_err("no column");
    assert!(matches!(error, SinkError::Incompatible { .. }), "{error:?}");
    let said = error.to_string();
    for part in ["`colour`", "add the column", "drop = [\"colour\"]"] {
        assert!(said.contains(part), "{said}");
    }
    let mut fields = fields();
    fields.push(("colour".to_owned(), Kind::String));
    let error = target
        .sink
        .prepare(Some(&fields))
        .await
        .expect_err("no column");
    assert!(matches!(error, SinkError::Incompatible { .. }), "{error:?}");
    target.holds(&[], None).await;
}

async fn what_the_server_refuses_of_a_record_leaves_nothing(target: &Target) {
    let good = [("uid", text("a")), ("size", Value::I64(1))];
    let bad = [("uid", text("b")), ("size", text("abc"))];
    let rows = [(Op::Upsert, &good[..]), (Op::Upsert, &bad[..])];
    let error = target.write(&rows, (None, 3)).await.expect_err("no number");
    assert!(matches!(error, SinkError::Data { .. }), "{error:?}");
    target.holds(&[], None).await;
    target
        .write(&rows[..1], (None, 1))
        .await
        .expect("its neighbour can be written");
    target.holds(&["a NULL 1 NULL"], Some(1)).await;
}

async fn keys_that_differ_by_case_or_a_space_are_two_rows(target: &Target) {
    let keys = ["a", "A", "a ", "á"].map(|it| [("uid", text(it))]);
    let rows: Vec<Written<'_>> = keys.iter().map(|it| (Op::Upsert, &it[..])).collect();
    target.write(&rows, (None, 1)).await.expect("written");
    assert_eq!((target.rows)().await.len(), 4);
    target
        .write(&[(Op::Delete, &keys[0])], (Some(1), 2))
        .await
        .expect("written");
    assert_eq!((target.rows)().await.len(), 3);
}

async fn a_check_changes_nothing_and_finds_no_problem(target: &Target) {
    use highwater::model::Severity;
    let findings = target.sink.check(Some(&fields())).await.expect("checked");
    assert!(
        findings.iter().all(|it| it.severity != Severity::Problem),
        "{findings:?}"
    );
    let findings = target
        .sink
        .check(Some(&fields()[1..]))
        .await
        .expect("checked");
    assert!(
        findings.iter().any(|it| it.severity == Severity::Problem),
        "{findings:?}"
    );
    target.holds(&[], None).await;
}

macro_rules! every_table {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(suite!(
            $adapter, $open,
            a_field_without_a_column_is_a_mistake_of_the_settings,
            what_the_server_refuses_of_a_record_leaves_nothing,
            keys_that_differ_by_case_or_a_space_are_two_rows,
            a_check_changes_nothing_and_finds_no_problem,
        );)*
    };
}

every_table! {
    in_a_table_of_sqlite: crate::sinks::sqlite(),
    in_a_table_of_mysql: crate::sinks::server("HIGHWATER_TEST_MYSQL_URL"),
    in_a_table_of_mariadb: crate::sinks::server("HIGHWATER_TEST_MARIADB_URL"),
}
