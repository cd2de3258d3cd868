//! The text of the chunks of a full read in a position: each key is one `_id`.

use mongodb::bson::Bson;

use super::{Chunk, Key, class::Class, position::CanonicalValue};
use crate::source::scan::{ChunkPart, chunks_of};

/// A key as it is written.
pub(super) fn key(key: &Key) -> CanonicalValue<'_> {
    // A key has one value.
    CanonicalValue(key.first().unwrap_or(&Bson::Null))
}

/// `None` where they are damaged: there are none, one stands behind the last, or a key has no order.
pub(super) fn chunks(parts: Vec<ChunkPart<Bson>>) -> Option<Vec<Chunk<Key>>> {
    let key = |value: Bson| match Class::of(&value) {
        Class::None => Err(()),
        _ => Ok(vec![value]),
    };
    let chunks = chunks_of(parts, key).ok().flatten();
    chunks.filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mongodb::scan::{Full, ScanPosition, ScanState, position::Order};

    #[test]
    fn a_chunk_begins_where_the_one_before_it_ends() {
        let order = Order {
            source: "crawler.list".into(),
            field: "_id".into(),
        };
        let chunk = |after: Option<i32>, up_to: Option<i32>| Chunk {
            after: after.map(|it| vec![it.into()]),
            up_to: up_to.map(|it| vec![it.into()]),
        };
        let chunks = vec![
            chunk(Some(1), Some(2)),
            chunk(Some(2), Some(3)),
            chunk(Some(3), None),
        ];
        let scan_position = ScanPosition::Full(Full {
            chunks,
            rows: 9,
            then: ScanState::default(),
        });
        let position = scan_position.position(&order);
        let text = concat!(
            r#"{"field":"_id","chunks":[{"after":{"$numberInt":"1"},"up-to":{"$numberInt":"2"}},"#,
            r#"{"up-to":{"$numberInt":"3"}},{}],"then":[],"rows":9}"#
        );
        assert_eq!(position.as_str(), text);
        assert_eq!(
            ScanPosition::parse(&position, &order).expect("our own"),
            scan_position
        );
    }
}
