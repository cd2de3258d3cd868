//! A table of a SQLite file, read past an incremental field.

mod check;
mod columns;
mod indexes;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{
    Decode, Row, Sqlite, TypeInfo, ValueRef,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow, SqliteValueRef},
};

use crate::{
    connect::{identifier::statement, sqlite::SqliteConnection},
    fault::{Fault, Faulty, chain},
    model::{Finding, Op, Packer, Position, Records, Schema, Severity, TableIndex, Value},
    source::{
        InspectableSource, Plan, Progress, ReadLimits, ReadMode, Rules, Scope, Sharing, Source,
        SourceError, SourceReader, SourceStatus, TableSource,
        scan::table::{
            self, Batches, CursorValue, Page, Pages, Reading, ScanPhase, ScanPosition, Watermark,
            WatermarkBasis, failed,
        },
    },
};
use columns::{Learned, Reads, column_names, learn};

/// What a scan of a table needs.
#[derive(Debug, Clone)]
pub struct SqliteScanSettings {
    /// The table.
    pub table: String,
    /// The column that grows with every change; empty for the first of the key.
    pub incremental: String,
    /// The columns that identify a row; the primary key where none are named.
    pub key: Option<Vec<String>>,
    /// Limits of a batch and of a wait.
    pub limits: ReadLimits,
    /// How long a following read waits before it asks again for new rows.
    pub poll: Duration,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// What else is gone by.
    pub rules: Rules,
}

/// A table as a source.
#[derive(Debug, Clone)]
pub struct SqliteScan {
    name: String,
    connection: SqliteConnection,
    settings: SqliteScanSettings,
}

impl SqliteScan {
    /// Over an open file; the table is asked for when it is read.
    pub fn new(connection: SqliteConnection, settings: SqliteScanSettings) -> Self {
        Self {
            name: format!("{}.{}", connection.name(), settings.table),
            connection,
            settings,
        }
    }

    /// Learned each time anew: columns may have been added since.
    async fn learn(&self) -> Result<Learned, SourceError> {
        learn(&self.name, &self.connection, &self.settings).await
    }

    fn pages(&self, learned: &Learned) -> SqlitePages {
        SqlitePages {
            name: self.name.clone(),
            connection: self.connection.clone(),
            learned: learned.clone(),
        }
    }

    async fn refuse_nulls(&self, learned: &Learned) -> Result<(), SourceError> {
        let Some(condition) = learned.has_nulls() else {
            return Ok(());
        };
        let text = format!(
            "SELECT 1 FROM {} WHERE {condition} LIMIT 1",
            learned.quoted_table
        );
        let found = sqlx::query(statement(text))
            .fetch_optional(self.connection.readers())
            .await;
        match found.map_err(|error| failed(&self.name, error))? {
            None => Ok(()),
            Some(_) => Err(SourceError::Incompatible {
                name: self.name.clone(),
                advice: format!(
                    "rows with NULL in {} would never be read: give them a value{}",
                    learned.nullable.join(" or "),
                    learned.choice()
                ),
            }),
        }
    }
}

#[async_trait]
impl Source for SqliteScan {
    fn name(&self) -> &str {
        &self.name
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let learned = self.learn().await?;
        self.refuse_nulls(&learned).await?;
        let pages = Box::new(self.pages(&learned));
        let scan_position = table::begin(&learned.table, pages, scope, stored).await?;
        Ok(scan_position.position(&learned.table))
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let learned = self.learn().await?;
        self.refuse_nulls(&learned).await?;
        let scan_position = ScanPosition::parse(position, &learned.table)?;
        let sharing = self.settings.sharing;
        let reader = |_| -> Box<dyn Pages> { Box::new(self.pages(&learned)) };
        let pages = (0..scan_position.readers(sharing)).map(reader).collect();
        let reading = Reading {
            limits: self.settings.limits,
            mode,
            poll: self.settings.poll,
            sharing,
            // A file has one writer: what is there is settled.
            deduplication: None,
        };
        let (table, place) = (learned.table.clone(), (position, scan_position));
        Ok(table::open(table, pages, place, reading))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        let learned = self.learn().await?;
        let ScanPosition::Full(full) = ScanPosition::parse(position, &learned.table)? else {
            return Ok(None);
        };
        // Counting would read all of it. A table without rowid has no such numbers.
        let text = format!(
            "SELECT max(rowid) - min(rowid) + 1 FROM {}",
            learned.quoted_table
        );
        let asked = sqlx::query_scalar::<_, Option<i64>>(statement(text))
            .fetch_one(self.connection.readers())
            .await;
        let of = asked.ok().flatten().and_then(|it| u64::try_from(it).ok());
        let rows = full.rows;
        Ok(of.map(|of| Progress { rows, of }))
    }
}

#[async_trait]
impl InspectableSource for SqliteScan {
    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        match self.learn().await {
            Ok(learned) => check::findings(&self.connection, &learned).await,
            Err(error) if error.fault() == Fault::Transient => Err(error),
            Err(error) => Ok(vec![Finding {
                severity: Severity::Problem,
                text: chain(&error),
            }]),
        }
    }

    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError> {
        status::status(self, stored).await
    }
}

