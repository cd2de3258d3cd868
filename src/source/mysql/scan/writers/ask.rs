//! Queries about the server's clock, statements and transactions.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use sqlx::{
    FromRow,
    mysql::{MySqlConnection, MySqlDatabaseError},
};
use tokio::sync::Mutex;

use crate::{connect::identifier::statement, source::scan::table::Micros};

/// Where running statements are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::mysql::scan) enum Statements {
    /// In `performance_schema.processlist`, by whole seconds.
    Performance,
    /// In MySQL's `information_schema.PROCESSLIST`, by whole seconds.
    Seconds,
    /// In MariaDB's `information_schema.PROCESSLIST`, by microseconds.
    Micros,
}

/// When a transaction began.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transaction {
    /// Its first statement began then, or later.
    Since(Micros),
    /// Its first statement had got its locks then.
    Waited(Micros),
}

/// A transaction in the storage engine's list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch {
    /// 0 where it is prepared (XA) and its connection is gone.
    pub connection: u64,
    pub start: Micros,
    pub reads: bool,
}

/// How long a list that others keep old is asked for. It is made anew where nobody has read it for
/// 0.1 s: readers that ask again in step would keep each other from it.
const PATIENCE: Duration = Duration::from_secs(3);
const KEPT: Duration = Duration::from_millis(110);

/// One question at a time of this process: flows that all ask would keep each other from an answer.
static ASKING: Mutex<()> = Mutex::const_new(());

/// What makes each question about transactions another one.
static ASKED: AtomicU64 = AtomicU64::new(0);

const NOW: &str = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";

/// Connection, age of its statement in microseconds, whether it is a replica's thread.
const STATEMENTS: &str = "SELECT CAST(ID AS UNSIGNED), CAST({age} AS SIGNED), \
    COALESCE(USER = 'system user', FALSE) FROM {list} WHERE ID <> CONNECTION_ID() \
    AND COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')";

/// Connection, age of its transaction, and age of the statement that opened it. Without BEGIN a
/// transaction is taken for open when its first statement has got its lock: that statement may
/// have taken its time long before. NULL where it is one of the forgotten: ten are kept.
const TRANSACTIONS: &str = "SELECT CAST(t.PROCESSLIST_ID AS UNSIGNED), \
    CAST(e.TIMER_WAIT DIV 1000000 AS SIGNED), \
    CAST((e.TIMER_WAIT + e.TIMER_START - COALESCE( \
        (SELECT s.TIMER_START FROM performance_schema.events_statements_history s \
         WHERE s.THREAD_ID = e.THREAD_ID AND s.EVENT_ID = e.NESTING_EVENT_ID AND s.NESTING_EVENT_LEVEL = 0 LIMIT 1), \
        (SELECT s.TIMER_START FROM performance_schema.events_statements_current s \
         WHERE s.THREAD_ID = e.THREAD_ID AND s.EVENT_ID = e.NESTING_EVENT_ID AND s.NESTING_EVENT_LEVEL = 0 LIMIT 1) \
    )) DIV 1000000 AS SIGNED) \
    FROM performance_schema.events_transactions_current e \
    JOIN performance_schema.threads t ON t.THREAD_ID = e.THREAD_ID \
    WHERE e.STATE = 'ACTIVE' AND e.ACCESS_MODE = 'READ WRITE' AND e.TIMER_WAIT IS NOT NULL \
    AND t.PROCESSLIST_ID <> CONNECTION_ID()";

/// Connection, start, whether it only reads, and our own statement. The list is kept for a while:
/// one in which this very statement is cannot be older. Its times are of the system's zone, where
/// an hour comes twice in autumn: the first is taken.
const TOUCHES: &str = "SELECT /* highwater {asked} */ CAST(trx_mysql_thread_id AS UNSIGNED), CAST(UNIX_TIMESTAMP(LEAST( \
    CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), \
    CONVERT_TZ(trx_started - INTERVAL 1 HOUR, 'SYSTEM', '+00:00') + INTERVAL 1 HOUR)) * 1000000 AS SIGNED), \
    trx_is_read_only, trx_mysql_thread_id = CONNECTION_ID(), CAST(trx_query AS CHAR) \
    FROM information_schema.INNODB_TRX";

/// A transaction of our own, which must show up in that list. It begins and ends with the message
/// that asks: where a reader is dropped while it waits, no session is left with an old snapshot.
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// A clock of the server's zone: DATETIME columns are filled by sessions of that zone. In the hour
/// before clocks are put back, what is to come is lower than what is now.
const ZONED: &str = "SELECT CAST(LEAST(CONVERT_TZ(CAST(? AS DATETIME(6)), '+00:00', @@global.time_zone), \
    CONVERT_TZ(CAST(? AS DATETIME(6)) + INTERVAL 1 HOUR, '+00:00', @@global.time_zone) - INTERVAL 1 HOUR) AS CHAR), \
    CAST(CONVERT_TZ(CAST(? AS DATETIME(6)), '+00:00', @@global.time_zone) AS CHAR)";

