//! The statements of a full read: a chunk of the key, and where the next one ends.

use std::fmt::Write;

use super::{
    Ceiling, Chunk, CursorValue, Key, Page, Table, Wanted,
    statement::{Conditions, Side},
};

impl Table {
    /// The rows of `chunk` in the order of the key; at most `rows` where that is said.
    pub fn chunk<'m>(&'m self, chunk: &'m Chunk<Key>, rows: Option<usize>) -> Page<'m> {
        let mut page = self.between(&self.select, chunk.after.as_deref(), chunk.up_to.as_deref());
        if let Some(rows) = rows {
            // Writing to a String cannot fail.
            let _ = write!(page.text, " LIMIT {rows}");
            page.wanted.rows = rows;
        }
        page
    }

    /// The key of the row that is `rows` rows on in `chunk`; no row where it has not so many.
    pub fn cut<'m>(&'m self, chunk: &'m Chunk<Key>, rows: usize) -> Page<'m> {
        let mut page = self.between(
            &self.select_key,
            chunk.after.as_deref(),
            chunk.up_to.as_deref(),
        );
        let _ = write!(page.text, " LIMIT 1 OFFSET {}", rows.max(1) - 1);
        page
    }

    /// All rows behind a key, as far as another.
    pub(super) fn between<'m>(
        &'m self,
        select: &str,
        after: Option<&'m [CursorValue]>,
        up_to: Option<&'m [CursorValue]>,
    ) -> Page<'m> {
        let mut conditions = Conditions::default();
        for (side, key) in [(Side::Behind, after), (Side::UpTo, up_to)] {
            conditions.beside(side, self.form, &self.key, key.unwrap_or_default());
        }
        Page {
            text: conditions.statement(select, &self.key),
            bound: conditions.bound,
            wanted: Wanted {
                phase: None,
                by: &self.key,
                after: after.unwrap_or_default(),
                up_to,
                above: None,
                ceiling: &Ceiling::Open,
                rows: usize::MAX,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::table::{Form, tests::table};

    fn two() -> Table {
        let table = table();
        let key = table.incremental.clone();
        Table { key, ..table }
    }

    fn key(text: &str) -> Key {
        vec![CursorValue::Text(text.into()), CursorValue::U64(7)]
    }

    #[test]
    fn a_chunk_is_behind_one_key_and_up_to_another() {
        let chunk = Chunk {
            after: Some(key("a")),
            up_to: Some(key("b")),
        };
        let table = two();
        let page = table.chunk(&chunk, None);
        let time = "CAST(? AS DATETIME(6))";
        assert_eq!(
            page.text,
            format!(
                "SELECT * FROM `t` WHERE `updated_at` >= {time} AND (`updated_at` > {time} OR \
                 (`updated_at` = {time} AND `id` > ?)) AND `updated_at` <= {time} AND \
                 (`updated_at` < {time} OR (`updated_at` = {time} AND `id` <= ?)) \
                 ORDER BY `updated_at`, `id`"
            )
        );
        assert_eq!(page.bound.len(), 8);
        let rows = Table {
            form: Form::RowValues,
            ..two()
        };
        let page = rows.chunk(&chunk, None);
        assert!(
            page.text.contains(&format!(
                "WHERE (`updated_at`, `id`) > ({time}, ?) AND (`updated_at`, `id`) <= ({time}, ?) ORDER"
            )),
            "{}",
            page.text
        );
        assert_eq!(page.bound.len(), 4);
    }

    #[test]
    fn the_rest_is_read_by_pages_and_cut_by_its_keys_alone() {
        let table = table();
        let all = Chunk::behind(None);
        assert_eq!(
            table.chunk(&all, Some(5)).text,
            "SELECT * FROM `t` ORDER BY `id` LIMIT 5"
        );
        let rest = Chunk::behind(Some(vec![CursorValue::U64(7)]));
        assert_eq!(
            table.cut(&rest, 100).text,
            "SELECT `id` FROM `t` WHERE `id` > ? ORDER BY `id` LIMIT 1 OFFSET 99"
        );
    }
}
