//! A session of a SQL database, for everything that is written once over all of them.

use std::{fmt::Debug, sync::Arc};

use super::{
    incompatible::ValueError,
    runs::{Columns, RunLimits},
    statements::Dialect,
    table::{Column, Table},
};
use crate::model::Value;

/// Runs statements with bound values. Each is prepared, and kept by the driver.
pub(in crate::sink) trait SqlSession: Send + Sized {
    /// The values of one statement.
    type Bound: BoundValues;
    /// What a statement and its values go by, beside the table.
    type Limits: Copy + Debug + Send + Sync;

    /// Its words.
    const WORDS: Words;
    /// The most that one statement holds.
    const RUN: RunLimits;
    /// Whether an upsert goes by the declared key alone. Where it goes by any unique index, one row
    /// could take another's place.
    const UPSERTS_BY_KEY: bool;

    /// Room for the values of one statement.
    fn bound(limits: Self::Limits, values: usize, bytes: usize) -> Self::Bound;

    /// How many of the rows in `values` the next statement takes, and their bytes.
    ///
    /// # Errors
    /// Where the first of them fits into none.
    fn next_statement(
        limits: Self::Limits,
        table: &Table,
        columns: &Columns,
        values: &[Value<'_>],
    ) -> Result<(usize, usize), ValueError>;

    /// The bytes of one row.
    ///
    /// # Errors
    /// Where it fits into no statement.
    fn fits(
        limits: Self::Limits,
        table: &Table,
        columns: &Columns,
        row: &[Value<'_>],
    ) -> Result<usize, ValueError>;

    /// Runs a statement; answers how many rows it matched.
    fn run(
        &mut self,
        text: impl Into<Arc<str>> + Send,
        bound: Self::Bound,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// The first `width` columns of the first row, all of which are text.
    fn texts(
        &mut self,
        text: impl Into<Arc<str>> + Send,
        bound: Self::Bound,
        width: usize,
    ) -> impl Future<Output = Result<Option<Vec<String>>, sqlx::Error>> + Send;

    /// The number that the first row is.
    fn number(
        &mut self,
        text: impl Into<Arc<str>> + Send,
        bound: Self::Bound,
    ) -> impl Future<Output = Result<Option<i64>, sqlx::Error>> + Send;

    /// All rows, each a topic, its id, a partition and an offset.
    fn offsets(
        &mut self,
        text: impl Into<Arc<str>> + Send,
        bound: Self::Bound,
    ) -> impl Future<Output = Result<Vec<(String, String, i32, i64)>, sqlx::Error>> + Send;

    /// Whether another row has a value that is unique.
    fn is_taken(error: &sqlx::Error) -> bool;

    /// Whether a column's character set cannot have a text.
    fn is_unconvertible(error: &sqlx::Error) -> bool;

    /// Whether the table is not there.
    fn is_missing_table(error: &sqlx::Error) -> bool;

    /// A value of this column as text, as keys are shown and compared.
    fn as_text(column: &Column) -> String;
}

/// Values to be bound, in order.
pub(in crate::sink) trait BoundValues: Default + Send {
    /// Appends `value` for `column`.
    ///
    /// # Errors
    /// Where no such column can hold it.
    fn push(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError>;

    /// Appends `value` to be compared with `column`.
    ///
    /// # Errors
    /// Where no such column can hold it.
    fn push_key(&mut self, column: &Column, value: &Value<'_>) -> Result<(), ValueError>;

    /// Appends a value of a table of progress.
    ///
    /// # Errors
    /// Where the driver does not take it.
    fn push_cell(&mut self, cell: Cell<'_>) -> Result<(), sqlx::Error>;
}

/// A value of a table of progress.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) enum Cell<'c> {
    /// A name or a position.
    Text(&'c str),
    /// A partition.
    Partition(i32),
    /// An offset.
    Offset(i64),
}

/// The words of a database, where they differ.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct Words {
    /// How it makes and changes rows.
    pub(in crate::sink) dialect: Dialect,
    /// The moment, in UTC.
    pub(in crate::sink) now: &'static str,
    /// When progress of a flow was stored last, in seconds since the epoch.
    pub(in crate::sink) saved_at: &'static str,
    /// A column's name that is a word of some databases.
    pub(in crate::sink) partition: &'static str,
    /// Behind an insert: a row that is there already stays. Empty where that is an error.
    pub(in crate::sink) once: &'static str,
    /// Behind a question: the row as it is now, and not as it was when the transaction began.
    pub(in crate::sink) shared: &'static str,
    /// Behind a question whether rows are there: one is enough, and none comes meanwhile.
    pub(in crate::sink) any: &'static str,
    /// How many foreign keys change other tables with the table of this name, once for each `?`.
    pub(in crate::sink) dependents: &'static str,
    /// Characters of a flow's name, at most.
    pub(in crate::sink) flow: usize,
    /// The types of the columns of tables of progress.
    pub(in crate::sink) types: Types,
}

/// The types of the columns of tables of progress.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct Types {
    /// `flow`.
    pub(in crate::sink) flow: &'static str,
    /// `topic`.
    pub(in crate::sink) topic: &'static str,
    /// `topic_id`.
    pub(in crate::sink) topic_id: &'static str,
    /// `partition`.
    pub(in crate::sink) partition: &'static str,
    /// `next_offset`.
    pub(in crate::sink) offset: &'static str,
    /// A position.
    pub(in crate::sink) position: &'static str,
    /// `updated_at`.
    pub(in crate::sink) moment: &'static str,
}

/// The statements of a session, which the types of each driver keep from being one generic function.
macro_rules! statements {
    () => {
        async fn run(
            &mut self,
            text: impl Into<std::sync::Arc<str>> + Send,
            bound: Self::Bound,
        ) -> Result<u64, sqlx::Error> {
            let query = sqlx::query_with(statement(text), bound.into_arguments());
            let done = sqlx::Executor::execute(&mut *self, query).await?;
            Ok(done.rows_affected())
        }

        async fn texts(
            &mut self,
            text: impl Into<std::sync::Arc<str>> + Send,
            bound: Self::Bound,
            width: usize,
        ) -> Result<Option<Vec<String>>, sqlx::Error> {
            let query = sqlx::query_with(statement(text), bound.into_arguments());
            let Some(found) = sqlx::Executor::fetch_optional(&mut *self, query).await? else {
                return Ok(None);
            };
            let text = |at| sqlx::Row::try_get_unchecked::<String, usize>(&found, at);
            (0..width).map(text).collect::<Result<_, _>>().map(Some)
        }

        async fn number(
            &mut self,
            text: impl Into<std::sync::Arc<str>> + Send,
            bound: Self::Bound,
        ) -> Result<Option<i64>, sqlx::Error> {
            let arguments = bound.into_arguments();
            let query = sqlx::query_scalar_with::<_, Option<i64>, _>(statement(text), arguments);
            Ok(query.fetch_optional(&mut *self).await?.flatten())
        }

        async fn offsets(
            &mut self,
            text: impl Into<std::sync::Arc<str>> + Send,
            bound: Self::Bound,
        ) -> Result<Vec<(String, String, i32, i64)>, sqlx::Error> {
            let query = sqlx::query_as_with(statement(text), bound.into_arguments());
            query.fetch_all(&mut *self).await
        }
    };
}
pub(in crate::sink) use statements;
