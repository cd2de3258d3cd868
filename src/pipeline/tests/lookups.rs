//! Cases of `lookup`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    model::{Op, Value},
    pipeline::*,
};

fn links(links: &[Value<'_>]) -> Records {
    rows(
        "message",
        "link",
        &links.iter().map(|it| (*it, 0)).collect::<Vec<_>>(),
    )
}

fn rows(name: &str, column: &str, rows: &[(Value<'_>, i64)]) -> Records {
    let mut records = Records::new(Arc::new(Schema::document(name, [] as [&str; 0])));
    for (origin, (value, number)) in (0..).zip(rows) {
        let pushed: Result<(), ()> = records.push(Op::Upsert, origin, |packer| {
            packer.name(column);
            packer.value(*value);
            packer.name("source_id");
            packer.value(Value::I64(*number));
            Ok(())
        });
        pushed.unwrap();
    }
    records
}

fn lookup(unknown: Unknown, most: usize) -> Vec<Box<dyn Step>> {
    let text = |it| Value::String(it);
    let sources = rows(
        "sources",
        "main_link",
        &[
            (text("https://one.org/"), 1),
            (text("http://two.org"), 2),
            (text("http://both.org/a"), 3),
            (text("http://both.org/b"), 4),
            (Value::Null, 5),
        ],
    );
    let tables = HashMap::from([("sources".to_owned(), sources)]);
    let tables = HashMap::from([("w".to_owned(), LookupTable::Rows(Arc::new(tables)))]);
    let host =
        |field: &str| Expression::parse(&format!("{field} == null ? '' : host({field})")).unwrap();
    let step = LookupStep {
        into: "source_id".into(),
        by: host("link"),
        connection: "w".into(),
        table: "sources".into(),
        key: host("main_link"),
        value: "source_id".into(),
        unknown,
        most,
        age: Duration::from_secs(60),
    };
    steps_with(&[StepSettings::Lookup(Box::new(step))], &tables)
}

#[tokio::test]
async fn a_value_is_found_by_its_host_and_one_without_a_row_fails_alone() {
    let steps = lookup(Unknown::DeadLetter, 5);
    prepare(&steps).await.unwrap();
    let text = |it| Value::String(it);
    let all = links(&[
        text("http://ONE.org/x"),
        text("http://none.org"),
        text("https://two.org/y"),
        text("http://both.org"),
        Value::Null,
    ]);
    let (after, failed) = run(&steps, all).unwrap();
    let found: Vec<_> = after.iter().map(|it| it.get("source_id")).collect();
    assert_eq!(found, [Some(Value::I64(1)), Some(Value::I64(2))]);
    let failed: Vec<_> = failed
        .iter()
        .map(|it| (it.origin, it.reason.as_str()))
        .collect();
    let reason = "field `source_id`: `sources` has";
    assert_eq!(failed[0], (1, &*format!("{reason} no row of its key")));
    assert_eq!(
        failed[1],
        (3, &*format!("{reason} several values of its key"))
    );
    assert_eq!(failed[2].0, 4);
}

#[tokio::test]
async fn what_is_unknown_may_be_null_and_too_large_a_table_stops_the_flow() {
    let steps = lookup(Unknown::Null, 5);
    prepare(&steps).await.unwrap();
    let (after, failed) = run(&steps, links(&[Value::Null])).unwrap();
    assert_eq!(after.get(0).unwrap().get("source_id"), Some(Value::Null));
    assert_eq!(failed, []);
    let error = prepare(&lookup(Unknown::Null, 4)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("more than 4 rows: raise `max-rows`"),
        "{error}"
    );
}
