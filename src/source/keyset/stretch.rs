//! The statements of an incremental read: rows with a value in its order, and those without in the key's.

use std::fmt::Write;

use super::{
    Ceiling, Form, KeyColumn, Mark, Page, Table,
    statement::{compare, expanded, row_values},
};
use crate::source::Nulls;

/// Rows that are read in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Lane {
    /// Those without a value in the incremental field, by the key.
    Nulls,
    /// Those with one, by it and the key.
    Values,
}

/// The next rows of a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'m> {
    pub lane: Lane,
    /// Behind these values, a leading part of the lane's order.
    pub after: &'m [Mark],
    /// Above what is settled by this.
    pub above: Option<&'m Ceiling>,
    pub ceiling: &'m Ceiling,
    pub rows: usize,
}

impl Table {
    /// What a lane is ordered by.
    pub(super) fn by(&self, lane: Lane) -> &[KeyColumn] {
        match lane {
            Lane::Nulls => &self.key,
            Lane::Values => &self.incremental,
        }
    }

    /// The statement of a stretch.
    pub(super) fn stretch<'m>(&self, stretch: Stretch<'m>) -> Page<'m> {
        let (by, after) = (self.by(stretch.lane), stretch.after);
        let mut bound = Vec::new();
        let mut conditions = Vec::from_iter(self.only(stretch.lane));
        let mut add = |write: &mut dyn FnMut(&mut String, &mut Vec<&'m Mark>)| {
            let mut text = String::new();
            write(&mut text, &mut bound);
            conditions.push(text);
        };
        let columns = &by[..after.len().min(by.len())];
        if let Some((first, mark)) = columns.iter().zip(after).next() {
            match self.form {
                Form::RowValues => add(&mut |text, bound| row_values(columns, after, text, bound)),
                Form::Expanded => {
                    // Alone it bounds the range even where the optimizer does not take the rest
                    // apart.
                    if columns.len() > 1 {
                        add(&mut |text, bound| compare(first, ">=", mark, text, bound));
                    }
                    add(&mut |text, bound| expanded(columns, after, text, bound));
                }
            }
        }
        let below = match stretch.above {
            Some(Ceiling::Below(mark)) => Some((">=", mark)),
            Some(Ceiling::UpTo(mark)) => Some((">", mark)),
            _ => None,
        };
        let above = match stretch.ceiling {
            Ceiling::Below(mark) => Some(("<", mark)),
            Ceiling::UpTo(mark) => Some(("<=", mark)),
            Ceiling::Open | Ceiling::Shut => None,
        };
        for (operator, mark) in below.into_iter().chain(above) {
            if let Some(first) = by.first() {
                add(&mut |text, bound| compare(first, operator, mark, text, bound));
            }
        }
        let mut text = self.select.clone();
        if !conditions.is_empty() {
            let _ = write!(text, " WHERE {}", conditions.join(" AND "));
        }
        let order: Vec<&str> = by.iter().map(|it| it.quoted.as_str()).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            " ORDER BY {} LIMIT {}",
            order.join(", "),
            stretch.rows
        );
        Page { text, bound }
    }

    /// The last row of a lane.
    pub(super) fn last(&self, lane: Lane) -> String {
        let descending = |it: &KeyColumn| format!("{} DESC", it.quoted);
        let order: Vec<String> = self.by(lane).iter().map(descending).collect();
        let only = self.only(lane);
        let only = only.map_or(String::new(), |it| format!(" WHERE {it}"));
        format!(
            "{}{only} ORDER BY {} LIMIT 1",
            self.select,
            order.join(", ")
        )
    }

    /// The condition of a lane's rows, where there may be others.
    fn only(&self, lane: Lane) -> Option<String> {
        let quoted = &self.incremental.first()?.quoted;
        match (lane, self.nulls) {
            (Lane::Nulls, _) => Some(format!("{quoted} IS NULL")),
            (Lane::Values, Nulls::Refuse) => None,
            (Lane::Values, _) => Some(format!("{quoted} IS NOT NULL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    fn text(
        table: &Table,
        lane: Lane,
        after: &[Mark],
        above: Option<&Ceiling>,
        ceiling: &Ceiling,
    ) -> String {
        let stretch = Stretch {
            lane,
            after,
            above,
            ceiling,
            rows: 5,
        };
        let page = table.stretch(stretch);
        assert_eq!(page.text.matches('?').count(), page.bound.len());
        page.text
    }

    #[test]
    fn a_stretch_begins_behind_the_last_tie_and_ends_at_the_ceiling() {
        let table = table();
        let after = [Mark::Text("t".into()), Mark::U64(7)];
        let below = Ceiling::Below(Mark::Text("u".into()));
        assert_eq!(
            text(&table, Lane::Values, &after, None, &below),
            "SELECT * FROM `t` WHERE `updated_at` >= CAST(? AS DATETIME(6)) AND \
             (`updated_at` > CAST(? AS DATETIME(6)) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `id` > ?)) \
             AND `updated_at` < CAST(? AS DATETIME(6)) ORDER BY `updated_at`, `id` LIMIT 5"
        );
    }

    #[test]
    fn what_is_above_a_ceiling_begins_where_that_ends() {
        let table = table();
        let mark = || Mark::Text("u".into());
        for (ceiling, operator) in [(Ceiling::Below(mark()), ">="), (Ceiling::UpTo(mark()), ">")] {
            assert_eq!(
                text(&table, Lane::Values, &[], Some(&ceiling), &Ceiling::Open),
                format!(
                    "SELECT * FROM `t` WHERE `updated_at` {operator} CAST(? AS DATETIME(6)) \
                     ORDER BY `updated_at`, `id` LIMIT 5"
                )
            );
        }
    }

    #[test]
    fn rows_without_a_value_are_read_by_their_key_and_never_with_the_others() {
        let table = Table {
            nulls: Nulls::First,
            ..table()
        };
        assert_eq!(
            text(
                &table,
                Lane::Nulls,
                &[Mark::U64(7)],
                None,
                &Ceiling::UpTo(Mark::U64(9))
            ),
            "SELECT * FROM `t` WHERE `updated_at` IS NULL AND `id` > ? AND `id` <= ? ORDER BY `id` LIMIT 5"
        );
        assert_eq!(
            text(&table, Lane::Values, &[], None, &Ceiling::Open),
            "SELECT * FROM `t` WHERE `updated_at` IS NOT NULL ORDER BY `updated_at`, `id` LIMIT 5"
        );
        assert!(
            table
                .last(Lane::Nulls)
                .ends_with("IS NULL ORDER BY `id` DESC LIMIT 1")
        );
    }

    #[test]
    fn the_last_row_is_the_last_of_its_ties() {
        let last = table().last(Lane::Values);
        assert!(last.ends_with("`t` ORDER BY `updated_at` DESC, `id` DESC LIMIT 1"));
    }
}
