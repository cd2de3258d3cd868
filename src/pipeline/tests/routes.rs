//! Which records go to which tables, and what they replace there.

use std::sync::Arc;

use crate::{
    model::{Headers, Message, Messages, Op, RecordOrigin, Row, Value},
    pipeline::*,
};

/// An `id` with its kind and its list; a `None` is a deletion of that key.
type Given<'g> = (&'g str, Option<(&'g str, &'g [&'g str])>);

/// Records of these, in documents.
fn records(rows: &[Given<'_>]) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
    for (origin, (id, row)) in (0..).zip(rows) {
        let op = row.map_or(Op::Delete, |_| Op::Upsert);
        let pushed: Result<(), ()> = records.push(op, origin, |packer| {
            let Some((kind, list)) = row else {
                packer.name("key");
                packer.value(Value::String(id));
                return Ok(());
            };
            for (name, value) in [("id", *id), ("kind", *kind)] {
                packer.name(name);
                packer.value(Value::String(value));
            }
            packer.name("list");
            packer.array(|packer| {
                list.iter().for_each(|it| packer.value(Value::String(it)));
            });
            Ok(())
        });
        pushed.unwrap();
    }
    records
}

fn table(name: &str, when: &[&str]) -> TableRoute {
    TableRoute {
        table: name.to_owned(),
        when: when.iter().map(|it| (*it).to_owned()).collect(),
        steps: Vec::new(),
        replaces: None,
    }
}

/// The children of a list: those that are empty go.
fn children(deletions: Deletions) -> TableRoute {
    let settings = [
        StepSettings::Rename(vec![("id".to_owned(), "parent".to_owned())]),
        StepSettings::Explode(ExplodeStep {
            field: "list".to_owned(),
            number: None,
            keep_empty: false,
        }),
        StepSettings::Filter(
            Expression::parse("list != 'bad'").unwrap(),
            Else::DeadLetter,
        ),
    ];
    TableRoute {
        steps: steps(&settings),
        replaces: Some(Replaces {
            by: vec!["parent".to_owned()],
            in_front_of: settings
                .iter()
                .position(StepSettings::changes_number)
                .unwrap(),
            deletions,
        }),
        ..table("children", &[])
    }
}

fn shown(records: &Records) -> Vec<String> {
    let field = |(name, value): (&str, Value<'_>)| match (name, value) {
        ("kind", _) => None,
        (_, Value::String(it)) => Some(it.to_owned()),
        (_, other) => Some(other.type_name().to_owned()),
    };
    let row = |it: Row<'_>| {
        let fields: Vec<_> = it.fields().filter_map(field).collect();
        let sign = if it.op() == Op::Delete { "-" } else { "" };
        format!("{sign}{}", fields.join(" "))
    };
    records.iter().map(row).collect()
}

/// No message has a key or a header.
fn nowhere(_: u32) -> Option<Message<'static>> {
    None
}

fn by_kind() -> Option<RouteBy> {
    Some(RouteBy::Field("kind".to_owned()))
}

#[test]
fn a_record_goes_to_the_tables_of_its_route_and_to_those_of_every_message() {
    let tables = vec![
        table("a", &["x", "y"]),
        table("b", &["y"]),
        table("all", &[]),
    ];
    let routes = Routes::new(by_kind(), tables);
    let all = records(&[
        ("1", Some(("x", &[]))),
        ("2", Some(("y", &[]))),
        ("3", Some(("z", &[]))),
    ]);
    let (parts, failed) = routes.apply(all, nowhere).unwrap();
    let parts: Vec<_> = parts.iter().map(|it| it.len()).collect();
    assert_eq!((parts, failed), (vec![2, 1, 3], vec![]));
}

#[test]
fn a_record_that_no_table_is_for_fails_and_says_which_there_are() {
    let routes = Routes::new(by_kind(), vec![table("a", &["x"]), table("b", &["y"])]);
    let all = records(&[("1", Some(("x", &[]))), ("2", Some(("z", &[])))]);
    let (parts, failed) = routes.apply(all, nowhere).unwrap();
    assert_eq!(shown(&parts[0]), ["1 array"]);
    assert!(parts[1].is_empty());
    assert_eq!((failed[0].origin, failed[0].step.as_str()), (1, "route"));
    let reason = "no table is for the field `kind` `z`; there are x, y";
    assert_eq!(failed[0].reason, reason);
}

#[test]
fn messages_are_routed_by_a_header_or_the_key() {
    let mut messages = Messages::default();
    let (x, bad) = (Some(&b"x"[..]), Some(&b"\xff"[..]));
    messages.push(x, None, [("type", x)], RecordOrigin::default());
    messages.push(None, None, [("other", x)], RecordOrigin::default());
    messages.push(bad, None, [("type", bad)], RecordOrigin::default());
    let message = |origin: u32| messages.get(origin as usize);
    for (by, name) in [
        (RouteBy::Header("type".to_owned()), "header `type`"),
        (RouteBy::Key, "key"),
    ] {
        let routes = Routes::new(Some(by), vec![table("a", &["x"]), table("b", &["y"])]);
        let all = records(&[("1", None), ("2", None), ("3", None)]);
        let (parts, failed) = routes.apply(all, message).unwrap();
        assert_eq!(
            (shown(&parts[0]), parts[1].len()),
            (vec!["-1".to_owned()], 0)
        );
        let reasons: Vec<_> = failed.iter().map(|it| it.reason.as_str()).collect();
        let expected = [
            format!("it has no {name} to be routed by; there are x, y"),
            format!("its {name} is no UTF-8, and nothing to be routed by"),
        ];
        assert_eq!(reasons, expected);
    }
    let none = Headers::default().get("type");
    assert_eq!(none, None);
}

#[test]
fn a_deletion_without_the_field_goes_where_there_is_one_way_and_fails_where_there_are_several() {
    let deletion = || records(&[("1", None)]);
    let one = Routes::new(
        by_kind(),
        vec![table("a", &["x"]), table("b", &["x"]), table("c", &[])],
    );
    let (parts, failed) = one.apply(deletion(), nowhere).unwrap();
    assert!(parts.iter().all(|it| shown(it) == ["-1"]) && failed.is_empty());
    let two = Routes::new(by_kind(), vec![table("a", &["x"]), table("b", &["y"])]);
    let (parts, failed) = two.apply(deletion(), nowhere).unwrap();
    assert!(parts.iter().all(Records::is_empty));
    assert!(failed[0].reason.contains("route by a header or the key"));
}

#[test]
fn rows_are_replaced_message_by_message_also_by_none() {
    let routes = Routes::new(
        None,
        vec![table("parents", &[]), children(Deletions::Follow)],
    );
    let all = records(&[
        ("1", Some(("x", &["a", "b"]))),
        ("2", Some(("x", &[]))),
        ("3", None),
        ("1", Some(("x", &["c"]))),
    ]);
    let (parts, failed) = routes.apply(all, nowhere).unwrap();
    assert_eq!(
        shown(&parts[1]),
        ["-1", "1 a", "1 b", "-2", "-3", "-1", "1 c"]
    );
    assert_eq!((parts[0].len(), failed), (4, vec![]));
}

#[test]
fn a_message_that_fails_on_one_way_goes_none() {
    let routes = Routes::new(
        None,
        vec![table("parents", &[]), children(Deletions::Follow)],
    );
    let all = records(&[
        ("1", Some(("x", &["a", "bad", "b"]))),
        ("2", Some(("x", &["c"]))),
    ]);
    let (parts, failed) = routes.apply(all, nowhere).unwrap();
    assert_eq!(shown(&parts[0]), ["2 array"]);
    assert_eq!(shown(&parts[1]), ["-2", "2 c"]);
    assert_eq!((failed.len(), failed[0].step.as_str()), (1, "filter"));
    assert!(
        failed[0].reason.starts_with("table children: "),
        "{failed:?}"
    );
}

#[test]
fn rows_of_a_parent_without_a_name_cannot_be_replaced() {
    let mut all = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
    let pushed: Result<(), ()> = all.push(Op::Upsert, 7, |packer| {
        packer.name("id");
        packer.value(Value::Null);
        Ok(())
    });
    pushed.unwrap();
    let routes = Routes::new(None, vec![children(Deletions::Follow)]);
    let (parts, failed) = routes.apply(all, nowhere).unwrap();
    assert!(parts[0].is_empty());
    assert_eq!(
        (failed[0].origin, failed[0].step.as_str()),
        (7, "replace-by")
    );
    assert!(failed[0].reason.starts_with("field `parent`: "));
}

#[test]
fn children_of_a_deleted_parent_go_stay_or_are_a_dead_letter() {
    let part = |deletions| {
        let routes = Routes::new(None, vec![children(deletions)]);
        let (parts, failed) = routes.apply(records(&[("1", None)]), nowhere).unwrap();
        (shown(&parts[0]), failed.len())
    };
    assert_eq!(part(Deletions::Follow), (vec!["-1".to_owned()], 0));
    assert_eq!(part(Deletions::Stay), (vec![], 0));
    assert_eq!(part(Deletions::Refused), (vec![], 1));
}

#[test]
fn rename_gives_a_deletion_its_new_names_but_for_a_key_without_one() {
    let rename = [("uid", "id"), ("key", "k")];
    let rename = rename
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .to_vec();
    let steps = steps(&[StepSettings::Rename(rename)]);
    let named = |name: &str| {
        let mut all = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
        let pushed: Result<(), ()> = all.push(Op::Delete, 0, |packer| {
            packer.name(name);
            packer.value(Value::String("1"));
            Ok(())
        });
        pushed.unwrap();
        let (all, _) = run(&steps, all).unwrap();
        let name = all
            .iter()
            .flat_map(|it| it.fields())
            .map(|it| it.0.to_owned());
        name.collect::<Vec<_>>()
    };
    assert_eq!([named("uid"), named("key")].concat(), ["id", "key"]);
}
