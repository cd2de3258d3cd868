//! Rows as they are compared.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    digest::{Column, Padding},
    model::{
        Op, Records, Schema, Value,
        domain::{Domain, Holds},
    },
};

fn shape() -> Shape {
    let column = |name: &str, keeps| Column {
        name: name.to_owned(),
        keeps,
        domain: Domain::ANYTHING,
        is_computed: false,
    };
    Shape {
        columns: vec![
            column("id", Keeps::Whole),
            column("a", Keeps::Text(Padding::None)),
            column("b", Keeps::Text(Padding::None)),
        ],
        key: vec![0],
        rows: 0,
        documents: None,
    }
}

fn hashes(fields: &[(&str, Value<'_>)]) -> Hashes {
    let names = ["id", "a", "b"].map(str::to_owned).into();
    let compared = Compared::over(&shape(), &names, &[], Texts::default()).expect("it fits");
    let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
    let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
        for (name, value) in fields {
            packer.name(name);
            packer.value(*value);
        }
        Ok(())
    });
    pushed.expect("nothing fails");
    let row = records.get(0).expect("one");
    let taken = compared.take(&row, Side::Expected, &mut Canonical::default());
    taken.expect("all fields are known")
}

fn of(a: Value<'_>, b: Value<'_>) -> u128 {
    hashes(&[("id", Value::I64(1)), ("a", a), ("b", b)]).row
}

#[test]
fn null_is_no_empty_text_and_a_missing_field_is_null() {
    let empty = Value::String("");
    assert_ne!(of(Value::Null, empty), of(empty, Value::Null));
    assert_ne!(of(Value::Null, empty), of(empty, empty));
    let missing = hashes(&[("id", Value::I64(1)), ("b", empty)]).row;
    assert_eq!(missing, of(Value::Null, empty));
}

#[test]
fn the_order_of_fields_is_no_matter_and_the_key_is_of_its_own() {
    let one = hashes(&[
        ("b", Value::String("y")),
        ("id", Value::I64(1)),
        ("a", Value::String("x")),
    ]);
    assert_eq!(one.row, of(Value::String("x"), Value::String("y")));
    let other = hashes(&[("id", Value::U64(1)), ("a", Value::Null)]);
    assert_eq!(one.key, other.key);
    assert_ne!(one.row, other.row);
}

#[test]
fn what_the_column_cannot_hold_is_equal_to_nothing_that_lies_there() {
    let mut shape = shape();
    shape.columns[0].domain = Domain {
        holds: Holds::Integer(0, 9),
        is_nullable: false,
    };
    let names = ["id"].map(str::to_owned).into();
    let compared = Compared::over(&shape, &names, &[], Texts::default()).expect("it fits");
    let of = |value: Value<'_>, side| {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        let pushed: Result<(), ()> = records.push(Op::Upsert, 0, |packer| {
            packer.name("id");
            packer.value(value);
            Ok(())
        });
        pushed.expect("nothing fails");
        let row = records.get(0).expect("one");
        let taken = compared.take(&row, side, &mut Canonical::default());
        taken.expect("it is known").row
    };
    let there = of(Value::I64(2), Side::Actual);
    assert_eq!(of(Value::Json("2"), Side::Expected), there);
    assert_ne!(of(Value::Json("1.5"), Side::Expected), there);
    let null = of(Value::Null, Side::Actual);
    assert_ne!(of(Value::Null, Side::Expected), null);
}

#[test]
fn a_field_without_a_column_is_told() {
    let names = ["id", "c"].map(str::to_owned).into();
    let error = Compared::over(&shape(), &names, &[], Texts::default()).expect_err("no column");
    assert!(error.to_string().contains("a field `c`"), "{error}");
}

proptest! {
    /// Wherever one text ends and the next begins: different pairs have different hashes.
    #[test]
    fn values_never_flow_into_their_neighbours(
        a in "[ab\\x00]{0,4}", b in "[ab\\x00]{0,4}", c in "[ab\\x00]{0,4}", d in "[ab\\x00]{0,4}",
    ) {
        let left = of(Value::String(&a), Value::String(&b));
        let right = of(Value::String(&c), Value::String(&d));
        prop_assert_eq!(left == right, (a, b) == (c, d));
    }
}
