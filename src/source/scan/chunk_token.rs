//! The text of the chunks of a full read: one that does not say where it begins does so where the
//! one before it ends.

use serde::{Deserialize, Serialize};

use super::chunks::Chunk;

/// A chunk, its keys as the system writes them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::source) struct ChunkPart<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<T>,
}

/// `chunks`, each key as `write` writes it.
pub(in crate::source) fn chunk_parts<'c, K: PartialEq, T>(
    chunks: &'c [Chunk<K>],
    write: impl Fn(&'c K) -> T,
) -> Vec<ChunkPart<T>> {
    let mut end = None;
    let part = |chunk: &'c Chunk<K>| {
        let after = chunk.after.as_ref().filter(|after| end != Some(*after));
        end = chunk.up_to.as_ref();
        ChunkPart {
            after: after.map(&write),
            up_to: chunk.up_to.as_ref().map(&write),
        }
    };
    chunks.iter().map(part).collect()
}

/// The chunks of `parts`, each key as `read` reads it; `None` where one stands behind the last.
///
/// # Errors
/// As `read`.
pub(in crate::source) fn chunks_of<K: Clone, T, E>(
    parts: Vec<ChunkPart<T>>,
    read: impl Fn(T) -> Result<K, E>,
) -> Result<Option<Vec<Chunk<K>>>, E> {
    let mut chunks: Vec<Chunk<K>> = Vec::new();
    for ChunkPart { after, up_to } in parts {
        let end = match chunks.last() {
            None => None,
            Some(Chunk { up_to: None, .. }) => return Ok(None),
            Some(before) => before.up_to.clone(),
        };
        chunks.push(Chunk {
            after: after.map(&read).transpose()?.or(end),
            up_to: up_to.map(&read).transpose()?,
        });
    }
    Ok(Some(chunks))
}

/// Whether no rows have been read, which is not written.
pub(in crate::source) fn is_zero(rows: &u64) -> bool {
    *rows == 0
}
