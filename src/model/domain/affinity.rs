//! Values of columns of SQLite, which makes numbers of texts that look like some.

use super::{
    Admitted, Refusal,
    exact::{ROUNDED, double_keeps},
};
use crate::model::{Decimal, Value};

/// What a column of SQLite makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// A text of a number.
    Text,
    /// Nothing else.
    Blob,
    /// A whole number, or else a number.
    Integer,
    /// A double.
    Real,
    /// A whole number, or else a number.
    Numeric,
}

const OTHER: &str =
    "the column would store another number or spelling instead of this text: make it TEXT";
const LOST: &str = "the column would lose digits of this number: make it TEXT";
const LARGE: &str = "SQLite has no whole number so large: make the column TEXT";

/// From here on a double has more digits than those that tell it from its neighbours.
const WHOLE: f64 = (1_u64 << 53) as f64;

impl Affinity {
    /// That of a declared type, by SQLite's rules in their order.
    pub fn of(declared: &str, is_strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let says = |words: &[&str]| words.iter().any(|it| declared.contains(it));
        if says(&["INT"]) {
            Self::Integer
        } else if says(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if says(&["BLOB"]) || declared.is_empty() || (is_strict && declared == "ANY") {
            Self::Blob
        } else if says(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Real | Self::Numeric)
    }

    /// A value that is not NULL, and widened.
    pub(super) fn admit(self, value: Value<'_>) -> Result<Admitted<'_>, Refusal> {
        match value {
            Value::Bytes(_, it) | Value::Geometry(it) => Ok(Admitted::Bytes(it.into())),
            Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => {
                Ok(Admitted::Json(value))
            }
            Value::String(it) | Value::Enum(it) if self.is_numeric() => self.text(it),
            Value::Decimal(it) | Value::Json(it) if self.is_numeric() => match number(it) {
                Some((text, exact)) => self.number(text, &exact),
                None => Ok(Admitted::Text(it)),
            },
            Value::String(it) | Value::Enum(it) | Value::Decimal(it) | Value::Json(it) => {
                Ok(Admitted::Text(it))
            }
            Value::ObjectId(it) if self.is_numeric() && number(&hex::encode(it)).is_some() => {
                Err(OTHER.into())
            }
            Value::F64(it) if it.is_nan() => Err("SQLite has no NaN".into()),
            Value::F32(it) if it.is_nan() => Err("SQLite has no NaN".into()),
            _ if self == Self::Text => Ok(Admitted::Written(value)),
            Value::Bool(it) => Ok(Admitted::Signed(it.into())),
            Value::Year(it) => Ok(Admitted::Signed(it.into())),
            Value::I64(it) => self.whole(it),
            Value::U64(it) | Value::Bit(it) => match i64::try_from(it) {
                Ok(it) => self.whole(it),
                Err(_) if self == Self::Blob => Ok(Admitted::Written(value)),
                Err(_) => Err(LARGE.into()),
            },
            // SQLite would make a whole number of all its binary digits.
            Value::F64(it)
                if matches!(self, Self::Integer | Self::Numeric) && it.abs() >= WHOLE =>
            {
                let whole = it.to_string().parse();
                Ok(whole.map_or(Admitted::Double(it), Admitted::Signed))
            }
            Value::F64(it) => Ok(Admitted::Double(it)),
            // By its own few digits: widened, 0.1 would become 0.10000000149011612.
            Value::F32(it) => {
                let double = it.to_string().parse().unwrap_or(f64::from(it));
                Ok(Admitted::Double(double))
            }
            other => Ok(Admitted::Written(other)),
        }
    }

    fn whole(self, number: i64) -> Result<Admitted<'static>, Refusal> {
        if self == Self::Real && !double_keeps(number.into()) {
            Err(ROUNDED.into())
        } else {
            Ok(Admitted::Signed(number))
        }
    }

    /// A text stays one, unless it looks like a number: then it has to be the number's own text, where
    /// zeros behind the point are no matter.
    fn text(self, text: &str) -> Result<Admitted<'_>, Refusal> {
        let Some((trimmed, exact)) = number(text) else {
            return Ok(Admitted::Text(text));
        };
        let is_zero = exact.significant().next().is_none();
        let is_own = trimmed.len() == text.len()
            && exact.is_json()
            && exact.exponent().is_none()
            && !(is_zero && exact.is_negative());
        if is_own {
            self.number(text, &exact)
        } else {
            Err(OTHER.into())
        }
    }

    /// A number by its digits, all of which have to be kept.
    fn number(self, text: &str, exact: &Decimal<'_>) -> Result<Admitted<'static>, Refusal> {
        if let Some(Ok(whole)) = exact.to_integer().map(i64::try_from) {
            return self.whole(whole);
        }
        let double: f64 = text.parse().unwrap_or(f64::INFINITY);
        let shown = double.to_string();
        let is_kept =
            double.is_finite() && Decimal::read(&shown).is_some_and(|it| it.is_same(exact));
        if is_kept {
            Ok(Admitted::Double(double))
        } else {
            Err(LOST.into())
        }
    }
}

/// The number that SQLite takes a text for, without the blanks around it.
fn number(text: &str) -> Option<(&str, Decimal<'_>)> {
    let blank = |it: char| matches!(it, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let trimmed = text.trim_matches(blank);
    Decimal::read(trimmed).map(|it| (trimmed, it))
}
