//! Parts of statements: conditions, and the cursor values bound to them.

use std::fmt::Write;

use super::{Ceiling, CursorValue, KeyColumn, ScanPhase};

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

/// A statement, and the cursor values to bind to its placeholders in their order.
pub(in crate::source) struct Page<'m> {
    pub text: String,
    pub bound: Vec<&'m CursorValue>,
    /// The same, for a table that takes no statements.
    pub wanted: Wanted<'m>,
}

/// What a page asks for.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(any(test, feature = "doubles")),
    allow(
        dead_code,
        reason = "every shipped system that is read by pages takes statements"
    )
)]
pub(in crate::source) struct Wanted<'m> {
    /// Rows of this phase alone; those of the key's order are all.
    pub phase: Option<ScanPhase>,
    pub by: &'m [KeyColumn],
    pub after: &'m [CursorValue],
    /// The last key of a chunk.
    pub up_to: Option<&'m [CursorValue]>,
    /// Above what ends there.
    pub above: Option<&'m Ceiling>,
    pub ceiling: &'m Ceiling,
    pub rows: usize,
}

/// Which side of some values.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// Greater than them.
    Behind,
    /// Less than them, or they.
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

/// Conditions that all hold, and the cursor values of their placeholders.
#[derive(Default)]
pub(super) struct Conditions<'m> {
    text: String,
    pub bound: Vec<&'m CursorValue>,
}

impl<'m> Conditions<'m> {
    /// `select` with the conditions, in the order of `by`.
    pub fn statement(&self, select: &str, by: &[KeyColumn]) -> String {
        let order: Vec<&str> = by.iter().map(|it| it.quoted.as_str()).collect();
        format!("{select}{} ORDER BY {}", self.text, order.join(", "))
    }

    /// One without placeholders.
    pub fn plain(&mut self, condition: &str) {
        self.begin();
        self.text.push_str(condition);
    }

    /// One column against one value.
    pub fn compare(&mut self, column: &KeyColumn, operator: &str, cursor_value: &'m CursorValue) {
        self.begin();
        self.comparison(column, operator, cursor_value);
    }

    /// The columns of a key on one side of `cursor_values`, a leading part of it.
    pub fn beside(
        &mut self,
        side: Side,
        form: Form,
        by: &[KeyColumn],
        cursor_values: &'m [CursorValue],
    ) {
        let columns = &by[..cursor_values.len().min(by.len())];
        let (Some(column), Some(cursor_value)) = (columns.first(), cursor_values.first()) else {
            return;
        };
        match form {
            Form::RowValues => {
                self.begin();
                self.row_values(side, columns, cursor_values);
            }
            Form::Expanded => {
                // Alone it bounds the range even where the optimizer does not take the rest apart.
                if columns.len() > 1 {
                    self.compare(column, side.or_equal(), cursor_value);
                }
                self.begin();
                self.expanded(side, columns, cursor_values);
            }
        }
    }

    fn begin(&mut self) {
        let is_first = self.text.is_empty();
        self.text
            .push_str(if is_first { " WHERE " } else { " AND " });
    }

    fn comparison(&mut self, column: &KeyColumn, operator: &str, cursor_value: &'m CursorValue) {
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "{} {operator} {}",
            column.quoted, column.placeholder
        );
        self.bound.push(cursor_value);
    }

    fn expanded(&mut self, side: Side, columns: &[KeyColumn], cursor_values: &'m [CursorValue]) {
        let (Some((column, columns)), Some((cursor_value, cursor_values))) =
            (columns.split_first(), cursor_values.split_first())
        else {
            return;
        };
        if columns.is_empty() {
            return self.comparison(column, side.last(), cursor_value);
        }
        self.text.push('(');
        self.comparison(column, side.strict(), cursor_value);
        self.text.push_str(" OR (");
        self.comparison(column, "=", cursor_value);
        self.text.push_str(" AND ");
        self.expanded(side, columns, cursor_values);
        self.text.push_str("))");
    }

    fn row_values(&mut self, side: Side, columns: &[KeyColumn], cursor_values: &'m [CursorValue]) {
        let list =
            |of: fn(&KeyColumn) -> &str| columns.iter().map(of).collect::<Vec<_>>().join(", ");
        let (names, placeholders) = (list(|it| &it.quoted), list(|it| &it.placeholder));
        let operator = side.last();
        let _ = match columns.len() {
            1 => write!(self.text, "{names} {operator} {placeholders}"),
            _ => write!(self.text, "({names}) {operator} ({placeholders})"),
        };
        self.bound.extend(cursor_values);
    }
}
