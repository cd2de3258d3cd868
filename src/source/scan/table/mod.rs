//! A table of SQL, in the order of (incremental field, key), without any system's own words: the
//! scans of MySQL and SQLite are this with their statements' dialect.

mod batches;
mod chunk;
mod cursor_value;
mod full_token;
mod hold_back;
mod incremental;
mod index;
mod members;
mod plan;
mod position;
mod reader;
mod statement;
mod status;

use std::sync::Arc;

use async_trait::async_trait;

pub(in crate::source) use cursor_value::{CursorValue, ValueKind};
pub(in crate::source) use hold_back::{Clock, Micros, Watermark, WatermarkBasis, clock, micros_of};
pub(in crate::source) use index::{Index, column_index, key};
pub(in crate::source) use members::Members;
pub(in crate::source) use plan::{ceiling, texts, without_value};
pub(in crate::source) use position::TableCursor;
pub(in crate::source) use statement::{Form, Page, Wanted};
pub(in crate::source) use status::status;

use super::{Begin, Chunk, Ordered, ReadAhead, moment};
pub(in crate::source) use super::{Reading, ScanPhase};
use crate::{
    connect::{ErrorClass, classify},
    model::{Position, Records, Row, Schema, Value},
    source::{Nulls, Scope, SourceError, SourceReader, scan},
};
use reader::TableReader;

pub(in crate::source) type Batches = scan::Batches<Table>;
pub(in crate::source) type Ceiling = scan::Ceiling<CursorValue>;
pub(in crate::source) type ScanPosition = scan::ScanPosition<TableCursor>;
type ScanState = scan::ScanState<TableCursor>;
type Full = scan::Full<TableCursor>;
type KeyRange<'r> = scan::KeyRange<'r, TableCursor>;

/// A value of each field of the key.
type Key = Vec<CursorValue>;

/// A table as it is read: its columns and what it is ordered by.
#[derive(Debug, Clone)]
pub(in crate::source) struct Table {
    /// The source's name.
    pub name: String,
    pub schema: Arc<Schema>,
    /// `SELECT …, … FROM …`, names quoted, in the order of the schema.
    pub select: String,
    /// The same of the key's fields alone.
    pub select_key: String,
    /// The incremental field and the key's other fields.
    pub incremental: Vec<KeyColumn>,
    /// The key's fields.
    pub key: Vec<KeyColumn>,
    pub form: Form,
    /// What is done about rows without a value, where there may be any.
    pub nulls: Nulls,
}

impl Ordered for Table {
    type Cursor = TableCursor;

    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn nulls(&self) -> Nulls {
        self.nulls
    }

    fn position(&self, scan_position: &ScanPosition) -> Position {
        scan_position.position(self)
    }
}

impl Table {
    /// The key's fields alone.
    pub fn schema_of_key(&self) -> Arc<Schema> {
        let fields = self.schema.names().unwrap_or_default();
        let of = |column: &KeyColumn| fields.iter().find(|it| it.name == column.name).cloned();
        let key = self.key.iter().filter_map(of).collect();
        Arc::new(Schema::table(
            self.schema.name(),
            key,
            self.schema.key().iter().cloned(),
        ))
    }
}

/// A column that a table is ordered by.
#[derive(Debug, Clone)]
pub(in crate::source) struct KeyColumn {
    pub name: String,
    /// The columns whose values count where it is NULL, in their order.
    pub others: Vec<String>,
    /// The name, quoted; an expression where there are others.
    pub quoted: String,
    /// What stands for a value of it: `?`, or `CAST(? AS …)`.
    pub placeholder: String,
    /// What its values are; `None` where each value says so itself.
    pub kind: Option<ValueKind>,
    /// What it chooses from, where its values are members.
    pub members: Option<Members>,
}

impl KeyColumn {
    /// The name; with the others that count, where there are any.
    pub fn label(&self) -> String {
        match &self.others[..] {
            [] => self.name.clone(),
            others => format!("coalesce({}, {})", self.name, others.join(", ")),
        }
    }

    /// A row's value that counts.
    fn value<'r>(&self, row: &Row<'r>) -> Option<Value<'r>> {
        let mut names = std::iter::once(&self.name).chain(&self.others);
        let last = row.get(self.others.last().unwrap_or(&self.name));
        let found = names.find_map(|it| row.get(it).filter(|it| !matches!(it, Value::Null)));
        found.or(last)
    }

    /// The cursor value of a row; `None` where nothing can be ordered by it.
    fn cursor_value(&self, value: Value<'_>) -> Option<CursorValue> {
        let cursor_value = match (&self.members, value) {
            (None, value) => CursorValue::of(value),
            (Some(_), Value::Enum(text)) => self.parse(ValueKind::Member, text),
            (Some(_), _) => None,
        };
        cursor_value.filter(|it| self.kind.is_none_or(|kind| kind == it.kind()))
    }

    /// The cursor value that `text` stands for.
    fn parse(&self, kind: ValueKind, text: &str) -> Option<CursorValue> {
        let Some(members) = self.members.as_ref().filter(|_| kind == ValueKind::Member) else {
            return kind.parse(text);
        };
        let (number, text) = (members.number(text)?, text.to_owned());
        Some(CursorValue::Member { text, number })
    }
}

