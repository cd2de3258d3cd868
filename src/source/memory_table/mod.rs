//! A table in memory with late writers, for the model of the cursor: read by the scan engine.

mod writers;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    Counted, DeduplicationSettings, InspectableSource, Late, Nulls, Plan, Progress, ReadLimits,
    ReadMode, Rules, Scope, Sharing, Source, SourceError, SourceReader, SourceStatus, TableSource,
    scan::table::{
        self, Batches, Ceiling, Clock, CursorValue, Form, KeyColumn, Micros, Page, Pages, Reading,
        ScanPhase, ScanPosition, Table, ValueKind, Wanted, Watermark, WatermarkBasis, clock,
        micros_of,
    },
};
use crate::model::{
    Field, Finding, Kind, Op, Position, Records, Schema, Severity, TableIndex, Value,
};

pub use writers::{MemoryTable, Row, Unwritten, Writer};

/// What the incremental column `at` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The time when a statement began, by the server's clock, in units of so many microseconds.
    Clock(i64),
    /// The next number of a sequence, taken when a statement has its locks.
    Sequence,
    /// The second in which a statement began, as a number.
    Seconds,
}

/// What the readers see of the writers. All but the first are mistakes that lose rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Running statements, and when the first statement of each open transaction began.
    All,
    /// No statement that runs.
    Transactions,
    /// No transaction that is open between two statements.
    Statements,
    /// Transactions begin when their first statement has its locks, and running statements are
    /// not seen while they wait for these.
    Touches,
    /// Nothing is held back.
    Nothing,
}

/// Between two readings of the clock; as on the servers.
const FLOOR: Micros = 1_000_000;

/// How long a value is given out that several rows may have.
const TIE: Micros = 1_000_000;

/// How long each question to the server takes.
const QUESTION: Duration = Duration::from_millis(2);

/// Rows of a plan's page: all of them.
const MOST: usize = 1_000_000_000;

const NAME: &str = "memory.t";

/// Reads a `MemoryTable` as a scan reads a table of a server.
pub struct MemoryScan {
    table: MemoryTable,
    sight: Sight,
    limits: ReadLimits,
    learned: Arc<Table>,
    deduplication: Option<DeduplicationSettings>,
}

impl MemoryScan {
    /// Scans `table` in the order of `at` and `id`, by these rules; `late` is met by what is seen.
    pub fn new(
        table: MemoryTable,
        sight: Sight,
        limits: ReadLimits,
        rules: &Rules,
        late: Late,
    ) -> Self {
        let learned = Arc::new(learned(table.column(), rules.nulls));
        Self {
            table,
            sight,
            limits,
            learned,
            deduplication: rules.deduplication(late),
        }
    }

    fn pages(&self) -> MemoryPages {
        MemoryPages {
            table: self.table.clone(),
            sight: self.sight,
            learned: self.learned.clone(),
        }
    }
}

fn learned(column: Column, nulls: Nulls) -> Table {
    let (kind, cursor_value) = match column {
        Column::Clock(_) => (Kind::DateTime, ValueKind::DateTime),
        Column::Sequence | Column::Seconds => (Kind::I64, ValueKind::I64),
    };
    let field = |name: &str, kind| Field {
        name: name.to_owned(),
        kind,
    };
    let key = |name: &str, kind| KeyColumn {
        name: name.to_owned(),
        others: Vec::new(),
        quoted: name.to_owned(),
        placeholder: "?".to_owned(),
        kind: Some(kind),
        members: None,
    };
    let fields = vec![
        field("id", Kind::I64),
        field("at", kind),
        field("stamp", Kind::I64),
    ];
    Table {
        name: NAME.to_owned(),
        schema: Arc::new(Schema::table("t", fields, ["id"])),
        select: String::new(),
        select_key: String::new(),
        incremental: vec![key("at", cursor_value), key("id", ValueKind::I64)],
        key: vec![key("id", ValueKind::I64)],
        form: Form::RowValues,
        nulls,
    }
}

