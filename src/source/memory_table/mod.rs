//! A table in memory whose writers commit late, for the model of the cursor: read by the keyset.

mod writers;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    Counted, EarlySettings, Extent, Late, Manner, Nulls, Plan, Progress, ReadLimits, Rules,
    Sharing, Source, SourceError, SourceReader, Standing,
    scan::{
        self, Batches, Ceiling, Clock, Form, HeldBy, KeyColumn, Lane, Mark, MarkKind, Micros, Page,
        Pages, Place, ReadAhead, Reading, Settled, Table, Wanted, clock, micros_of,
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
    early: Option<EarlySettings>,
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
            early: rules.early(late),
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
    let (kind, mark) = match column {
        Column::Clock(_) => (Kind::DateTime, MarkKind::DateTime),
        Column::Sequence | Column::Seconds => (Kind::I64, MarkKind::I64),
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
        incremental: vec![key("at", mark), key("id", MarkKind::I64)],
        key: vec![key("id", MarkKind::I64)],
        form: Form::RowValues,
        nulls,
    }
}

#[async_trait]
impl Source for MemoryScan {
    fn name(&self) -> &str {
        NAME
    }

    async fn check(&self) -> Result<Vec<Finding>, SourceError> {
        Ok(vec![Finding {
            severity: Severity::Good,
            text: format!(
                "a table in memory, of whose writers it sees: {:?}",
                self.sight
            ),
        }])
    }

    async fn shape(&self) -> Result<Schema, SourceError> {
        Ok(Schema::clone(&self.learned.schema))
    }

    async fn indexes(&self) -> Result<Vec<TableIndex>, SourceError> {
        Ok(Vec::new())
    }

    async fn plan(&self, stored: Option<&Position>) -> Result<Plan, SourceError> {
        let place = match stored {
            Some(stored) => Place::parse(stored, &self.learned)?,
            None => Place::behind(Vec::new()),
        };
        let page = self.learned.next_page(&place, &Ceiling::Open, MOST);
        let past = self.pages().ordered(page.wanted).len();
        Ok(Plan {
            query: "rows in the order of `at` and `id`".to_owned(),
            bound: scan::texts(&page.bound),
            access: None,
            past: Counted::Exactly(past as u64),
            nulls: Counted::Exactly(0),
            settled: None,
            findings: Vec::new(),
        })
    }

    async fn standing(&self, stored: Option<&Position>) -> Result<Standing, SourceError> {
        let place = match stored {
            Some(stored) => Place::parse(stored, &self.learned)?,
            None => Place::behind(Vec::new()),
        };
        let past = self.plan(stored).await?.past;
        scan::standing(&self.learned, &mut self.pages(), &place, past, None).await
    }

    async fn begin(
        &self,
        extent: Extent,
        stored: Option<&Position>,
    ) -> Result<Position, SourceError> {
        let place = scan::begin(&self.learned, &mut self.pages(), extent, stored).await?;
        Ok(place.position(&self.learned))
    }

    async fn open(
        &self,
        position: &Position,
        manner: Manner,
    ) -> Result<Box<dyn SourceReader>, SourceError> {
        let place = Place::parse(position, &self.learned)?;
        let reading = Reading {
            limits: self.limits,
            manner,
            poll: Duration::from_millis(100),
            sharing: Sharing::among(1),
            early: self.early.clone(),
        };
        let pages: Vec<Box<dyn Pages>> = vec![Box::new(self.pages())];
        let table = self.learned.clone();
        let (schema, max_wait) = (table.schema.clone(), self.limits.max_wait);
        let read = |outlet| scan::read(table, pages, place, reading, outlet);
        let reader = ReadAhead::start(NAME, schema, position.clone(), max_wait, read);
        Ok(Box::new(reader))
    }

    async fn progress(&self, position: &Position) -> Result<Option<Progress>, SourceError> {
        Place::parse(position, &self.learned).map(|_| None)
    }

