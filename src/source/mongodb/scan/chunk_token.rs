//! The text of the chunks of a full read in a position.

use mongodb::bson::Bson;
use serde::{Deserialize, Serialize};

use super::{class::Class, position::CanonicalValue};
use crate::source::scan::chunks::Chunk;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ChunkPart {
    after: Option<Bson>,
    up_to: Option<Bson>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ChunkRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<CanonicalValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<CanonicalValue<'a>>,
}

/// As they are written.
pub(super) fn chunk_refs(chunks: &[Chunk<Bson>]) -> Vec<ChunkRef<'_>> {
    let mut end = None;
    let parts = chunks.iter().map(|it| {
        let after = it.after.as_ref().filter(|after| end != Some(*after));
        end = it.up_to.as_ref();
        ChunkRef {
            after: after.map(CanonicalValue),
            up_to: it.up_to.as_ref().map(CanonicalValue),
        }
    });
    parts.collect()
}

/// `None` where they are damaged: there are none, one stands behind the last, or a key has no order.
pub(super) fn chunks(parts: Vec<ChunkPart>) -> Option<Vec<Chunk<Bson>>> {
    let mut chunks: Vec<Chunk<Bson>> = Vec::new();
    for ChunkPart { after, up_to } in parts {
        let has_no_order = |it: &Bson| Class::of(it) == Class::None;
        if after.iter().chain(&up_to).any(has_no_order) {
            return None;
        }
        let after = match chunks.last() {
            None => after,
            Some(before) => Some(after.unwrap_or(before.up_to.clone()?)),
        };
        chunks.push(Chunk { after, up_to });
    }
    (!chunks.is_empty()).then_some(chunks)
}

pub(super) fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mongodb::scan::{
        full::Full,
        position::{Order, ScanPosition},
        state::ScanState,
    };

    #[test]
    fn a_chunk_begins_where_the_one_before_it_ends() {
        let order = Order {
            source: "crawler.list".into(),
            field: "_id".into(),
        };
        let chunk = |after: Option<i32>, up_to: Option<i32>| Chunk {
            after: after.map(Bson::from),
            up_to: up_to.map(Bson::from),
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
