//! Row by row, where another unique index is in the way: values that rows of one batch hand to each
//! other find their way whatever the order, also in a circle.

use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;

use super::{
    RowFault,
    sql_failure::Failure,
    table::{Column, Holds, Table},
    table_runs::{Columns, Misfit, Run},
    value_text::write_text,
};
use crate::{
    fault::Cause,
    model::{Op, Value},
};

/// One row that is written by itself.
#[derive(Debug, Clone)]
pub(super) struct Single<'r> {
    pub(super) op: Op,
    pub(super) columns: Columns,
    pub(super) values: Vec<Value<'r>>,
    pub(super) origin: u32,
}

/// What became of a row.
#[derive(Debug)]
pub(super) enum Applied {
    /// It is written, or its policy says that there is nothing to write.
    Done,
    /// Another row holds a value that is unique.
    Taken(Cause),
    /// It can never be written.
    Refused(Cause),
}

/// Statements for single rows, within a transaction that is open. One that fails undoes itself
/// alone.
#[async_trait]
pub(super) trait SingleRows: Send {
    /// Writes one row, by its key alone.
    async fn apply(&mut self, row: &Single<'_>) -> Result<Applied, Failure>;

    /// The key, as text, of another row that has the values of `row` in the columns `index`.
    async fn holder(
        &mut self,
        row: &Single<'_>,
        index: &[usize],
    ) -> Result<Option<Vec<String>>, Failure>;

    /// Sets `column` to `value` in the row that has the values of `row` in the columns `index`;
    /// answers whether the table took it.
    async fn park(
        &mut self,
        row: &Single<'_>,
        index: &[usize],
        column: usize,
        value: &Value<'_>,
    ) -> Result<bool, Failure>;
}

/// Rows that wait for others of their batch, and those that were refused.
#[derive(Debug, Default)]
pub(super) struct Singles<'r> {
    waiting: Vec<Waiting<'r>>,
    /// Where the rows of a key wait.
    places: HashMap<Vec<String>, usize>,
    faults: Vec<RowFault>,
}

/// Rows of one key, in order: the first one was refused for a value that another row holds.
#[derive(Debug)]
struct Waiting<'r> {
    key: Vec<String>,
    rows: VecDeque<Single<'r>>,
    cause: Cause,
}

impl<'r> Singles<'r> {
    /// Whether a row waits, so that later ones must not pass it unseen.
    pub(super) fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A record that could not even be placed.
    pub(super) fn refuse(&mut self, origin: u32, cause: impl Into<Cause>) {
        self.faults.push(RowFault {
            origin,
            may_pass: false,
            cause: cause.into(),
        });
    }

