//! A table of MySQL or MariaDB, read past an incremental field.

mod by_index;
mod check;
mod columns;
mod indexes;
mod plan;
mod random;
mod status;
mod unpack;
mod writers;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::{
    Column, Decode, Executor, MySql, Row, TypeInfo,
    mysql::{MySqlArguments, MySqlConnection, MySqlDatabaseError, MySqlRow},
    query::Query,
};

use crate::{
    connect::{identifier::statement, mysql::MysqlConnection},
    fault::{Fault, Faulty, chain},
    model::{Finding, Op, Position, Records, Schema, Severity, TableIndex},
    source::{
        InspectableSource, Late, Nulls, Plan, Progress, ReadLimits, ReadMode, Rules, Scope,
        Sharing, Source, SourceError, SourceReader, SourceStatus, TableSource,
        scan::table::{
            self, Batches, CursorValue, Page, Pages, Reading, ScanPhase, ScanPosition, Watermark,
            WatermarkBasis, failed,
        },
    },
};
use columns::{Learned, column_names, learn};
use unpack::Unpack;
use writers::Writers;

/// What a scan of a table needs.
#[derive(Debug, Clone)]
pub struct MysqlScanSettings {
    /// `table`, in the connection's database, or `database.table`; see `TableName`.
    pub table: String,
    /// The column that grows with every change; empty for the first of the key.
    pub incremental: String,
    /// The columns that identify a row; the primary key where none are named.
    pub key: Option<Vec<String>>,
    /// Limits of a batch and of a wait.
    pub limits: ReadLimits,
    /// How long a following read waits before it asks again for new rows.
    pub poll: Duration,
    /// How late commits are met.
    pub late: Late,
    /// The zone of a DATETIME or DATE, where it is not the server's own.
    pub time_zone: Option<chrono_tz::Tz>,
    /// How a full read is shared out.
    pub sharing: Sharing,
    /// What else is gone by.
    pub rules: Rules,
}

/// A table as a source.
#[derive(Debug, Clone)]
pub struct MysqlScan {
    name: String,
    connection: MysqlConnection,
    settings: MysqlScanSettings,
}

impl MysqlScan {
    /// Over an open connection; the table is asked for when it is read.
    pub fn new(connection: MysqlConnection, settings: MysqlScanSettings) -> Self {
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

    /// A session outside the pool, which is never given back: it may be left in the middle of a
    /// page, and a following read must not keep others from theirs.
    async fn pages(&self, learned: &Learned) -> Result<MysqlPages, SourceError> {
        let lost = |error| failed(&self.name, error);
        let session = self.connection.pool().acquire().await.map_err(lost)?;
        let mut session = session.detach();
        session.execute(SESSION).await.map_err(lost)?;
        let writers = writers::learn(&self.connection, &self.settings, learned).await?;
        Ok(MysqlPages {
            name: self.name.clone(),
            session,
            writers,
            learned: learned.clone(),
        })
    }

    /// What no cursor can be kept in: it would pass rows by.
    async fn refuse_unread(&self, learned: &Learned) -> Result<(), SourceError> {
        self.refuse_nulls(learned).await?;
        self.refuse_random(learned).await
    }

    async fn refuse_nulls(&self, learned: &Learned) -> Result<(), SourceError> {
        let Some(column) = learned
            .nullable
            .as_ref()
            .filter(|_| learned.table.nulls == Nulls::Refuse)
        else {
            return Ok(());
        };
        let text = format!(
            "SELECT 1 FROM {} WHERE {column} IS NULL LIMIT 1",
            learned.quoted_table
        );
        let found = sqlx::query(statement(text))
            .fetch_optional(self.connection.pool())
            .await;
        match found.map_err(|error| failed(&self.name, error))? {
            None => Ok(()),
            Some(_) => Err(SourceError::Incompatible {
                name: self.name.clone(),
                advice: format!(
                    "rows with NULL in {column} would never be read: give them a value, or choose `nulls`"
                ),
            }),
        }
    }

    async fn findings(&self, learned: &Learned) -> Result<Vec<Finding>, SourceError> {
        let mut findings = check::findings(&self.connection, learned).await?;
        match self.refuse_random(learned).await {
            Err(error @ SourceError::Incompatible { .. }) => {
                findings.push(check::finding(Severity::Problem, chain(&error)));
            }
            other => other?,
        }
        let writers = writers::learn(&self.connection, &self.settings, learned).await?;
        findings.push(check::late(writers.as_ref()));
        Ok(findings)
    }
}

#[async_trait]
impl Source for MysqlScan {
    fn name(&self) -> &str {
        &self.name
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let learned = self.learn().await?;
        self.refuse_unread(&learned).await?;
        let pages = Box::new(self.pages(&learned).await?);
        let scan_position = table::begin(&learned.table, pages, scope, stored).await?;
        Ok(scan_position.position(&learned.table))
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let learned = self.learn().await?;
        self.refuse_unread(&learned).await?;
        let scan_position = ScanPosition::parse(position, &learned.table)?;
        let sharing = self.settings.sharing;
        let mut pages: Vec<Box<dyn Pages>> = Vec::new();
        for _ in 0..scan_position.readers(sharing) {
            pages.push(Box::new(self.pages(&learned).await?));
        }
        let reading = Reading {
            limits: self.settings.limits,
            mode,
            poll: self.settings.poll,
            sharing,
            deduplication: self.settings.rules.deduplication(self.settings.late),
        };
        let (table, place) = (learned.table.clone(), (position, scan_position));
        Ok(table::open(table, pages, place, reading))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        let learned = self.learn().await?;
        let ScanPosition::Full(full) = ScanPosition::parse(position, &learned.table)? else {
            return Ok(None);
        };
        let of = columns::about(&self.name, &self.connection, &learned.named).await?;
        let rows = full.rows;
        Ok(of.map(|of| Progress { rows, of }))
    }
}

#[async_trait]
impl InspectableSource for MysqlScan {
    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        match self.learn().await {
            Ok(learned) => self.findings(&learned).await,
            Err(error) if error.fault() == Fault::Transient => Err(error),
            Err(error) => Ok(vec![check::finding(Severity::Problem, chain(&error))]),
        }
    }

    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError> {
        status::status(self, stored).await
    }
}

