//! Indexes of a table that a migration created: they are created after the load.

use crate::{
    fault::{Fault, Faulty, chain},
    model::{Kind, Position},
    sink::{Advance, DatabaseSink, MissingIndex, Sink, SinkError},
};

/// The indexes of one migration's table. That the table was made by it, and that they are still to come,
/// is kept at the target, beside the place: whatever is killed, the next run makes what is missing.
pub struct Indexes<'a> {
    /// The migration's name.
    pub flow: &'a str,
    /// Where its rows go.
    pub sink: &'a dyn Sink,
    /// The fields of its records, where they are known.
    pub fields: Option<&'a [(String, Kind)]>,
}

/// What became of the source's indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// The statements of those that were made.
    pub made: Vec<String>,
    /// What the table lacks still.
    pub missing_indexes: Vec<MissingIndex>,
}

/// They are still to be made.
const PENDING: &str = r#"{"indexes":"pending"}"#;
/// They have been made: what is missing now, somebody has removed.
const MADE: &str = r#"{"indexes":"made"}"#;

impl Indexes<'_> {
    /// Before the table is made: notes that it is this migration's own.
    ///
    /// # Errors
    /// As `SinkError` says.
    pub async fn begin(&self) -> Result<(), SinkError> {
        let Some(database) = self.sink.capabilities().database else {
            return Ok(());
        };
        match database.would_create(self.fields).await {
            Ok(Some(_)) => self.advance(database, PENDING).await,
            // Why it cannot be made is said by `prepare`.
            Ok(None) | Err(SinkError::Incompatible { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Behind the load: makes what is to be made. All are tried, and the first error is told.
    ///
    /// # Errors
    /// As `DatabaseSink::make_index`.
    pub async fn make(&self) -> Result<IndexReport, SinkError> {
        let Some(database) = self.sink.capabilities().database else {
            return Ok(IndexReport::default());
        };
        let mut report = IndexReport {
            made: Vec::new(),
            missing_indexes: database.missing_indexes(self.fields).await?,
        };
        if !self.is_pending().await? {
            return Ok(report);
        }
        let mut failed = None;
        for missing in std::mem::take(&mut report.missing_indexes) {
            let Ok(statement) = &missing.statement else {
                report.missing_indexes.push(missing);
                continue;
            };
            tracing::info!(flow = self.flow, statement, "an index is made");
            match database.make_index(&missing).await {
                Ok(()) => report.made.push(statement.clone()),
                Err(error) if error.fault() == Fault::Transient => return Err(error),
                Err(error) => {
                    tracing::error!(flow = self.flow, error = chain(&error), "no index");
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.advance(database, MADE).await.map(|()| report),
        }
    }

    /// Whether they are still to be made.
    ///
    /// # Errors
    /// As `SinkError` says.
    pub async fn is_pending(&self) -> Result<bool, SinkError> {
        let stored = self.sink.position(&self.name()).await?;
        Ok(stored.is_some_and(|it| it.as_str() == PENDING))
    }

    async fn advance(&self, database: &dyn DatabaseSink, what: &str) -> Result<(), SinkError> {
        let from = self.sink.position(&self.name()).await?;
        let to = Position::new(what);
        if from.as_ref() == Some(&to) {
            return Ok(());
        }
        let flow = self.name();
        database.advance(&Advance { flow, from, to }).await
    }

    fn name(&self) -> String {
        format!("{} (indexes)", self.flow)
    }
}
