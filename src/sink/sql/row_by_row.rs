//! Row by row, where another unique index is in the way: values that rows of one batch hand to each
//! other find their way whatever the order, also in a circle.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{
    failure::Failure,
    incompatible::Incompatible,
    placeholder_values::free_values,
    runs::{Columns, Run},
    session::SqlSession,
    single_rows::SingleRows,
    statements::{Dialect, equal, found, found_by},
    table::{Absent, Column, ColumnType, Table},
    waiting::{Name, Queue, Queues, key},
};
use crate::{
    fault::Cause,
    model::{Op, Value},
    sink::{RowFault, rules::OnKnown, value_text::write_text},
};

/// One row that is written by itself.
#[derive(Debug, Clone)]
pub(in crate::sink) struct Single<'r> {
    pub(in crate::sink) op: Op,
    pub(in crate::sink) columns: Columns,
    pub(in crate::sink) values: Vec<Value<'r>>,
    pub(in crate::sink) origin: u32,
}

/// What became of a row.
#[derive(Debug)]
pub(in crate::sink) enum Applied {
    /// It is written, or its policy says that there is nothing to write.
    Done,
    /// Another row holds a value that is unique.
    Taken(Cause),
    /// It can never be written.
    Refused(Cause),
}

/// A value that `row` wants in the columns `index`, and that the row of the key of `by` may have.
///
/// The server looks for both: keys that look alike here may be those of two rows.
#[derive(Clone, Copy)]
pub(in crate::sink) struct Conflict<'h, 'r> {
    pub(in crate::sink) row: &'h Single<'r>,
    pub(in crate::sink) index: &'h [usize],
    pub(in crate::sink) by: &'h Single<'r>,
}

impl Conflict<'_, '_> {
    /// The condition by which it is found.
    pub(in crate::sink) fn condition(&self, text: &mut String, dialect: Dialect, table: &Table) {
        equal(text, table, self.index);
        text.push_str(" AND ");
        found(text, dialect, table, &table.key);
    }

    /// The columns of the condition with their values, in its order.
    pub(in crate::sink) fn compared<'a>(
        &'a self,
        table: &'a Table,
    ) -> impl Iterator<Item = (&'a Column, &'a Value<'a>)> {
        let wanted = self.index.iter().map(|it| (*it, self.row.value(*it)));
        let key = found_by(table, &table.key).map(|it| (it, self.by.value(it)));
        wanted
            .chain(key)
            .map(|(ordinal, value)| (&table.columns[ordinal], value.unwrap_or(&Value::Null)))
    }
}

/// Rows that wait for others of their batch, and those that were refused.
#[derive(Debug, Default)]
pub(in crate::sink) struct RowByRow<'r> {
    waiting: Queues<'r>,
    faults: Vec<RowFault>,
}

impl<'r> RowByRow<'r> {
    /// Whether a row waits, so that later ones must not pass it unseen.
    pub(in crate::sink) fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A record that could not even be placed.
    pub(in crate::sink) fn refuse(&mut self, origin: u32, cause: impl Into<Cause>) {
        self.faults.push(RowFault {
            origin,
            may_pass: false,
            cause: cause.into(),
        });
    }

    /// Writes rows of a run in order, or lets them wait.
    pub(in crate::sink) async fn add<S: SqlSession>(
        &mut self,
        server: &mut SingleRows<'_, '_, S>,
        table: &Table,
        run: &Run<'r>,
        rows: std::ops::Range<usize>,
    ) -> Result<(), Failure> {
        let width = run.columns.len();
        for index in rows {
            let row = Single {
                op: run.op,
                columns: run.columns.clone(),
                values: run.values[index * width..(index + 1) * width].to_vec(),
                origin: run.origins[index],
            };
            let names = Name::of(&row, table);
            let Some(row) = self.waiting.behind(row, &names) else {
                continue;
            };
            match server.apply(&row).await? {
                Applied::Done => {}
                Applied::Refused(cause) => self.refuse(row.origin, cause),
                Applied::Taken(cause) => self.waiting.begin(row, &names, cause),
            }
        }
        Ok(())
    }

