//! The contract of a sink of several tables: behaviours by name, each run against every sink.

use highwater::sink::{Landing, Onto, SinkError};

use super::{
    limit::in_time,
    sinks::{FLOW, advance, reason},
    sinks_of_tables::{
        Family,
        Message::{Gone, Of},
        parts,
    },
};

async fn one_message_lands_in_all_its_tables_with_one_progress(family: &Family) {
    let messages = [
        Of("a", "x", &[(1, "one"), (2, "two")]),
        Of("b", "y", &[]),
        Of("c", "z", &[(1, "three")]),
    ];
    family.write(&messages, (None, 3)).await.expect("written");
    let children = ["a 1 one", "a 2 two", "c 1 three"];
    family
        .holds(&["a x", "b y", "c z"], &children, Some(3))
        .await;
    assert_eq!(family.sink.progress(FLOW).await.expect("read").len(), 1);
}

async fn children_that_are_no_more_in_the_list_go(family: &Family) {
    let before = [
        Of("a", "x", &[(1, "one"), (2, "two"), (3, "three")]),
        Of("b", "y", &[(1, "four")]),
        Of("c", "z", &[(1, "five")]),
    ];
    family.write(&before, (None, 3)).await.expect("written");
    let after = [Of("a", "x", &[(2, "second")]), Of("b", "y", &[])];
    family.write(&after, (Some(3), 5)).await.expect("written");
    let children = ["a 2 second", "c 1 five"];
    family
        .holds(&["a x", "b y", "c z"], &children, Some(5))
        .await;
}

async fn of_one_parent_twice_in_a_batch_the_last_list_stands(family: &Family) {
    let messages = [
        Of("a", "x", &[(1, "one"), (2, "two")]),
        Of("b", "y", &[(1, "other")]),
        Of("a", "again", &[(2, "second")]),
        Of("c", "z", &[(1, "three")]),
        Gone("c"),
        Of("d", "z", &[(1, "four")]),
        Gone("d"),
        Of("d", "z", &[(3, "back")]),
    ];
    family.write(&messages, (None, 8)).await.expect("written");
    let children = ["a 2 second", "b 1 other", "d 3 back"];
    family
        .holds(&["a again", "b y", "d z"], &children, Some(8))
        .await;
}

async fn children_go_with_their_parent(family: &Family) {
    let messages = [Of("a", "x", &[(1, "one")]), Of("b", "y", &[(1, "two")])];
    family.write(&messages, (None, 2)).await.expect("written");
    family
        .write(&[Gone("a")], (Some(2), 3))
        .await
        .expect("written");
    family.holds(&["b y"], &["b 1 two"], Some(3)).await;
}

async fn what_one_table_cannot_hold_leaves_nothing_in_any(family: &Family) {
    let good = Of("a", "x", &[(1, "one")]);
    family.write(&[good], (None, 1)).await.expect("written");
    let mut bad = parts(&[Of("a", "new", &[(2, "two")]), Of("b", "y", &[(1, "three")])]);
    let pushed: Result<(), ()> = bad[1].push(highwater::model::Op::Upsert, 1, |packer| {
        packer.name("parent");
        packer.value(highwater::model::Value::String("b"));
        packer.name("number");
        packer.value(highwater::model::Value::Null);
        Ok(())
    });
    pushed.expect("nothing fails");
    let error = family.sink.write(&bad, (&advance(Some(1), 3)).into()).await;
    let error = error.expect_err("it has no number");
    assert!(reason(&error).contains("`number`"), "{error:?}");
    family.holds(&["a x"], &["a 1 one"], Some(1)).await;
    let halves: Vec<_> = bad.iter().map(|it| it.of_origins(0..1)).collect();
    let written = family
        .sink
        .write(&halves, (&advance(Some(1), 2)).into())
        .await;
    written.expect("its neighbour can be written");
    family.holds(&["a new"], &["a 2 two"], Some(2)).await;
}

