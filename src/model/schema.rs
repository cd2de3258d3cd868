//! The shape of records: named, typed fields of a table, or a document's own.

/// A table's columns, or a collection whose documents name their own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    name: String,
    fields: Option<Vec<Field>>,
    key: Vec<String>,
}

/// One field of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, as the source spells it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
}

/// What a field's values are; a target chooses its column type by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Truth values.
    Bool,
    /// Signed 64-bit.
    I64,
    /// Unsigned 64-bit.
    U64,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Exact decimals.
    Decimal,
    /// Text.
    String,
    /// Binary.
    Bytes,
    /// Days.
    Date,
    /// Spans of clock time.
    Time,
    /// Wall clock readings.
    DateTime,
    /// Points in time.
    Instant,
    /// JSON text.
    Json,
    /// Whatever each value says itself.
    Any,
    /// Values of several types, or of one that no column has.
    Loose,
}

impl Schema {
    /// A table called `name` with these fields; `key` names the fields that identify a row.
    pub fn table(
        name: impl Into<String>,
        fields: Vec<Field>,
        key: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            fields: Some(fields),
            key: key.into_iter().map(Into::into).collect(),
        }
    }

    /// A collection called `name` whose documents name their own fields.
    pub fn document(
        name: impl Into<String>,
        key: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            fields: None,
            key: key.into_iter().map(Into::into).collect(),
        }
    }

    /// The table's or collection's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields that every record has, in order; `None` for documents.
    pub fn names(&self) -> Option<&[Field]> {
        self.fields.as_deref()
    }

    /// The fields that identify a record, in key order.
    pub fn key(&self) -> &[String] {
        &self.key
    }
}