    /// Writes what waits, as far as it can be written.
    ///
    /// # Errors
    /// `Rows` with every row that was refused, or whose value another row still holds.
    pub(in crate::sink) async fn finish<S: SqlSession>(
        self,
        server: &mut SingleRows<'_, '_, S>,
        table: &Table,
    ) -> Result<(), Failure> {
        let (mut waiting, mut faults) = (self.waiting.into_queues(), self.faults);
        // Both directions in turn: a chain of rows that hand on a value takes one pass then.
        while !waiting.is_empty() {
            waiting.reverse();
            let moved = pass(server, &mut waiting, &mut faults).await?;
            if !moved && !free_one(server, table, &waiting).await? {
                break;
            }
        }
        for it in waiting {
            let (Some(first), cause) = (it.rows.front(), it.cause) else {
                continue;
            };
            let conflict = find_conflict(server, table, &first.row).await?;
            faults.push(RowFault {
                origin: first.row.origin,
                may_pass: true,
                cause: match conflict {
                    None => cause,
                    Some(conflicting) => conflicting.described(table).into(),
                },
            });
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Failure::Rows(faults))
        }
    }
}

/// Tries every row that waits; answers whether one of them went through.
async fn pass<S: SqlSession>(
    server: &mut SingleRows<'_, '_, S>,
    waiting: &mut Vec<Queue<'_>>,
    faults: &mut Vec<RowFault>,
) -> Result<bool, Failure> {
    let mut moved = false;
    for it in &mut *waiting {
        while let Some(first) = it.rows.front() {
            match server.apply(&first.row).await? {
                Applied::Done => {}
                Applied::Refused(cause) => faults.push(RowFault {
                    origin: first.row.origin,
                    may_pass: false,
                    cause,
                }),
                Applied::Taken(cause) => {
                    it.cause = cause;
                    break;
                }
            }
            it.rows.pop_front();
            moved = true;
        }
    }
    waiting.retain(|it| !it.rows.is_empty());
    Ok(moved)
}

