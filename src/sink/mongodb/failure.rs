//! Why a write to MongoDB failed, and which of its errors are a record's own.

use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};

use crate::{
    connect::mongodb::{ErrorClass, MongodbConnection},
    fault::Cause,
    sink::{Fence, RowFault, SinkError},
};

/// Why a write failed, until the sink gives it its name.
#[derive(Debug)]
pub(in crate::sink) enum Failure {
    /// The server or the way to it.
    Server(Error),
    /// The progress was not where the writer believed it to be.
    Fenced,
    /// Another writer's transaction is moving the progress now: it may yet be undone.
    Conflict(Error),
    /// The one record that has no BSON or no key.
    Record(String),
    /// A record that the server refuses, by its code.
    Written {
        origin: u32,
        code: i32,
        text: String,
    },
}

/// Numbers of MongoDB's `error_codes.yml`.
pub(super) const DUPLICATE_KEY: i32 = 11000;
pub(super) const WRITE_CONFLICT: i32 = 112;
const NO_REPLICA_SET: i32 = 20;

/// Nobody can tell a writer at work from a process that was killed: a server of MongoDB lets its
/// transaction live on.
const OPEN_TRANSACTION: &str = "a transaction that is still open holds the stored progress: that of \
    another writer, or of a process that was killed, which the server ends by itself after its \
    `transactionLifetimeLimitSeconds` (60 s where it was not changed); this is waited for";

/// A document that the collection can never hold.
fn is_data(code: i32) -> bool {
    matches!(
        code,
        // A bad value, a field's name, no `_id` of this type, nested too deep.
        2 | 15 | 52 | 53 | 54 | 56 | 57 | 66
        // The collection's validator; a key too long for an index, or of no index's type.
        | 121 | 17280 | 13026 | 16755 | 16756 | 171 | 172
        // Too large, also behind a merge.
        | 10334 | 17419 | 17420
        // Several indexed lists in one document.
        | 10088
    )
}

impl Failure {
    /// As the sink called `name` says it.
    pub(in crate::sink) fn into_error(
        self,
        name: &str,
        connection: &MongodbConnection,
    ) -> SinkError {
        let name = name.to_owned();
        match self {
            Self::Fenced => Fence::Moved(name).into(),
            Self::Conflict(_) => {
                let advice = OPEN_TRANSACTION;
                Fence::Open { name, advice }.into()
            }
            Self::Record(reason) => SinkError::Data {
                name,
                cause: reason.into(),
            },
            Self::Written { origin, code, text } if code == DUPLICATE_KEY || is_data(code) => {
                // Another document holds a value of another unique index: it may let go.
                let may_pass = code == DUPLICATE_KEY;
                let cause: Cause = text.into();
                let faults = vec![RowFault {
                    origin,
                    may_pass,
                    cause,
                }];
                SinkError::Rows { name, faults }
            }
            Self::Written { code, text, .. } => SinkError::Refused {
                name,
                advice: format!("the server refuses the write for good (code {code})"),
                cause: text.into(),
            },
            Self::Server(error) => of_server(name, &error, connection),
        }
    }
}

fn of_server(name: String, error: &Error, connection: &MongodbConnection) -> SinkError {
    let transient = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
    match (connection.classify(error), code(error)) {
        (ErrorClass::Refused { cause, .. }, Some(NO_REPLICA_SET)) => SinkError::Refused {
            name,
            advice: "rows and progress are written in one transaction, which only a replica set has: make the server one (of one member, if need be)".to_owned(),
            cause,
        },
        (ErrorClass::Refused { cause, .. }, Some(13)) => SinkError::Refused {
            name,
            advice: "grant the user the role `readWrite` on the database".to_owned(),
            cause,
        },
        (ErrorClass::Lost(cause), _) => SinkError::Lost(name, cause),
        (ErrorClass::Refused { cause, .. }, _) if transient => SinkError::Lost(name, cause),
        (ErrorClass::Refused { advice, cause }, _) => SinkError::Refused {
            name,
            advice: advice.to_owned(),
            cause,
        },
    }
}

/// The server's number of an error of its own.
pub(in crate::sink) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        _ => None,
    }
}

/// Whether a document of this `_id` is there already.
pub(super) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}