pub(super) async fn now(session: &mut MySqlConnection) -> Result<Micros, sqlx::Error> {
    sqlx::query_scalar(NOW).fetch_one(session).await
}

/// The connections that run a statement, and when it began at the earliest; `None` on a replica,
/// whose writers are elsewhere.
pub(super) async fn statements(
    list: Statements,
    now: Micros,
    session: &mut MySqlConnection,
) -> Result<Option<Vec<(u64, Micros)>>, sqlx::Error> {
    let (table, age, now) = match list {
        // MySQL counts from one whole second to another.
        Statements::Performance => (
            "performance_schema.processlist",
            "TIME * 1000000",
            whole(now),
        ),
        Statements::Seconds => (
            "information_schema.PROCESSLIST",
            "TIME * 1000000",
            whole(now),
        ),
        Statements::Micros => ("information_schema.PROCESSLIST", "TIME_MS * 1000", now),
    };
    let text = STATEMENTS.replace("{age}", age).replace("{list}", table);
    let rows: Vec<(u64, i64, bool)> = sqlx::query_as(statement(text)).fetch_all(session).await?;
    if rows.iter().any(|(_, _, is_replica)| *is_replica) {
        return Ok(None);
    }
    let start = |(connection, age, _): (u64, i64, bool)| (connection, now - age.max(0));
    Ok(Some(rows.into_iter().map(start).collect()))
}

/// Open transactions that can write, by connection, as MySQL measures them.
pub(super) async fn transactions(
    now: Micros,
    session: &mut MySqlConnection,
) -> Result<HashMap<u64, Transaction>, sqlx::Error> {
    let rows: Vec<(u64, i64, Option<i64>)> =
        sqlx::query_as(TRANSACTIONS).fetch_all(session).await?;
    let of = |(connection, age, statement): (u64, i64, Option<i64>)| {
        let start = match statement {
            Some(age) => Transaction::Since(now - age),
            None => Transaction::Waited(now - age),
        };
        (connection, start)
    };
    Ok(rows.into_iter().map(of).collect())
}

/// The storage engine's list of transactions, as it is now; `None` where it cannot be had now.
pub(super) async fn touches(
    session: &mut MySqlConnection,
) -> Result<Option<Vec<Touch>>, sqlx::Error> {
    let _alone = ASKING.lock().await;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(found) = list(session).await? {
            return Ok(Some(found));
        }
        let chance = began.elapsed().subsec_nanos() % 150_000_000;
        tokio::time::sleep(KEPT + Duration::from_nanos(chance.into())).await;
    }
    Ok(None)
}

async fn list(session: &mut MySqlConnection) -> Result<Option<Vec<Touch>>, sqlx::Error> {
    let asked = format!("highwater {} ", ASKED.fetch_add(1, Ordering::Relaxed));
    let text = TOUCHES.replace("highwater {asked} ", &asked);
    let text = format!("{BEGIN}; {text}; COMMIT");
    // Not prepared: each is another statement.
    let found = sqlx::raw_sql(statement(text))
        .fetch_all(&mut *session)
        .await;
    let rows = match found {
        Ok(rows) => rows,
        Err(error) => {
            // A server that refuses the question, as without the right to it, has begun all the
            // same and does not come to the end of the message. A connection that is lost has no
            // transaction left.
            let ended = sqlx::raw_sql("COMMIT").execute(session).await;
            return if is_unwritten(&error) {
                ended.map(|_| None)
            } else {
                Err(error)
            };
        }
    };
    let mut is_new = false;
    let mut touches = Vec::with_capacity(rows.len());
    for row in &rows {
        let (connection, start, reads, is_ours, text) =
            <(u64, i64, bool, bool, Option<String>)>::from_row(row)?;
        if is_ours {
            is_new |= text.is_some_and(|it| it.contains(&asked))
        } else {
            touches.push(Touch {
                connection,
                start,
                reads,
            })
        }
    }
    Ok(is_new.then_some(touches))
}

/// MySQL cannot write this list while a statement runs whose text holds bytes that are no text.
fn is_unwritten(error: &sqlx::Error) -> bool {
    const CANNOT_CONVERT: u16 = 3854;
    let said = error.as_database_error();
    let number = said.and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
    number.is_some_and(|it| it.number() == CANNOT_CONVERT)
}

/// The lower and the present time in the server's own zone.
pub(super) async fn zoned(
    below: &str,
    now: &str,
    session: &mut MySqlConnection,
) -> Result<(Option<String>, Option<String>), sqlx::Error> {
    let query = sqlx::query_as(ZONED)
        .bind(below.to_owned())
        .bind(below.to_owned())
        .bind(now.to_owned());
    query.fetch_one(session).await
}

fn whole(at: Micros) -> Micros {
    at - at.rem_euclid(1_000_000)
}
