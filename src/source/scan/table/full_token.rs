//! The text of a full read in a position: what is left of it.

use serde::{Deserialize, Serialize};

use super::{
    Chunk, Full, Key, KeyColumn,
    position::{Typed, expect_fields, typed, values},
};
use crate::source::scan::{ChunkPart, chunk_parts, chunks_of, is_zero};

/// `{"by":["id"],"after":[{"u64":"7"}]}` where all that is left is behind one key, and
/// `{"by":["id"],"chunks":[{"after":[…],"up-to":[…]},{"up-to":[…]},{}]}` where it is in chunks: one
/// that does not say so begins where the one before it ends. `rows` have been read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullPart {
    by: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Vec<Typed>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<ChunkPart<Vec<Typed>>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    rows: u64,
}

impl FullPart {
    pub fn of(full: &Full, columns: &[KeyColumn]) -> Self {
        let write = |key: &Key| key.iter().map(typed).collect();
        let (after, chunks) = match &full.chunks[..] {
            [Chunk { after, up_to: None }] => {
                (Some(after.as_ref().map(write).unwrap_or_default()), vec![])
            }
            chunks => (None, chunk_parts(chunks, write)),
        };
        Self {
            by: columns.iter().map(|it| it.name.clone()).collect(),
            after,
            chunks,
            rows: full.rows,
        }
    }

    /// The chunks and the rows that have been read.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn parse(self, columns: &[KeyColumn]) -> Result<(Vec<Chunk<Key>>, u64), String> {
        expect_fields(&self.by, columns)?;
        let chunks = match &self.after {
            Some(after) if self.chunks.is_empty() => {
                let after = Some(values(after, columns)?);
                vec![Chunk::behind(after.filter(|it| !it.is_empty()))]
            }
            None if !self.chunks.is_empty() => parse_chunks(self.chunks, columns)?,
            _ => return Err("it is damaged at `full`".to_owned()),
        };
        Ok((chunks, self.rows))
    }
}

fn parse_chunks(
    parts: Vec<ChunkPart<Vec<Typed>>>,
    columns: &[KeyColumn],
) -> Result<Vec<Chunk<Key>>, String> {
    let key = |typed: Vec<Typed>| {
        let key = values(&typed, columns)?;
        if key.len() == columns.len() {
            Ok(key)
        } else {
            Err("it is damaged: a chunk has no whole key".to_owned())
        }
    };
    let chunks = chunks_of(parts, key)?;
    chunks.ok_or_else(|| "it is damaged: there is a chunk behind the last".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Position,
        source::scan::table::{CursorValue, ScanPosition, ScanState, Table, tests::table},
    };

    fn chunk(after: Option<u64>, up_to: Option<u64>) -> Chunk<Key> {
        let key = |it: Option<u64>| it.map(|it| vec![CursorValue::U64(it)]);
        Chunk {
            after: key(after),
            up_to: key(up_to),
        }
    }

    fn check(table: &Table, chunks: Vec<Chunk<Key>>, rows: u64, expected: &str) {
        let scan_position = ScanPosition::Full(Full {
            chunks,
            rows,
            then: ScanState::default(),
        });
        let position = scan_position.position(table);
        let then = r#""then":{"by":["updated_at","id"],"after":[]}"#;
        assert_eq!(
            position.as_str(),
            format!(r#"{{"full":{{"by":["id"],{expected}}},{then}}}"#)
        );
        assert_eq!(
            ScanPosition::parse(&position, table).expect("our own"),
            scan_position
        );
    }

    #[test]
    fn a_full_read_hides_in_its_position() {
        let table = table();
        check(&table, vec![chunk(None, None)], 0, r#""after":[]"#);
        let behind = r#""after":[{"u64":"7"}]"#;
        check(&table, vec![chunk(Some(7), None)], 0, behind);
    }

    #[test]
    fn a_chunk_begins_where_the_one_before_it_ends() {
        let chunks = vec![
            chunk(None, Some(10)),
            chunk(Some(14), Some(20)),
            chunk(Some(20), Some(30)),
            chunk(Some(30), None),
        ];
        let text = concat!(
            r#""chunks":[{"up-to":[{"u64":"10"}]},{"after":[{"u64":"14"}],"up-to":[{"u64":"20"}]},"#,
            r#"{"up-to":[{"u64":"30"}]},{}],"rows":14"#
        );
        check(&table(), chunks, 14, text);
        let last = vec![chunk(Some(14), Some(20))];
        let text = r#""chunks":[{"after":[{"u64":"14"}],"up-to":[{"u64":"20"}]}]"#;
        check(&table(), last, 0, text);
    }

    #[test]
    fn damaged_chunks_are_refused() {
        let table = table();
        for full in [
            r#"{"by":["id"]}"#,
            r#"{"by":["id"],"chunks":[]}"#,
            r#"{"by":["id"],"after":[],"chunks":[{}]}"#,
            r#"{"by":["id"],"chunks":[{},{}]}"#,
            r#"{"by":["id"],"chunks":[{"up-to":[]}]}"#,
            r#"{"by":["id"],"chunks":[{"up-to":[{"u64":"x"}]}]}"#,
            r#"{"by":["id"],"chunks":[{"up_to":[{"u64":"7"}]}]}"#,
            r#"{"by":["id"],"after":[],"rows":-1}"#,
            r#"{"by":["uid"],"chunks":[{}]}"#,
        ] {
            let then = r#"{"by":["updated_at","id"],"after":[]}"#;
            let text = format!(r#"{{"full":{full},"then":{then}}}"#);
            let refused = ScanPosition::parse(&Position::new(text), &table);
            let said = refused.expect_err(full).to_string();
            assert!(said.contains("cursor reset"), "{said}");
        }
    }
}
