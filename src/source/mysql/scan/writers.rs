//! Writers of a server of MySQL or MariaDB: the time before which all transactions are over.

mod ask;
mod learn;
mod zone;

use std::{collections::HashMap, time::Duration};

use sqlx::mysql::MySqlConnection;

use crate::source::{
    SourceError,
    scan::table::{
        Clock, CursorValue, Micros, ValueKind, Watermark, WatermarkBasis, clock, failed,
    },
};
use ask::{Statements, Transaction};
pub(super) use learn::learn;

/// How a table's late commits are known of.
#[derive(Debug, Clone)]
pub(super) struct Writers {
    pub rest: Rest,
    /// Whether a replica that stands still would have been known for one.
    pub knows_source: bool,
    pub column: Column,
    /// How long a value's transaction takes, where it is not seen.
    pub max_commit_delay: Option<Duration>,
    pub clock_skew: Duration,
    /// The zone of a wall clock's values, where it is not the server's own.
    pub zone: Option<chrono_tz::Tz>,
}

/// What the settled time rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Running statements, and the true start of each transaction.
    Transactions,
    /// Running statements, and when each transaction first touched a table: later than its first
    /// statement began, where that had to wait.
    Touches(Statements),
    /// The declared time alone, for this reason.
    Declared(&'static str),
}

/// What the values of the incremental column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Points in time, in units of so many microseconds.
    Timestamp(Micros),
    /// A clock of the server's own time zone, or of the one that is declared, in such units.
    DateTime(Micros),
    /// Days of that time zone.
    Date,
    /// No clock; whether no two rows have the same value.
    Other { is_unique: bool },
}

/// Between two readings of the clock, and between a statement's start and its showing in a list.
const FLOOR: Micros = 1_000_000;

/// How long a value that several rows may have is given out: a clock's second, as a number.
const TIE: Micros = 1_000_000;

/// How long a transaction takes at most, where nothing is seen of it.
const USUAL_UNSEEN: Duration = Duration::from_secs(60);

/// How long the first statement of a transaction waits at most, where its start is not seen; and
/// how long a bounded read waits for open transactions.
const USUAL_SEEN: Duration = Duration::from_secs(10);

/// Beyond the time that has to pass anyway: the floor, a column's whole second, two questions.
const MARGIN: Duration = Duration::from_secs(3);

impl Writers {
    pub fn watermark_basis(&self) -> WatermarkBasis {
        match self.column {
            Column::Other { .. } => WatermarkBasis::Samples,
            _ => WatermarkBasis::Clock,
        }
    }

    /// How long a transaction takes at most, where that is not seen.
    pub fn max_commit_delay(&self) -> Duration {
        let usual = match self.rest {
            Rest::Declared(_) => USUAL_UNSEEN,
            _ => USUAL_SEEN,
        };
        self.max_commit_delay.unwrap_or(usual)
    }

    /// Asks the server. The order matters: what is not seen yet when statements are listed begins
    /// after `now`; what is not listed any more then is listed as a transaction, or over.
    pub async fn watermark(
        &self,
        name: &str,
        session: &mut MySqlConnection,
    ) -> Result<Watermark, SourceError> {
        let lost = |error| failed(name, error);
        let now = ask::now(session).await.map_err(lost)?;
        let seen = match self.rest {
            Rest::Declared(_) => None,
            Rest::Transactions => {
                self.seen(name, now, Statements::Performance, session)
                    .await?
            }
            Rest::Touches(statements) => self.seen(name, now, statements, session).await?,
        };
        let unseen = self.max_commit_delay.unwrap_or(USUAL_UNSEEN);
        let (oldest, blocked_by) = seen.unwrap_or((now - micros(unseen), None));
        let at = oldest.min(now - FLOOR) - micros(self.clock_skew);
        let patience = match seen {
            Some(_) => self.max_commit_delay().max(MARGIN),
            None => unseen + MARGIN,
        };
        Ok(Watermark {
            now,
            at,
            clock: self.clock(name, session, at, now).await?,
            tie: match self.column {
                Column::Other { is_unique: false } => TIE,
                _ => 0,
            },
            patience: patience + 2 * self.clock_skew,
            blocked_by,
        })
    }

