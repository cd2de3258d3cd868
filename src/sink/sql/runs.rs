//! Runs: records that one statement shape can write, each value in its column.

use std::sync::Arc;

use super::{
    deletions::named_key,
    incompatible::{Incompatible, ValueError},
    table::Table,
};
use crate::{
    model::{Op, Row, Value},
    sink::rules::OnDelete,
};

/// Consecutive rows with the same operation and the same columns.
#[derive(Debug)]
pub(in crate::sink) struct Run<'r> {
    /// What is done with them.
    pub(in crate::sink) op: Op,
    /// The columns; for deletions those that they go by, and the version where it is known.
    pub(in crate::sink) columns: Columns,
    /// Row after row, a value for each column.
    pub(in crate::sink) values: Vec<Value<'r>>,
    /// The message that each row was made from.
    pub(in crate::sink) origins: Vec<u32>,
}

/// Indexes of columns of the table, in the order in which a statement names them.
pub(in crate::sink) type Columns = Arc<[usize]>;

/// The most that one run may hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct RunLimits {
    /// Rows.
    pub(in crate::sink) rows: usize,
    /// Values, as a statement has no more placeholders.
    pub(in crate::sink) values: usize,
}

/// Reads records, run by run.
pub(in crate::sink) struct Runs<'r, 't> {
    table: &'t Table,
    drop: &'t [String],
    limits: RunLimits,
    rows: Box<dyn Iterator<Item = Row<'r>> + Send + 'r>,
    /// The row that ended the run before.
    next: Option<Row<'r>>,
    shapes: Vec<Shape>,
    /// The shape of the row before: mostly that of the next one as well.
    current: usize,
    /// The columns that deletions go by.
    removed_by: Columns,
    /// The key and behind it the version, where the table has one.
    versioned_key: Option<Columns>,
    /// The message of the row that was looked at last.
    looked_at: u32,
}

/// Where the fields of a record go, by their order.
struct Shape {
    /// Each field's name and its place in `columns`; `None` where it is left out.
    fields: Vec<(Box<str>, Option<usize>)>,
    columns: Columns,
}

const KEYLESS: &str = "it is of the key, and missing or null in this record";
const VERSIONLESS: &str = "it is the version, and missing or null in this record";

/// Shapes that are remembered; documents can have any number of them.
const SHAPES: usize = 64;

impl<'r, 't> Runs<'r, 't> {
    pub(in crate::sink) fn new(
        rows: impl Iterator<Item = Row<'r>> + Send + 'r,
        table: &'t Table,
        drop: &'t [String],
        limits: RunLimits,
    ) -> Self {
        let ignored = table.on_delete == OnDelete::Ignore;
        let wanted = move |it: &Row<'_>| !(ignored && it.op() == Op::Delete);
        Self {
            table,
            drop,
            limits,
            rows: Box::new(rows.filter(wanted)),
            next: None,
            shapes: Vec::new(),
            current: 0,
            removed_by: table.removed_by().into(),
            versioned_key: table.version.map(|version| {
                let ordinals = table.key.iter().copied().chain([version]);
                ordinals.collect()
            }),
            looked_at: 0,
        }
    }

    /// The message whose record ended `next_run` with an error.
    pub(in crate::sink) fn at_fault(&self) -> u32 {
        self.looked_at
    }

