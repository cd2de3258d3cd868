//! The steps' cases: records, steps, and what comes of them.

use std::sync::Arc;

use proptest::prelude::*;

use crate::{
    model::{Field, Kind, Op, OwnedValue, Records, Schema, Value},
    pipeline::*,
};

type Fields<'a> = Vec<(&'a str, Value<'a>)>;

fn documents(rows: &[Fields<'_>]) -> Records {
    let mut records = Records::new(Arc::new(Schema::document("t", [] as [&str; 0])));
    push(&mut records, rows, true);
    records
}

fn table(names: &[&str], key: &[&str], rows: &[Fields<'_>]) -> Records {
    let field = |it: &&str| Field {
        name: (*it).to_owned(),
        kind: Kind::Any,
    };
    let fields = names.iter().map(field).collect();
    let mut records = Records::new(Arc::new(Schema::table("t", fields, key.to_vec())));
    push(&mut records, rows, false);
    records
}

fn push(records: &mut Records, rows: &[Fields<'_>], named: bool) {
    for (origin, row) in (0..).zip(rows) {
        let pushed: Result<(), ()> = records.push(Op::Upsert, origin, |packer| {
            for (name, value) in row {
                if named {
                    packer.name(name);
                }
                packer.value(*value);
            }
            Ok(())
        });
        pushed.unwrap();
    }
}

fn shown(records: &Records) -> Vec<String> {
    let field = |(name, value): (&str, Value<'_>)| match value {
        Value::String(it) => format!("{name}='{it}'"),
        Value::Null => format!("{name}=null"),
        Value::I64(it) => format!("{name}={it}"),
        Value::U64(it) => format!("{name}={it}u"),
        Value::Bool(it) => format!("{name}={it}"),
        Value::Decimal(it) => format!("{name}={it}d"),
        Value::Document(inner) => format!("{name}{{{}}}", inner.count()),
        other => format!("{name}:{}", other.type_name()),
    };
    let row = |it: crate::model::Row<'_>| it.fields().map(field).collect::<Vec<_>>().join(" ");
    records.iter().map(row).collect()
}

fn cel(text: &str) -> Expression {
    Expression::parse(text).unwrap()
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|it| (*it).to_owned()).collect()
}

/// One record of these fields gives, as a document and as a table, exactly these records.
#[track_caller]
fn check(step: StepSettings, fields: Fields<'_>, expected: &[&str]) {
    let (columns, rows): (Vec<_>, _) = (fields.iter().map(|it| it.0).collect(), [fields]);
    for records in [documents(&rows), table(&columns, &[], &rows)] {
        let (after, failed) = run(&steps(std::slice::from_ref(&step)), records).unwrap();
        assert_eq!(shown(&after), expected);
        assert_eq!(failed, []);
    }
}

#[track_caller]
fn check_failure(step: StepSettings, fields: Fields<'_>, reason: &str) {
    let (after, failed) = run(&steps(&[step]), documents(&[fields])).unwrap();
    assert_eq!((after.len(), failed.len()), (0, 1));
    assert_eq!(failed[0].reason, reason);
}

#[test]
fn fields_are_renamed_kept_dropped_and_filled_in() {
    let row = || vec![("a", Value::I64(1)), ("b", Value::Null)];
    let rename = StepSettings::Rename(vec![("a".into(), "c".into())]);
    check(rename, row(), &["c=1 b=null"]);
    check(StepSettings::Keep(names(&["a"])), row(), &["a=1"]);
    check(StepSettings::Drop(names(&["a"])), row(), &["b=null"]);
    let literal = |text: &str| Literal::Text(text.into());
    let default = vec![("a", "x"), ("b", "y"), ("n", "z")];
    let default = default
        .into_iter()
        .map(|(it, text)| (it.into(), literal(text)));
    let default = StepSettings::Default(default.collect());
    check(default, row(), &["a=1 b='y' n='z'"]);
    let clash = StepSettings::Rename(vec![("a".into(), "b".into())]);
    check_failure(clash, row(), "there would be two fields `b`");
}

#[test]
fn names_can_be_swapped() {
    let swap = vec![("a".into(), "b".into()), ("b".into(), "a".into())];
    let row = vec![("a", Value::I64(1)), ("b", Value::I64(2))];
    check(StepSettings::Rename(swap), row, &["b=1 a=2"]);
}

#[test]
fn expressions_see_values_exactly() {
    let row = || {
        vec![
            ("u", Value::U64(u64::MAX)),
            ("d", Value::Decimal("1.10")),
            ("url", Value::String("https://U@Host.org:1/x")),
        ]
    };
    let set = |text: &str| StepSettings::Set(vec![("x".into(), cel(text))]);
    let end = |x: &str| format!("u={}u d=1.10d url='https://U@Host.org:1/x' x={x}", u64::MAX);
    for (text, x) in [
        ("u", "18446744073709551615u"),
        ("u - 1u", "18446744073709551614u"),
        ("d", "1.10d"),
        ("d + '0'", "'1.100'"),
        ("host(url)", "'host.org'"),
        ("u > 9223372036854775807u", "true"),
        ("json('[1, \"b\"]')[1]", "'b'"),
        (
            "json('{\"a\": {\"b\": 18446744073709551615}}').a.b",
            "18446744073709551615u",
        ),
        ("size(json('[]'))", "0"),
    ] {
        check(set(text), row(), &[&end(x)]);
    }
    check_failure(
        set("u + 1u"),
        row(),
        "field `x`: `u + 1u`: `add` leaves the range",
    );
    let regex = vec![("r", Value::Regex("a", "i"))];
    check_failure(
        set("r == 'a'"),
        regex,
        "field `x`: field `r`: CEL has no regex",
    );
}

#[test]
fn what_is_no_json_fails_and_its_text_is_not_told() {
    for written in ["['a']", "", "[1", "secret"] {
        let row = vec![("t", Value::String(written))];
        let step = StepSettings::Set(vec![("x".into(), cel("json(t)"))]);
        check_failure(step, row, "field `x`: `json(t)`: `json` failed");
    }
}

#[test]
fn a_map_gives_one_text_for_another() {
    let map = |otherwise: Option<&str>| {
        StepSettings::Map(MapStep {
            field: "d".into(),
            into: "c".into(),
            values: vec![("sales".into(), "S".into()), ("7".into(), "N".into())],
            otherwise: otherwise.map(str::to_owned),
        })
    };
    for (value, end) in [
        (Value::String("sales"), "d='sales' c='S'"),
        (Value::I64(7), "d=7 c='N'"),
        (Value::String("Sales"), "d='Sales' c='*'"),
    ] {
        let row = vec![("d", value), ("c", Value::I64(1))];
        check(map(Some("*")), row, &[end]);
    }
    check(map(Some("*")), vec![("d", Value::Null)], &["d=null c='*'"]);
    let reason = "field `c`: the value of `d` is not among `values`, and there is no `otherwise`";
    check_failure(map(None), vec![("d", Value::String("other"))], reason);
}

#[test]
fn a_filter_drops_or_sets_aside() {
    let row = || vec![("n", Value::I64(1))];
    check(
        StepSettings::Filter(cel("n == 1"), Else::Drop),
        row(),
        &["n=1"],
    );
    check(StepSettings::Filter(cel("n > 1"), Else::Drop), row(), &[]);
    let strict = StepSettings::Filter(cel("n > 1"), Else::DeadLetter);
    check_failure(strict, row(), "`n > 1` is false");
    let number = StepSettings::Filter(cel("n + 1"), Else::Drop);
    check_failure(number, row(), "`n + 1` is neither true nor false");
    let missing = StepSettings::Filter(cel("m == null"), Else::Drop);
    let (after, _) = run(&steps(&[missing]), documents(&[row()])).unwrap();
    assert_eq!(after.len(), 1, "a document's missing field is null");
}

#[test]
fn texts_are_trimmed_replaced_masked_and_hashed() {
    let row = || vec![("a", Value::String(" ab ")), ("n", Value::I64(1234))];
    let both = || names(&["a", "n"]);
    check(StepSettings::Trim(both()), row(), &["a='ab' n=1234"]);
    let replace = StepSettings::Replace(both(), "b".into(), "xx".into());
    check(replace, row(), &["a=' axx ' n=1234"]);
    check(StepSettings::Mask(both(), 2), row(), &["a='**b ' n='**34'"]);
    check(StepSettings::Mask(both(), 4), row(), &["a='****' n='****'"]);
    let hash = |fields: &[&str], algorithm| {
        StepSettings::Hash(HashStep {
            fields: names(fields),
            algorithm,
            separator: "|".into(),
            into: "a".into(),
        })
    };
    let md5 = "a='81dc9bdb52d04dc20036dbd8313ed055' n=1234";
    check(hash(&["n"], Algorithm::Md5), row(), &[md5]);
    let sha = "a='03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4' n=1234";
    check(hash(&["n"], Algorithm::Sha256), row(), &[sha]);
}

#[test]
fn documents_are_flattened_and_back() {
    let inner = OwnedValue::filled::<()>(|packer| {
        packer.document(|it| {
            it.name("x");
            it.value(Value::I64(1));
            it.name("y");
            it.value(Value::Decimal("1.0"));
        });
        Ok(())
    });
    let inner = inner.unwrap();
    let row = vec![("d", inner.packed().value()), ("e", Value::I64(2))];
    let flatten = StepSettings::Flatten(names(&["d"]), ".".into());
    check(flatten.clone(), row.clone(), &["d.x=1 d.y=1.0d e=2"]);
    let both = steps(&[flatten, StepSettings::Unflatten(".".into())]);
    let (after, _) = run(&both, documents(&[row])).unwrap();
    assert_eq!(after.get(0).unwrap().get("d"), Some(inner.packed().value()));
    let clash = vec![("d", Value::I64(1)), ("d.x", Value::I64(2))];
    let reason = "field `d.x` would be a document and a value";
    check_failure(StepSettings::Unflatten(".".into()), clash, reason);
}

#[test]
fn a_list_is_exploded_into_records_of_its_message() {
    let list = OwnedValue::filled::<()>(|packer| {
        packer.array(|it| (7..9).for_each(|item| it.value(Value::I64(item))));
        Ok(())
    });
    let list = list.unwrap();
    let explode = |keep_empty| {
        StepSettings::Explode(ExplodeStep {
            field: "l".into(),
            number: Some("n".into()),
            keep_empty,
        })
    };
    let row = vec![("l", list.packed().value())];
    check(explode(true), row, &["l=7 n=1", "l=8 n=2"]);
    check(explode(true), vec![("l", Value::Null)], &["l=null n=null"]);
    check(explode(false), vec![("l", Value::Null)], &[]);
    let reason = "field `l`: integer is no list";
    check_failure(explode(true), vec![("l", Value::I64(1))], reason);
}

#[test]
fn one_of_a_batch_stays_and_a_deletion_divides_it() {
    let row = |id, n| vec![("id", Value::I64(id)), ("n", Value::I64(n))];
    let rows = [row(1, 1), row(2, 2), row(1, 3)];
    let after = |keep, delete: bool| {
        let mut records = documents(&rows[..2]);
        if delete {
            let pushed: Result<(), ()> = records.push(Op::Delete, 9, |packer| {
                packer.name("key");
                packer.value(Value::String("1"));
                Ok(())
            });
            pushed.unwrap();
        }
        records.append(&documents(&rows[2..]), 3);
        let step = StepSettings::Deduplicate(DeduplicateStep {
            fields: names(&["id"]),
            keep,
            otherwise: Else::Drop,
        });
        shown(&run(&steps(&[step]), records).unwrap().0)
    };
    assert_eq!(after(Keep::Last, false), ["id=2 n=2", "id=1 n=3"]);
    assert_eq!(after(Keep::First, false), ["id=1 n=1", "id=2 n=2"]);
    let all = ["id=1 n=1", "id=2 n=2", "key='1'", "id=1 n=3"];
    assert_eq!(after(Keep::First, true), all);
    assert_eq!(after(Keep::Last, true), all);
}

#[test]
fn a_branch_checks_and_changes_nothing() {
    let rows = [vec![("n", Value::I64(1))], vec![("n", Value::I64(2))]];
    let branch = StepSettings::Branch(vec![
        StepSettings::Set(vec![("n".into(), cel("n * 10"))]),
        StepSettings::Filter(cel("n < 20"), Else::DeadLetter),
        StepSettings::Filter(cel("false"), Else::Drop),
    ]);
    let (after, failed) = run(&steps(&[branch]), documents(&rows)).unwrap();
    assert_eq!(shown(&after), ["n=1"]);
    assert_eq!(failed[0].reason, "step `filter`: `n < 20` is false");
    assert_eq!((failed[0].origin, failed[0].step.as_str()), (1, "branch"));
}

#[test]
fn a_table_without_the_field_and_a_lost_key_stop_the_flow() {
    for (step, advice) in [
        (
            StepSettings::Trim(names(&["x"])),
            "`t` has no field `x`; it has id",
        ),
        (
            StepSettings::Drop(names(&["id"])),
            "`id` is of the record's key and must stay",
        ),
    ] {
        let records = table(&["id"], &["id"], &[vec![("id", Value::I64(1))]]);
        let error = run(&steps(&[step]), records).unwrap_err();
        assert!(error.to_string().ends_with(advice), "{error}");
        assert_eq!(error.fault(), Fault::Permanent);
    }
}

#[test]
fn a_sample_has_what_was_before_and_after_each_step() {
    let both = steps(&[
        StepSettings::Drop(names(&["a"])),
        StepSettings::Filter(cel("b == 2"), Else::DeadLetter),
    ]);
    let row = vec![("a", Value::I64(1)), ("b", Value::I64(3))];
    let (_, sampled) = sample(&both, documents(&[row])).unwrap();
    assert_eq!(shown(&sampled[0].before), ["a=1 b=3"]);
    assert_eq!(shown(&sampled[1].before), ["b=3"]);
    assert_eq!((sampled[1].after.len(), sampled[1].failed.len()), (0, 1));
}

proptest! {
    /// Whatever steps do to `touched`, other fields keep their bytes, records their order and origin.
    #[test]
    fn untouched_fields_keep_their_bytes(
        rows in prop::collection::vec((any::<u64>(), "\\PC*", any::<f64>(), any::<Vec<u8>>()), 0..8),
    ) {
        let digits: Vec<String> = rows.iter().map(|it| format!("{}.000", it.0)).collect();
        let rows: Vec<Fields<'_>> = rows.iter().zip(&digits).map(|((u, s, f, b), d)| vec![
            ("u", Value::U64(*u)), ("touched", Value::String(s)), ("f", Value::F64(*f)),
            ("b", Value::Bytes(5, b)), ("d", Value::Decimal(d)),
        ]).collect();
        let all = steps(&[
            StepSettings::Trim(names(&["touched"])),
            StepSettings::Set(vec![("touched".into(), cel("touched + '!'")), ("new".into(), cel("d"))]),
            StepSettings::Filter(cel("u >= 0u"), Else::Drop),
            StepSettings::Mask(names(&["touched"]), 1),
            StepSettings::Rename(vec![("touched".into(), "t".into())]),
        ]);
        for records in [documents(&rows), table(&["u", "touched", "f", "b", "d"], &[], &rows)] {
            let (after, failed) = run(&all, records.clone()).unwrap();
            prop_assert!(failed.is_empty());
            prop_assert_eq!(after.len(), records.len());
            for (before, after) in records.iter().zip(after.iter()) {
                prop_assert_eq!(before.origin(), after.origin());
                for name in ["u", "f", "b", "d"] {
                    let of = |row: &crate::model::Row<'_>| row.packed_fields().find(|it| it.0 == name).map(|it| OwnedValue::from(it.1));
                    prop_assert_eq!(of(&before), of(&after));
                }
                prop_assert_eq!(before.get("d"), after.get("new"));
            }
        }
    }
}