    /// The start of the oldest that is open, and its connection; `None` where that cannot be seen.
    async fn seen(
        &self,
        name: &str,
        now: Micros,
        statements: Statements,
        session: &mut MySqlConnection,
    ) -> Result<Option<(Micros, Option<u64>)>, SourceError> {
        let lost = |error| failed(name, error);
        let open = ask::statements(statements, now, session).await;
        let Some(mut open) = open.map_err(lost)? else {
            return Ok(None);
        };
        let known = match self.rest {
            Rest::Transactions => ask::transactions(now, session).await.map_err(lost)?,
            _ => HashMap::new(),
        };
        let touches = ask::touches(session).await.map_err(lost)?;
        // Nothing is known now: nothing is settled.
        let Some(touches) = touches else {
            return Ok(Some((0, None)));
        };
        let wait = micros(self.max_commit_delay());
        for touch in &touches {
            // Its first statement may have begun long before.
            if !touch.reads && !known.contains_key(&touch.connection) {
                open.push((touch.connection, touch.start - wait));
            }
        }
        open.extend(known.iter().map(|(connection, it)| {
            let start = match it {
                Transaction::Since(start) => *start,
                Transaction::Waited(start) => *start - wait,
            };
            (*connection, start)
        }));
        // It was listed as one that only reads after all the others were: what it did before is over.
        let reads = |connection: u64| {
            touches
                .iter()
                .any(|it| it.connection == connection && it.reads)
        };
        let oldest = open
            .into_iter()
            .filter(|(connection, _)| !reads(*connection));
        let oldest = oldest.min_by_key(|(_, start)| *start);
        let oldest = oldest.filter(|(_, start)| *start < now - FLOOR);
        Ok(Some(oldest.map_or((now, None), |(connection, start)| {
            (start, Some(connection))
        })))
    }

    /// These times as values of the column.
    async fn clock(
        &self,
        name: &str,
        session: &mut MySqlConnection,
        at: Micros,
        now: Micros,
    ) -> Result<Option<Clock>, SourceError> {
        let unit = match self.column {
            Column::Timestamp(unit) | Column::DateTime(unit) => unit,
            Column::Date => 1_000_000,
            Column::Other { .. } => return Ok(None),
        };
        let at = at - at.rem_euclid(unit);
        // A value may have been rounded up, or be of a clock that is ahead.
        let now = now + unit + micros(self.clock_skew);
        if let (Some(zone), Column::DateTime(_) | Column::Date) = (self.zone, self.column) {
            let below = zone::lowest_from(zone, at).and_then(clock);
            let now = zone::local(zone, now).and_then(clock);
            let cursor_value = |it: crate::model::DateTime| self.cursor_value(Some(it.to_string()));
            let found = below.and_then(cursor_value).zip(now.and_then(cursor_value));
            return Ok(found.map(|(below, now)| Clock { below, now }));
        }
        let (at, now) = (clock(at), clock(now));
        let (below, now) = match (self.column, at, now) {
            (Column::Timestamp(_), Some(below), Some(now)) => (
                Some(CursorValue::DateTime(below)),
                Some(CursorValue::DateTime(now)),
            ),
            (_, Some(below), Some(now)) => {
                let zoned = ask::zoned(&below.to_string(), &now.to_string(), session).await;
                let (below, now) = zoned.map_err(|error| failed(name, error))?;
                (self.cursor_value(below), self.cursor_value(now))
            }
            _ => (None, None),
        };
        match (below, now) {
            (Some(below), Some(now)) => Ok(Some(Clock { below, now })),
            _ => Err(SourceError::Incompatible {
                name: name.to_owned(),
                advice: "the server does not know its own time zone (@@global.time_zone): load its tables of zones"
                    .to_owned(),
            }),
        }
    }

    fn cursor_value(&self, text: Option<String>) -> Option<CursorValue> {
        let text = text?;
        match self.column {
            Column::Date => ValueKind::Date.parse(text.get(..10)?),
            _ => ValueKind::DateTime.parse(&text),
        }
    }
}

fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX / 4)
}
