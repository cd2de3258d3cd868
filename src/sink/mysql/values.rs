//! Values as MySQL and MariaDB take them, by column type.
//!
//! One column is always bound in one way, as far as that goes: MySQL plans a prepared statement
//! again whenever a parameter has changed its type, and compares text with a number as floats.

use std::fmt::Write;

use sqlx::{Arguments, Encode, Error, MySql, Type, mysql::MySqlArguments};

use crate::{
    model::{
        Texts, Value,
        domain::{Admitted, Domain, Holds, Refusal, Sign},
    },
    sink::{
        sql::{
            incompatible::ValueError,
            session::{BoundValues, Cell},
            table::{Column, ColumnType},
        },
        value_text::{json_length, write_json, write_text},
    },
};

/// The values of one statement, in order.
#[derive(Default)]
pub(in crate::sink) struct Bound {
    arguments: MySqlArguments,
    text: String,
    texts: Texts,
}

impl Bound {
    /// None yet, with room for as many values of as many bytes in all.
    pub(in crate::sink) fn with_room((values, bytes): (usize, usize), texts: Texts) -> Self {
        let mut bound = Self {
            texts,
            ..Self::default()
        };
        bound.arguments.reserve(values, bytes);
        bound
    }

    /// What the driver takes.
    pub(in crate::sink) fn into_arguments(self) -> MySqlArguments {
        self.arguments
    }

    /// NULL, in the type that other values of the column have.
    fn null(&mut self, column: &Column) -> Result<(), Refusal> {
        match column.stored_type {
            ColumnType::Integer => self.add(None::<i64>),
            ColumnType::Float | ColumnType::Decimal(_) | ColumnType::Number => {
                self.add(None::<f64>)
            }
            ColumnType::Bytes | ColumnType::Vector => self.add(None::<&[u8]>),
            ColumnType::Text | ColumnType::Json | ColumnType::Clock | ColumnType::Anything => {
                self.add(None::<&str>)
            }
        }
    }

    fn admitted(&mut self, column: &Column, admitted: Admitted<'_>) -> Result<(), Refusal> {
        match admitted {
            Admitted::Null => self.null(column),
            Admitted::Signed(it) => self.add(it),
            Admitted::Unsigned(it) => self.add(it),
            Admitted::Double(it) => self.add(it),
            Admitted::Text(it) => self.add(it),
            Admitted::Bytes(it) => self.add(&it[..]),
            // The session is in UTC, and the servers do not know the `Z`.
            Admitted::Clock(it) => self.written(|text| write!(text, "{it}").map_err(|_| FULL)),
            Admitted::Written(it) => self.written(|text| write_text(it, text)),
            Admitted::Json(it) => self.written_json(it),
        }
    }

    fn written_json(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        let mut json = std::mem::take(&mut self.text).into_bytes();
        json.clear();
        write_json(value, &mut json)?;
        let Ok(text) = std::str::from_utf8(&json) else {
            return Err("it is not UTF-8".into());
        };
        let added = self.add(text);
        self.text = String::from_utf8(json).unwrap_or_default();
        added
    }

    fn written(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), &'static str>,
    ) -> Result<(), Refusal> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        write(&mut text)?;
        let added = self.add(text.as_str());
        self.text = text;
        added
    }

    fn add<'v, T: Encode<'v, MySql> + Type<MySql>>(&mut self, value: T) -> Result<(), Refusal> {
        let added = self.arguments.add(value);
        added.map_err(|error| error.to_string().into())
    }
}

impl BoundValues for Bound {
    fn push(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError> {
        let admitted = column.domain.admit(value, self.texts);
        let pushed = admitted.and_then(|it| self.admitted(column, it));
        pushed.map_err(|reason| ValueError::new(&column.name, reason))
    }

    /// Only what the column could hold is compared with it: a server would compare a text with a number
    /// by however much of it looks like one, and find another row's key. A decimal is compared as the
    /// widest one with as many digits behind the point, as MariaDB takes the largest of a type for
    /// whatever is larger.
    fn push_key(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError> {
        let ColumnType::Decimal(scale) = column.stored_type else {
            return self.push(column, value);
        };
        let widest = Domain {
            holds: Holds::Decimal(65_u8.saturating_sub(scale), Sign::Signed),
            is_nullable: true,
        };
        let admitted = widest.admit(value, self.texts);
        let pushed = admitted.and_then(|it| self.admitted(column, it));
        pushed.map_err(|reason| ValueError::new(&column.name, reason))
    }

    fn push_cell(&mut self, cell: Cell<'_>) -> Result<(), Error> {
        let pushed = match cell {
            Cell::Text(it) => self.arguments.add(it),
            Cell::Partition(it) => self.arguments.add(it),
            Cell::Offset(it) => self.arguments.add(it),
        };
        pushed.map_err(Error::Encode)
    }
}

/// A buffer in memory takes whatever it is given.
const FULL: &str = "it cannot be written as text";

/// How many bytes a value takes on the wire, at most.
pub(super) fn size(value: &Value<'_>) -> usize {
    // A value's type stands beside it (2), and the length before text (9 at most).
    11 + match value {
        Value::String(it)
        | Value::Json(it)
        | Value::Enum(it)
        | Value::Decimal(it)
        | Value::Symbol(it)
        | Value::Code(it) => it.len(),
        Value::Bytes(_, it) | Value::Geometry(it) => it.len(),
        Value::Array(_) | Value::Document(_) | Value::DbPointer(..) => json_length(*value),
        _ => 40,
    }
}
