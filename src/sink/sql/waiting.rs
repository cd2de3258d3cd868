//! Rows that wait for others of their batch, none of which passes another of its key or its parent.

use std::collections::{HashMap, VecDeque};

use super::{
    row_by_row::{Single, comparable},
    table::Table,
};
use crate::{fault::Cause, model::Op};

/// Queues of rows, each by the keys and the parents of its rows.
#[derive(Debug, Default)]
pub(super) struct Queues<'r> {
    queues: Vec<Queue<'r>>,
    /// Where rows of a name wait.
    ordinals: HashMap<Name, usize>,
    /// Rows that have come so far.
    count: usize,
}

/// Rows in order: the first one was refused for a value that another row holds.
#[derive(Debug)]
pub(super) struct Queue<'r> {
    pub(in crate::sink) rows: VecDeque<Waiting<'r>>,
    pub(in crate::sink) cause: Cause,
}

/// A row that waits.
#[derive(Debug)]
pub(super) struct Waiting<'r> {
    pub(in crate::sink) row: Single<'r>,
    order: usize,
}

/// What rows have in common that must keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sink) enum Name {
    Key(Vec<String>),
    /// Of rows that are replaced together: what removes them names nothing else.
    Parent(Vec<String>),
}

impl<'r> Queues<'r> {
    pub(in crate::sink) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Lets the row wait where a row waits that it must not pass; answers it otherwise.
    pub(in crate::sink) fn behind(
        &mut self,
        row: Single<'r>,
        names: &[Name],
    ) -> Option<Single<'r>> {
        let mut found: Vec<usize> = names
            .iter()
            .filter_map(|it| self.ordinals.get(it).copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        let Some((at, others)) = found.split_first() else {
            return Some(row);
        };
        for other in others {
            self.join(*at, *other);
        }
        self.push(*at, row, names);
        None
    }

    /// A queue that begins with this row.
    pub(in crate::sink) fn begin(&mut self, row: Single<'r>, names: &[Name], cause: Cause) {
        self.queues.push(Queue {
            rows: VecDeque::new(),
            cause,
        });
        self.push(self.queues.len() - 1, row, names);
    }

    /// The queues, once no row comes any more.
    pub(super) fn into_queues(self) -> Vec<Queue<'r>> {
        let mut queues = self.queues;
        queues.retain(|it| !it.rows.is_empty());
        queues
    }

    fn push(&mut self, at: usize, row: Single<'r>, names: &[Name]) {
        let order = self.count;
        self.count += 1;
        self.queues[at].rows.push_back(Waiting { row, order });
        for name in names {
            self.ordinals.insert(name.clone(), at);
        }
    }

    /// A row that must pass neither of two queues makes them one, in the order of coming.
    fn join(&mut self, at: usize, other: usize) {
        let mut rows = std::mem::take(&mut self.queues[other].rows);
        let joined = &mut self.queues[at].rows;
        joined.append(&mut rows);
        joined.make_contiguous().sort_by_key(|it| it.order);
        for ordinal in self.ordinals.values_mut().filter(|it| **it == other) {
            *ordinal = at;
        }
    }
}

impl Name {
    /// Those of a row. Letters that collations of the table take for equal are made equal: rows of
    /// two such names merely wait for each other.
    pub(in crate::sink) fn of(row: &Single<'_>, table: &Table) -> Vec<Self> {
        let mut names = Vec::with_capacity(2);
        if !table.replaces() || row.op == Op::Upsert {
            names.push(Self::Key(texts(row, table, &table.key)));
        }
        if table.replaces() {
            names.push(Self::Parent(texts(row, table, &table.replace_by)));
        }
        names
    }
}

/// The key as it is told and compared within a batch.
pub(in crate::sink) fn key(row: &Single<'_>, table: &Table) -> Vec<String> {
    texts(row, table, &table.key)
}

fn texts(row: &Single<'_>, table: &Table, columns: &[usize]) -> Vec<String> {
    let text = |it: &usize| {
        row.value(*it)
            .map_or_else(String::new, |it| comparable(table, it))
    };
    columns.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn row(number: u32) -> Single<'static> {
        Single {
            op: Op::Upsert,
            columns: [0].into(),
            values: vec![Value::U64(number.into())],
            origin: number,
        }
    }

    fn key(text: &str) -> Name {
        Name::Key(vec![text.to_owned()])
    }

    fn parent(text: &str) -> Name {
        Name::Parent(vec![text.to_owned()])
    }

    fn origins(queues: Queues<'_>) -> Vec<Vec<u32>> {
        let origins = |it: Queue<'_>| it.rows.iter().map(|it| it.row.origin).collect();
        queues.into_queues().into_iter().map(origins).collect()
    }

    #[test]
    fn rows_pass_those_of_other_names_alone() {
        let mut queues = Queues::default();
        assert!(queues.behind(row(0), &[key("a"), parent("p")]).is_some());
        queues.begin(row(0), &[key("a"), parent("p")], "taken".into());
        // A key and a parent of the same text are not the same.
        assert!(queues.behind(row(1), &[key("p"), parent("a")]).is_some());
        assert!(queues.behind(row(2), &[parent("p")]).is_none());
        assert!(queues.behind(row(3), &[key("b"), parent("p")]).is_none());
        assert!(queues.behind(row(4), &[key("b"), parent("q")]).is_none());
        assert_eq!(origins(queues), [[0, 2, 3, 4]]);
    }

    #[test]
    fn a_row_behind_two_queues_makes_them_one_in_the_order_of_coming() {
        let mut queues = Queues::default();
        queues.begin(row(0), &[key("a"), parent("p")], "taken".into());
        queues.begin(row(1), &[key("b"), parent("q")], "taken".into());
        queues.begin(row(2), &[key("c"), parent("r")], "taken".into());
        assert!(queues.behind(row(3), &[key("d"), parent("p")]).is_none());
        // It comes to the parent of the one with the key of the other.
        assert!(queues.behind(row(4), &[key("a"), parent("q")]).is_none());
        assert!(queues.behind(row(5), &[key("b"), parent("s")]).is_none());
        assert_eq!(origins(queues), [vec![0, 1, 3, 4, 5], vec![2]]);
    }
}