#[async_trait]
impl Source for MemoryScan {
    fn name(&self) -> &str {
        NAME
    }

    async fn begin(
        &self,
        scope: Scope,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let scan_position =
            table::begin(&self.learned, Box::new(self.pages()), scope, stored).await?;
        Ok(scan_position.position(&self.learned))
    }

    async fn open(
        &self,
        position: &Position,
        mode: ReadMode,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let scan_position = ScanPosition::parse(position, &self.learned)?;
        let reading = Reading {
            limits: self.limits,
            mode,
            poll: Duration::from_millis(100),
            sharing: Sharing::with_workers(1),
            deduplication: self.deduplication.clone(),
        };
        let pages: Vec<Box<dyn Pages>> = vec![Box::new(self.pages())];
        let (table, place) = (self.learned.clone(), (position, scan_position));
        Ok(table::open(table, pages, place, reading))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        ScanPosition::parse(position, &self.learned).map(|_| None)
    }
}

#[async_trait]
impl InspectableSource for MemoryScan {
    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        Ok(vec![Finding {
            severity: Severity::Good,
            text: format!(
                "a table in memory, of whose writers it sees: {:?}",
                self.sight
            ),
        }])
    }

    async fn status(&self, stored: Option<&Position>) -> Result<SourceStatus, SourceError> {
        let scan_position = ScanPosition::stored(stored, &self.learned)?;
        let past = self.plan(stored).await?.past;
        table::status(&self.learned, &mut self.pages(), &scan_position, past, None).await
    }
}

#[async_trait]
impl TableSource for MemoryScan {
    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.learned.schema))
    }

    async fn survey(&self) -> Result<Schema, SourceError> {
        self.shape().await
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        Ok(Vec::new())
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        let scan_position = ScanPosition::stored(stored, &self.learned)?;
        let page = self.learned.next_page(&scan_position, &Ceiling::Open, MOST);
        let past = self.pages().ordered(page.wanted).len();
        Ok(Plan {
            query: "rows in the order of `at` and `id`".to_owned(),
            bound: table::texts(&page.bound),
            access: None,
            past: Counted::Exactly(past as u64),
            nulls: Counted::Exactly(0),
            watermark: None,
            findings: Vec::new(),
        })
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        ScanPosition::at(value, &self.learned).map(|it| it.position(&self.learned))
    }
}

struct MemoryPages {
    table: MemoryTable,
    sight: Sight,
    learned: Arc<Table>,
}

#[async_trait]
impl Pages for MemoryPages {
    async fn page(&mut self, page: Page<'_>, batches: &mut Batches) -> Result<usize, SourceError> {
        tokio::time::sleep(QUESTION).await;
        let rows = self.ordered(page.wanted);
        for row in &rows {
            self.push(row, batches.records());
            batches.pushed().await?;
        }
        Ok(rows.len())
    }

    /// Keys are asked for where several workers share a full read out; here one reads it.
    async fn keys(&mut self, page: Page<'_>) -> Result<Records, SourceError> {
        let mut records = Records::new(self.learned.schema.clone());
        if let Some(last) = self.ordered(page.wanted).last() {
            self.push(last, &mut records);
        }
        Ok(records)
    }

    async fn last(&mut self, phase: ScanPhase) -> Result<Records, SourceError> {
        tokio::time::sleep(QUESTION).await;
        let mut records = Records::new(self.learned.schema.clone());
        let rows = self.table.rows();
        let rows = rows.iter().filter(|it| is_in(phase, it));
        if let Some(last) = rows.max_by_key(|it| (it.at, it.id)) {
            self.push(last, &mut records);
        }
        Ok(records)
    }

    fn watermark_basis(&self) -> Option<WatermarkBasis> {
        match (self.sight, self.table.column()) {
            (Sight::Nothing, _) => None,
            (_, Column::Clock(_)) => Some(WatermarkBasis::Clock),
            _ => Some(WatermarkBasis::Samples),
        }
    }

