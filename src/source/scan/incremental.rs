//! The statements of an incremental read: rows with a value in its order, and those without in the key's.

use super::{
    Ceiling, KeyColumn, Mark, Page, Table, Wanted,
    statement::{Conditions, Side},
};
use crate::source::Nulls;

/// Rows that are read in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    pub fn by(&self, lane: Lane) -> &[KeyColumn] {
        match lane {
            Lane::Nulls => &self.key,
            Lane::Values => &self.incremental,
        }
    }

    /// The statement of a stretch.
    pub(super) fn stretch<'m>(&'m self, stretch: Stretch<'m>) -> Page<'m> {
        self.stretch_of(&self.select, stretch)
    }

    pub(super) fn stretch_of<'m>(&'m self, select: &str, stretch: Stretch<'m>) -> Page<'m> {
        let by = self.by(stretch.lane);
        let mut conditions = Conditions::default();
        if let Some(only) = self.only(stretch.lane) {
            conditions.plain(&only);
        }
        conditions.beside(Side::Behind, self.form, by, stretch.after);
        let above = match stretch.above {
            Some(Ceiling::Below(mark)) => Some((">=", mark)),
            Some(Ceiling::UpTo(mark)) => Some((">", mark)),
            _ => None,
        };
        let below = match stretch.ceiling {
            Ceiling::Below(mark) => Some(("<", mark)),
            Ceiling::UpTo(mark) => Some(("<=", mark)),
            Ceiling::Open | Ceiling::Shut => None,
        };
        for (operator, mark) in above.into_iter().chain(below) {
            if let Some(first) = by.first() {
                conditions.compare(first, operator, mark);
            }
        }
        Page {
            text: format!(
                "{} LIMIT {}",
                conditions.statement(select, by),
                stretch.rows
            ),
            bound: conditions.bound,
            wanted: Wanted {
                lane: Some(stretch.lane),
                by,
                after: stretch.after,
                up_to: None,
                above: stretch.above,
                ceiling: stretch.ceiling,
                rows: stretch.rows,
            },
        }
    }

    /// The last row of a lane.
    pub fn last(&self, lane: Lane) -> String {
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
    use super::*;
    use crate::source::scan::{Form, tests::table};

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

    #[test]
    fn row_values_bind_each_mark_once() {
        let table = Table {
            form: Form::RowValues,
            ..table()
        };
        let after = [Mark::Text("t".into()), Mark::U64(7)];
        let text = text(&table, Lane::Values, &after, None, &Ceiling::Open);
        assert!(
            text.contains("WHERE (`updated_at`, `id`) > (CAST(? AS DATETIME(6)), ?) ORDER"),
            "{text}"
        );
    }
}
