//! Dead letters in a table: one row each, which people ask for by its columns.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

#[cfg(feature = "mysql")]
use super::table_mysql::MysqlDeadLetters;
use super::{
    table_probe, table_row::DeadLetterRow, table_sqlite::SqliteDeadLetters,
    table_store::DeadLetterStore,
};
#[cfg(feature = "mysql")]
use crate::connect::{mysql::MysqlConnection, table_name::TableName};
use crate::{
    broker::{BrokerError, Delivery, DeliveryError, NotTaken, OffsetRange, Publisher, Rejection},
    connect::{self, identifier::double_quoted, sqlite::SqliteConnection},
    fault::{Cause, chain},
    model::Messages,
};

/// A table of MySQL, MariaDB or SQLite that keeps dead letters. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetterTable {
    pub(super) store: Arc<dyn DeadLetterStore>,
    /// Connection and table, as the settings name them.
    name: Arc<str>,
    /// What the names of a letter's own headers begin with.
    pub(super) prefix: &'static str,
}

/// The column that an older version gave another name.
const FILE_COLUMN: &str = "dead_letter_file";
const RENAME_FILE_COLUMN: &str = "in a table of an older version, rename it: \
    ALTER TABLE … RENAME COLUMN letter_file TO dead_letter_file";

/// How long an answer may take: longer than the servers themselves wait for a lock (50 s).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

impl DeadLetterTable {
    /// `table` may be `database.table`. The names of a letter's own headers begin with `prefix`.
    ///
    /// # Errors
    /// Where that names no table.
    #[cfg(feature = "mysql")]
    pub fn in_mysql(
        connection: MysqlConnection,
        table: &str,
        prefix: &'static str,
    ) -> Result<Self, BrokerError> {
        let name = name(connection.name(), table);
        let parsed = TableName::parse(table).map_err(|it| unnamed(&name, it.into()))?;
        let quoted = parsed.quoted().map_err(|it| unnamed(&name, it.into()))?;
        Ok(Self {
            store: Arc::new(MysqlDeadLetters::new(connection, parsed, quoted)),
            name,
            prefix,
        })
    }

    /// In a SQLite file, opened with `Durability::Full`.
    ///
    /// # Errors
    /// Where `table` names no table.
    pub fn in_sqlite(
        connection: SqliteConnection,
        table: &str,
        prefix: &'static str,
    ) -> Result<Self, BrokerError> {
        let name = name(connection.name(), table);
        let quoted = double_quoted(table).map_err(|it| unnamed(&name, it.into()))?;
        Ok(Self {
            store: Arc::new(SqliteDeadLetters::new(connection, quoted)),
            name,
            prefix,
        })
    }

    /// Makes the table where it is missing, and tries whether letters can be kept in it. Making it wants
    /// a right that using it does not.
    ///
    /// # Errors
    /// `TableRefused` where a right is missing, or a column, or one is not as it has to be; else as the
    /// server answers.
    pub async fn ensure(&self) -> Result<(), BrokerError> {
        if self.probe().await?.is_none() {
            let made = self.answer(self.store.create()).await?;
            made.map_err(|error| self.failed(error))?;
            if self.probe().await?.is_none() {
                let cause = "it was made, and is not there";
                return Err(self.refused("look who drops it", cause.into()));
            }
        }
        Ok(())
    }

    /// How many letters it has, where more can be kept; `None` where it is still to be made.
    ///
    /// # Errors
    /// As `ensure`.
    pub async fn check(&self) -> Result<Option<u64>, BrokerError> {
        if self.probe().await?.is_none() {
            return Ok(None);
        }
        let counted = self.answer(self.store.count()).await?;
        let dead_letters = self.unless_missing(counted)?;
        Ok(dead_letters.map(|it| u64::try_from(it).unwrap_or(0)))
    }

    /// Tries letters on the table, which stays as it is; `None` where there is none.
    async fn probe(&self) -> Result<Option<()>, BrokerError> {
        let dead_letters = table_probe::dead_letters(self.prefix);
        let tried = self.answer(self.store.probe(&dead_letters)).await?;
        let Some(tried) = self.unless_missing(tried)? else {
            return Ok(None);
        };
        let fits = tried.fits(&dead_letters[0]);
        fits.map_err(|incompatible| self.refused(&incompatible.advice, incompatible.cause))?;
        Ok(Some(()))
    }