    /// In the order in which a server is asked: its clock, its statements, its transactions.
    async fn watermark(&mut self) -> Result<Watermark, SourceError> {
        let now = self.table.now();
        tokio::time::sleep(QUESTION).await;
        let mut open = match self.sight {
            Sight::Transactions => Vec::new(),
            Sight::Touches => self.table.statements(true),
            _ => self.table.statements(false),
        };
        tokio::time::sleep(QUESTION).await;
        match self.sight {
            Sight::Statements => {}
            sight => open.extend(self.table.transactions(sight == Sight::Touches)),
        }
        let at = open.into_iter().min().unwrap_or(now).min(now - FLOOR);
        let below = |unit: i64| cursor_value(at - at.rem_euclid(unit), true);
        Ok(Watermark {
            now,
            at,
            clock: match self.table.column() {
                Column::Clock(unit) => Some(Clock {
                    below: below(unit),
                    now: cursor_value(now + unit, true),
                }),
                _ => None,
            },
            tie: match self.table.column() {
                Column::Seconds => TIE,
                _ => 0,
            },
            patience: Duration::from_secs(4),
            blocked_by: None,
        })
    }
}

impl MemoryPages {
    fn ordered(&self, wanted: Wanted<'_>) -> Vec<Row> {
        let by_at = wanted.by.len() > 1;
        let order = |row: &Row| {
            if by_at {
                vec![row.at.unwrap_or(i64::MIN), row.id]
            } else {
                vec![row.id]
            }
        };
        let after: Vec<i64> = wanted.after.iter().map(number).collect();
        let up_to = wanted
            .up_to
            .map(|it| it.iter().map(number).collect::<Vec<i64>>());
        let mut rows = self.table.rows();
        rows.retain(|row| {
            let first = order(row)[0];
            let is_above = match wanted.above {
                Some(Ceiling::Below(cursor_value)) => first >= number(cursor_value),
                Some(Ceiling::UpTo(cursor_value)) => first > number(cursor_value),
                _ => true,
            };
            let is_below = match wanted.ceiling {
                Ceiling::Open => true,
                Ceiling::Below(cursor_value) => first < number(cursor_value),
                Ceiling::UpTo(cursor_value) => first <= number(cursor_value),
                Ceiling::Shut => false,
            };
            // Where fewer values are named, behind all rows that have these.
            let is_within = up_to
                .as_ref()
                .is_none_or(|up_to| order(row)[..up_to.len()] <= up_to[..]);
            let is_wanted = wanted.phase.is_none_or(|phase| is_in(phase, row));
            is_wanted
                && is_above
                && is_below
                && is_within
                && (after.is_empty() || order(row)[..after.len()] > after[..])
        });
        rows.sort_by_key(|it| order(it));
        rows.truncate(wanted.rows);
        rows
    }

    fn push(&self, row: &Row, records: &mut Records) {
        let is_clock = matches!(self.table.column(), Column::Clock(_));
        let Ok(()) = records.push(Op::Upsert, 0, |packer| {
            packer.value(Value::I64(row.id));
            packer.value(match row.at.map(|it| (it, cursor_value(it, is_clock))) {
                None => Value::Null,
                Some((_, CursorValue::DateTime(it))) => Value::DateTime(it),
                Some((number, _)) => Value::I64(number),
            });
            packer.value(Value::I64(row.stamp));
            Ok::<(), std::convert::Infallible>(())
        });
    }
}

fn is_in(phase: ScanPhase, row: &Row) -> bool {
    (phase == ScanPhase::Nulls) == row.at.is_none()
}

fn cursor_value(at: i64, is_clock: bool) -> CursorValue {
    match clock(at) {
        Some(time) if is_clock => CursorValue::DateTime(time),
        _ => CursorValue::I64(at),
    }
}

fn number(cursor_value: &CursorValue) -> i64 {
    match cursor_value {
        CursorValue::I64(it) => *it,
        CursorValue::DateTime(it) => micros_of(*it).unwrap_or_default(),
        _ => 0,
    }
}
