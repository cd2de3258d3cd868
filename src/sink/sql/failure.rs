//! Why a write to a SQL database failed, until the sink gives it its name.

use super::incompatible::{Incompatible, ValueError};
use crate::{
    connect::{ErrorClass, classify},
    sink::{Fence, RowFault, SinkError},
};

/// Why a write failed.
#[derive(Debug)]
pub(in crate::sink) enum Failure {
    /// The server or the way to it.
    Sql(sqlx::Error),
    /// The progress was not where the writer believed it to be.
    Fenced,
    /// The record or the table.
    Incompatible(Incompatible),
    /// These records, each for itself.
    Rows(Vec<RowFault>),
}

impl Failure {
    /// As the sink called `name` says it.
    pub(in crate::sink) fn into_error(self, name: &str) -> SinkError {
        let name = name.to_owned();
        match self {
            Self::Fenced => Fence::Moved(name).into(),
            Self::Rows(faults) => SinkError::Rows { name, faults },
            Self::Incompatible(Incompatible::Table(advice)) => {
                SinkError::Incompatible { name, advice }
            }
            Self::Incompatible(Incompatible::Record(cause)) => SinkError::Data {
                name,
                cause: cause.into(),
            },
            Self::Sql(error) => match classify(&error) {
                ErrorClass::Transient => SinkError::Lost(name, error.into()),
                ErrorClass::Data => SinkError::Data {
                    name,
                    cause: error.into(),
                },
                ErrorClass::Refused(advice) => SinkError::Refused {
                    name,
                    advice: advice.to_owned(),
                    cause: error.into(),
                },
            },
        }
    }
}

/// Whether the server says that it can never hold this row.
pub(in crate::sink) fn is_data(error: &sqlx::Error) -> bool {
    classify(error) == ErrorClass::Data
}

/// An error outside a write of records: nothing that a record did.
pub(in crate::sink) fn beside_records(name: &str, error: impl Into<Failure>) -> SinkError {
    match error.into().into_error(name) {
        SinkError::Data { name, cause } => SinkError::Refused {
            name,
            advice: "the server does not take this statement".to_owned(),
            cause,
        },
        other => other,
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Incompatible> for Failure {
    fn from(incompatible: Incompatible) -> Self {
        Self::Incompatible(incompatible)
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Self::Incompatible(Incompatible::Record(error))
    }
}
