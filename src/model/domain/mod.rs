//! The domain of a column: exactly the values that it can hold, as its catalogue says.
//!
//! A server takes more: `2` for the second member of an ENUM, `"1530"` for a time, blanks that it cuts.
//! The sink admits values before the server is asked, and `verify` what it expects, both by this.

mod affinity;
mod exact;
mod json;
mod members;
mod names;
mod numbers;
mod texts;
mod times;

use std::{borrow::Cow, sync::Arc};

use super::{BytesText, DateTime, Texts, Value, from_base64, from_hex};
pub use affinity::Affinity;
pub use json::JsonNumbers;
pub use members::{Members, member_names};
pub use texts::{Repertoire, TextWidth, Unit};
pub use times::{read_clock, rounded_clock, rounded_time};

/// The values that a column can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Those beside NULL.
    pub holds: Holds,
    /// Whether NULL is one of them.
    pub is_nullable: bool,
}

/// What a column can hold, beside NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Whole numbers, from the first to the last.
    Integer(i64, u64),
    /// Bits, as whole numbers up to this one.
    Bits(u64),
    /// 0 and the years 1901 to 2155.
    Year,
    /// Single precision.
    Single(Sign),
    /// Double precision.
    Double(Sign),
    /// Exact decimals with so many digits before the point.
    Decimal(u8, Sign),
    /// Text.
    Text(TextWidth),
    /// One member of an ENUM.
    Enum(Arc<Members>),
    /// Any members of a SET.
    Set(Arc<Members>),
    /// UUIDs.
    Uuid,
    /// IPv4 addresses.
    Inet4,
    /// IPv6 addresses.
    Inet6,
    /// So many bytes at most, or exactly.
    Bytes {
        /// How many.
        most: u64,
        /// Whether the server would fill up what is shorter.
        is_fixed: bool,
    },
    /// JSON.
    Json(JsonNumbers),
    /// Days.
    Date,
    /// Spans of time, with so many digits of a second's fraction.
    Time(u8),
    /// Wall clocks, likewise.
    DateTime(u8),
    /// Points in time since 1970, likewise.
    Timestamp(u8),
    /// What a column of SQLite makes of no value another.
    Affinity(Affinity),
    /// Whatever it is given, as it is given.
    Anything,
}

/// Whether a column of numbers holds those below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It does.
    Signed,
    /// It does not.
    Unsigned,
}

