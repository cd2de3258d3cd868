//! Values of columns of numbers.

use super::{
    Admitted, Refusal, Sign,
    exact::{ROUNDED, double_keeps, single_keeps},
    not_a,
};
use crate::model::{Decimal, Value};

const NOT_WHOLE: &str = "the column holds whole numbers alone, and it has a fraction";
const NO_NUMBER: &str = "it is text that is no number as JSON writes one";
const OUTSIDE: &str = "it lies outside the column's range";
const NOT_FINITE: &str = "the column holds no number that is infinite or none at all";
const TOO_SMALL: &str = "it is too small for the column's precision";

/// Whole numbers from `least` to `most`.
pub(super) fn integer(
    value: Value<'_>,
    least: i64,
    most: u64,
) -> Result<Admitted<'static>, Refusal> {
    let number = match value {
        Value::Bool(it) => i128::from(it),
        Value::F64(it) => whole_double(it)?,
        Value::F32(it) => whole_double(it.into())?,
        other => match whole(other) {
            Some(number) => number,
            None => whole_text(other)?,
        },
    };
    // A column is always bound in one way.
    match (least < 0, i64::try_from(number), u64::try_from(number)) {
        (true, Ok(it), _) if it >= least && i128::from(it) <= i128::from(most) => {
            Ok(Admitted::Signed(it))
        }
        (false, _, Ok(it)) if it <= most => Ok(Admitted::Unsigned(it)),
        _ => Err(OUTSIDE.into()),
    }
}

