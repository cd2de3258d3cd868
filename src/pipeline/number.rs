//! Values as numbers, without a digit lost.

use std::borrow::Cow;

use crate::model::{Decimal, Value};

/// A whole number; `None` where it has another part, or is none.
pub(super) fn whole(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Bool(it) => Some(it.into()),
        Value::I32(it) => Some(it.into()),
        Value::I64(it) => Some(it.into()),
        Value::U64(it) | Value::Bit(it) => Some(it.into()),
        Value::Year(it) => Some(it.into()),
        Value::F32(it) => whole_float(it.into()),
        Value::F64(it) => whole_float(it),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) | Value::Symbol(it) => {
            whole_text(it)
        }
        _ => None,
    }
}

/// The digits of a decimal: those of a float are the fewest that tell it from others.
pub(super) fn decimal(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) => {
            read(it).map(|_| Cow::Borrowed(it))
        }
        Value::F32(it) => it.is_finite().then(|| it.to_string().into()),
        Value::F64(it) => it.is_finite().then(|| it.to_string().into()),
        other => whole(other).map(|it| it.to_string().into()),
    }
}

/// The double: of an integer or a single exactly, of digits the nearest.
pub(super) fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::F32(it) => Some(it.into()),
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) => {
            read(it)?;
            it.parse().ok().filter(|it: &f64| it.is_finite())
        }
        other => {
            let whole = whole(other)?;
            let double = whole as f64;
            (double as i128 == whole).then_some(double)
        }
    }
}

/// The single: of an integer or a double exactly, of digits the nearest.
pub(super) fn single(value: Value<'_>) -> Option<f32> {
    match value {
        Value::F64(it) => {
            let single = it as f32;
            (f64::from(single).to_bits() == it.to_bits()).then_some(single)
        }
        Value::Decimal(it) | Value::String(it) | Value::Enum(it) => {
            read(it)?;
            it.parse().ok().filter(|it: &f32| it.is_finite())
        }
        other => {
            let whole = whole(other)?;
            let single = whole as f32;
            (single as i128 == whole).then_some(single)
        }
    }
}

/// Above this, a double's neighbours are far beyond every integer that we have.
fn whole_float(float: f64) -> Option<i128> {
    (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128)
}

fn whole_text(text: &str) -> Option<i128> {
    read(text)?.to_integer()
}

/// A number as it is written: `-12.50`, `1E+3`; what has an exponent beyond 32 bits is none.
fn read(text: &str) -> Option<Decimal<'_>> {
    let is_near = |it: i64| i32::try_from(it).is_ok();
    Decimal::read(text).filter(|it| it.is_strict() && it.exponent().is_none_or(is_near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_exactly_or_not_at_all() {
        for (text, number) in [
            ("0", Some(0)),
            ("-0.000", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(18_446_744_073_709_551_615)),
            ("-9223372036854775808.000", Some(-9_223_372_036_854_775_808)),
            ("1E+3", Some(1000)),
            ("12.50e1", Some(125)),
            ("0.001e3", Some(1)),
            ("1200e-2", Some(12)),
            ("1e99", None),
            ("1e2147483647", None),
            ("1e-2147483648", None),
            ("0e2147483647", Some(0)),
            ("1.5", None),
            ("", None),
            ("-", None),
            ("1.", None),
            (".5", None),
            ("+1", None),
            (" 1", None),
            ("NaN", None),
            ("1e", None),
            ("٣", None),
        ] {
            assert_eq!(whole_text(text), number, "{text}");
        }
        assert_eq!(whole(Value::F64(f64::NAN)), None);
        assert_eq!(whole(Value::F64(-0.5)), None);
        assert_eq!(whole(Value::F64(9_007_199_254_740_992.0)), Some(1 << 53));
    }

    #[test]
    fn floats_are_exact_of_integers() {
        assert_eq!(double(Value::I64(1 << 53)), Some(9_007_199_254_740_992.0));
        assert_eq!(double(Value::I64((1 << 53) + 1)), None);
        assert_eq!(single(Value::F64(0.5)), Some(0.5));
        assert_eq!(single(Value::F64(0.1)), None);
        assert_eq!(double(Value::Decimal("0.1")), Some(0.1));
        assert_eq!(double(Value::String("1e999")), None);
        assert_eq!(decimal(Value::F32(0.1)).as_deref(), Some("0.1"));
    }
}