#[async_trait]
impl TableSource for MysqlScan {
    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.learn().await?.table.schema))
    }

    async fn survey(&self) -> Result<Schema, SourceError> {
        self.shape().await
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        let named = self.learn().await?.named;
        indexes::indexes(&self.name, self.connection.pool(), &named).await
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        plan::plan(self, stored).await
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        let learned = self.learn().await?;
        ScanPosition::at(value, &learned.table).map(|it| it.position(&learned.table))
    }
}

/// A page waits on the wire while the flow is behind; the server's patience is 60 s. And it sorts
/// texts by their first 1,024 bytes alone: those that differ later would come in any order, and be
/// skipped at a page's end. Eight bytes of weight for each byte of a TEXT, and room for sixteen such
/// keys, without which the server refuses to sort.
const SESSION: &str = "SET SESSION net_write_timeout = 3600, max_sort_length = 524288, \
    sort_buffer_size = 16777216";

struct MysqlPages {
    name: String,
    session: MySqlConnection,
    /// `None` where late commits are not met.
    writers: Option<Writers>,
    learned: Learned,
}

#[async_trait]
impl Pages for MysqlPages {
    async fn page(&mut self, page: Page<'_>, batches: &mut Batches) -> Result<usize, SourceError> {
        let now = column_names(&self.learned.named, &mut self.session).await;
        let now = now.map_err(|error| failed(&self.name, error))?;
        table::expect_columns(&self.learned.table, &now)?;
        let mut query = sqlx::query(statement(page.text));
        for cursor_value in page.bound {
            query = bind(query, cursor_value);
        }
        let mut rows = query.fetch(&mut self.session);
        let mut count = 0;
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| page_failed(&self.name, error))?
        {
            if count == 0 {
                expect_types(&self.name, &self.learned.unpacks, &row)?;
            }
            count += 1;
            push(&self.name, &self.learned.unpacks, &row, batches.records())?;
            batches.pushed().await?;
        }
        Ok(count)
    }

    async fn keys(&mut self, page: Page<'_>) -> Result<Records, SourceError> {
        let mut query = sqlx::query(statement(page.text));
        for cursor_value in page.bound {
            query = bind(query, cursor_value);
        }
        let rows = query.fetch_all(&mut self.session).await;
        let unpacks = &self.learned.key_unpacks;
        let mut records = Records::new(self.learned.table.schema_of_key());
        for row in rows.map_err(|error| page_failed(&self.name, error))? {
            expect_types(&self.name, unpacks, &row)?;
            push(&self.name, unpacks, &row, &mut records)?;
        }
        Ok(records)
    }

    async fn last(&mut self, phase: ScanPhase) -> Result<Records, SourceError> {
        let mut records = Records::new(self.learned.table.schema.clone());
        // Prepared like a page, so that its values come in the same protocol.
        let rows = sqlx::query(statement(self.learned.table.last(phase)))
            .fetch_all(&mut self.session)
            .await;
        for row in rows.map_err(|error| failed(&self.name, error))? {
            expect_types(&self.name, &self.learned.unpacks, &row)?;
            push(&self.name, &self.learned.unpacks, &row, &mut records)?;
        }
        Ok(records)
    }

    fn watermark_basis(&self) -> Option<WatermarkBasis> {
        self.writers.as_ref().map(Writers::watermark_basis)
    }

    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        match &self.writers {
            Some(writers) => writers.watermark(&self.name, &mut self.session).await,
            None => Err(SourceError::Incompatible {
                name: self.name.clone(),
                advice: "its writers are not asked for: set `late` to \"hold-back\"".to_owned(),
            }),
        }
    }
}

