//! The low watermark of MongoDB: the server's clock, and its open transactions.

use std::{sync::Arc, time::Duration};

use mongodb::bson::{Bson, Document, Timestamp, doc};

use super::collection::Scanned;
use crate::{
    connect::mongodb::ErrorClass,
    source::{HoldBack, SourceError},
};

/// Asks the server how far a collection is settled.
pub(super) struct Watch {
    scanned: Arc<Scanned>,
    hold_back: HoldBack,
    sight: Sight,
}

/// What the server says at one time.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// The server's clock, in milliseconds since 1970.
    pub now: i64,
    /// Whatever was taken before this time has been committed, or never will be.
    pub until: i64,
    /// A read behind this time sees all that had been committed; a server by itself has none.
    pub operation_time: Option<Timestamp>,
    /// The oldest transaction or write that is under way, where one is.
    pub open: Option<Open>,
    /// The longest time that is allowed for between taking a value and its commit, besides what
    /// is seen to be under way.
    pub max_commit_delay: Duration,
    /// How long a bounded read waits for what had been there when it began.
    pub patience: Duration,
    /// By this time of the server's such a wait that begins now is over.
    pub over_at: i64,
}

/// A transaction or write that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    /// For how long.
    pub lasts: Duration,
    /// What the server calls its connection or operation.
    pub connection: Option<String>,
    /// Its program, user and client, as far as the server tells.
    pub who: Option<String>,
}

/// Whether the server shows what is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It does.
    Open,
    /// The user may not see it, or this is not the primary. A transaction ends by itself after
    /// this time.
    Blind(Duration),
}

/// Between taking a value and the server's first sight of it.
const USUAL_COMMIT_DELAY: Duration = Duration::from_secs(1);

/// How long a bounded read waits while what is under way can be seen.
const WAIT: Duration = Duration::from_secs(10);

/// A full read waits longer before it begins: it would be done all over again.
const LONGEST: Duration = Duration::from_secs(100);

/// The coarsest clock is an ObjectId's: a second is settled when it is over.
const SECOND: Duration = Duration::from_secs(1);

impl Look {
    /// How long what is under way lasts at most, as far as that is known.
    pub fn longest_wait(&self) -> Duration {
        self.patience.max(LONGEST)
    }
}

impl Watch {
    pub fn new(scanned: Arc<Scanned>, hold_back: HoldBack) -> Self {
        Self {
            scanned,
            hold_back,
            sight: Sight::Open,
        }
    }

    /// Asks now.
    ///
    /// # Errors
    /// `Lost` where the server does not answer.
    pub async fn look(&mut self) -> Result<Look, SourceError> {
        // The clock first: what starts behind this answer takes its values behind it. What ends
        // before the next answer has been committed by that one's time.
        let hello = self.ask(doc! { "hello": 1 }).await?;
        let mut now = time(&hello, "localTime").ok_or_else(|| self.unknown_time())?;
        let primary = hello.get_bool("isWritablePrimary").unwrap_or(false);
        if !primary {
            let last_write = hello.get_document("lastWrite").ok();
            let applied = last_write.and_then(|it| time(it, "lastWriteDate"));
            now = now.min(applied.unwrap_or(now));
        }
        let under_way = match self.sight {
            Sight::Open if primary => self.under_way().await?,
            Sight::Open => {
                self.sight = Sight::Blind(self.longest_transaction().await?);
                None
            }
            Sight::Blind(_) => None,
        };
        let open = under_way.as_ref().and_then(oldest);
        let lasts = open.as_ref().map_or(0, |it| millis(it.lasts));
        let operation_time = under_way
            .as_ref()
            .unwrap_or(&hello)
            .get_timestamp("operationTime");
        let (max_commit_delay, patience) = (self.max_commit_delay(), self.patience());
        let margin = millis(max_commit_delay + self.hold_back.clock_skew);
        Ok(Look {
            now,
            until: now - lasts - margin,
            operation_time: operation_time.ok(),
            open,
            max_commit_delay,
            patience,
            over_at: now + millis(patience) - margin,
        })
    }

    /// Whether the last look saw what is under way.
    pub fn sight(&self) -> Sight {
        self.sight
    }

    /// The longest time that is allowed for between taking a value and its commit, besides what
    /// is seen to be under way.
    pub fn max_commit_delay(&self) -> Duration {
        self.hold_back.max_commit_delay.unwrap_or(match self.sight {
            Sight::Open => USUAL_COMMIT_DELAY,
            Sight::Blind(longest) => longest,
        })
    }

    /// How long a bounded read waits for what had been there when it began.
    fn patience(&self) -> Duration {
        let max_commit_delay = self.hold_back.max_commit_delay.unwrap_or(match self.sight {
            Sight::Open => WAIT,
            Sight::Blind(longest) => longest,
        });
        max_commit_delay + self.hold_back.clock_skew + SECOND
    }

