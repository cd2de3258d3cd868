//! Why a record cannot be written to a table.

/// Why a record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sink) enum Incompatible {
    /// Table and records do not fit together; advice.
    Table(String),
    /// This record is at fault.
    Record(ValueError),
}

/// A value that the target cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {reason}")]
pub(in crate::sink) struct ValueError {
    /// The field.
    pub(in crate::sink) field: String,
    /// Why not.
    pub(in crate::sink) reason: String,
}

impl ValueError {
    pub(in crate::sink) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}
