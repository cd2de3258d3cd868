//! Children with a unique index of their own: values move between the parents of one batch.

use highwater::{
    model::{Op, Value},
    sink::{RowFault, SinkError},
};

use super::{
    limit::in_time,
    sinks::advance,
    sinks_of_tables::{
        Family,
        Message::{Gone, Of},
        parts,
    },
};

/// Each text is one child's alone.
const UNIQUE: &str = "CREATE UNIQUE INDEX apart ON children (text)";

async fn a_value_moves_to_another_parent_whatever_the_order(family: &Family) {
    let before = [Of("a", "x", &[(1, "v")]), Of("b", "y", &[(1, "w")])];
    family.write(&before, (None, 2)).await.expect("written");
    let swapped = [Of("a", "x", &[(1, "w")]), Of("b", "y", &[(1, "v")])];
    family.write(&swapped, (Some(2), 4)).await.expect("written");
    family
        .holds(&["a x", "b y"], &["a 1 w", "b 1 v"], Some(4))
        .await;
    let moved = [Of("c", "z", &[(7, "v")]), Gone("b")];
    family.write(&moved, (Some(4), 6)).await.expect("written");
    family
        .holds(&["a x", "c z"], &["a 1 w", "c 7 v"], Some(6))
        .await;
}

async fn a_parent_that_comes_twice_frees_a_value_for_another(family: &Family) {
    let messages = [
        Of("a", "x", &[(1, "v")]),
        Of("b", "y", &[(1, "v"), (2, "u")]),
        Of("a", "x", &[]),
    ];
    family.write(&messages, (None, 3)).await.expect("written");
    family
        .holds(&["a x", "b y"], &["b 1 v", "b 2 u"], Some(3))
        .await;
    // Three parents hand two values around, one of them in two steps.
    let around = [
        Of("c", "z", &[(1, "u")]),
        Of("d", "z", &[(1, "v")]),
        Of("b", "y", &[(1, "t")]),
        Of("d", "z", &[(1, "u")]),
        Of("c", "z", &[(1, "v")]),
    ];
    family.write(&around, (Some(3), 8)).await.expect("written");
    let children = ["b 1 t", "c 1 v", "d 1 u"];
    family
        .holds(&["a x", "b y", "c z", "d z"], &children, Some(8))
        .await;
}

async fn what_waits_is_replaced_by_a_later_list_of_its_own_parent(family: &Family) {
    let messages = [
        Of("a", "x", &[(1, "v")]),
        Of("b", "y", &[(1, "v"), (2, "u")]),
        Of("b", "y", &[(3, "s")]),
        Of("a", "x", &[(4, "u")]),
    ];
    family.write(&messages, (None, 4)).await.expect("written");
    family
        .holds(&["a x", "b y"], &["a 4 u", "b 3 s"], Some(4))
        .await;
}

async fn a_value_that_a_row_outside_holds_names_the_message_that_waits(family: &Family) {
    let before = Of("a", "x", &[(1, "v")]);
    family.write(&[before], (None, 1)).await.expect("written");
    let messages = [Of("c", "z", &[(1, "q")]), Of("b", "y", &[(1, "v")])];
    let faults = refused(family.write(&messages, (Some(1), 3)).await);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].may_pass && faults[0].origin == 1, "{faults:?}");
    let told = faults[0].cause.to_string();
    assert!(told.contains("parent=a, number=1"), "{told}");
    family.holds(&["a x"], &["a 1 v"], Some(1)).await;
}

async fn a_bad_row_of_another_table_leaves_those_together_that_swap(family: &Family) {
    let before = [Of("a", "x", &[(1, "v")]), Of("b", "y", &[(1, "w")])];
    family.write(&before, (None, 2)).await.expect("written");
    let mut batch = parts(&[
        Of("a", "x", &[(1, "w")]),
        Of("c", "z", &[(1, "u")]),
        Of("b", "y", &[(1, "v")]),
    ]);
    let pushed: Result<(), ()> = batch[0].push(Op::Upsert, 1, |packer| {
        packer.name("id");
        packer.value(Value::Null);
        Ok(())
    });
    pushed.expect("nothing fails");
    // By halves, the two that swap would be in each other's way.
    let faults = refused(family.sink.write(&batch, &advance(Some(2), 5)).await);
    let told: Vec<_> = faults.iter().map(|it| (it.origin, it.may_pass)).collect();
    assert_eq!(told, [(1, false)], "{faults:?}");
    for part in &mut batch {
        part.retain(|row| row.origin() != 1);
    }
    let written = family.sink.write(&batch, &advance(Some(2), 5)).await;
    written.expect("the others are written together");
    family
        .holds(&["a x", "b y"], &["a 1 w", "b 1 v"], Some(5))
        .await;
}

fn refused(written: Result<(), SinkError>) -> Vec<RowFault> {
    match written {
        Err(SinkError::Rows { faults, .. }) => faults,
        other => panic!("rows are refused by name: {other:?}"),
    }
}

macro_rules! every_sink {
    ($($adapter:ident: $open:expr),* $(,)?) => {
        $(every_sink!(
            @ $adapter, $open,
            a_value_moves_to_another_parent_whatever_the_order,
            a_parent_that_comes_twice_frees_a_value_for_another,
            what_waits_is_replaced_by_a_later_list_of_its_own_parent,
            a_value_that_a_row_outside_holds_names_the_message_that_waits,
            a_bad_row_of_another_table_leaves_those_together_that_swap,
        );)*
    };
    (@ $adapter:ident, $open:expr, $($behaviour:ident),* $(,)?) => {
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

every_sink! {
    children_of_sqlite: crate::sinks_of_tables::sqlite_with(super::UNIQUE),
    children_of_mysql: crate::sinks_of_tables::server_with("HIGHWATER_TEST_MYSQL_URL", super::UNIQUE),
    children_of_mariadb: crate::sinks_of_tables::server_with("HIGHWATER_TEST_MARIADB_URL", super::UNIQUE),
}
