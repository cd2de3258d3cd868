//! Whether a missing table is made, and of which columns.

use std::collections::HashMap;

use crate::model::Kind;

/// Whether a missing target table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateTable {
    /// It is, where the fields of the messages are known.
    WhenMissing,
    /// It is not.
    Never,
}

impl CreateTable {
    /// The fields that the missing `table` is made of.
    ///
    /// # Errors
    /// One sentence of advice, where it is not made.
    pub(in crate::sink) fn fields<'f>(
        self,
        table: &str,
        fields: Option<&'f [(String, Kind)]>,
    ) -> Result<&'f [(String, Kind)], String> {
        match (self, fields) {
            (Self::WhenMissing, Some(fields)) => Ok(fields),
            (Self::WhenMissing, None) => Err(format!(
                "table {table} does not exist, and the messages' fields are not known before the first one: create it"
            )),
            (Self::Never, _) => Err(format!(
                "table {table} does not exist: create it, or let Highwater do so with `create = \"when-missing\"`"
            )),
        }
    }
}

/// The columns of a table that is to be made, by name, type and whether the key has them; `column_type` is
/// asked for the type by these three.
///
/// # Errors
/// One sentence of advice, where the key or a field cannot be made a column.
pub(in crate::sink) fn designed<'f>(
    (table, key): (&str, Option<&[String]>),
    fields: &'f [(String, Kind)],
    drop: &[String],
    column_type: impl Fn(&str, Kind, bool) -> Option<String>,
) -> Result<Vec<(&'f str, String, bool)>, String> {
    let Some(key) = key else {
        return Err(format!(
            "table {table} does not exist, and cannot be made without a key: name its fields with `key = [\"…\"]`, or create the table"
        ));
    };
    let kept = fields.iter().filter(|(field, _)| !drop.contains(field));
    let mut columns = Vec::new();
    let mut lower = HashMap::new();
    for (field, kind) in kept {
        // A column's name is one in whatever letters it is written.
        if let Some(other) = lower.insert(field.to_lowercase(), field) {
            return Err(format!(
                "table {table} does not exist, and fields `{other}` and `{field}` are one column's name: give one of them another by a step (`rename`), leave it out (`drop`), or create the table"
            ));
        }
        let keyed = key.contains(field);
        if *kind == Kind::Loose {
            return Err(format!(
                "table {table} does not exist, and no column is right for field `{field}`: its values are of several types, or of one that no column has; make them one type by a step (`cast`), leave them out (`drop`), or create the table"
            ));
        }
        let column_type = column_type(field, *kind, keyed).ok_or_else(|| {
            format!("field `{field}` cannot be of the key of table {table}: declare another `key`")
        })?;
        columns.push((field.as_str(), column_type, keyed));
    }
    match key
        .iter()
        .find(|it| columns.iter().all(|(name, ..)| name != it))
    {
        None => Ok(columns),
        Some(missing) => Err(format!(
            "table {table} does not exist, and cannot be made with the key `{missing}`, as the messages have no such field: correct `key`"
        )),
    }
}