/// Years, none of which is guessed from two digits.
pub(super) fn year(value: Value<'_>) -> Result<Admitted<'static>, Refusal> {
    let number = match value {
        Value::Bool(_) => return Err(not_a("YEAR", &value)),
        Value::String(it) | Value::Enum(it) => {
            let digits = it.len() == 4 && it.bytes().all(|it| it.is_ascii_digit());
            let year = digits.then(|| it.parse().ok()).flatten();
            year.ok_or("it is no year of four digits")?
        }
        Value::F64(it) => whole_double(it)?,
        Value::F32(it) => whole_double(it.into())?,
        other => match whole(other) {
            Some(number) => number,
            None => whole_text(other)?,
        },
    };
    match number {
        0 | 1901..=2155 => Ok(Admitted::Signed(number as i64)),
        _ => Err("a YEAR is 0 or one of 1901 to 2155, in four digits".into()),
    }
}

/// Single precision: as wide as the servers calculate. The few digits of the largest number are more than
/// they take.
pub(super) fn single(value: Value<'_>, sign: Sign) -> Result<Admitted<'static>, Refusal> {
    let single = match value {
        Value::Bool(it) => f32::from(u8::from(it)),
        Value::F32(it) => it,
        Value::F64(it) => {
            let single = it as f32;
            if single == 0.0 && it != 0.0 {
                return Err(TOO_SMALL.into());
            }
            if single.is_infinite() && it.is_finite() {
                return Err(OUTSIDE.into());
            }
            single
        }
        other => match whole(other) {
            Some(number) if single_keeps(number) => number as f32,
            Some(_) => return Err(ROUNDED.into()),
            None => {
                let (text, number) = number(other)?;
                let kept = |it: &i128| single_keeps(*it);
                kept_whole(&number, kept)?;
                let single: f32 = text.parse().map_err(|_| NO_NUMBER)?;
                if single == 0.0 && number.significant().next().is_some() {
                    return Err(TOO_SMALL.into());
                }
                if single.is_infinite() {
                    return Err(OUTSIDE.into());
                }
                single
            }
        },
    };
    finite(single.into(), sign)
}

/// Double precision.
pub(super) fn double(value: Value<'_>, sign: Sign) -> Result<Admitted<'static>, Refusal> {
    let double = match value {
        Value::Bool(it) => f64::from(u8::from(it)),
        Value::F64(it) => it,
        // By its own few digits: widened, 0.1 would become 0.10000000149011612.
        Value::F32(it) => it.to_string().parse().unwrap_or(f64::from(it)),
        other => match whole(other) {
            Some(number) if double_keeps(number) => number as f64,
            Some(_) => return Err(ROUNDED.into()),
            None => {
                let (text, number) = number(other)?;
                kept_whole(&number, |it| double_keeps(*it))?;
                let double: f64 = text.parse().map_err(|_| NO_NUMBER)?;
                if double == 0.0 && number.significant().next().is_some() {
                    return Err(TOO_SMALL.into());
                }
                if double.is_infinite() {
                    return Err(OUTSIDE.into());
                }
                double
            }
        },
    };
    finite(double, sign)
}

/// Decimals with so many digits before the point; those behind it the column rounds.
pub(super) fn decimal(value: Value<'_>, digits: u8, sign: Sign) -> Result<Admitted<'_>, Refusal> {
    let is_below = |negative: bool| negative && sign == Sign::Unsigned;
    if let Some(number) = whole(value).or(match value {
        Value::Bool(it) => Some(it.into()),
        _ => None,
    }) {
        let most = 10_u128.checked_pow(digits.into());
        if most.is_some_and(|it| number.unsigned_abs() >= it) || is_below(number < 0) {
            return Err(OUTSIDE.into());
        }
        return i64::try_from(number)
            .map(Admitted::Signed)
            .or_else(|_| u64::try_from(number).map(Admitted::Unsigned))
            .map_err(|_| OUTSIDE.into());
    }
    match value {
        Value::F64(it) if it.abs() >= 10_f64.powi(digits.into()) => Err(OUTSIDE.into()),
        Value::F64(it) => finite(it, sign),
        // By its own few digits.
        Value::F32(it) => finite(it.into(), sign).map(|_| Admitted::Written(value)),
        other => {
            let (text, number) = number(other)?;
            let is_short =
                number.exponent().is_none() && number.whole().len() <= usize::from(digits);
            if is_short && !is_below(number.is_negative()) {
                return Ok(Admitted::Text(text));
            }
            let is_zero = number.significant().next().is_none();
            if !is_zero
                && (number.magnitude() >= i64::from(digits) || is_below(number.is_negative()))
            {
                return Err(OUTSIDE.into());
            }
            Ok(Admitted::Text(text))
        }
    }
}

fn finite(double: f64, sign: Sign) -> Result<Admitted<'static>, Refusal> {
    if !double.is_finite() {
        Err(NOT_FINITE.into())
    } else if double < 0.0 && sign == Sign::Unsigned {
        Err(OUTSIDE.into())
    } else {
        Ok(Admitted::Double(double))
    }
}

/// The whole number that a value's type says that it is.
fn whole(value: Value<'_>) -> Option<i128> {
    match value {
        Value::I64(it) => Some(it.into()),
        Value::U64(it) | Value::Bit(it) => Some(it.into()),
        Value::Year(it) => Some(it.into()),
        _ => None,
    }
}

fn whole_double(double: f64) -> Result<i128, Refusal> {
    if !double.is_finite() {
        Err(NOT_FINITE.into())
    } else if double.fract() != 0.0 {
        Err(NOT_WHOLE.into())
    } else {
        Ok(double as i128)
    }
}

fn whole_text(value: Value<'_>) -> Result<i128, Refusal> {
    let (_, number) = number(value)?;
    match number.to_integer() {
        Some(number) => Ok(number),
        // More than 128 bits have.
        None if number.magnitude() >= 38 => Err(OUTSIDE.into()),
        None => Err(NOT_WHOLE.into()),
    }
}

/// A whole number among the texts, whose digits have to be kept.
fn kept_whole(number: &Decimal<'_>, keeps: impl Fn(&i128) -> bool) -> Result<(), Refusal> {
    let whole = number.exponent().is_none().then(|| number.to_integer());
    if whole.flatten().is_none_or(|it| keeps(&it)) {
        Ok(())
    } else {
        Err(ROUNDED.into())
    }
}

/// The number that a text is. A decimal is one by its type; any other text has to be written as JSON
/// writes numbers: no blanks, no plus, no zeros in front.
fn number(value: Value<'_>) -> Result<(&str, Decimal<'_>), Refusal> {
    let read = |text| Decimal::read(text).map(|it| (text, it));
    let found = match value {
        Value::Decimal(it) => return read(it).ok_or_else(|| NOT_FINITE.into()),
        Value::String(it) | Value::Enum(it) | Value::Json(it) => read(it),
        other => return Err(not_a("a number", &other)),
    };
    found
        .filter(|(_, number)| number.is_json())
        .ok_or_else(|| NO_NUMBER.into())
}