    /// The server's answer on what is under way; `None` where it does not tell this user.
    async fn under_way(&mut self) -> Result<Option<Document>, SourceError> {
        let namespace = self.scanned.documents.namespace().to_string();
        let written = |how: Document| {
            let mut filter = doc! { "active": true, "ns": &namespace };
            filter.extend(how);
            filter
        };
        let exists = || doc! { "$exists": true };
        let ask = doc! { "aggregate": 1, "cursor": {}, "pipeline": [
            { "$currentOp": { "allUsers": true, "idleSessions": true } },
            { "$match": { "$or": [
                { "transaction.timeOpenMicros": exists() },
                written(doc! { "op": { "$in": ["insert", "update", "remove"] } }),
                written(doc! { "command.findAndModify": exists() }),
                { "active": true, "command.bulkWrite": exists() },
                { "active": true, "command.pipeline.$merge": exists() },
            ] } },
            { "$project": {
                "lasts": { "$max": ["$transaction.timeOpenMicros", "$microsecs_running"] },
                "connectionId": 1, "opid": 1, "appName": 1, "effectiveUsers.user": 1,
                "client": { "$ifNull": ["$client", "$client_s"] },
            } },
            { "$sort": { "lasts": -1 } },
            { "$limit": 1 },
        ] };
        let admin = self
            .scanned
            .connection
            .database()
            .client()
            .database("admin");
        match admin.run_command(ask).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match self.scanned.connection.classify(&error) {
                ErrorClass::Lost(_) => Err(self.scanned.error(&error)),
                // No right, or a service that does not have it.
                ErrorClass::Refused { .. } => {
                    self.sight = Sight::Blind(self.longest_transaction().await?);
                    Ok(None)
                }
            },
        }
    }

    /// How long a transaction lives at most. The server looks for those past their limit once in
    /// half of it, so that one lives for up to half as long again.
    async fn longest_transaction(&self) -> Result<Duration, SourceError> {
        let ask = doc! { "getParameter": 1, "transactionLifetimeLimitSeconds": 1 };
        let limit = match self.ask(ask).await {
            Ok(answer) => answer
                .get("transactionLifetimeLimitSeconds")
                .and_then(seconds),
            Err(error @ SourceError::Lost(..)) => return Err(error),
            Err(_) => None,
        };
        let limit = limit.unwrap_or(60);
        Ok(Duration::from_secs(limit + (limit / 2).clamp(1, 60)))
    }

    async fn ask(&self, command: Document) -> Result<Document, SourceError> {
        let admin = self
            .scanned
            .connection
            .database()
            .client()
            .database("admin");
        let answer = admin.run_command(command).await;
        answer.map_err(|error| self.scanned.error(&error))
    }

    fn unknown_time(&self) -> SourceError {
        let advice = "the server does not say its time, which `late = \"hold-back\"` rests on: \
                      choose `late = \"none\"`";
        self.scanned.incompatible(advice.to_owned())
    }
}

/// The oldest of them.
fn oldest(answer: &Document) -> Option<Open> {
    let batch = answer
        .get_document("cursor")
        .ok()?
        .get_array("firstBatch")
        .ok()?;
    let found = batch.first()?.as_document()?;
    let lasts = found.get_i64("lasts").ok()?;
    let id = |name: &str| match found.get(name)? {
        Bson::Int32(it) => Some(it.to_string()),
        Bson::Int64(it) => Some(it.to_string()),
        Bson::String(it) => Some(it.clone()),
        _ => None,
    };
    let text = |name: &str| found.get_str(name).ok().filter(|it| !it.is_empty());
    let users = found.get_array("effectiveUsers").ok();
    let user = users.and_then(|it| it.first()?.as_document()?.get_str("user").ok());
    let client = match (user, text("client")) {
        (Some(user), Some(client)) => Some(format!("{user}@{client}")),
        (user, client) => user.or(client).map(str::to_owned),
    };
    let who: Vec<String> = text("appName")
        .map(str::to_owned)
        .into_iter()
        .chain(client)
        .collect();
    Some(Open {
        // Rounded up: a millisecond is the clock's precision.
        lasts: Duration::from_millis(u64::try_from(lasts).ok()? / 1000 + 1),
        connection: id("connectionId")
            .map(|it| format!("connection {it}"))
            .or_else(|| id("opid").map(|it| format!("operation {it}"))),
        who: (!who.is_empty()).then(|| who.join(", ")),
    })
}

fn time(answer: &Document, name: &str) -> Option<i64> {
    Some(answer.get_datetime(name).ok()?.timestamp_millis())
}

fn seconds(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(it) => u64::try_from(*it).ok(),
        Bson::Int64(it) => u64::try_from(*it).ok(),
        Bson::Double(it) => Some(*it as u64),
        _ => None,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 8)
}