/// A value as its column takes it.
#[derive(Debug, Clone)]
pub enum Admitted<'v> {
    /// NULL.
    Null,
    /// A whole number.
    Signed(i64),
    /// A whole number of a column that holds none below zero.
    Unsigned(u64),
    /// A number.
    Double(f64),
    /// A text as it stands.
    Text(&'v str),
    /// Bytes.
    Bytes(Cow<'v, [u8]>),
    /// A wall clock, to be written as text.
    Clock(DateTime),
    /// A value that is neither text nor nested, to be written as text.
    Written(Value<'v>),
    /// A value to be written as JSON.
    Json(Value<'v>),
}

/// Why a column cannot hold a value.
pub type Refusal = Cow<'static, str>;

impl Domain {
    /// That of a column which takes what it is given.
    pub const ANYTHING: Self = Self {
        holds: Holds::Anything,
        is_nullable: true,
    };

    /// `value` as the column takes it; `texts` say what a text stands for.
    ///
    /// # Errors
    /// Why no such column holds it.
    pub fn admit<'v>(&self, value: &Value<'v>, texts: Texts) -> Result<Admitted<'v>, Refusal> {
        let value = value.widened();
        match value {
            Value::Null if self.is_nullable => Ok(Admitted::Null),
            Value::Null => Err(NO_NULL.into()),
            value => self.holds.admit(value, texts),
        }
    }
}

impl Holds {
    /// Whether a member has no text, as has the value that is none.
    pub fn has_empty_member(&self) -> bool {
        matches!(self, Self::Enum(members) | Self::Set(members) if members.has(""))
    }

    /// Whether only the server knows if the column's character set has this text.
    pub fn is_left_to_server(&self, value: &Value<'_>) -> bool {
        let Self::Text(width) = self else {
            return false;
        };
        let bytes = match value.widened() {
            Value::String(it) | Value::Enum(it) | Value::Json(it) => it.as_bytes(),
            Value::Bytes(_, it) => it,
            // Of other values ASCII is written, but for what is nested.
            Value::Array(_) | Value::Document(_) => &[0xff],
            _ => return false,
        };
        width.repertoire == Repertoire::Servers && !bytes.is_ascii()
    }

    /// A value that is not NULL, and widened.
    fn admit<'v>(&self, value: Value<'v>, texts: Texts) -> Result<Admitted<'v>, Refusal> {
        match self {
            Self::Integer(least, most) => numbers::integer(value, *least, *most),
            Self::Bits(most) => numbers::integer(value, 0, *most),
            Self::Year => numbers::year(value),
            Self::Single(sign) => numbers::single(value, *sign),
            Self::Double(sign) => numbers::double(value, *sign),
            Self::Decimal(whole, sign) => numbers::decimal(value, *whole, *sign),
            Self::Text(width) => texts::text(value, *width),
            Self::Enum(members) => names::one(value, members),
            Self::Set(members) => names::several(value, members),
            Self::Uuid => names::uuid(value),
            Self::Inet4 => names::inet4(value),
            Self::Inet6 => names::inet6(value),
            Self::Bytes { most, is_fixed } => bytes(value, (*most, *is_fixed), texts.bytes),
            Self::Json(numbers) => json::json(value, *numbers, texts.json),
            Self::Date => times::date(value, texts.epoch),
            Self::Time(places) => times::time(value, *places),
            Self::DateTime(places) => times::datetime(value, *places, texts.epoch),
            Self::Timestamp(places) => times::timestamp(value, *places, texts.epoch),
            Self::Affinity(affinity) => affinity.admit(value),
            Self::Anything => match value {
                Value::Bytes(_, it) | Value::Geometry(it) => Ok(Admitted::Bytes(it.into())),
                other => texts::text(other, TextWidth::ANY),
            },
        }
    }
}

fn bytes(
    value: Value<'_>,
    (most, is_fixed): (u64, bool),
    texts: BytesText,
) -> Result<Admitted<'_>, Refusal> {
    let bytes: Cow<'_, [u8]> = match (value, texts) {
        (Value::Bytes(_, it) | Value::Geometry(it), _) => it.into(),
        (Value::String(it), BytesText::Base64) => from_base64(it)?.into(),
        (Value::String(it), BytesText::Hex) => from_hex(it)?.into(),
        (Value::String(it) | Value::Enum(it) | Value::Json(it), _) => it.as_bytes().into(),
        (Value::ObjectId(it), _) => it.to_vec().into(),
        (
            Value::Bool(_)
            | Value::I64(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::Decimal(_)
            | Value::Bit(_)
            | Value::Year(_),
            _,
        ) => return Err("it is a number, and the column holds bytes".into()),
        (value @ (Value::Array(_) | Value::Document(_) | Value::DbPointer(..)), _) => {
            return Ok(Admitted::Json(value));
        }
        (other, _) => return Ok(Admitted::Written(other)),
    };
    let length = bytes.len() as u64;
    if length > most {
        Err(format!("it is too long: it has {length} bytes, and the column {most} at most").into())
    } else if is_fixed && length < most {
        Err(format!("it has {length} bytes, and the column would fill them up to {most}").into())
    } else {
        Ok(Admitted::Bytes(bytes))
    }
}

const NO_NULL: &str = "it is null, and the column is NOT NULL";

/// What is said of a value of this type in a column of `what`.
fn not_a(what: &str, value: &Value<'_>) -> Refusal {
    format!(
        "it is of the type {}, and the column's type {what}",
        value.type_name()
    )
    .into()
}

#[cfg(test)]
mod tests;