async fn records_for_a_table_that_it_does_not_have_are_refused(family: &Family) {
    let mut three = parts(&[Of("a", "x", &[])]);
    three.push(three[0].clone());
    for wrong in [&three[..1], &three[..]] {
        let error = family.sink.write(wrong, (&advance(None, 1)).into()).await;
        let error = error.expect_err("a part too few, or too many");
        assert!(matches!(error, SinkError::Incompatible { .. }), "{error:?}");
    }
    family.holds(&[], &[], None).await;
}

async fn a_letter_replaces_no_children_that_are_there_unasked(family: &Family) {
    let marker = |offset: i64| {
        let mut marker = advance(None, offset + 1);
        marker.flow = format!("{} letter {offset}", marker.flow);
        [marker]
    };
    family
        .write(&[Of("a", "x", &[(1, "one")])], (None, 1))
        .await
        .expect("written");
    let mut orphan = parts(&[Of("a", "old", &[(1, "old")])]);
    // Without its parent: only the children are there already.
    orphan[0].retain(|_| false);
    let replays = family.sink.replays().expect("it knows its rows");
    let asked = replays.replay(&orphan, &marker(7), Onto::Absent).await;
    assert_eq!(asked.expect("asked"), Landing::Superseded);
    family.holds(&["a x"], &["a 1 one"], Some(1)).await;
    let new = parts(&[Of("b", "y", &[(1, "two")])]);
    let asked = replays.replay(&new, &marker(8), Onto::Absent).await;
    assert_eq!(asked.expect("written"), Landing::Written);
    let asked = replays.replay(&new, &marker(8), Onto::Any).await;
    assert_eq!(asked.expect("asked"), Landing::Before(0));
    let over = parts(&[Of("a", "old", &[])]);
    let asked = replays.replay(&over, &marker(9), Onto::Any).await;
    assert_eq!(asked.expect("written"), Landing::Written);
    family.holds(&["a old", "b y"], &["b 1 two"], Some(1)).await;
}

async fn many_messages_replace_many_children(family: &Family) {
    let ids: Vec<String> = (0..1_500).map(|it| format!("{it:05}")).collect();
    let (two, one) = ([(1, "a"), (2, "b")], [(2, "c")]);
    let before: Vec<_> = ids.iter().map(|it| Of(it, "x", &two)).collect();
    family.write(&before, (None, 1)).await.expect("written");
    let after: Vec<_> = ids.iter().map(|it| Of(it, "y", &one)).collect();
    family.write(&after, (Some(1), 2)).await.expect("written");
    let parents: Vec<_> = ids.iter().map(|it| format!("{it} y")).collect();
    let children: Vec<_> = ids.iter().map(|it| format!("{it} 2 c")).collect();
    let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
    let children: Vec<&str> = children.iter().map(String::as_str).collect();
    family.holds(&parents, &children, Some(2)).await;
}

/// The behaviours of every sink, each a test by its own name.
macro_rules! suite {
    ($adapter:ident, $open:expr, $($behaviour:ident),* $(,)?) => {
        mod $adapter {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    super::in_time(async {
                        let family = $open.await;
                        super::$behaviour(&family).await;
                        family.close().await;
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
            one_message_lands_in_all_its_tables_with_one_progress,
            children_that_are_no_more_in_the_list_go,
            of_one_parent_twice_in_a_batch_the_last_list_stands,
            children_go_with_their_parent,
            what_one_table_cannot_hold_leaves_nothing_in_any,
            records_for_a_table_that_it_does_not_have_are_refused,
            a_letter_replaces_no_children_that_are_there_unasked,
            many_messages_replace_many_children,
        );)*
    };
}

every_sink! {
    tables_in_memory: crate::sinks_of_tables::memory(),
    tables_of_sqlite: crate::sinks_of_tables::sqlite(),
    tables_of_mysql: crate::sinks_of_tables::server("HIGHWATER_TEST_MYSQL_URL"),
    tables_of_mariadb: crate::sinks_of_tables::server("HIGHWATER_TEST_MARIADB_URL"),
}