    /// Which places the letters have; `None` where there is none, or no table.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn offset_ranges(&self) -> Result<Option<OffsetRange>, BrokerError> {
        let bounds = self.answer(self.store.bounds()).await?;
        let bounds = self.unless_missing(bounds)?;
        let bounds = bounds.and_then(|(first, last)| first.zip(last));
        Ok(bounds.map(|(first, last)| OffsetRange {
            partition: 0,
            first,
            end: last.saturating_add(1),
        }))
    }

    fn unless_missing<T>(&self, asked: Result<T, sqlx::Error>) -> Result<Option<T>, BrokerError> {
        match asked {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if self.store.is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// What is asked of the server, within a minute: one that is silent is told as what may pass. A
    /// letter that was written all the same is the same row when it comes again.
    pub(in crate::broker) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<Result<T, sqlx::Error>, BrokerError> {
        timeout(RESPONSE_TIMEOUT, asked).await.map_err(|_| {
            let silent = format!("no answer within {} s", RESPONSE_TIMEOUT.as_secs());
            BrokerError::TableLost(self.name.to_string(), silent.into())
        })
    }

    pub(in crate::broker) fn failed(&self, error: sqlx::Error) -> BrokerError {
        let advice = match connect::classify(&error) {
            connect::ErrorClass::Transient => {
                return BrokerError::TableLost(self.name.to_string(), error.into());
            }
            connect::ErrorClass::Refused(advice) => advice,
            connect::ErrorClass::Data => "the server does not take this statement",
        };
        let message = error.as_database_error().map(|it| it.message());
        if advice.contains("no such column") && message.is_some_and(|it| it.contains(FILE_COLUMN)) {
            let advice = format!("{advice}; {RENAME_FILE_COLUMN}");
            return self.refused(&advice, error.into());
        }
        self.refused(advice, error.into())
    }

    fn refused(&self, advice: &str, cause: Cause) -> BrokerError {
        BrokerError::TableRefused {
            table: self.name.to_string(),
            advice: advice.to_owned(),
            cause,
        }
    }

    /// Keeps a letter; the inner error is why the table can never hold it.
    async fn keep(&self, row: &DeadLetterRow) -> Result<Result<(), String>, BrokerError> {
        let bytes = row.bytes();
        if let Some((limit, called)) = self.store.limit().filter(|(limit, _)| bytes > *limit) {
            // The server would close the connection instead of answering.
            return Ok(Err(format!(
                "it takes {bytes} bytes, more than the {limit} that the server's {called} leaves"
            )));
        }
        match self.answer(self.store.insert(row)).await? {
            Ok(()) => Ok(Ok(())),
            Err(error) if connect::classify(&error) == connect::ErrorClass::Data => {
                Ok(Err(chain(&error)))
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// Writes dead letters into a table, each durable before the next.
pub struct TablePublisher {
    table: DeadLetterTable,
    topic: String,
}

impl TablePublisher {
    /// Into `table`, which was ensured.
    pub fn new(table: DeadLetterTable) -> Self {
        let topic = format!("table {}", table.name);
        Self { table, topic }
    }
}

#[async_trait]
impl Publisher for TablePublisher {
    fn topic(&self) -> &str {
        &self.topic
    }

    async fn publish(&self, messages: Arc<Messages>) -> Result<Delivery, BrokerError> {
        let mut not_taken = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            let row = DeadLetterRow::of(&message, self.table.prefix);
            if let Err(reason) = self.table.keep(&row).await? {
                let rejection = Rejection::Refused;
                not_taken.push(NotTaken {
                    index,
                    reason,
                    rejection,
                });
            }
        }
        let delivered = if not_taken.is_empty() {
            Ok(())
        } else {
            Err(DeliveryError::NotTaken(not_taken))
        };
        Ok(Box::pin(std::future::ready(delivered)))
    }
}

fn name(connection: &str, table: &str) -> Arc<str> {
    format!("{connection}.{table}").into()
}

fn unnamed(name: &str, cause: Cause) -> BrokerError {
    BrokerError::TableRefused {
        table: name.to_owned(),
        advice: "correct its name".to_owned(),
        cause,
    }
}
