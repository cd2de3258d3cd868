//! Replay into MongoDB: documents and replay markers in one transaction.

use mongodb::{
    ClientSession,
    bson::{Document, doc},
};

use super::{MongodbSink, bson::Bson, failure::Failure};
use crate::{
    model::Records,
    sink::{Advance, Landing, Onto, moved::Moved},
};

/// Writes letters, or nothing.
///
/// # Errors
/// As the server answers.
pub(in crate::sink) async fn replay(
    sink: &MongodbSink,
    dead_letters: (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, Failure> {
    let mut session = sink.begin().await?;
    let landing = match write(sink, &mut session, dead_letters, onto).await {
        Ok(Landing::Written) => {
            session.commit_transaction().await?;
            return Ok(Landing::Written);
        }
        // A mark that may yet be undone is none: this letter may come again.
        Err(Failure::Conflict(error)) => Err(Failure::Server(error)),
        landing => landing,
    };
    // Left to itself, the transaction would be in the way of the next one for a while.
    let _ = session.abort_transaction().await;
    landing
}

async fn write(
    sink: &MongodbSink,
    session: &mut ClientSession,
    (records, markers): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, Failure> {
    for (index, marker) in markers.iter().enumerate() {
        let moved = sink.progress.advance(session, Moved::Offset(marker));
        match moved.await {
            Err(Failure::Fenced) => return Ok(Landing::Before(index)),
            moved => moved?,
        }
    }
    if onto == Onto::Absent {
        let name = &sink.settings.collection;
        let documents = sink.connection.database().collection::<Document>(name);
        for row in records.iter().flat_map(Records::iter) {
            let mut bson = Bson::default();
            let at = bson.open();
            sink.writer().id(&row, &mut bson, "$eq")?;
            bson.close(at);
            let id = Document::from_reader(&bson.0[..])
                .map_err(|error| Failure::Record(error.to_string()))?;
            let found = documents.find_one(doc! { "_id": id });
            if found.session(&mut *session).await?.is_some() {
                return Ok(Landing::Superseded);
            }
        }
    }
    sink.writer().write(session, records).await?;
    Ok(Landing::Written)
}
