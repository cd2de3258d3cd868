//! The statements of an incremental read: rows with a value in its order, and those without in the key's.

use super::{
    Ceiling, KeyColumn, KeyRange, Page, ScanPhase, Table, Wanted,
    statement::{Conditions, Side},
};
use crate::source::Nulls;

impl Table {
    /// What a phase is ordered by.
    pub fn by(&self, phase: ScanPhase) -> &[KeyColumn] {
        match phase {
            ScanPhase::Nulls => &self.key,
            ScanPhase::Values => &self.incremental,
        }
    }

    /// The statement of the next rows of a range; so many at most.
    pub(super) fn key_range<'m>(&'m self, key_range: KeyRange<'m>, rows: usize) -> Page<'m> {
        self.key_range_of(&self.select, key_range, rows)
    }

    pub(super) fn key_range_of<'m>(
        &'m self,
        select: &str,
        key_range: KeyRange<'m>,
        rows: usize,
    ) -> Page<'m> {
        let by = self.by(key_range.phase);
        let mut conditions = Conditions::default();
        if let Some(only) = self.only(key_range.phase) {
            conditions.plain(&only);
        }
        conditions.beside(Side::Behind, self.form, by, key_range.after);
        let above = match key_range.above {
            Some(Ceiling::Below(cursor_value)) => Some((">=", cursor_value)),
            Some(Ceiling::UpTo(cursor_value)) => Some((">", cursor_value)),
            _ => None,
        };
        let below = match key_range.ceiling {
            Ceiling::Below(cursor_value) => Some(("<", cursor_value)),
            Ceiling::UpTo(cursor_value) => Some(("<=", cursor_value)),
            Ceiling::Open | Ceiling::Shut => None,
        };
        for (operator, cursor_value) in above.into_iter().chain(below) {
            if let Some(first) = by.first() {
                conditions.compare(first, operator, cursor_value);
            }
        }
        Page {
            text: format!("{} LIMIT {rows}", conditions.statement(select, by)),
            bound: conditions.bound,
            wanted: Wanted {
                phase: Some(key_range.phase),
                by,
                after: key_range.after,
                up_to: None,
                above: key_range.above,
                ceiling: key_range.ceiling,
                rows,
            },
        }
    }

    /// The last row of a phase.
    pub fn last(&self, phase: ScanPhase) -> String {
        let descending = |it: &KeyColumn| format!("{} DESC", it.quoted);
        let order: Vec<String> = self.by(phase).iter().map(descending).collect();
        let only = self.only(phase);
        let only = only.map_or(String::new(), |it| format!(" WHERE {it}"));
        format!(
            "{}{only} ORDER BY {} LIMIT 1",
            self.select,
            order.join(", ")
        )
    }

    /// The condition of a phase's rows, where there may be others.
    fn only(&self, phase: ScanPhase) -> Option<String> {
        let quoted = &self.incremental.first()?.quoted;
        match (phase, self.nulls) {
            (ScanPhase::Nulls, _) => Some(format!("{quoted} IS NULL")),
            (ScanPhase::Values, Nulls::Refuse) => None,
            (ScanPhase::Values, _) => Some(format!("{quoted} IS NOT NULL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scan::table::{CursorValue, Form, tests::table};

    fn text(
        table: &Table,
        phase: ScanPhase,
        after: &[CursorValue],
        above: Option<&Ceiling>,
        ceiling: &Ceiling,
    ) -> String {
        let key_range = KeyRange {
            phase,
            series: (),
            after,
            above,
            ceiling,
        };
        let page = table.key_range(key_range, 5);
        assert_eq!(page.text.matches('?').count(), page.bound.len());
        page.text
    }

    #[test]
    fn a_range_begins_behind_the_last_tie_and_ends_at_the_ceiling() {
        let table = table();
        let after = [CursorValue::Text("t".into()), CursorValue::U64(7)];
        let below = Ceiling::Below(CursorValue::Text("u".into()));
        assert_eq!(
            text(&table, ScanPhase::Values, &after, None, &below),
            "SELECT * FROM `t` WHERE `updated_at` >= CAST(? AS DATETIME(6)) AND \
             (`updated_at` > CAST(? AS DATETIME(6)) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `id` > ?)) \
             AND `updated_at` < CAST(? AS DATETIME(6)) ORDER BY `updated_at`, `id` LIMIT 5"
        );
    }

    #[test]
    fn what_is_above_a_ceiling_begins_where_that_ends() {
        let table = table();
        let cursor_value = || CursorValue::Text("u".into());
        for (ceiling, operator) in [
            (Ceiling::Below(cursor_value()), ">="),
            (Ceiling::UpTo(cursor_value()), ">"),
        ] {
            assert_eq!(
                text(
                    &table,
                    ScanPhase::Values,
                    &[],
                    Some(&ceiling),
                    &Ceiling::Open
                ),
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
                ScanPhase::Nulls,
                &[CursorValue::U64(7)],
                None,
                &Ceiling::UpTo(CursorValue::U64(9))
            ),
            "SELECT * FROM `t` WHERE `updated_at` IS NULL AND `id` > ? AND `id` <= ? ORDER BY `id` LIMIT 5"
        );
        assert_eq!(
            text(&table, ScanPhase::Values, &[], None, &Ceiling::Open),
            "SELECT * FROM `t` WHERE `updated_at` IS NOT NULL ORDER BY `updated_at`, `id` LIMIT 5"
        );
        assert!(
            table
                .last(ScanPhase::Nulls)
                .ends_with("IS NULL ORDER BY `id` DESC LIMIT 1")
        );
    }

    #[test]
    fn the_last_row_is_the_last_of_its_ties() {
        let last = table().last(ScanPhase::Values);
        assert!(last.ends_with("`t` ORDER BY `updated_at` DESC, `id` DESC LIMIT 1"));
    }

    #[test]
    fn row_values_bind_each_mark_once() {
        let table = Table {
            form: Form::RowValues,
            ..table()
        };
        let after = [CursorValue::Text("t".into()), CursorValue::U64(7)];
        let text = text(&table, ScanPhase::Values, &after, None, &Ceiling::Open);
        assert!(
            text.contains("WHERE (`updated_at`, `id`) > (CAST(? AS DATETIME(6)), ?) ORDER"),
            "{text}"
        );
    }
}
