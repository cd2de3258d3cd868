//! What a store of cursors needs of a table or a collection.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    connect::{ErrorClass, classify},
    fault::Cause,
};

/// One table or collection of cursors. `flow` is the name's text; a `fence` names one lease of it.
#[async_trait]
pub(super) trait Table: Send + Sync {
    /// The connection's and the table's name.
    fn location(&self) -> &str;
    /// Makes the table where it is missing.
    async fn create(&self) -> Result<(), Failure>;
    /// Takes a lease that is free, expired, or `holder`'s own: its fence.
    async fn take(&self, flow: &str, holder: &str, lease: Duration)
    -> Result<Option<i64>, Failure>;
    /// The lease that was taken last and not given back.
    async fn holder(&self, flow: &str) -> Result<Option<Lease>, Failure>;
    /// The stored position; the outer `None` where the fence is another.
    async fn load(&self, flow: &str, fence: i64) -> Result<Option<Option<Stored>>, Failure>;
    /// Stores or forgets the position and renews the lease, where the fence is still this.
    async fn save(
        &self,
        flow: &str,
        fence: i64,
        position: Option<&str>,
        lease: Duration,
    ) -> Result<bool, Failure>;
    /// Renews the lease, where the fence is still this.
    async fn renew(&self, flow: &str, fence: i64, lease: Duration) -> Result<bool, Failure>;
    /// Ends the lease, where the fence is still this.
    async fn release(&self, flow: &str, fence: i64) -> Result<(), Failure>;
    /// Each stored cursor, by flow.
    async fn list(&self) -> Result<Vec<Row>, Failure>;
}

/// What stands where a position is kept: a text's bytes, or something else.
pub(super) type Stored = Result<Vec<u8>, &'static str>;

/// Who has a flow.
#[derive(Debug)]
pub(super) struct Lease {
    pub holder: String,
    /// Its end, in milliseconds since the epoch.
    pub until: i64,
    /// Milliseconds up to there by the server's clock; below 0 where it is over.
    pub left: i64,
}

impl Lease {
    pub fn of_row((holder, until, left): (String, i64, i64)) -> Self {
        Self {
            holder,
            until,
            left,
        }
    }
}

/// A stored cursor.
pub(super) struct Row {
    pub flow: Vec<u8>,
    pub position: Stored,
    /// Seconds since the epoch.
    pub saved_at: i64,
    pub saved_by: Option<String>,
}

impl Row {
    pub fn of_text(
        (flow, position, saved_at, saved_by): (Vec<u8>, Vec<u8>, i64, Option<String>),
    ) -> Self {
        Self {
            flow,
            position: Ok(position),
            saved_at,
            saved_by,
        }
    }
}

/// Why a table does not answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may pass.
    Lost(Cause),
    /// It will not pass by itself.
    Refused {
        /// What to do about it.
        advice: &'static str,
        /// What the server said.
        cause: Cause,
    },
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let advice = match classify(&error) {
            ErrorClass::Transient => return Self::Lost(error.into()),
            ErrorClass::Refused(advice) => advice,
            ErrorClass::Data => "the table does not take it: was it made by Highwater?",
        };
        let cause = error.into();
        Self::Refused { advice, cause }
    }
}