/// Runs a table's statements. Dropping it in the middle of one must do no harm.
#[async_trait]
pub(in crate::source) trait Pages: Send {
    /// Runs `page` and hands each row to `batches`. Answers how many rows there were.
    async fn page(&mut self, page: Page<'_>, batches: &mut Batches) -> Result<usize, SourceError>;

    /// The rows of `page`, which has the key's fields alone.
    async fn keys(&mut self, page: Page<'_>) -> Result<Records, SourceError>;

    /// The last row of a phase; no row where it has none.
    async fn last(&mut self, phase: ScanPhase) -> Result<Records, SourceError>;

    /// What holds reading back; `None` where nothing does.
    fn watermark_basis(&self) -> Option<WatermarkBasis>;

    /// How far the writers are, where reading is held back.
    async fn watermark(&mut self) -> Result<Watermark, SourceError>;
}

/// Whole batches, so that none is cut short at a page's end.
fn page_rows(batch_rows: usize) -> usize {
    let rows = batch_rows.max(1);
    rows * PAGE_ROWS.div_ceil(rows)
}

/// A page holds at least this many rows, so that a far server is not asked for every few.
const PAGE_ROWS: usize = 10_000;

/// The place to begin at for `scope`, given the stored position.
pub(in crate::source) async fn begin(
    table: &Arc<Table>,
    pages: Box<dyn Pages>,
    scope: Scope,
    stored: Option<&Position>,
) -> Result<ScanPosition, SourceError> {
    let stored = stored
        .map(|it| ScanPosition::parse(it, table))
        .transpose()?;
    match scan::begin(scope, stored) {
        Begin::At(scan_position) => Ok(scan_position),
        Begin::Over(stored) => {
            let mut reader = reader(table, pages, PAGE_ROWS);
            let then = hold_back::then(&mut reader, stored).await?;
            Ok(ScanPosition::Full(Full::of_all(then)))
        }
    }
}

/// Reads on from `position`, which is this place, in a task of its own; a full read over all of `pages`,
/// what follows over one of them.
pub(in crate::source) fn open(
    table: Arc<Table>,
    pages: Vec<Box<dyn Pages>>,
    (position, scan_position): (&Position, ScanPosition),
    reading: Reading,
) -> Box<dyn SourceReader> {
    let rows = page_rows(reading.limits.rows);
    let pages = pages.into_iter();
    let readers = pages.map(|it| reader(&table, it, rows)).collect();
    let (name, schema) = (table.name.clone(), table.schema.clone());
    let (start, wait) = (position.clone(), reading.limits.max_wait);
    let read = |sender| scan::read(table, readers, scan_position, reading, sender);
    Box::new(ReadAhead::start(&name, schema, start, wait, read))
}

fn reader(table: &Arc<Table>, pages: Box<dyn Pages>, rows: usize) -> TableReader {
    TableReader {
        table: table.clone(),
        pages,
        rows,
    }
}

/// What an error of the driver means for the source `name`.
pub(in crate::source) fn failed(name: &str, error: sqlx::Error) -> SourceError {
    let advice = match classify(&error) {
        ErrorClass::Transient => return SourceError::Lost(name.to_owned(), error.into()),
        ErrorClass::Refused(advice) => advice,
        ErrorClass::Data => "a value of the position is not taken",
    };
    SourceError::Refused {
        name: name.to_owned(),
        advice: advice.to_owned(),
        cause: error.into(),
    }
}

/// A table that has other columns than those it is read by: it may pass, since opening anew learns
/// the table as it is now. A column that has been added would be left out in silence.
pub(in crate::source) fn expect_columns(table: &Table, now: &[String]) -> Result<(), SourceError> {
    let read = table.schema.names().unwrap_or_default();
    if read.iter().map(|it| &it.name).eq(now) {
        Ok(())
    } else {
        let cause = "its columns were altered while it was read";
        Err(SourceError::Lost(table.name.clone(), cause.into()))
    }
}

pub(super) fn cursor_values(
    table: &Table,
    by: &[KeyColumn],
    row: &Row<'_>,
) -> Result<Vec<CursorValue>, SourceError> {
    let cursor_value = |column: &KeyColumn| {
        let value = column.value(row);
        let cursor_value = value.and_then(|it| column.cursor_value(it));
        cursor_value.ok_or_else(|| SourceError::Incompatible {
            name: table.name.clone(),
            advice: format!(
                "a row has a value ({}) in `{}` that nothing can be ordered by",
                value.map_or("none", |it| it.type_name()),
                column.label()
            ),
        })
    };
    by.iter().map(cursor_value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn table() -> Table {
        let column = |name: &str, placeholder: &str, kind| KeyColumn {
            name: name.to_owned(),
            others: Vec::new(),
            quoted: format!("`{name}`"),
            placeholder: placeholder.to_owned(),
            kind: Some(kind),
            members: None,
        };
        let id = column("id", "?", ValueKind::U64);
        Table {
            name: "crawler.t".to_owned(),
            schema: Arc::new(Schema::table("t", Vec::new(), ["id"])),
            select: "SELECT * FROM `t`".to_owned(),
            select_key: "SELECT `id` FROM `t`".to_owned(),
            incremental: vec![
                column("updated_at", "CAST(? AS DATETIME(6))", ValueKind::DateTime),
                id.clone(),
            ],
            key: vec![id],
            form: Form::Expanded,
            nulls: Nulls::Refuse,
        }
    }
}