    /// Writes rows of a run in order, or lets them wait.
    pub(super) async fn add(
        &mut self,
        server: &mut impl SingleRows,
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
            let key = row.key(table);
            if let Some(place) = self.places.get(&key) {
                self.waiting[*place].rows.push_back(row);
                continue;
            }
            match server.apply(&row).await? {
                Applied::Done => {}
                Applied::Refused(cause) => self.refuse(row.origin, cause),
                Applied::Taken(cause) => {
                    self.places.insert(key.clone(), self.waiting.len());
                    self.waiting.push(Waiting {
                        key,
                        rows: [row].into(),
                        cause,
                    });
                }
            }
        }
        Ok(())
    }

    /// Writes what waits, as far as it can be written.
    ///
    /// # Errors
    /// `Rows` with every row that was refused, or whose value another row still holds.
    pub(super) async fn finish(
        mut self,
        server: &mut impl SingleRows,
        table: &Table,
    ) -> Result<(), Failure> {
        self.places.clear();
        // Both directions in turn: a chain of rows that hand on a value takes one pass then.
        while !self.waiting.is_empty() {
            self.waiting.reverse();
            if !self.pass(server).await? && !self.free_one(server, table).await? {
                break;
            }
        }
        for it in self.waiting {
            let (Some(row), cause) = (it.rows.front(), it.cause) else {
                continue;
            };
            let held = held_by(server, table, row).await?;
            self.faults.push(RowFault {
                origin: row.origin,
                may_pass: true,
                cause: match held {
                    None => cause,
                    Some(holder) => holder.told(table).into(),
                },
            });
        }
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Failure::Rows(self.faults)),
        }
    }

    /// Tries every row that waits; answers whether one of them went through.
    async fn pass(&mut self, server: &mut impl SingleRows) -> Result<bool, Failure> {
        let mut moved = false;
        for it in &mut self.waiting {
            while let Some(row) = it.rows.front() {
                match server.apply(row).await? {
                    Applied::Done => {}
                    Applied::Refused(cause) => self.faults.push(RowFault {
                        origin: row.origin,
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
        self.waiting.retain(|it| !it.rows.is_empty());
        Ok(moved)
    }

    /// Breaks a circle: takes a value from a row that is about to get another one.
    ///
    /// The row is changed and not deleted. To delete it and make it anew would lose the columns
    /// that the message does not carry, and what refers to the row by ON DELETE CASCADE.
    async fn free_one(
        &mut self,
        server: &mut impl SingleRows,
        table: &Table,
    ) -> Result<bool, Failure> {
        for it in &self.waiting {
            let Some(row) = it.rows.front() else { continue };
            let Some(holder) = held_by(server, table, row).await? else {
                continue;
            };
            let other = self.waiting.iter().find(|it| it.key == holder.key);
            let Some(next) = other.and_then(|it| it.rows.front()) else {
                continue;
            };
            // Whatever stands there in between, its own record sets it.
            let sets = |it: &&usize| {
                next.op == Op::Upsert
                    && next.columns.contains(it)
                    && !table.key.contains(it)
                    && table.version != Some(**it)
            };
            for column in holder.index.iter().filter(sets) {
                for value in free_values(&table.columns[*column]) {
                    let value = value.as_value();
                    if server.park(row, &holder.index, *column, &value).await? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}

impl<'r> Single<'r> {
    /// The value for a column; `None` where the record does not carry it.
    pub(super) fn value(&self, column: usize) -> Option<&Value<'r>> {
        let at = self.columns.iter().position(|it| *it == column)?;
        self.values.get(at)
    }

    /// The key as it is told and compared within a batch. Letters that some collations take for
    /// equal are made equal: rows of two such keys merely wait for each other.
    fn key(&self, table: &Table) -> Vec<String> {
        let text = |it: &usize| {
            let mut text = String::new();
            match self.value(*it) {
                Some(Value::Bytes(_, bytes)) => {
                    text.extend(bytes.iter().map(|it| format!("{it:02x}")));
                }
                Some(Value::String(it) | Value::Enum(it) | Value::Decimal(it)) => {
                    text.push_str(it);
                }
                Some(value) if write_text(*value, &mut text).is_err() => {
                    text = format!("{value:?}");
                }
                _ => {}
            }
            same(&text)
        };
        table.key.iter().map(text).collect()
    }
}

/// Who holds a value that a row wants.
struct Holder {
    key: Vec<String>,
    index: Vec<usize>,
    shown: Vec<String>,
    name: String,
}

impl Holder {
    fn told(&self, table: &Table) -> String {
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
async fn held_by(
    server: &mut impl SingleRows,
    table: &Table,
    row: &Single<'_>,
) -> Result<Option<Holder>, Failure> {
    for index in &table.others {
        let carried = |it: &usize| row.value(*it).is_some_and(|it| !matches!(it, Value::Null));
        let Some(columns) = index.columns.as_ref().filter(|it| it.iter().all(carried)) else {
            continue;
        };
        if let Some(shown) = server.holder(row, columns).await? {
            return Ok(Some(Holder {
                key: shown.iter().map(|it| same(it)).collect(),
                index: columns.clone(),
                shown,
                name: index.name.clone(),
            }));
        }
    }
    Ok(None)
}

fn same(text: &str) -> String {
    text.trim_end().to_lowercase()
}

/// What a column may hold for a moment: nothing at all, or something that is hardly in use. What
/// the table does not take is followed by the next.
fn free_values(column: &Column) -> Vec<FreeValue> {
    let chance = chance();
    let number = |bits: u32| FreeValue::Number((chance >> (64 - bits)) as i64);
    let negative = |bits: u32| FreeValue::Number(-((chance >> (64 - bits)) as i64));
    let text = |length: usize| FreeValue::Text(format!("{chance:016x}").split_off(16 - length));
    let mut values = vec![FreeValue::Null];
    values.extend(match column.holds {
        Holds::Integer | Holds::Float | Holds::Decimal(_) | Holds::Number => {
            let widths = [62, 31, 30, 15, 7, 6];
            let numbers = widths.iter().flat_map(|it| [negative(*it), number(*it)]);
            numbers.collect::<Vec<_>>()
        }
        Holds::Clock => {
            let year = 1971 + chance % 60;
            let (month, day) = (1 + (chance >> 8) % 12, 1 + (chance >> 16) % 28);
            let day = format!("{year}-{month:02}-{day:02}");
            let time = format!("{:02}:{:02}:{:02}", chance % 24, chance % 60, chance % 59);
            vec![
                FreeValue::Text(format!("{day} {time}")),
                FreeValue::Text(day),
                FreeValue::Text(time),
            ]
        }
        Holds::Text | Holds::Json | Holds::Bytes | Holds::Anything => {
            [16, 8, 4, 2, 1].map(text).into()
        }
    });
    values
}

enum FreeValue {
    Null,
    Number(i64),
    Text(String),
}

impl FreeValue {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Number(it) => Value::I64(*it),
            Self::Text(it) => Value::Bytes(0, it.as_bytes()),
        }
    }
}

/// A number that nobody else has.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// A failure to place or bind a record, as what became of its row.
pub(super) fn applied(
    failure: Failure,
    taken: impl Fn(&sqlx::Error) -> bool,
) -> Result<Applied, Failure> {
    match failure {
        Failure::Misfit(Misfit::Record(cause)) => Ok(Applied::Refused(cause.into())),
        Failure::Sql(error) if taken(&error) => Ok(Applied::Taken(error.into())),
        Failure::Sql(error) if super::sql_failure::is_data(&error) => {
            Ok(Applied::Refused(error.into()))
        }
        other => Err(other),
    }
}

/// Whether single rows may fare better: it is one of the rows, not the server, that failed.
pub(super) fn is_a_rows(failure: &Failure) -> bool {
    match failure {
        Failure::Misfit(Misfit::Record(_)) => true,
        Failure::Sql(error) => super::sql_failure::is_data(error),
        _ => false,
    }
}

/// Which rows of the table can be found by a unique index that is not their key.
pub(super) fn has_others(table: &Table) -> bool {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    table.redirecting(&all).is_some()
}
