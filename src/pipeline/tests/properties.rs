//! No step panics, whatever the value.

use proptest::prelude::*;

use super::values::{clock, day, made};
use crate::{
    model::{Instant, OwnedValue, Value},
    pipeline::*,
};

/// Values of every type, at their edges and in between.
fn values() -> impl Strategy<Value = OwnedValue> {
    let date = (0u16..=9999, 0u8..=12, 0u8..=31).prop_map(|(y, m, d)| day(y, m, d));
    let date = date.boxed();
    prop_oneof![
        Just(OwnedValue::new(Value::Null)),
        Just(OwnedValue::new(Value::Undefined)),
        Just(OwnedValue::new(Value::MinKey)),
        any::<bool>().prop_map(|it| OwnedValue::new(Value::Bool(it))),
        any::<i32>().prop_map(|it| OwnedValue::new(Value::I32(it))),
        any::<i64>().prop_map(|it| OwnedValue::new(Value::I64(it))),
        any::<u64>().prop_map(|it| OwnedValue::new(Value::U64(it))),
        any::<u64>().prop_map(|it| OwnedValue::new(Value::Bit(it))),
        any::<f32>().prop_map(|it| OwnedValue::new(Value::F32(it))),
        any::<f64>().prop_map(|it| OwnedValue::new(Value::F64(it))),
        "-?[0-9]{1,70}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,9})?"
            .prop_map(|it| OwnedValue::new(Value::Decimal(&it))),
        "\\PC{0,20}".prop_map(|it| OwnedValue::new(Value::String(&it))),
        "[0-9]{0,5}-[0-9]{0,3}-[0-9]{0,3}[ T]?[0-9:.+]{0,16}"
            .prop_map(|it| OwnedValue::new(Value::String(&it))),
        "[ -~]{0,9}".prop_map(|it| OwnedValue::new(Value::Enum(&it))),
        "[ -~]{0,9}".prop_map(|it| OwnedValue::new(Value::Symbol(&it))),
        "[ -~]{0,9}".prop_map(|it| OwnedValue::new(Value::Code(&it))),
        any::<Vec<u8>>().prop_map(|it| OwnedValue::new(Value::Bytes(0, &it))),
        any::<[u8; 12]>().prop_map(|it| OwnedValue::new(Value::ObjectId(it))),
        any::<u16>().prop_map(|it| OwnedValue::new(Value::Year(it))),
        date.clone().prop_map(|it| OwnedValue::new(Value::Date(it))),
        (date, 0u8..24).prop_map(|(it, hour)| OwnedValue::new(Value::DateTime(clock(it, hour)))),
        (any::<i64>(), 0u32..1_000_000).prop_map(|(seconds, micros)| {
            OwnedValue::new(Value::Instant(Instant { seconds, micros }))
        }),
        prop::collection::vec(any::<i64>(), 0..4).prop_map(|list| {
            let filled = OwnedValue::filled::<()>(|packer| {
                packer.array(|it| list.iter().for_each(|item| it.value(Value::I64(*item))));
                Ok(())
            });
            filled.unwrap()
        }),
        ("[a.]{0,3}", any::<i64>()).prop_map(|(name, number)| {
            let filled = OwnedValue::filled::<()>(|packer| {
                packer.document(|it| {
                    it.name(&name);
                    it.value(Value::I64(number));
                });
                Ok(())
            });
            filled.unwrap()
        }),
    ]
}

fn any_step() -> impl Strategy<Value = StepSettings> {
    let field = || vec!["a".to_owned()];
    let cel = |text: &str| Expression::parse(text).unwrap();
    let mut all: Vec<StepSettings> = Target::WORDS
        .iter()
        .map(|(_, it)| StepSettings::Cast(vec![("a".into(), *it)]))
        .collect();
    let forms = [
        "date",
        "datetime",
        "instant",
        "epoch-s",
        "epoch-ns",
        "YYYY-MM-DDTHH:mm:ss.SSSZ",
        "%c %Z %G %V %s",
    ];
    for to in forms {
        for from in [
            "",
            "epoch-s",
            "epoch-ms",
            "epoch-ns",
            "YYYY-MM-DD",
            "%Y-%m-%d %H:%M:%S%.f%z",
        ] {
            for (zone, to_zone) in [("", ""), ("America/New_York", ""), ("UTC", "Asia/Shanghai")] {
                all.push(StepSettings::Date(DateStep {
                    fields: field(),
                    from: (!from.is_empty()).then(|| Form::parse(from).unwrap()),
                    to: Form::parse(to).unwrap(),
                    zone: zone.parse().ok(),
                    to_zone: to_zone.parse().ok(),
                }));
            }
        }
    }
    for text in [
        "a + 1",
        "a > 1",
        "string(a)",
        "a[0]",
        "a.b",
        "size(a)",
        "a * a",
        "-a",
        "timestamp(a)",
        "duration(a)",
        "a.matches('.*')",
        "[a, {'x': a}]",
        "int(a)",
        "a / 0",
        "a % 0",
        "double(a)",
        "uint(a)",
        "bytes(a)",
        "a in [1]",
        "host(a)",
        "json(a)",
        "a.getFullYear()",
    ] {
        all.push(StepSettings::Set(vec![("b".into(), cel(text))]));
        all.push(StepSettings::Filter(cel(text), Else::Drop));
    }
    all.extend([
        StepSettings::Rename(vec![("a".into(), "b".into())]),
        StepSettings::Keep(field()),
        StepSettings::Drop(field()),
        StepSettings::Default(vec![("a".into(), Literal::Integer(1))]),
        StepSettings::Trim(field()),
        StepSettings::Replace(field(), "".into(), "x".into()),
        StepSettings::Mask(field(), 2),
        StepSettings::Hash(HashStep {
            fields: field(),
            algorithm: Algorithm::Md5,
            separator: String::new(),
            into: "h".into(),
        }),
        StepSettings::Map(MapStep {
            field: "a".into(),
            into: "m".into(),
            values: vec![("x".into(), "y".into())],
            otherwise: Some("*".into()),
        }),
        StepSettings::Flatten(field(), ".".into()),
        StepSettings::Unflatten(".".into()),
        StepSettings::Explode(ExplodeStep {
            field: "a".into(),
            number: Some("n".into()),
            keep_empty: true,
        }),
        StepSettings::Deduplicate(DeduplicateStep {
            fields: field(),
            keep: Keep::Last,
            otherwise: Else::DeadLetter,
        }),
    ]);
    all.push(StepSettings::Branch(all.clone()));
    prop::sample::select(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever the value, a step makes a value of it or says why not.
    #[test]
    fn no_step_panics_on_any_value(value in values(), step in any_step()) {
        let _ = made(step, value.packed().value());
    }
}
