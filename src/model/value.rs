//! One typed value of any source, borrowed from its batch.

use super::{Date, DateTime, Fields, Instant, Items, Time};

/// A value in the source's own precision. Borrowed: reading a column allocates nothing.
///
/// What no source had would be lost here is kept as text where no fixed-size number holds it:
/// `Decimal` covers DECIMAL(65,30) as well as Decimal128 with NaN, Infinity and -0.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// SQL NULL, BSON null.
    Null,
    /// A truth value (BSON; SQL's TINYINT(1) is a number).
    Bool(bool),
    /// A signed integer of BSON's narrow type; wherever it is no matter, an integer like others.
    I32(i32),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer, as MySQL has it.
    U64(u64),
    /// Single precision, to be printed with its own few digits.
    F32(f32),
    /// Double precision.
    F64(f64),
    /// An exact decimal as its digits.
    Decimal(&'a str),
    /// Text, valid UTF-8.
    String(&'a str),
    /// Binary with BSON's subtype (0 elsewhere).
    Bytes(u8, &'a [u8]),
    /// A calendar day; may be zero or partial, as MySQL allows.
    Date(Date),
    /// A span of hours up to ±838:59:59.999999.
    Time(Time),
    /// A wall clock reading without zone.
    DateTime(DateTime),
    /// A point in time.
    Instant(Instant),
    /// MySQL's YEAR.
    Year(u16),
    /// MySQL's BIT, right-aligned.
    Bit(u64),
    /// An ENUM's or SET's text.
    Enum(&'a str),
    /// JSON text, its numbers untouched.
    Json(&'a str),
    /// Well-known binary of a geometry, with MySQL's four bytes of SRID before it.
    Geometry(&'a [u8]),
    /// BSON ObjectId.
    ObjectId([u8; 12]),
    /// BSON's internal timestamp: seconds and increment.
    Timestamp(u32, u32),
    /// A pattern and its options.
    Regex(&'a str, &'a str),
    /// JavaScript code.
    Code(&'a str),
    /// JavaScript code, and the variables that it sees.
    CodeWithScope(&'a str, Fields<'a>),
    /// BSON's old second type of text.
    Symbol(&'a str),
    /// BSON's old second null.
    Undefined,
    /// BSON's old reference: a collection and an ObjectId.
    DbPointer(&'a str, [u8; 12]),
    /// Less than every other value.
    MinKey,
    /// Greater than every other value.
    MaxKey,
    /// A list.
    Array(Items<'a>),
    /// Names and values, in order.
    Document(Fields<'a>),
}

impl<'a> Value<'a> {
    /// The same in the type that others have it in, where a narrow or old one of BSON is no matter.
    pub fn widened(self) -> Value<'a> {
        match self {
            Value::I32(it) => Value::I64(i64::from(it)),
            Value::Symbol(it) => Value::String(it),
            Value::Undefined => Value::Null,
            other => other,
        }
    }

    /// The word for this value's type in messages to people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::I32(_) | Value::I64(_) => "integer",
            Value::U64(_) => "unsigned integer",
            Value::F32(_) | Value::F64(_) => "float",
            Value::Decimal(_) => "decimal",
            Value::String(_) => "text",
            Value::Bytes(..) => "binary",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::DateTime(_) => "datetime",
            Value::Instant(_) => "instant",
            Value::Year(_) => "year",
            Value::Bit(_) => "bit",
            Value::Enum(_) => "enum",
            Value::Json(_) => "json",
            Value::Geometry(_) => "geometry",
            Value::ObjectId(_) => "ObjectId",
            Value::Timestamp(..) => "timestamp",
            Value::Regex(..) => "regex",
            Value::Code(_) => "code",
            Value::CodeWithScope(..) => "code with scope",
            Value::Symbol(_) => "symbol",
            Value::Undefined => "undefined",
            Value::DbPointer(..) => "DBPointer",
            Value::MinKey => "min key",
            Value::MaxKey => "max key",
            Value::Array(_) => "array",
            Value::Document(_) => "document",
        }
    }
}

impl PartialEq for Value<'_> {
    /// Equal type and equal bits: `NaN` equals itself, `0.0` and `-0.0` differ.
    fn eq(&self, other: &Self) -> bool {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        super::Packer::new(&mut left).value(*self);
        super::Packer::new(&mut right).value(*other);
        left == right
    }
}
