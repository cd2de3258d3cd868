//! The statements of a full read: a chunk of the key, and where the next one ends.

use std::fmt::Write;

use super::{Ceiling, Form, KeyColumn, Mark, Page, Table, Wanted, full::Key};
use crate::source::chunks::Chunk;

impl Table {
    /// The rows of `chunk` in the order of the key; at most `rows` where that is said.
    pub fn chunk<'m>(&'m self, chunk: &'m Chunk<Key>, rows: Option<usize>) -> Page<'m> {
        let mut page = self.among(&self.select, chunk);
        if let Some(rows) = rows {
            // Writing to a String cannot fail.
            let _ = write!(page.text, " LIMIT {rows}");
            page.wanted.rows = rows;
        }
        page
    }

    /// The key of the row that is `rows` rows on in `chunk`; no row where it has not so many.
    pub fn cut<'m>(&'m self, chunk: &'m Chunk<Key>, rows: usize) -> Page<'m> {
        let mut page = self.among(&self.select_key, chunk);
        let _ = write!(page.text, " LIMIT 1 OFFSET {}", rows.max(1) - 1);
        page
    }

    fn among<'m>(&'m self, select: &str, chunk: &'m Chunk<Key>) -> Page<'m> {
        let mut page = Page {
            text: select.to_owned(),
            bound: Vec::new(),
            wanted: Wanted {
                by: &self.key,
                after: chunk.after.as_deref().unwrap_or_default(),
                up_to: chunk.up_to.as_deref(),
                ceiling: &Ceiling::Open,
                rows: usize::MAX,
            },
        };
        for (side, key) in [(Side::Behind, &chunk.after), (Side::UpTo, &chunk.up_to)] {
            let Some(key) = key else { continue };
            let is_first = page.bound.is_empty();
            page.text
                .push_str(if is_first { " WHERE " } else { " AND " });
            let columns = &self.key[..key.len().min(self.key.len())];
            match self.form {
                Form::RowValues => row_values(side, columns, key, &mut page),
                Form::Expanded => {
                    // Alone it bounds the range even where the optimizer does not take the rest
                    // apart.
                    if let (Some(column), Some(mark), true) =
                        (columns.first(), key.first(), columns.len() > 1)
                    {
                        compare(column, side.or_equal(), mark, &mut page);
                        page.text.push_str(" AND ");
                    }
                    expanded(side, columns, key, &mut page);
                }
            }
        }
        let order: Vec<&str> = self.key.iter().map(|it| it.quoted.as_str()).collect();
        let _ = write!(page.text, " ORDER BY {}", order.join(", "));
        page
    }
}

/// Which side of a key.
#[derive(Clone, Copy)]
enum Side {
    /// Greater than it.
    Behind,
    /// Less than it, or it.
    UpTo,
}

impl Side {
    /// For a field with others behind it, which decide where it is equal.
    fn strict(self) -> &'static str {
        match self {
            Self::Behind => ">",
            Self::UpTo => "<",
        }
    }

    fn or_equal(self) -> &'static str {
        match self {
            Self::Behind => ">=",
            Self::UpTo => "<=",
        }
    }

    /// For the last field.
    fn last(self) -> &'static str {
        match self {
            Self::Behind => ">",
            Self::UpTo => "<=",
        }
    }
}

fn expanded<'m>(side: Side, columns: &[KeyColumn], key: &'m [Mark], page: &mut Page<'m>) {
    let (Some((column, columns)), Some((mark, key))) = (columns.split_first(), key.split_first())
    else {
        return;
    };
    if columns.is_empty() {
        return compare(column, side.last(), mark, page);
    }
    page.text.push('(');
    compare(column, side.strict(), mark, page);
    page.text.push_str(" OR (");
    compare(column, "=", mark, page);
    page.text.push_str(" AND ");
    expanded(side, columns, key, page);
    page.text.push_str("))");
}

fn compare<'m>(column: &KeyColumn, operator: &str, mark: &'m Mark, page: &mut Page<'m>) {
    let _ = write!(
        page.text,
        "{} {operator} {}",
        column.quoted, column.placeholder
    );
    page.bound.push(mark);
}

fn row_values<'m>(side: Side, columns: &[KeyColumn], key: &'m [Mark], page: &mut Page<'m>) {
    let list = |of: fn(&KeyColumn) -> &str| columns.iter().map(of).collect::<Vec<_>>().join(", ");
    let (names, placeholders) = (list(|it| &it.quoted), list(|it| &it.placeholder));
    let operator = side.last();
    let _ = match columns.len() {
        1 => write!(page.text, "{names} {operator} {placeholders}"),
        _ => write!(page.text, "({names}) {operator} ({placeholders})"),
    };
    page.bound.extend(key);
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    fn two() -> Table {
        let table = table();
        let key = table.incremental.clone();
        Table { key, ..table }
    }

    fn key(text: &str) -> Key {
        vec![Mark::Text(text.into()), Mark::U64(7)]
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
        let rest = Chunk::behind(Some(vec![Mark::U64(7)]));
        assert_eq!(
            table.cut(&rest, 100).text,
            "SELECT `id` FROM `t` WHERE `id` > ? ORDER BY `id` LIMIT 1 OFFSET 99"
        );
    }
}
