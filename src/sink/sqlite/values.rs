//! Values as SQLite takes them, by column type.

use std::sync::Arc;

use sqlx::{Arguments, Encode, Error, Sqlite, Type, sqlite::SqliteArguments};

use crate::{
    model::{
        Texts, Value,
        domain::{Admitted, Refusal},
    },
    sink::{
        sql::{
            incompatible::ValueError,
            session::{BoundValues, Cell},
            table::Column,
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

    fn admitted(&mut self, admitted: Admitted<'_>) -> Result<(), Refusal> {
        match admitted {
            Admitted::Null => self.add(None::<i64>),
            Admitted::Signed(it) => self.add(it),
            Admitted::Unsigned(it) => self.text(Value::U64(it)),
            Admitted::Double(it) => self.add(it),
            // The driver copies borrowed text twice, shared text once.
            Admitted::Text(it) => self.add(Arc::<str>::from(it)),
            Admitted::Bytes(it) => self.add(it.into_owned()),
            Admitted::Clock(it) => self.add(it.to_string()),
            Admitted::Written(it) => self.text(it),
            Admitted::Json(it) => self.json(it),
        }
    }

    fn text(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        let mut text = String::new();
        write_text(value, &mut text)?;
        self.add(text)
    }

    fn json(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        let mut json = Vec::new();
        write_json(value, &mut json)?;
        let text = String::from_utf8(json).map_err(|error| error.to_string())?;
        self.add(text)
    }

    fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> Result<(), Refusal> {
        let added = self.arguments.add(value);
        added.map_err(|error| error.to_string().into())
    }
}

impl BoundValues for Bound {
    fn push(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError> {
        let admitted = column.domain.admit(value, Texts::default());
        let pushed = admitted.and_then(|it| self.admitted(it));
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
