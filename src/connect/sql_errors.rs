//! What an error of the SQL driver means: again, never, or one record's own doing.

use sqlx::{error::DatabaseError, sqlite::SqliteError};

use super::sqlite_errors;

/// What an error of MySQL, MariaDB or SQLite means for the one who met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass: a deadlock, a lock wait, a lost connection.
    Transient,
    /// It will not pass by itself; what to do about it.
    Refused(&'static str),
    /// The server can never hold this value or row.
    Data,
}

/// The verdict on `error`, by the written lists of `mysql_errors` and `sqlite_errors`.
pub fn verdict(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(said) => of_a_database(said.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Verdict::Transient,
        sqlx::Error::Tls(_) => Verdict::Refused(
            "the encrypted connection could not be made: look at `ssl-mode` in the URL and at `tls-ca`",
        ),
        sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
            Verdict::Refused("the URL or path of the connection cannot be used")
        }
        _ => Verdict::Refused(UNKNOWN),
    }
}

fn of_a_database(said: &dyn DatabaseError) -> Verdict {
    #[cfg(feature = "mysql")]
    if let Some(error) = said.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return super::mysql_errors::verdict(error.number(), error.code(), error.message());
    }
    said.try_downcast_ref::<SqliteError>()
        .and_then(|_| said.code()?.parse().ok())
        .map_or(Verdict::Refused(UNKNOWN), |code| {
            sqlite_errors::verdict(code, said.message())
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
        assert_eq!(verdict(&lost), Verdict::Transient);
        assert_eq!(verdict(&sqlx::Error::PoolTimedOut), Verdict::Transient);
    }

    #[test]
    fn an_unknown_error_stops_rather_than_costing_records() {
        assert_eq!(
            verdict(&sqlx::Error::RowNotFound),
            Verdict::Refused(UNKNOWN)
        );
    }
}
