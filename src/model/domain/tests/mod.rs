//! Domains at their limits.

mod affinity;
mod numbers;
mod texts;
mod times;

use proptest::prelude::*;

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

proptest! {
    /// Texts come from outside: whatever they are, a column takes or refuses them.
    #[test]
    fn no_text_is_too_much_for_any_column(
        text in "([0-9:T.Ze+-]{0,40}|[ -~]{0,9}|.{0,9})", places in 0..=6_u8, most in 0..9_u64,
    ) {
        let members = Arc::new(Members::new(vec![String::new(), "1".to_owned()], true));
        let repertoire = Repertoire::Latin1;
        let text_of = |unit| Holds::Text(TextWidth { most, unit, is_fixed: true, repertoire });
        let all = [
            Holds::Integer(i64::MIN, i64::MAX as u64),
            Holds::Bits(most),
            Holds::Year,
            Holds::Single(Sign::Unsigned),
            Holds::Double(Sign::Signed),
            Holds::Decimal(65, Sign::Signed),
            text_of(Unit::Characters),
            text_of(Unit::Utf8),
            text_of(Unit::Utf16),
            text_of(Unit::Utf32),
            Holds::Enum(members.clone()),
            Holds::Set(members),
            Holds::Uuid,
            Holds::Inet4,
            Holds::Inet6,
            Holds::Bytes { most, is_fixed: false },
            Holds::Json(JsonNumbers::Doubles),
            Holds::Date,
            Holds::Time(places),
            Holds::DateTime(places),
            Holds::Timestamp(places),
            Holds::Affinity(Affinity::Integer),
            Holds::Affinity(Affinity::Real),
        ];
        for holds in all {
            for value in [Value::String(&text), Value::Decimal(&text), Value::Json(&text)] {
                taken(&holds, value);
            }
        }
    }
}
