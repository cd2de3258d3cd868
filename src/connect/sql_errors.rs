//! Error classes of the SQL driver: transient, permanent, or one record's data.

use sqlx::{error::DatabaseError, sqlite::SqliteError};

use super::sqlite_errors;

/// What an error of MySQL, MariaDB or SQLite means for the one who met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// It may pass: a deadlock, a lock wait, a lost connection.
    Transient,
    /// It will not pass by itself; what to do about it.
    Refused(&'static str),
    /// The server can never hold this value or row.
    Data,
}

/// The verdict on `error`, by the written lists of `mysql_errors` and `sqlite_errors`.
pub fn classify(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::Database(said) => of_a_database(said.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => ErrorClass::Transient,
        sqlx::Error::Tls(_) => ErrorClass::Refused(
            "the encrypted connection could not be made: look at `ssl-mode` in the URL and at `tls-ca`",
        ),
        sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
            ErrorClass::Refused("the URL or path of the connection cannot be used")
        }
        _ => ErrorClass::Refused(UNKNOWN),
    }
}

fn of_a_database(said: &dyn DatabaseError) -> ErrorClass {
    #[cfg(feature = "mysql")]
    if let Some(error) = said.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return super::mysql_errors::classify(error.number(), error.code(), error.message());
    }
    said.try_downcast_ref::<SqliteError>()
        .and_then(|_| said.code()?.parse().ok())
        .map_or(ErrorClass::Refused(UNKNOWN), |code| {
            sqlite_errors::classify(code, said.message())
        })
}

/// The advice where none is known.
pub(super) const UNKNOWN: &str = "the server's own words say why";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_tried_again() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(classify(&lost), ErrorClass::Transient);
        assert_eq!(classify(&sqlx::Error::PoolTimedOut), ErrorClass::Transient);
    }

    #[test]
    fn an_unknown_error_stops_rather_than_costing_records() {
        assert_eq!(
            classify(&sqlx::Error::RowNotFound),
            ErrorClass::Refused(UNKNOWN)
        );
    }
}