/// Breaks a circle: takes a value from a row that is about to get another one.
///
/// The row is changed where the table allows it. To delete it and make it anew would lose the
/// columns that the message does not carry: that is done only where it carries them all.
async fn free_one<S: SqlSession>(
    server: &mut SingleRows<'_, '_, S>,
    table: &Table,
    waiting: &[Queue<'_>],
) -> Result<bool, Failure> {
    if table.on_known == OnKnown::Ignore {
        return Ok(false);
    }
    let firsts = waiting.iter().filter_map(|it| it.rows.front());
    let firsts: Vec<&Single<'_>> = firsts.map(|it| &it.row).collect();
    for row in &firsts {
        let Some(conflicting) = find_conflict(server, table, row).await? else {
            continue;
        };
        for by in &firsts {
            // Of some types the text is not what it is here.
            let may_conflict = key(by, table) == conflicting.key || !tells_by_text(table);
            let index = &conflicting.index;
            if may_conflict
                && by.op == Op::Upsert
                && free(server, table, Conflict { row, index, by }).await?
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn free<S: SqlSession>(
    server: &mut SingleRows<'_, '_, S>,
    table: &Table,
    conflict: Conflict<'_, '_>,
) -> Result<bool, Failure> {
    // Whatever stands there in between, its own record sets it.
    let sets = |it: &&usize| {
        conflict.by.columns.contains(it) && !table.key.contains(it) && table.version != Some(**it)
    };
    for column in conflict.index.iter().filter(sets) {
        for value in free_values(&table.columns[*column]) {
            if server.park(conflict, *column, &value.as_value()).await? {
                return Ok(true);
            }
        }
    }
    let written = |it: &&Column| it.absent != Absent::Computed;
    let whole = conflict.by.columns.len() == table.columns.iter().filter(written).count();
    Ok(whole && server.remove(conflict).await?)
}

/// Whether keys of this table are the same text here and there.
fn tells_by_text(table: &Table) -> bool {
    let exact = |it: &usize| {
        let stored_type = table.columns[*it].stored_type;
        matches!(
            stored_type,
            ColumnType::Text | ColumnType::Integer | ColumnType::Bytes
        )
    };
    table.key.iter().all(exact)
}

impl<'r> Single<'r> {
    /// The value for a column; `None` where the record does not carry it.
    pub(in crate::sink) fn value(&self, column: usize) -> Option<&Value<'r>> {
        let at = self.columns.iter().position(|it| *it == column)?;
        self.values.get(at)
    }
}

/// A value of a key as it is compared within a batch.
pub(super) fn comparable(table: &Table, value: &Value<'_>) -> String {
    let mut text = String::new();
    match value {
        Value::Bytes(_, bytes) => text.extend(bytes.iter().map(|it| format!("{it:02x}"))),
        Value::String(it) | Value::Enum(it) | Value::Decimal(it) => text.push_str(it),
        value if write_text(*value, &mut text).is_err() => text = format!("{value:?}"),
        _ => {}
    }
    same(table, &text)
}

/// Who holds a value that a row wants.
struct ConflictingRow {
    key: Vec<String>,
    index: Vec<usize>,
    shown: Vec<String>,
    name: String,
}

impl ConflictingRow {
    fn described(&self, table: &Table) -> String {
        let names = table.key.iter().map(|it| table.columns[*it].name.as_str());
        let key = names
            .zip(&self.shown)
            .map(|(it, key)| format!("{it}={key}"));
        format!(
            "unique index {}: the row with the key {} holds its value",
            self.name,
            key.collect::<Vec<_>>().join(", ")
        )
    }
}

/// Looks into every other unique index of which the record carries all columns.
async fn find_conflict<S: SqlSession>(
    server: &mut SingleRows<'_, '_, S>,
    table: &Table,
    row: &Single<'_>,
) -> Result<Option<ConflictingRow>, Failure> {
    for index in &table.others {
        let present = |it: &usize| row.value(*it).is_some_and(|it| !matches!(it, Value::Null));
        let Some(columns) = index.columns.as_ref().filter(|it| it.iter().all(present)) else {
            continue;
        };
        if let Some(shown) = server.conflicting(row, columns).await? {
            return Ok(Some(ConflictingRow {
                key: shown.iter().map(|it| same(table, it)).collect(),
                index: columns.clone(),
                shown,
                name: index.name.clone(),
            }));
        }
    }
    Ok(None)
}

fn same(table: &Table, text: &str) -> String {
    if !table.folds {
        return text.to_owned();
    }
    let characters = text.trim_end().nfkd().filter(|it| !is_combining_mark(*it));
    characters.flat_map(char::to_lowercase).collect()
}

/// A failure to place or bind a record, as what became of its row.
pub(in crate::sink) fn applied(
    failure: Failure,
    taken: impl Fn(&sqlx::Error) -> bool,
) -> Result<Applied, Failure> {
    match failure {
        Failure::Incompatible(Incompatible::Record(cause)) => Ok(Applied::Refused(cause.into())),
        Failure::Sql(error) if taken(&error) => Ok(Applied::Taken(error.into())),
        Failure::Sql(error) if super::failure::is_data(&error) => {
            Ok(Applied::Refused(error.into()))
        }
        other => Err(other),
    }
}

/// Whether single rows may fare better: it is one of the rows, not the server, that failed.
pub(in crate::sink) fn is_a_rows(failure: &Failure) -> bool {
    match failure {
        Failure::Incompatible(Incompatible::Record(_)) => true,
        Failure::Sql(error) => super::failure::is_data(error),
        _ => false,
    }
}

/// Which rows of the table can be found by a unique index that is not their key.
pub(in crate::sink) fn has_others(table: &Table) -> bool {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    table.redirecting(&all).is_some()
}
