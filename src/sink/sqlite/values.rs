//! Values as SQLite takes them, by column type.

use std::sync::Arc;

use sqlx::{Arguments, Encode, Error, Sqlite, Type, sqlite::SqliteArguments};

use crate::{
    model::{
        Value,
        domain::{ROUNDED, double_keeps},
    },
    sink::{
        sql::{
            incompatible::ValueError,
            session::{BoundValues, Cell},
            table::{Column, ColumnType},
        },
        value_text::{write_json, write_text},
    },
};

/// The values of one statement, in order.
#[derive(Default)]
pub(in crate::sink) struct Bound {
    arguments: SqliteArguments,
}

impl Bound {
    /// None yet, with room for `values`.
    pub(in crate::sink) fn with_room(values: usize) -> Self {
        let mut bound = Self::default();
        bound.arguments.reserve(values, 0);
        bound
    }

    /// What the driver takes.
    pub(in crate::sink) fn into_arguments(self) -> SqliteArguments {
        self.arguments
    }

    /// SQLite makes numbers of text that looks like one, where its column is numeric: with 15
    /// digits, or 64 bits.
    fn digits_kept(&mut self, stored_type: ColumnType, text: &str) -> Result<(), String> {
        if stored_type == ColumnType::Float && text.parse().is_ok_and(|it| !double_keeps(it)) {
            return Err(ROUNDED.to_owned());
        }
        let numeric = matches!(
            stored_type,
            ColumnType::Integer | ColumnType::Float | ColumnType::Number
        );
        if numeric && text.parse::<i64>().is_err() && text.parse::<f64>().is_ok() {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if digits > 15 {
                return Err("the column would lose digits of this number: make it TEXT".to_owned());
            }
        }
        // The driver copies borrowed text twice, shared text once.
        self.add(Arc::<str>::from(text))
    }

    fn number(&mut self, stored_type: ColumnType, value: Value<'_>) -> Result<(), String> {
        match value {
            Value::Bool(it) => self.add(it),
            Value::I64(it) if stored_type == ColumnType::Float && !double_keeps(it.into()) => {
                Err(ROUNDED.to_owned())
            }
            Value::I64(it) => self.add(it),
            Value::Year(it) => self.add(i64::from(it)),
            Value::U64(it) | Value::Bit(it)
                if stored_type == ColumnType::Float && !double_keeps(it.into()) =>
            {
                Err(ROUNDED.to_owned())
            }
            Value::U64(it) | Value::Bit(it) => match (i64::try_from(it), stored_type) {
                (Ok(it), _) => self.add(it),
                (Err(_), ColumnType::Anything) => self.text(value),
                (Err(_), _) => {
                    Err("SQLite has no whole number so large: make the column TEXT".to_owned())
                }
            },
            // SQLite would make NULL of it.
            Value::F64(it) if it.is_nan() => Err("SQLite has no NaN".to_owned()),
            Value::F32(it) if it.is_nan() => Err("SQLite has no NaN".to_owned()),
            Value::F64(it) => self.add(it),
            // By its own few digits: widened, 0.1 would become 0.10000000149011612.
            Value::F32(it) => self.add(it.to_string().parse().unwrap_or(f64::from(it))),
            other => self.text(other),
        }
    }

    fn text(&mut self, value: Value<'_>) -> Result<(), String> {
        let mut text = String::new();
        write_text(value, &mut text)?;
        self.add(text)
    }

    fn json(&mut self, value: Value<'_>) -> Result<(), String> {
        let mut json = Vec::new();
        write_json(value, &mut json)?;
        let text = String::from_utf8(json).map_err(|error| error.to_string())?;
        self.add(text)
    }

    fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> Result<(), String> {
        self.arguments.add(value).map_err(|error| error.to_string())
    }
}

impl BoundValues for Bound {
    fn push(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError> {
        let pushed = match (column.stored_type, value.widened()) {
            (_, Value::Null) => self.add(None::<i64>),
            (_, Value::Bytes(_, it) | Value::Geometry(it)) => self.add(it.to_vec()),
            (_, value @ (Value::Array(_) | Value::Document(_) | Value::DbPointer(..))) => {
                self.json(value)
            }
            (_, Value::String(it) | Value::Enum(it) | Value::Json(it) | Value::Decimal(it)) => {
                self.digits_kept(column.stored_type, it)
            }
            (
                ColumnType::Text
                | ColumnType::Json
                | ColumnType::Bytes
                | ColumnType::Vector
                | ColumnType::Clock,
                value,
            ) => self.text(value),
            (stored_type, value) => self.number(stored_type, value),
        };
        pushed.map_err(|reason| ValueError::new(&column.name, reason))
    }

    fn push_key(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError> {
        self.push(column, value)
    }

    fn push_cell(&mut self, cell: Cell<'_>) -> Result<(), Error> {
        let pushed = match cell {
            Cell::Text(it) => self.arguments.add(it.to_owned()),
            Cell::Partition(it) => self.arguments.add(it),
            Cell::Offset(it) => self.arguments.add(it),
        };
        pushed.map_err(Error::Encode)
    }
}
