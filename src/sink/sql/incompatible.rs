//! Why a record cannot be written to a table.

/// Why a record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sink) enum Misfit {
    /// Table and records do not fit together; advice.
    Table(String),
    /// This record is at fault.
    Record(Unholdable),
}

/// A value that the target cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {reason}")]
pub(in crate::sink) struct Unholdable {
    /// The field.
    pub(in crate::sink) field: String,
    /// Why not.
    pub(in crate::sink) reason: String,
}

impl Unholdable {
    pub(in crate::sink) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}
