//! Chunks of a full read of a collection: their queries, and where the next one ends.

use mongodb::{
    bson::{Bson, Document, doc},
    options::Hint,
};

use super::{
    Ceiling, Chunk, Full, Key, ScanState, class::Class, range::RangeFilter,
    reader::CollectionReader,
};
use crate::source::SourceError;

impl Full {
    /// Whether it is before its first document.
    pub fn is_at_start(&self) -> bool {
        self.chunks == [Chunk::behind(None)]
    }

    /// The classes of the keys that it names.
    pub fn classes(&self) -> Vec<Class> {
        let keys = self.chunks.iter().flat_map(|it| [&it.after, &it.up_to]);
        keys.flatten().flatten().map(Class::of).collect()
    }
}

impl CollectionReader {
    /// The `_id` that is `rows` documents on, in the server's own order of all types; `None` where
    /// there are not so many.
    pub async fn key_ahead(
        &mut self,
        chunk: &Chunk<Key>,
        rows: usize,
    ) -> Result<Option<Key>, SourceError> {
        let scanned = self.scanned.clone();
        let ids = doc! { "_id": 1 };
        // Not by `$gt`, which keeps to one class. The first one that it finds is `after` itself.
        let after = chunk.after.as_ref().and_then(|it| it.first());
        let skip = rows.saturating_sub(usize::from(after.is_none()));
        let found = scanned.documents.find_one(doc! {}).sort(ids.clone());
        let mut found = found.skip(skip as u64).projection(ids.clone());
        found = found.hint(Hint::Keys(ids));
        if let Some(after) = after {
            found = found.min(doc! { "_id": after.clone() });
        }
        let found = found.session(&mut self.session).await;
        let found = found.map_err(|error| scanned.error(&error))?;
        found.map(|it| Ok(vec![scanned.id(&it)?])).transpose()
    }

    /// What finds the documents of a chunk: a filter for each class.
    pub fn filters(&self, chunk: &Chunk<Key>, then: &ScanState) -> Vec<Document> {
        let order = &self.scanned.order;
        let ids = &self.classes.ids;
        let of = |key: &Option<Key>| key.as_ref().and_then(|it| it.first()).map(Class::of);
        let (first, last) = (of(&chunk.after), of(&chunk.up_to));
        let mut filters = Vec::new();
        for class in ids {
            if first.is_some_and(|it| *class < it) || last.is_some_and(|it| *class > it) {
                continue;
            }
            let up_to = chunk.up_to.iter().flatten().next();
            let up_to = up_to.filter(|_| last == Some(*class));
            let after = chunk.after.as_deref().filter(|_| first == Some(*class));
            let filter = order.filter_of_ids(RangeFilter {
                class: Some(*class),
                alone: ids.len() == 1,
                after: after.unwrap_or_default(),
                ceiling: &up_to.map_or(Ceiling::Open, |it| Ceiling::UpTo(it.clone())),
            });
            // Where `_id` is the order itself, the incremental read has what is past the bound;
            // elsewhere new documents can have any `_id`.
            let then = then.values.of(*class).and_then(<[Bson]>::first);
            match (order.is_id(), then) {
                (false, _) => filters.push(filter),
                (true, None) => {}
                (true, Some(then)) => {
                    let below = doc! { "_id": { "$lte": then.clone() } };
                    filters.push(doc! { "$and": [filter, below] });
                }
            }
        }
        filters
    }
}
