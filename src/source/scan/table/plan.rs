//! Plans of tables: the next page, the rows past a position, the remedy.

use std::fmt::Write;

use super::{
    Ceiling, CursorValue, KeyRange, Page, ScanPhase, ScanPosition, Table, hold_back::Watermark,
    page_rows,
};
use crate::{
    model::{Finding, Severity},
    source::{Nulls, plan::Access},
};

impl Table {
    /// The next page from `scan_position`, up to `ceiling`, as a read of batches of `rows` asks for it.
    pub fn next_page<'m>(
        &'m self,
        scan_position: &'m ScanPosition,
        ceiling: &'m Ceiling,
        rows: usize,
    ) -> Page<'m> {
        self.ahead(&self.select, scan_position, ceiling, page_rows(rows))
    }

    /// Counts what is past `scan_position`, but no further than `limit`, in the table `from`; rows
    /// without a value are not among them.
    pub fn count_past<'m>(
        &'m self,
        from: &str,
        scan_position: &'m ScanPosition,
        limit: u64,
    ) -> Page<'m> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let select = format!("SELECT 1 FROM {from}");
        let page = self.ahead(&select, scan_position, &Ceiling::Open, limit);
        Page {
            text: format!("SELECT COUNT(*) FROM ({}) AS past", page.text),
            ..page
        }
    }

    fn ahead<'m>(
        &'m self,
        select: &str,
        scan_position: &'m ScanPosition,
        ceiling: &'m Ceiling,
        rows: usize,
    ) -> Page<'m> {
        match scan_position {
            ScanPosition::Incremental(state) => {
                let key_range = KeyRange {
                    phase: ScanPhase::Values,
                    series: (),
                    after: &state.values.after,
                    above: None,
                    ceiling,
                };
                self.key_range_of(select, key_range, rows)
            }
            ScanPosition::Full(full) => {
                // What lies between two chunks has been read, and is counted too.
                let mut page = self.between(select, Some(full.after()), None);
                // Writing to a String cannot fail.
                let _ = write!(page.text, " LIMIT {rows}");
                page.wanted.rows = rows;
                page
            }
        }
    }

    /// The index that would serve the incremental order, as a statement on `scan_position`.
    pub fn create_index(&self, quoted_table: &str) -> String {
        let columns = self.incremental.iter().map(|it| it.quoted.as_str());
        let columns: Vec<&str> = columns.collect();
        format!(
            "CREATE INDEX highwater_order ON {quoted_table} ({})",
            columns.join(", ")
        )
    }

    /// What is amiss with how the server would read; `remedy` makes the index that would serve.
    pub fn warn(&self, access: &Access, remedy: &str) -> Vec<Finding> {
        let wrong = match (access.reads_all, access.sorts) {
            (_, true) => "each page sorts what it reads",
            (true, false) if access.index.is_none() => "each page reads the whole table",
            (true, false) => return Vec::new(),
            (false, false) => return Vec::new(),
        };
        vec![Finding {
            // It takes long, and it works.
            severity: Severity::Note,
            text: format!("no index serves this order, so that {wrong}: {remedy}"),
        }]
    }
}

/// What is done about rows without a value.
pub(in crate::source) fn without_value(rows: i64, field: &str, nulls: Nulls) -> Finding {
    let (severity, what) = match nulls {
        Nulls::Refuse => (
            Severity::Problem,
            "and would never be read: give them a value, or choose `nulls`",
        ),
        Nulls::First => (
            Severity::Note,
            "and are read once, before the others (`nulls`); not seen: one that comes with a key below \
             those that were read, and changes that leave it NULL",
        ),
        Nulls::EveryRun => (Severity::Note, "and are all read by every run (`nulls`)"),
    };
    let text = format!("{rows} rows have NULL in `{field}` {what}");
    Finding { severity, text }
}

/// The texts of bound values.
pub(in crate::source) fn texts(bound: &[&CursorValue]) -> Vec<String> {
    bound.iter().map(|it| it.text()).collect()
}

/// The ceiling that a pass would find now, without noting anything.
pub(in crate::source) fn ceiling(watermark: &Watermark, scan_position: &ScanPosition) -> Ceiling {
    match (&watermark.clock, scan_position) {
        (_, ScanPosition::Full(_)) => Ceiling::Open,
        (Some(clock), _) => Ceiling::Below(clock.below.clone()),
        (None, ScanPosition::Incremental(state)) => {
            match state.values.seen.clone().newest_until(watermark.at) {
                Some(sample) => Ceiling::UpTo(sample.value.clone()),
                None => Ceiling::Shut,
            }
        }
    }
}

impl Ceiling {
    /// The value of it, as people write it.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Below(cursor_value) => Some(format!("below {}", cursor_value.text())),
            Self::UpTo(cursor_value) => Some(format!("up to {}", cursor_value.text())),
            Self::Open | Self::Shut => None,
        }
    }
}
