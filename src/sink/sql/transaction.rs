//! What is written in one transaction of a SQL database: progress first, then the rows.

use std::sync::Arc;

use super::{
    deletions::asked_for,
    failure::Failure,
    progress::ProgressTables,
    session::{BoundValues, SqlSession},
    statements::{found_by, known},
    write::{SqlWriter, value_of},
};
use crate::{
    model::Records,
    sink::{Advance, AnyAdvance, Landing, Onto, Progress, SinkError, fitting},
};

/// The tables of a sink, for one transaction of whichever session.
pub(in crate::sink) struct Transaction<'t, S: SqlSession> {
    /// The sink's name.
    pub(in crate::sink) name: &'t str,
    pub(in crate::sink) progress: &'t ProgressTables,
    /// In the order of writing, each with its name.
    pub(in crate::sink) writers: Vec<(&'t str, SqlWriter<'t, S>)>,
}

impl<S: SqlSession> Transaction<'_, S> {
    /// Moves the progress, then writes the rows.
    pub(in crate::sink) async fn write(
        &self,
        session: &mut S,
        records: &[Records],
        advance: AnyAdvance<'_>,
    ) -> Result<(), SinkError> {
        let moved = self.progress.advance(session, advance).await;
        moved.map_err(|failure| failure.into_error(self.name))?;
        self.write_rows(session, records).await
    }

    /// Writes the part of each table in turn.
    pub(in crate::sink) async fn write_rows(
        &self,
        session: &mut S,
        records: &[Records],
    ) -> Result<(), SinkError> {
        fitting(self.name, records, self.writers.len())?;
        for ((name, writer), part) in self.writers.iter().zip(records) {
            let written = writer.write(session, std::slice::from_ref(part)).await;
            written.map_err(|failure| failure.into_error(name))?;
        }
        Ok(())
    }

    /// Keeps the marks, then writes the rows. Unless all is written, the transaction is to be undone.
    pub(in crate::sink) async fn replay(
        &self,
        session: &mut S,
        (records, markers): (&[Records], &[Advance<Progress>]),
        onto: Onto,
    ) -> Result<Landing, SinkError> {
        for (index, marker) in markers.iter().enumerate() {
            match self.progress.advance(session, marker.into()).await {
                Err(Failure::Fenced) => return Ok(Landing::Before(index)),
                done => done.map_err(|failure| failure.into_error(self.name))?,
            }
        }
        if onto == Onto::Absent {
            for ((name, writer), part) in self.writers.iter().zip(records) {
                let known = any_known(writer, session, part).await;
                if known.map_err(|failure| failure.into_error(name))? {
                    return Ok(Landing::Superseded);
                }
            }
        }
        self.write_rows(session, records).await?;
        Ok(Landing::Written)
    }
}

/// Whether one of the records has a row already, or its parent.
async fn any_known<S: SqlSession>(
    writer: &SqlWriter<'_, S>,
    session: &mut S,
    records: &Records,
) -> Result<bool, Failure> {
    let table = writer.table;
    let text: Arc<str> = format!("{}{}", known(&writer.one_key()), S::WORDS.any).into();
    for values in asked_for(records, table) {
        let mut bound = S::bound(writer.limits, values.len(), 64);
        for ordinal in found_by(table, table.removed_by()) {
            let value = value_of(table.removed_by(), &values, ordinal);
            bound.push_key(&table.columns[ordinal], value)?;
        }
        if session.texts(text.clone(), bound, 0).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
