//! Domains at their limits.

mod affinity;
mod numbers;
mod texts;
mod times;

use super::*;

/// What a column that holds this takes of a value, as text; `None` where it refuses it.
fn taken(holds: &Holds, value: Value<'_>) -> Option<String> {
    let domain = Domain {
        holds: holds.clone(),
        is_nullable: false,
    };
    Some(match domain.admit(&value, Texts::default()).ok()? {
        Admitted::Null => "NULL".to_owned(),
        Admitted::Signed(it) => it.to_string(),
        Admitted::Unsigned(it) => it.to_string(),
        Admitted::Double(it) => format!("{it:?}"),
        Admitted::Text(it) => it.to_owned(),
        Admitted::Bytes(it) => hex::encode(it),
        Admitted::Clock(it) => it.to_string(),
        Admitted::Written(it) => format!("{it:?}"),
        Admitted::Json(_) => "JSON".to_owned(),
    })
}

#[track_caller]
fn takes<'v>(holds: &Holds, cases: impl IntoIterator<Item = (Value<'v>, &'v str)>) {
    for (value, kept) in cases {
        assert_eq!(taken(holds, value).as_deref(), Some(kept), "{value:?}");
    }
}

#[track_caller]
fn refuses<'v>(holds: &Holds, values: impl IntoIterator<Item = Value<'v>>) {
    for value in values {
        assert_eq!(taken(holds, value), None, "{value:?}");
    }
}

/// Values that no column of numbers or times takes.
fn strangers() -> Vec<Value<'static>> {
    vec![
        Value::Null,
        Value::String(""),
        Value::String(" "),
        Value::String("a"),
        Value::Bytes(0, b"1"),
        Value::ObjectId([0; 12]),
        Value::Timestamp(1, 2),
        Value::Json("\"1\""),
        Value::Json("null"),
        Value::MinKey,
    ]
}

#[test]
fn null_is_held_where_the_catalogue_says_so() {
    let admits = |is_nullable| {
        let holds = Holds::Timestamp(6);
        let domain = Domain { holds, is_nullable };
        domain.admit(&Value::Undefined, Texts::default()).is_ok()
    };
    assert!(admits(true) && !admits(false));
}