/// A table that is altered between two pages would be read by the wrong plan.
fn expect_types(name: &str, unpacks: &[Unpack], row: &MySqlRow) -> Result<(), SourceError> {
    let mut pairs = row.columns().iter().zip(unpacks);
    let other = pairs.find(|(column, unpack)| !unpack.comes_as(column.type_info().name()));
    match other {
        None => Ok(()),
        Some((column, _)) => Err(altered(name, column.name())),
    }
}

fn push(
    name: &str,
    unpacks: &[Unpack],
    row: &MySqlRow,
    records: &mut Records,
) -> Result<(), SourceError> {
    records.push(Op::Upsert, 0, |packer| {
        for (index, unpack) in unpacks.iter().enumerate() {
            let value = row
                .try_get_raw(index)
                .map_err(|error| failed(name, error))?;
            // An error here is NULL and nothing else; the value's own `is_null` would take
            // zero dates for it, too.
            let bytes = <&[u8] as Decode<MySql>>::decode(value).ok();
            let packed = unpack.pack(bytes, packer);
            packed.map_err(|_| altered(name, row.column(index).name()))?;
        }
        Ok(())
    })
}

fn bind<'q>(
    query: Query<'q, MySql, MySqlArguments>,
    cursor_value: &CursorValue,
) -> Query<'q, MySql, MySqlArguments> {
    match cursor_value {
        CursorValue::I64(it) => query.bind(*it),
        CursorValue::U64(it) | CursorValue::Member { number: it, .. } => query.bind(*it),
        CursorValue::F64(it) => query.bind(*it),
        CursorValue::Year(it) => query.bind(*it),
        CursorValue::Bytes(it) => query.bind(it.clone()),
        CursorValue::Decimal(_)
        | CursorValue::Text(_)
        | CursorValue::Date(_)
        | CursorValue::Time(_)
        | CursorValue::DateTime(_) => query.bind(cursor_value.text()),
    }
}

async fn count_nulls(connection: &MysqlConnection, learned: &Learned) -> Result<i64, SourceError> {
    let Some(column) = &learned.nullable else {
        return Ok(0);
    };
    let text = format!(
        "SELECT COUNT(*) FROM {} WHERE {column} IS NULL",
        learned.quoted_table
    );
    let counted = sqlx::query_scalar(statement(text))
        .fetch_one(connection.pool())
        .await;
    counted.map_err(|error| failed(&learned.table.name, error))
}

/// A column or an index that was there when the table was learned has gone since.
fn page_failed(name: &str, error: sqlx::Error) -> SourceError {
    const NO_SUCH_COLUMN: u16 = 1054;
    const NO_SUCH_INDEX: u16 = 1176;
    let said = error.as_database_error();
    let number = said.and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
    if number.is_some_and(|it| matches!(it.number(), NO_SUCH_COLUMN | NO_SUCH_INDEX)) {
        SourceError::Lost(name.to_owned(), error.into())
    } else {
        failed(name, error)
    }
}

/// It may pass: opening anew learns the table as it is now.
fn altered(name: &str, column: &str) -> SourceError {
    let cause = format!("column `{column}` was altered while the table was read");
    SourceError::Lost(name.to_owned(), cause.into())
}
