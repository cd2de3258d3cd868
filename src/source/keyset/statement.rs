//! The statements of a keyset read: pages in order, and the last row.

use std::fmt::Write;

use super::{Ceiling, KeyColumn, Mark, Table};

/// How "behind these values" is written, so that the system reads it from the index alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Form {
    /// `a >= ? AND (a > ? OR (a = ? AND b > ?))`: MySQL and MariaDB turn it into ranges of the
    /// index, for which they do not use row values.
    Expanded,
    /// `(a, b) > (?, ?)`: SQLite uses it as one range, and the expanded form only by its first
    /// column.
    RowValues,
}

/// A statement, and the marks to bind to its placeholders in their order.
pub(in crate::source) struct Page<'m> {
    pub text: String,
    pub bound: Vec<&'m Mark>,
    /// The same, for a table that takes no statements.
    pub wanted: Wanted<'m>,
}

/// What a page asks for.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Wanted<'m> {
    pub by: &'m [KeyColumn],
    pub after: &'m [Mark],
    /// The last key of a chunk.
    pub up_to: Option<&'m [Mark]>,
    pub ceiling: &'m Ceiling,
    pub rows: usize,
}

impl Table {
    /// The next `rows` rows in the order of `by`, behind `after` (a leading part of it) and up to
    /// `ceiling`.
    pub fn page<'m>(
        &self,
        by: &'m [KeyColumn],
        after: &'m [Mark],
        ceiling: &'m Ceiling,
        rows: usize,
    ) -> Page<'m> {
        let mut text = self.select.clone();
        let mut bound = Vec::new();
        let columns = &by[..after.len().min(by.len())];
        if let Some((first, mark)) = columns.iter().zip(after).next() {
            text.push_str(" WHERE ");
            match self.form {
                Form::RowValues => row_values(columns, after, &mut text, &mut bound),
                Form::Expanded => {
                    // Alone it bounds the range even where the optimizer does not take the rest
                    // apart.
                    if columns.len() > 1 {
                        compare(first, ">=", mark, &mut text, &mut bound);
                        text.push_str(" AND ");
                    }
                    expanded(columns, after, &mut text, &mut bound);
                }
            }
        }
        let above = match ceiling {
            Ceiling::Below(mark) => Some(("<", mark)),
            Ceiling::UpTo(mark) => Some(("<=", mark)),
            Ceiling::Open | Ceiling::Shut => None,
        };
        if let (Some((operator, mark)), Some(first)) = (above, by.first()) {
            text.push_str(if bound.is_empty() { " WHERE " } else { " AND " });
            compare(first, operator, mark, &mut text, &mut bound);
        }
        let order: Vec<&str> = by.iter().map(|it| it.quoted.as_str()).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, " ORDER BY {} LIMIT {rows}", order.join(", "));
        let wanted = Wanted {
            by,
            after,
            up_to: None,
            ceiling,
            rows,
        };
        Page {
            text,
            bound,
            wanted,
        }
    }

    /// The last row in the order of the incremental field and the key.
    pub fn last(&self) -> String {
        let descending = |it: &KeyColumn| format!("{} DESC", it.quoted);
        let order: Vec<String> = self.incremental.iter().map(descending).collect();
        format!("{} ORDER BY {} LIMIT 1", self.select, order.join(", "))
    }
}

fn expanded<'m>(
    columns: &[KeyColumn],
    after: &'m [Mark],
    text: &mut String,
    bound: &mut Vec<&'m Mark>,
) {
    let (Some((column, columns)), Some((mark, after))) =
        (columns.split_first(), after.split_first())
    else {
        return;
    };
    if columns.is_empty() {
        return compare(column, ">", mark, text, bound);
    }
    text.push('(');
    compare(column, ">", mark, text, bound);
    text.push_str(" OR (");
    compare(column, "=", mark, text, bound);
    text.push_str(" AND ");
    expanded(columns, after, text, bound);
    text.push_str("))");
}

