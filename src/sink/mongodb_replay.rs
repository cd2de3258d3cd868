//! Dead letters into MongoDB: documents and the letters' marks in one transaction.

use mongodb::bson::{Document, doc};

use super::{
    Advance, Landing, Onto, mongodb::MongodbSink, mongodb_bson::Bson, mongodb_failure::Failure,
    moved::Moved,
};
use crate::model::Records;

/// Writes letters, or nothing.
///
/// # Errors
/// As the server answers.
pub(super) async fn replay(
    sink: &MongodbSink,
    (records, marks): (&[Records], &[Advance]),
    onto: Onto,
) -> Result<Landing, Failure> {
    // What is dropped is rolled back.
    let mut session = sink.begin().await?;
    for (index, mark) in marks.iter().enumerate() {
        let moved = sink.progress.advance(&mut session, Moved::Offset(mark));
        match moved.await {
            Err(Failure::Fenced) => {
                let _ = session.abort_transaction().await;
                return Ok(Landing::Before(index));
            }
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
            if found.session(&mut session).await?.is_some() {
                let _ = session.abort_transaction().await;
                return Ok(Landing::Superseded);
            }
        }
    }
    sink.writer().write(&mut session, records).await?;
    session.commit_transaction().await?;
    Ok(Landing::Written)
}