#[async_trait]
impl TableSource for SqliteScan {
    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.learn().await?.table.schema))
    }

    async fn survey(&self) -> Result<Schema, SourceError> {
        self.shape().await
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        let readers = self.connection.readers();
        let found = indexes::indexes(readers, &self.settings.table).await;
        found.map_err(|error| failed(&self.name, error))
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        plan::plan(self, stored).await
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        let learned = self.learn().await?;
        ScanPosition::at(value, &learned.table).map(|it| it.position(&learned.table))
    }
}

/// Takes a connection for each page: a following read must not keep others from theirs.
struct SqlitePages {
    name: String,
    connection: SqliteConnection,
    learned: Learned,
}

#[async_trait]
impl Pages for SqlitePages {
    async fn page(&mut self, page: Page<'_>, batches: &mut Batches) -> Result<usize, SourceError> {
        let now = column_names(&self.learned, &self.connection).await;
        let now = now.map_err(|error| failed(&self.name, error))?;
        table::expect_columns(&self.learned.table, &now)?;
        let mut query = sqlx::query(statement(page.text));
        for cursor_value in page.bound {
            query = bind(query, cursor_value);
        }
        let mut rows = query.fetch(self.connection.readers());
        let mut count = 0;
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| page_failed(&self.name, error))?
        {
            count += 1;
            push(&self.name, &self.learned.columns, &row, batches.records())?;
            batches.pushed().await?;
        }
        Ok(count)
    }

    async fn keys(&mut self, page: Page<'_>) -> Result<Records, SourceError> {
        let mut query = sqlx::query(statement(page.text));
        for cursor_value in page.bound {
            query = bind(query, cursor_value);
        }
        let rows = query.fetch_all(self.connection.readers()).await;
        let mut records = Records::new(self.learned.table.schema_of_key());
        for row in rows.map_err(|error| page_failed(&self.name, error))? {
            push(&self.name, &self.learned.key_columns, &row, &mut records)?;
        }
        Ok(records)
    }

    async fn last(&mut self, phase: ScanPhase) -> Result<Records, SourceError> {
        let mut records = Records::new(self.learned.table.schema.clone());
        let rows = sqlx::query(statement(self.learned.table.last(phase)))
            .fetch_all(self.connection.readers())
            .await;
        for row in rows.map_err(|error| failed(&self.name, error))? {
            push(&self.name, &self.learned.columns, &row, &mut records)?;
        }
        Ok(records)
    }

    /// A file has one writer at a time: what it commits later has the higher values.
    fn watermark_basis(&self) -> Option<WatermarkBasis> {
        None
    }

    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        Err(SourceError::Incompatible {
            name: self.name.clone(),
            advice: "a SQLite file does not tell of its writers: set `late` to \"none\"".to_owned(),
        })
    }
}

fn push(
    name: &str,
    columns: &[Reads],
    row: &SqliteRow,
    records: &mut Records,
) -> Result<(), SourceError> {
    records.push(Op::Upsert, 0, |packer| {
        for (index, reads) in columns.iter().enumerate() {
            let value = row
                .try_get_raw(index)
                .map_err(|error| failed(name, error))?;
            if !pack(value, *reads, packer) {
                return Err(SourceError::Incompatible {
                    name: name.to_owned(),
                    advice: "a row is ordered by a text that is no valid UTF-8: correct it"
                        .to_owned(),
                });
            }
        }
        Ok(())
    })
}

/// Appends a value as it is stored. Answers whether a position can hold it, where it has to: text
/// that is no UTF-8 goes on as bytes, which are ordered behind every text.
fn pack(value: SqliteValueRef<'_>, reads: Reads, packer: &mut Packer<'_>) -> bool {
    // The type of a NULL is the column's own.
    if value.is_null() {
        packer.value(Value::Null);
        return true;
    }
    let is_text = match value.type_info().name() {
        "INTEGER" => {
            packer.value(<i64 as Decode<Sqlite>>::decode(value).map_or(Value::Null, Value::I64));
            return true;
        }
        "REAL" => {
            packer.value(<f64 as Decode<Sqlite>>::decode(value).map_or(Value::Null, Value::F64));
            return true;
        }
        kind => kind == "TEXT",
    };
    let bytes = <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text && reads.is_json => packer.value(Value::Json(text)),
        Ok(text) if is_text => packer.value(Value::String(text)),
        _ => {
            packer.value(Value::Bytes(0, bytes));
            return !(is_text && reads.is_ordering);
        }
    }
    true
}

/// A column that was there when the columns were looked at may have gone since: opening anew learns
/// the table as it is now.
fn page_failed(name: &str, error: sqlx::Error) -> SourceError {
    let said = error.as_database_error();
    if said.is_some_and(|it| it.message().starts_with("no such column")) {
        SourceError::Lost(name.to_owned(), error.into())
    } else {
        failed(name, error)
    }
}

fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    cursor_value: &CursorValue,
) -> Query<'q, Sqlite, SqliteArguments> {
    match cursor_value {
        CursorValue::I64(it) => query.bind(*it),
        CursorValue::F64(it) => query.bind(*it),
        CursorValue::Bytes(it) => query.bind(it.clone()),
        other => query.bind(other.text()),
    }
}
