//! What is the same in the plans of all tables: the next page, what is past a place, the remedy.

use std::fmt::Write;

use super::{
    Ceiling, Lane, Mark, Page, Place, Table, hold_back::Settled, incremental::Stretch, page_rows,
};
use crate::{
    model::{Finding, Severity},
    source::{Nulls, plan::Access},
};

impl Table {
    /// The next page from `place`, up to `ceiling`, as a read of batches of `rows` asks for it.
    pub fn next_page<'m>(
        &'m self,
        place: &'m Place,
        ceiling: &'m Ceiling,
        rows: usize,
    ) -> Page<'m> {
        self.ahead(&self.select, place, ceiling, page_rows(rows))
    }

    /// Counts what is past `place`, but no further than `limit`, in the table `from`; rows
    /// without a value are not among them.
    pub fn count_past<'m>(&'m self, from: &str, place: &'m Place, limit: u64) -> Page<'m> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let select = format!("SELECT 1 FROM {from}");
        let page = self.ahead(&select, place, &Ceiling::Open, limit);
        Page {
            text: format!("SELECT COUNT(*) FROM ({}) AS past", page.text),
            ..page
        }
    }

    fn ahead<'m>(
        &'m self,
        select: &str,
        place: &'m Place,
        ceiling: &'m Ceiling,
        rows: usize,
    ) -> Page<'m> {
        match place {
            Place::Incremental(stand) => {
                let stretch = Stretch {
                    lane: Lane::Values,
                    after: &stand.after,
                    above: None,
                    ceiling,
                    rows,
                };
                self.stretch_of(select, stretch)
            }
            Place::Full(full) => {
                // What lies between two chunks has been read, and is counted too.
                let mut page = self.among(select, Some(full.after()), None);
                // Writing to a String cannot fail.
                let _ = write!(page.text, " LIMIT {rows}");
                page.wanted.rows = rows;
                page
            }
        }
    }

    /// The index that would serve the incremental order, as a statement on `place`.
    pub fn create_index(&self, place: &str) -> String {
        let columns = self.incremental.iter().map(|it| it.quoted.as_str());
        let columns: Vec<&str> = columns.collect();
        format!(
            "CREATE INDEX highwater_order ON {place} ({})",
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

/// The texts of bound marks.
pub(in crate::source) fn texts(bound: &[&Mark]) -> Vec<String> {
    bound.iter().map(|it| it.text()).collect()
}

/// The ceiling that a pass would find now, without noting anything.
pub(in crate::source) fn ceiling(settled: &Settled, place: &Place) -> Ceiling {
    match (&settled.clock, place) {
        (_, Place::Full(_)) => Ceiling::Open,
        (Some(clock), _) => Ceiling::Below(clock.below.clone()),
        (None, Place::Incremental(stand)) => match stand.seen.clone().settled(settled.at) {
            Some(value) => Ceiling::UpTo(value.clone()),
            None => Ceiling::Shut,
        },
    }
}

impl Ceiling {
    /// The value of it, as people write it.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Below(mark) => Some(format!("below {}", mark.text())),
            Self::UpTo(mark) => Some(format!("up to {}", mark.text())),
            Self::Open | Self::Shut => None,
        }
    }
}
