//! Progress and positions in MongoDB: one document each, moved in the transaction of the rows.

use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection, Database,
    bson::{Bson, Document, doc},
    error::Error,
};

use super::failure::{Failure, WRITE_CONFLICT, code, is_duplicate};
use crate::{
    model::Position,
    sink::{Advance, POSITION_TABLE, PositionAdvance, Progress, moved::Moved},
};

/// The collections that keep them.
pub(super) struct MongodbProgress {
    pub(super) offsets: Collection<Document>,
    pub(in crate::sink) positions: Collection<Document>,
}

impl MongodbProgress {
    pub(in crate::sink) fn new(database: &Database, offsets: &str) -> Self {
        Self {
            offsets: database.collection(offsets),
            positions: database.collection(POSITION_TABLE),
        }
    }

    /// Moves what moves, if it is where the writer believes it to be.
    ///
    /// # Errors
    /// `Fenced` where it is somewhere else, `Conflict` where another writer is moving it now: a
    /// server of MongoDB makes nobody wait for another's transaction.
    pub(in crate::sink) async fn advance(
        &self,
        session: &mut ClientSession,
        moved: Moved<'_>,
    ) -> Result<(), Failure> {
        let done = match moved {
            Moved::Offset(advance) => {
                let from = advance.from.map(|it| doc! { "next_offset": it });
                let set = doc! { "next_offset": advance.to.next_offset };
                step(session, &self.offsets, id(advance), from, set).await
            }
            Moved::Position(advance) => {
                let from = advance
                    .from
                    .as_ref()
                    .map(|it| doc! { "position": it.as_str() });
                let set = doc! { "position": advance.to.as_str() };
                step(session, &self.positions, position_id(advance), from, set).await
            }
        };
        match done {
            Err(error) if is_duplicate(&error) => Err(Failure::Fenced),
            Err(error) if code(&error) == Some(WRITE_CONFLICT) => Err(Failure::Conflict(error)),
            Ok(false) => Err(Failure::Fenced),
            done => Ok(done.map(drop)?),
        }
    }

    /// All progress of `flow`.
    pub(in crate::sink) async fn read(&self, flow: &str) -> Result<Vec<Progress>, Error> {
        let found = self.offsets.find(doc! { "_id.flow": flow });
        let found = found.sort(doc! { "_id": 1 }).await?;
        let documents: Vec<Document> = found.try_collect().await?;
        Ok(documents.iter().filter_map(progress).collect())
    }

    /// When any of it was stored last, in seconds since the epoch.
    pub(in crate::sink) async fn moved_at(&self, flow: &str) -> Result<Option<i64>, Error> {
        let found = self.offsets.find_one(doc! { "_id.flow": flow });
        let newest = found.sort(doc! { "updated_at": -1 }).await?;
        let time = newest.and_then(|it| it.get_datetime("updated_at").ok().copied());
        Ok(time.map(|it| it.timestamp_millis().div_euclid(1000)))
    }

    /// The place of `flow`.
    pub(in crate::sink) async fn position(&self, flow: &str) -> Result<Option<Position>, Error> {
        let found = self.positions.find_one(doc! { "_id": flow }).await?;
        Ok(found.and_then(|it| it.get_str("position").ok().map(Position::new)))
    }

    /// Forgets progress and place of `flow`, or sets the progress of one partition.
    pub(in crate::sink) async fn reset(
        &self,
        session: &mut ClientSession,
        flow: &str,
        to: Option<&Progress>,
    ) -> Result<u64, Error> {
        let Some(to) = to else {
            let all = doc! { "_id.flow": flow };
            let offsets = self.offsets.delete_many(all).session(&mut *session).await?;
            let position = self.positions.delete_one(doc! { "_id": flow });
            let positions = position.session(session).await?;
            return Ok(offsets.deleted_count + positions.deleted_count);
        };
        let old = doc! { "_id.flow": flow, "_id.topic": &to.topic, "_id.partition": to.partition };
        self.offsets.delete_many(old).session(&mut *session).await?;
        let advance = Advance {
            flow: flow.to_owned(),
            from: None,
            to: to.clone(),
        };
        let set = doc! { "next_offset": to.next_offset };
        step(session, &self.offsets, id(&advance), None, set).await?;
        Ok(1)
    }
}

/// Whether there was one to move.
async fn step(
    session: &mut ClientSession,
    collection: &Collection<Document>,
    id: Bson,
    from: Option<Document>,
    set: Document,
) -> Result<bool, Error> {
    let Some(from) = from else {
        let mut document = doc! { "_id": id, "updated_at": mongodb::bson::DateTime::now() };
        document.extend(set);
        collection.insert_one(document).session(session).await?;
        return Ok(true);
    };
    let mut filter = doc! { "_id": id };
    filter.extend(from);
    let update = doc! { "$set": set, "$currentDate": { "updated_at": true } };
    let moved = collection
        .update_one(filter, update)
        .session(session)
        .await?;
    Ok(moved.matched_count == 1)
}

fn id(advance: &Advance) -> Bson {
    let to = &advance.to;
    let id = doc! {
        "flow": &advance.flow,
        "topic": &to.topic,
        "topic_id": &to.topic_id,
        "partition": to.partition,
    };
    id.into()
}

fn position_id(advance: &PositionAdvance) -> Bson {
    advance.flow.as_str().into()
}

fn progress(document: &Document) -> Option<Progress> {
    let id = document.get_document("_id").ok()?;
    let text = |name: &str| id.get_str(name).ok().map(str::to_owned);
    Some(Progress {
        topic: text("topic")?,
        topic_id: text("topic_id")?,
        partition: id.get_i32("partition").ok()?,
        next_offset: document.get_i64("next_offset").ok()?,
    })
}