    /// The next run, in `values`, whose room is used again; `None` behind the last.
    pub(in crate::sink) fn next_run(
        &mut self,
        mut values: Vec<Value<'r>>,
    ) -> Result<Option<Run<'r>>, Incompatible> {
        values.clear();
        let Some(first) = self.next.take().or_else(|| self.rows.next()) else {
            return Ok(None);
        };
        let op = first.op();
        let columns = self.ordinal(&first, &mut values)?;
        let mut origins = vec![first.origin()];
        let most = self
            .limits
            .rows
            .min(self.limits.values / columns.len().max(1))
            .max(1);
        for _ in 1..most {
            let Some(row) = self.rows.next() else { break };
            let start = values.len();
            // A row that cannot be placed ends the run, and fails when it begins the next one.
            let placed = if row.op() == op {
                self.ordinal(&row, &mut values).ok()
            } else {
                None
            };
            if !placed.is_some_and(|it| Arc::ptr_eq(&it, &columns) || it == columns) {
                values.truncate(start);
                self.next = Some(row);
                break;
            }
            origins.push(row.origin());
        }
        Ok(Some(Run {
            op,
            columns,
            values,
            origins,
        }))
    }

    /// Appends the row's values in the order of the columns that it answers.
    fn ordinal(
        &mut self,
        row: &Row<'r>,
        values: &mut Vec<Value<'r>>,
    ) -> Result<Columns, Incompatible> {
        let start = values.len();
        self.looked_at = row.origin();
        if row.op() == Op::Delete {
            return self.place_deletion(row, values);
        }
        let known = self.shapes.get(self.current);
        if !known.is_some_and(|it| it.take(row, values)) {
            values.truncate(start);
            self.current = self.shape(row)?;
            self.shapes[self.current].take(row, values);
        }
        let columns = &self.shapes[self.current].columns;
        self.keyed(&self.table.key, columns, &values[start..])?;
        if let Some(version) = self.table.version {
            self.present(version, columns, &values[start..], VERSIONLESS)?;
        }
        Ok(columns.clone())
    }

    fn place_deletion(
        &self,
        row: &Row<'r>,
        values: &mut Vec<Value<'r>>,
    ) -> Result<Columns, Incompatible> {
        let start = values.len();
        named_key(row, self.table, values).map_err(Incompatible::Record)?;
        self.keyed(&self.removed_by, &self.removed_by, &values[start..])?;
        if self.table.on_delete == OnDelete::Refuse {
            let field = &self.table.columns[self.removed_by[0]].name;
            let reason = "deletions are refused here (`on-delete`)";
            return Err(Incompatible::Record(ValueError::new(field, reason)));
        }
        // A deletion that tells no version has nothing to be compared by.
        let version = self.table.version.map(|it| &*self.table.columns[it].name);
        let version = version.and_then(|it| row.get(it));
        match (version, &self.versioned_key) {
            (Some(version), Some(columns)) if !matches!(version.widened(), Value::Null) => {
                values.push(version);
                Ok(columns.clone())
            }
            _ => Ok(self.removed_by.clone()),
        }
    }

    /// A key with NULL in it equals nothing: the row would be there twice after a repetition.
    fn keyed(
        &self,
        key: &[usize],
        columns: &[usize],
        values: &[Value<'r>],
    ) -> Result<(), Incompatible> {
        key.iter()
            .try_for_each(|it| self.present(*it, columns, values, KEYLESS))
    }

    fn present(
        &self,
        ordinal: usize,
        columns: &[usize],
        values: &[Value<'r>],
        reason: &'static str,
    ) -> Result<(), Incompatible> {
        let at = columns.iter().position(|it| *it == ordinal);
        if at.is_none_or(|at| matches!(values[at].widened(), Value::Null)) {
            let field = &self.table.columns[ordinal].name;
            Err(Incompatible::Record(ValueError::new(field, reason)))
        } else {
            Ok(())
        }
    }

    /// The shape of `row`, found or made.
    fn shape(&mut self, row: &Row<'r>) -> Result<usize, Incompatible> {
        let alike = |it: &Shape| {
            let names = it.fields.iter().map(|(name, _)| &**name);
            names.eq(row.fields().map(|(name, _)| name))
        };
        if let Some(known) = self.shapes.iter().position(alike) {
            return Ok(known);
        }
        let mut ordinals: Vec<(Box<str>, Option<usize>)> = Vec::new();
        for (field, _) in row.fields() {
            // Of a name that stands twice, the first counts.
            let left_out = self.drop.iter().any(|it| it == field)
                || ordinals.iter().any(|(name, _)| &**name == field);
            let ordinal = if left_out {
                None
            } else {
                self.table.ordinal(field).map_err(Incompatible::Table)?
            };
            ordinals.push((field.into(), ordinal));
        }
        let mut columns: Vec<usize> = ordinals
            .iter()
            .filter_map(|(_, ordinal)| *ordinal)
            .collect();
        columns.sort_unstable();
        let slot = |(name, ordinal): (Box<str>, Option<usize>)| {
            (name, ordinal.and_then(|it| columns.binary_search(&it).ok()))
        };
        let fields = ordinals.into_iter().map(slot).collect();
        if self.shapes.len() == SHAPES {
            self.shapes.clear();
        }
        self.shapes.push(Shape {
            fields,
            columns: columns.into(),
        });
        Ok(self.shapes.len() - 1)
    }
}

impl Shape {
    /// Appends the row's values, where its fields are these, in this order.
    fn take<'r>(&self, row: &Row<'r>, values: &mut Vec<Value<'r>>) -> bool {
        let start = values.len();
        values.resize(start + self.columns.len(), Value::Null);
        let ordinals = &mut values[start..];
        let mut known = self.fields.iter();
        for (name, value) in row.fields() {
            match known.next() {
                Some((it, slot)) if **it == *name => {
                    if let Some(slot) = slot {
                        ordinals[*slot] = value;
                    }
                }
                _ => return false,
            }
        }
        known.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Records, Schema, domain::Domain},
        sink::sql::table::{Absent, Column, ColumnType, Index},
    };

    fn table() -> Table {
        let column = |name: &str| Column {
            name: name.to_owned(),
            quoted: format!("`{name}`"),
            stored_type: ColumnType::Text,
            domain: Domain::ANYTHING,
            absent: Absent::Null,
        };
        let primary = Index {
            name: "PRIMARY".to_owned(),
            primary: true,
            columns: Some(vec![0]),
        };
        let columns = ["id", "a", "b"].map(column).into();
        Table::new(
            ("t".to_owned(), "`t`".to_owned()),
            columns,
            vec![primary],
            None,
        )
        .expect("a key")
    }

    fn records(rows: &[(Op, &[(&str, i64)])]) -> Vec<Records> {
        let mut records = Records::new(Arc::new(Schema::document("t", ["id"])));
        for (op, fields) in rows {
            let pushed: Result<(), ()> = records.push(*op, 0, |packer| {
                for (name, value) in *fields {
                    packer.name(name);
                    packer.value(Value::I64(*value));
                }
                Ok(())
            });
            pushed.expect("nothing fails");
        }
        vec![records]
    }

    /// The runs as text: operation, columns, values.
    fn cut(records: &[Records], rows: usize) -> Result<Vec<String>, Incompatible> {
        let (table, drop) = (table(), ["gone".to_owned()]);
        let limits = RunLimits { rows, values: 100 };
        let all = records.iter().flat_map(Records::iter);
        let mut runs = Runs::new(all, &table, &drop, limits);
        let mut seen = Vec::new();
        while let Some(run) = runs.next_run(Vec::new())? {
            let values = run.values.iter().map(|it| match it {
                Value::I64(it) => it.to_string(),
                other => other.type_name().to_owned(),
            });
            let values: Vec<_> = values.collect();
            seen.push(format!(
                "{:?} {:?} {}",
                run.op,
                run.columns,
                values.join(" ")
            ));
        }
        Ok(seen)
    }

    #[test]
    fn fields_in_another_order_stay_in_the_run() {
        let records = records(&[
            (Op::Upsert, &[("id", 1), ("a", 2), ("b", 3)]),
            (
                Op::Upsert,
                &[("b", 6), ("gone", 0), ("id", 4), ("a", 5), ("a", 9)],
            ),
        ]);
        let expected = ["Upsert [0, 1, 2] 1 2 3 4 5 6"];
        assert_eq!(
            cut(&records, 10).as_deref(),
            Ok(&expected.map(str::to_owned)[..])
        );
    }

    #[test]
    fn another_set_of_fields_or_another_operation_begins_a_run() {
        let records = records(&[
            (Op::Upsert, &[("id", 1), ("a", 2)]),
            (Op::Upsert, &[("id", 3)]),
            (Op::Delete, &[("id", 1), ("unknown", 2)]),
            (Op::Delete, &[("id", 3)]),
            (Op::Upsert, &[("id", 1), ("a", 4)]),
        ]);
        let expected = [
            "Upsert [0, 1] 1 2",
            "Upsert [0] 3",
            "Delete [0] 1 3",
            "Upsert [0, 1] 1 4",
        ];
        assert_eq!(
            cut(&records, 10).as_deref(),
            Ok(&expected.map(str::to_owned)[..])
        );
    }

    #[test]
    fn a_run_holds_no_more_than_it_may() {
        let rows: Vec<_> = (0..5).map(|id| [("id", id)]).collect();
        let rows: Vec<_> = rows.iter().map(|it| (Op::Upsert, &it[..])).collect();
        let seen = cut(&records(&rows), 2).expect("they fit");
        assert_eq!(seen.len(), 3, "{seen:?}");
    }

    #[test]
    fn a_record_without_its_key_is_at_fault_by_itself() {
        let records = records(&[(Op::Upsert, &[("a", 1)])]);
        let Err(Incompatible::Record(error)) = cut(&records, 10) else {
            panic!("it has no key");
        };
        assert_eq!(error.field, "id");
    }

    #[test]
    fn a_field_without_column_concerns_the_table() {
        let records = records(&[(Op::Upsert, &[("id", 1), ("c", 1)])]);
        assert!(matches!(cut(&records, 10), Err(Incompatible::Table(_))));
    }
}
