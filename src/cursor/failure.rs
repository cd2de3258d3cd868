//! The stored failure of a flow of `run`, kept as the position of a flow of its own.
//!
//! So `status` can tell of it, from another process. It is a note and no place: whoever cannot write it
//! goes on without.

use serde::{Deserialize, Serialize};

use super::{CursorError, CursorStore, StoredCursor};
use crate::model::{FlowName, Position};

/// The longest text of an error that is kept, in letters.
const LONGEST_ERROR: usize = 1_000;

/// A flow that has failed, and is tried again. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// When it failed first, without having gone on since.
    pub since: i64,
    /// How often it has failed since then.
    pub times: u32,
    /// When it is tried again; `None` where a person has to.
    pub next: Option<i64>,
    /// Why it failed last.
    pub error: String,
    /// The process, and its machine.
    pub by: String,
}

/// Which half of a data type it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// It is followed.
    Follow,
    /// It is written.
    Write,
}

impl Failure {
    /// Keeps it for `data_type`, in place of an older one.
    ///
    /// # Errors
    /// As `CursorError` says.
    pub async fn record(
        &self,
        store: &dyn CursorStore,
        (data_type, half): (&str, Half),
    ) -> Result<(), CursorError> {
        let flow = flow(data_type, half);
        let shown = Self {
            error: self.error.chars().take(LONGEST_ERROR).collect(),
            ..self.clone()
        };
        let text = serde_json::to_string(&shown).map_err(|cause| CursorError::Refused {
            location: store.location(&flow),
            advice: "this is a defect of Highwater".to_owned(),
            cause: cause.into(),
        })?;
        let mut lease = store.lease(&flow).await?;
        let saved = lease.save(&Position::new(text)).await;
        lease.release().await;
        saved
    }
}

/// Forgets what is kept for `data_type`, if anything is.
///
/// # Errors
/// As `CursorError` says.
pub async fn forget_failure(
    store: &dyn CursorStore,
    (data_type, half): (&str, Half),
) -> Result<(), CursorError> {
    let flow = flow(data_type, half);
    let name = flow.text();
    if store.list().await?.iter().all(|it| it.flow != name) {
        return Ok(());
    }
    let mut lease = store.lease(&flow).await?;
    let removed = lease.remove().await;
    lease.release().await;
    removed
}

/// What is kept for `data_type` among what is stored; what cannot be read is none.
pub fn read_failure(stored: &[StoredCursor], (data_type, half): (&str, Half)) -> Option<Failure> {
    let name = flow(data_type, half).text();
    let found = stored.iter().find(|it| it.flow == name)?;
    serde_json::from_str(found.position.as_ref().ok()?.as_str()).ok()
}

/// Whether a stored cursor is such a note.
pub fn is_failure(flow: &str) -> bool {
    flow.starts_with("run/") && (flow.ends_with("/follow") || flow.ends_with("/write"))
}

/// No flow has this name: a source's has a dot in it.
fn flow(data_type: &str, half: Half) -> FlowName {
    FlowName {
        data_type: "run".to_owned(),
        topic: data_type.to_owned(),
        source: match half {
            Half::Follow => "follow".to_owned(),
            Half::Write => "write".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::memory::MemoryCursors;

    #[tokio::test]
    async fn a_failure_is_kept_until_it_is_forgotten() {
        let store = MemoryCursors::default();
        let of = ("orders", Half::Follow);
        forget_failure(&store, of).await.expect("there is none");
        let failure = Failure {
            since: 1,
            times: 2,
            next: Some(3),
            error: "the table is gone".repeat(100),
            by: "process 1".to_owned(),
        };
        failure.record(&store, of).await.expect("kept");
        let stored = store.list().await.expect("listed");
        let found = read_failure(&stored, of).expect("there is one");
        assert_eq!((found.times, found.next), (2, Some(3)));
        assert_eq!(found.error.chars().count(), LONGEST_ERROR);
        assert_eq!(read_failure(&stored, ("orders", Half::Write)), None);
        assert!(stored.iter().all(|it| is_failure(&it.flow)));
        forget_failure(&store, of).await.expect("forgotten");
        let stored = store.list().await.expect("listed");
        assert_eq!(read_failure(&stored, of), None);
    }
}
