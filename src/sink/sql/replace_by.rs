//! Rows that replace those of their parent: one deletion for many messages.

use std::collections::HashSet;

use super::{deletions::named_key, row_by_row::comparable, table::Table};
use crate::model::{Op, Records, Row};

/// The rows of all `records` in stretches, each of which has its deletions first and then its new
/// rows, in order. No parent is deleted in a stretch whose rows may be its own: what comes later in
/// a batch replaces what came before.
pub(in crate::sink) fn segments<'r>(records: &'r [Records], table: &Table) -> Vec<Vec<Row<'r>>> {
    let (mut segments, mut now) = (Vec::new(), Segment::default());
    for row in records.iter().flat_map(Records::iter) {
        if row.op() != Op::Delete {
            now.rows.push(row);
            continue;
        }
        let mut values = Vec::new();
        // What is wrong with it, its statement will say.
        let _ = named_key(&row, table, &mut values);
        let parent: Vec<String> = values.iter().map(|it| comparable(table, it)).collect();
        if now.parents.contains(&parent) && !now.rows.is_empty() {
            segments.push(std::mem::take(&mut now).whole());
        }
        now.parents.insert(parent);
        now.deletions.push(row);
    }
    segments.push(now.whole());
    segments
}

#[derive(Default)]
struct Segment<'r> {
    parents: HashSet<Vec<String>>,
    deletions: Vec<Row<'r>>,
    rows: Vec<Row<'r>>,
}

impl<'r> Segment<'r> {
    fn whole(mut self) -> Vec<Row<'r>> {
        self.deletions.append(&mut self.rows);
        self.deletions
    }
}