    async fn position_at(&self, value: &str) -> Result<Position, SourceError> {
        Place::at(value, &self.learned).map(|it| it.position(&self.learned))
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

    async fn last(&mut self, lane: Lane) -> Result<Records, SourceError> {
        tokio::time::sleep(QUESTION).await;
        let mut records = Records::new(self.learned.schema.clone());
        let rows = self.table.rows();
        let rows = rows.iter().filter(|it| is_in(lane, it));
        if let Some(last) = rows.max_by_key(|it| (it.at, it.id)) {
            self.push(last, &mut records);
        }
        Ok(records)
    }

    fn held_by(&self) -> Option<HeldBy> {
        match (self.sight, self.table.column()) {
            (Sight::Nothing, _) => None,
            (_, Column::Clock(_)) => Some(HeldBy::Clock),
            _ => Some(HeldBy::Samples),
        }
    }

    /// In the order in which a server is asked: its clock, its statements, its transactions.
    async fn settled(&mut self) -> Result<Settled, SourceError> {
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
        let below = |unit: i64| mark(at - at.rem_euclid(unit), true);
        Ok(Settled {
            now,
            at,
            clock: match self.table.column() {
                Column::Clock(unit) => Some(Clock {
                    below: below(unit),
                    now: mark(now + unit, true),
                }),
                _ => None,
            },
            tie: match self.table.column() {
                Column::Seconds => TIE,
                _ => 0,
            },
            patience: Duration::from_secs(4),
            holder: None,
        })
    }
}

impl MemoryPages {
    fn ordered(&self, wanted: Wanted<'_>) -> Vec<Row> {
        let by_at = wanted.by.len() > 1;
        let place = |row: &Row| match by_at {
            true => vec![row.at.unwrap_or(i64::MIN), row.id],
            false => vec![row.id],
        };
        let after: Vec<i64> = wanted.after.iter().map(number).collect();
        let up_to = wanted
            .up_to
            .map(|it| it.iter().map(number).collect::<Vec<i64>>());
        let mut rows = self.table.rows();
        rows.retain(|row| {
            let first = place(row)[0];
            let is_above = match wanted.above {
                Some(Ceiling::Below(mark)) => first >= number(mark),
                Some(Ceiling::UpTo(mark)) => first > number(mark),
                _ => true,
            };
            let is_below = match wanted.ceiling {
                Ceiling::Open => true,
                Ceiling::Below(mark) => first < number(mark),
                Ceiling::UpTo(mark) => first <= number(mark),
                Ceiling::Shut => false,
            };
            // Where fewer values are named, behind all rows that have these.
            let is_within = up_to
                .as_ref()
                .is_none_or(|up_to| place(row)[..up_to.len()] <= up_to[..]);
            let is_wanted = wanted.lane.is_none_or(|lane| is_in(lane, row));
            is_wanted
                && is_above
                && is_below
                && is_within
                && (after.is_empty() || place(row)[..after.len()] > after[..])
        });
        rows.sort_by_key(|it| place(it));
        rows.truncate(wanted.rows);
        rows
    }

    fn push(&self, row: &Row, records: &mut Records) {
        let is_clock = matches!(self.table.column(), Column::Clock(_));
        let Ok(()) = records.push(Op::Upsert, 0, |packer| {
            packer.value(Value::I64(row.id));
            packer.value(match row.at.map(|it| (it, mark(it, is_clock))) {
                None => Value::Null,
                Some((_, Mark::DateTime(it))) => Value::DateTime(it),
                Some((number, _)) => Value::I64(number),
            });
            packer.value(Value::I64(row.stamp));
            Ok::<(), std::convert::Infallible>(())
        });
    }
}

fn is_in(lane: Lane, row: &Row) -> bool {
    (lane == Lane::Nulls) == row.at.is_none()
}

fn mark(at: i64, is_clock: bool) -> Mark {
    match clock(at) {
        Some(time) if is_clock => Mark::DateTime(time),
        _ => Mark::I64(at),
    }
}

fn number(mark: &Mark) -> i64 {
    match mark {
        Mark::I64(it) => *it,
        Mark::DateTime(it) => micros_of(*it).unwrap_or_default(),
        _ => 0,
    }
}