fn compare<'m>(
    column: &KeyColumn,
    operator: &str,
    mark: &'m Mark,
    text: &mut String,
    bound: &mut Vec<&'m Mark>,
) {
    let _ = write!(text, "{} {operator} {}", column.quoted, column.placeholder);
    bound.push(mark);
}

fn row_values<'m>(
    columns: &[KeyColumn],
    after: &'m [Mark],
    text: &mut String,
    bound: &mut Vec<&'m Mark>,
) {
    let list = |of: fn(&KeyColumn) -> &str| columns.iter().map(of).collect::<Vec<_>>().join(", ");
    let (names, placeholders) = (list(|it| &it.quoted), list(|it| &it.placeholder));
    let _ = match columns.len() {
        1 => write!(text, "{names} > {placeholders}"),
        _ => write!(text, "({names}) > ({placeholders})"),
    };
    bound.extend(after);
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    #[test]
    fn a_page_begins_behind_the_last_tie() {
        let table = table();
        let after = [Mark::Text("t".into()), Mark::U64(7)];
        let page = table.page(&table.incremental, &after, &Ceiling::Open, 100);
        assert_eq!(
            page.text,
            "SELECT * FROM `t` WHERE `updated_at` >= CAST(? AS DATETIME(6)) AND \
             (`updated_at` > CAST(? AS DATETIME(6)) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `id` > ?)) \
             ORDER BY `updated_at`, `id` LIMIT 100"
        );
        let [time, id] = &after;
        assert_eq!(page.bound, [time, time, time, id]);
    }

    #[test]
    fn a_first_page_has_no_condition_and_a_single_field_a_plain_one() {
        let table = table();
        let first = table.page(&table.incremental, &[], &Ceiling::Open, 5);
        assert_eq!(
            first.text,
            "SELECT * FROM `t` ORDER BY `updated_at`, `id` LIMIT 5"
        );
        let after = [Mark::U64(7)];
        let by_key = table.page(&table.key, &after, &Ceiling::Open, 5);
        assert_eq!(
            by_key.text,
            "SELECT * FROM `t` WHERE `id` > ? ORDER BY `id` LIMIT 5"
        );
        // A place that a person has set: behind all rows of that value.
        let set = table.page(&table.incremental, &after, &Ceiling::Open, 5);
        assert!(
            set.text.contains(
                "WHERE `updated_at` > CAST(? AS DATETIME(6)) ORDER BY `updated_at`, `id`"
            ),
            "{}",
            set.text
        );
    }

    #[test]
    fn a_ceiling_ends_the_same_range_of_the_index() {
        let table = table();
        let after = [Mark::Text("t".into()), Mark::U64(7)];
        let below = Ceiling::Below(Mark::Text("u".into()));
        let page = table.page(&table.incremental, &after, &below, 5);
        assert!(
            page.text
                .contains("AND `id` > ?)) AND `updated_at` < CAST(? AS DATETIME(6)) ORDER BY"),
            "{}",
            page.text
        );
        assert_eq!(page.bound.len(), 5);
        let up_to = Ceiling::UpTo(Mark::Text("u".into()));
        let first = table.page(&table.incremental, &[], &up_to, 5);
        assert!(
            first
                .text
                .contains("`t` WHERE `updated_at` <= CAST(? AS DATETIME(6)) ORDER BY"),
            "{}",
            first.text
        );
    }

    #[test]
    fn row_values_bind_each_mark_once() {
        let table = Table {
            form: Form::RowValues,
            ..table()
        };
        let after = [Mark::Text("t".into()), Mark::U64(7)];
        let page = table.page(&table.incremental, &after, &Ceiling::Open, 5);
        assert!(
            page.text
                .contains("WHERE (`updated_at`, `id`) > (CAST(? AS DATETIME(6)), ?) ORDER"),
            "{}",
            page.text
        );
        assert_eq!(page.bound.len(), 2);
    }

    #[test]
    fn the_last_row_is_the_last_of_its_ties() {
        assert!(
            table()
                .last()
                .ends_with("ORDER BY `updated_at` DESC, `id` DESC LIMIT 1")
        );
    }
}
